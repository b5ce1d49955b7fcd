//! The relay link on every screen that shows it, and gaps on the axis.
//!
//! `INSTA_UPDATE=always cargo test --test screens` updates the snapshots. Look at them.

use std::time::Duration;

use dubwatch::internals::callback::Gap;
use dubwatch::internals::status::{Link, LinkState};
use dubwatch::internals::text::ClipText;
use dubwatch::internals::tui::effect::Effect;
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::update::next_change;
use jiff::{SignedDuration, Timestamp};

use crate::tui_harness::{COLOR, TuiHarness, now, rendered};

const URL: &str = "https://relay.example/in/8f3a0c51d2e94b7f";

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn link(state: LinkState) -> Link {
    Link {
        callback_url: Some(URL.to_owned()),
        epoch: Some("00000000000000ff".to_owned()),
        state,
        last_error: Some((after(-600), "nothing was heard for 30 s".to_owned())),
        ..Link::new("relay.example".to_owned())
    }
}

fn up(behind: u64) -> Link {
    let rtt = Some(Duration::from_millis(12));
    link(LinkState::Up { since: after(-300), rtt, behind })
}

fn retrying() -> Link {
    let why = "cannot connect to relay.example:443: Connection refused".to_owned();
    link(LinkState::Retrying { at: after(68), attempt: 4, why })
}

fn gap(second: i64, count: u64) -> Gap {
    Gap {
        at: after(second),
        inbox: URL.to_owned(),
        epoch: 255,
        from: 7,
        to: 6 + count,
        count,
        reason: "unverified".to_owned(),
    }
}

/// Creates a minute of the story with this link.
fn tui(link: Link) -> TuiHarness {
    let mut tui = TuiHarness::story(7, 60);
    tui.frame((120, 30), COLOR);
    tui.event(BackendEvent::Link(Box::new(link)));
    tui
}

/// The first line of the header in each state.
#[test]
fn headers() {
    let states = [
        link(LinkState::Dialling { attempt: 0 }),
        up(0),
        up(38),
        retrying(),
        link(LinkState::Refused {
            why: "the relay does not accept the token".to_owned(),
            token: true,
        }),
        link(LinkState::Superseded),
    ];
    let mut lines = String::new();
    for columns in [200, 120, 80] {
        for link in &states {
            let frame = tui(link.clone()).frame((columns, 24), COLOR);
            lines.push_str(rendered(&frame).lines().next().unwrap().trim_end());
            lines.push('\n');
        }
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("link_headers", lines);
    });
}

#[test]
fn the_relays_url_is_shown_and_copied() {
    let mut tui = TuiHarness::empty();
    tui.event(BackendEvent::Link(Box::new(up(0))));
    let frame = rendered(&tui.frame((120, 30), COLOR));
    assert!(frame.contains(URL), "{frame}");
    let effects = [tui.press("y"), tui.press("u")].concat();
    let url = ClipText::line(URL).unwrap();
    let copied = Effect::Copy { what: "the callback URL".to_owned(), text: url };
    assert!(effects.contains(&copied), "{effects:?}");
}

#[test]
fn the_empty_screen_waits_for_the_relays_url() {
    let mut tui = TuiHarness::empty();
    tui.model().run_info.callback_url = String::new();
    tui.event(BackendEvent::Link(Box::new(Link::new("relay.example".to_owned()))));
    let frame = rendered(&tui.frame((120, 30), COLOR));
    assert!(frame.contains("Waiting for the relay to report the URL"), "{frame}");
    assert!(frame.contains("relay.example  connecting"), "{frame}");
}

#[test]
fn new_gaps_are_warned_of() {
    let mut tui = TuiHarness::story(7, 60);
    tui.event(BackendEvent::Gaps(vec![gap(40, 12)]));
    let warned: Vec<String> =
        tui.model().live.warnings.iter().map(|(_, message)| message.clone()).collect();
    assert_eq!(
        warned,
        [
            "12 deliveries were lost at the relay: their signatures did not hold at the relay, which needed the room"
        ]
    );
}

#[test]
fn a_waiting_link_counts_down_and_a_connected_one_causes_no_wakeups() {
    let mut tui = TuiHarness::empty();
    tui.tick(after(60));
    tui.event(BackendEvent::Link(Box::new(retrying())));
    assert_eq!(next_change(&tui.model, None), Some(after(61)));
    tui.event(BackendEvent::Link(Box::new(up(3))));
    assert_eq!(next_change(&tui.model, None), None);
}
