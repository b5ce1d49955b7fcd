//! Downloading a version: the directory, the host, how far it is, and how it ended.

use std::collections::BTreeSet;

use dubwatch::internals::simulate::Message;
use dubwatch::internals::text::Printable;
use dubwatch::internals::tui::effect::{Effect, Request};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::download::{
    DownloadEnd, DownloadOrder, DownloadTarget, RunningDownload,
};
use dubwatch::internals::tui::model::mode::Mode;
use dubwatch::internals::tui::model::screen::Screen;

use crate::everywhere::THEMES;
use crate::expected::text_in;
use crate::states::open;
use crate::tui_harness::{COLOR, SIZES, TuiHarness, now};

/// Returns a dashboard with one version in this state.
fn with_version(event: &str) -> TuiHarness {
    let mut tui = TuiHarness::empty();
    let message = Message {
        event: format!("version_{event}"),
        asset_id: "ast_a".to_owned(),
        version_id: Some("ver_a".to_owned()),
        version_locale: Some("es-ES".to_owned()),
    };
    let row = tui.delivery(&message, now());
    tui.news(vec![row], &BTreeSet::from(["ast_a".to_owned()]), false);
    tui
}

fn target() -> DownloadTarget {
    DownloadTarget { asset_id: "ast_a".to_owned(), version_id: "ver_a".to_owned() }
}

fn order(directory: &str, host: Option<&str>) -> DownloadOrder {
    let (directory, host) = (directory.to_owned(), host.map(Printable::new));
    DownloadOrder { target: target(), directory, host }
}

fn running() -> RunningDownload {
    RunningDownload {
        version_id: "ver_a".to_owned(),
        name: Printable::new("The film.es-ES"),
        have: 3 << 20,
        total: Some(12 << 20),
        rate: Some(2 << 20),
        waiting: Vec::new(),
    }
}

fn footer(tui: &mut TuiHarness, size: (u16, u16)) -> String {
    let text = text_in(tui, size, COLOR);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}

#[test]
fn the_user_is_asked_for_the_directory_and_then_for_the_host() {
    for from_detail in [false, true] {
        let mut tui = with_version("generated");
        if from_detail {
            open(&mut tui, "3");
            open(&mut tui, "enter");
            assert!(matches!(tui.model().mode, Mode::Detail(_)));
        }
        let effects = tui.press("d");
        assert_eq!(effects, [Effect::Request(Request::DownloadDirectory(target()))]);
        let below = tui.model().mode.clone();
        tui.event(BackendEvent::DownloadDirectory(target(), "/home/me".to_owned()));
        assert!(text_in(&mut tui, (120, 40), COLOR).contains(" download to: /home/me"));
        tui.type_text("/dubs");
        let effects = tui.press("enter");
        assert_eq!(effects, [Effect::Request(Request::Download(order("/home/me/dubs", None)))]);
        assert_eq!(tui.model().mode, below);
        tui.event(BackendEvent::DownloadHost(
            order("/home/me/dubs", None),
            Printable::new("cdn.example.com"),
        ));
        assert!(footer(&mut tui, (120, 40)).contains("The video is on cdn.example.com."));
        let effects = tui.press("y");
        let agreed = order("/home/me/dubs", Some("cdn.example.com"));
        assert_eq!(effects, [Effect::Request(Request::Download(agreed))]);
        assert_eq!(tui.model().mode, below);
    }
}

#[test]
fn any_other_key_agrees_to_no_host() {
    for key in ["n", "esc", "x", "enter", "down"] {
        let mut tui = with_version("generated");
        tui.event(BackendEvent::DownloadHost(order("/tmp", None), Printable::new("cdn.example")));
        assert!(matches!(tui.model().mode, Mode::AgreeHost { .. }));
        assert!(tui.press(key).is_empty(), "{key}");
        assert_eq!(tui.model().mode, Mode::Normal, "{key}");
        assert!(footer(&mut tui, (120, 40)).contains("nothing was downloaded from cdn.example"));
    }
}

/// A letter that is typed into a line must not answer a question that has just appeared.
#[test]
fn nothing_is_asked_while_the_user_types() {
    let mut tui = with_version("generated");
    tui.press("/");
    tui.event(BackendEvent::DownloadHost(order("/tmp", None), Printable::new("cdn.example")));
    tui.event(BackendEvent::DownloadDirectory(target(), "/tmp".to_owned()));
    assert!(tui.press("y").is_empty());
    assert!(matches!(tui.model().mode, Mode::Filter { .. }));
}

#[test]
fn only_a_generated_version_can_be_downloaded() {
    for event in ["ready", "generating", "failed", "generate_failed"] {
        let mut tui = with_version(event);
        assert!(tui.press("d").is_empty(), "{event}");
        assert!(footer(&mut tui, (120, 40)).contains("there is no video yet"), "{event}");
    }
    // Before the first callback the key starts the demo.
    assert_eq!(TuiHarness::empty().press("d"), [Effect::StartDemo]);
}

#[test]
fn an_empty_directory_is_not_accepted() {
    let mut tui = with_version("generated");
    tui.event(BackendEvent::DownloadDirectory(target(), "/tmp".to_owned()));
    tui.press("ctrl-u");
    assert!(text_in(&mut tui, (80, 24), COLOR).contains("name a directory"));
    assert!(tui.press("enter").is_empty());
    assert!(matches!(tui.model().mode, Mode::Download { .. }), "it stays open");
    tui.press("esc");
    assert_eq!(tui.model().mode, Mode::Normal);
}

#[test]
fn the_progress_is_on_every_screen_and_the_key_stops_it() {
    let mut tui = with_version("generated");
    tui.event(BackendEvent::Download(Some(Box::new(running()))));
    for screen in Screen::ALL {
        tui.model().screen = screen;
        let wide = footer(&mut tui, (160, 40));
        assert!(
            wide.ends_with("The film.es-ES  25 %, 3.0 MiB of 12.0 MiB, 2.0 MiB/s, 0:04 left"),
            "{wide}"
        );
        assert!(footer(&mut tui, (80, 24)).contains("25 %"));
        for size in SIZES {
            for theme in THEMES {
                tui.frame(size, theme);
            }
        }
    }
    tui.model().screen = Screen::Timeline;
    let stop = Request::StopDownload { version_id: "ver_a".to_owned() };
    assert_eq!(tui.press("d"), [Effect::Request(stop)]);
    tui.event(BackendEvent::Download(None));
    let part = Printable::new("The film.es-ES.part");
    tui.event(BackendEvent::DownloadEnded(Box::new(DownloadEnd::Stopped(part))));
    assert!(footer(&mut tui, (120, 40)).contains("stopped; The film.es-ES.part is kept"));
    assert!(tui.model().live.warnings.is_empty());
}

#[test]
fn the_end_is_announced_and_a_failure_stays_among_the_warnings() {
    let mut tui = with_version("generated");
    let path = Printable::new("/tmp/The film.es-ES.mp4");
    let done = DownloadEnd::Done { path, bytes: 12 << 20, was_there: false };
    let effects = tui.event(BackendEvent::DownloadEnded(Box::new(done)));
    let words = "downloaded /tmp/The film.es-ES.mp4 (12.0 MiB)";
    assert_eq!(effects, [Effect::Notify(Printable::new(words))]);
    assert!(footer(&mut tui, (120, 40)).contains(words));
    let failed = DownloadEnd::Failed("cdn.example answers with 500".to_owned());
    tui.event(BackendEvent::DownloadEnded(Box::new(failed)));
    tui.press("4");
    let health = text_in(&mut tui, (120, 40), COLOR);
    assert!(health.contains("not downloaded: cdn.example answers with 500"), "{health}");
}
