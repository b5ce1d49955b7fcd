//! What the user has to do: failed, overdue and ready versions; and the counts of versions on every
//! screen at every size.

use std::collections::BTreeSet;

use dubwatch::internals::simulate::{Message, Tamper};
use dubwatch::internals::tui::effect::{Effect, Request};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::Model;
use dubwatch::internals::tui::model::asset::AssetView;
use dubwatch::internals::tui::model::mode::Pane;
use dubwatch::internals::tui::update::next_change;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::{SignedDuration, Timestamp};

use crate::tui_harness::{COLOR, TuiHarness, now, run_info};

fn at(minute: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minute)
}

/// Returns a version's callback.
fn about(asset: &str, version: &str, event: &str) -> Message {
    Message {
        event: format!("version_{event}"),
        asset_id: asset.to_owned(),
        version_id: Some(version.to_owned()),
        version_locale: Some(format!("{}-XX", &version[..2])),
    }
}

/// Delivers a callback; returns the effects.
fn deliver(tui: &mut TuiHarness, message: &Message, minute: i64) -> Vec<Effect> {
    tui.tick(at(minute));
    let row = tui.delivery(message, at(minute));
    tui.news(vec![row], &BTreeSet::from([message.asset_id.clone()]), false)
}

/// Sets the time; returns the effects.
fn tick(tui: &mut TuiHarness, minute: i64) -> Vec<Effect> {
    tui.tick(at(minute))
}

/// Returns the notifications among the effects.
fn notifications(effects: &[Effect]) -> Vec<String> {
    let notifications = effects.iter().filter_map(|effect| match effect {
        Effect::Notify(words) => Some(words.to_string()),
        _ => None,
    });
    notifications.collect()
}

/// Returns the frame at this size, one line per row.
fn lines(tui: &mut TuiHarness, size: (u16, u16)) -> Vec<String> {
    lines_in(tui, size, COLOR)
}

fn lines_in(tui: &mut TuiHarness, size: (u16, u16), theme: Theme) -> Vec<String> {
    let buffer = tui.frame(size, theme);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(|y| row(y).trim_end().to_owned()).collect()
}

fn title(tui: &TuiHarness) -> String {
    view::title(&tui.model).to_string()
}

const ALL: Theme = Theme { color: false, ascii: true, light: false };

#[test]
fn a_ready_version_is_for_you_and_notifies_once() {
    let mut tui = TuiHarness::empty();
    let effects = deliver(&mut tui, &about("ast_a", "es-1", "ready"), 1);
    assert_eq!(notifications(&effects), ["ast_a: ready for QC"]);
    assert!(lines(&mut tui, (120, 30)).iter().any(|line| line.contains("FOR YOU 1")));
    // A retry is not news; another version is.
    assert!(notifications(&deliver(&mut tui, &about("ast_a", "es-1", "ready"), 2)).is_empty());
    assert_eq!(notifications(&deliver(&mut tui, &about("ast_a", "fr-1", "ready"), 3)).len(), 1);
    assert!(notifications(&deliver(&mut tui, &about("ast_a", "es-1", "generating"), 4)).is_empty());
    assert!(lines(&mut tui, (120, 30)).iter().any(|line| line.contains("FOR YOU 1")));
    deliver(&mut tui, &about("ast_a", "fr-1", "generating"), 5);
    assert!(lines(&mut tui, (120, 30)).iter().any(|line| line.contains("RUNNING 1")));
    // A revised version has to be checked again.
    deliver(&mut tui, &about("ast_a", "es-1", "generated"), 10);
    let effects = deliver(&mut tui, &about("ast_a", "es-1", "ready"), 60);
    assert_eq!(notifications(&effects), ["ast_a: ready for QC"]);
}

#[test]
fn a_version_becomes_overdue_without_any_event() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "es-1", "generating"), 0);
    deliver(&mut tui, &about("ast_b", "fr-1", "ready"), 1);
    tui.press("3");
    tui.tick(at(2));
    // On a screen on which nothing ages, it sleeps until then.
    let mut sleeper = TuiHarness::of(tui.model.clone());
    sleeper.tick(at(30));
    let wake = next_change(&sleeper.model, None).unwrap();
    assert!(wake > at(180) && wake < at(181), "{wake}");
    assert!(notifications(&tick(&mut tui, 180)).is_empty(), "not longer than three hours yet");
    let effects = tui.tick(wake);
    assert_eq!(notifications(&effects), ["ast_a: overdue"]);
    assert_eq!(notifications(&tick(&mut tui, 200)), Vec::<String>::new(), "once");
    assert_eq!(next_change(&tui.model, None), None, "nothing ages any more");

    // On every screen, at every size, in colour and without: the bar, the header, the title.
    for theme in [COLOR, ALL] {
        for (keys, size) in [("1", (200, 50)), ("2", (120, 40)), ("3", (80, 24)), ("4", (40, 10))] {
            tui.press(keys);
            let lines = lines_in(&mut tui, size, theme);
            assert!(lines[1].contains("1 OVERDUE"), "{size:?}: {}", lines[1]);
            let glyph = if theme.ascii { '!' } else { '▲' };
            assert!(lines[0].contains(glyph), "{size:?}: {}", lines[0]);
        }
    }
    assert_eq!(title(&tui), "dubwatch 0/2 ✓ 1 ▲ 2 for you");
    tui.press("1");
    let text = lines(&mut tui, (160, 40)).join("\n");
    assert!(text.contains("0 of 2 done · 2 for you (▲ 1 overdue)"), "{text}");
    assert!(text.contains("ast_a  es-XX  overdue since 17:00"), "{text}");
    assert!(text.contains("FOR YOU 2  ▲ 1 overdue"), "the list has a count of its own: {text}");
    assert!(text.contains("▲ ast_a"), "and a glyph: {text}");
    assert!(text.contains("▲ es-XX    OVERDUE"), "and in its lane: {text}");
    assert!(text.contains("1 overdue"), "{text}");
    tui.press("2");
    let text = lines(&mut tui, (160, 40)).join("\n");
    assert!(text.contains("▲ OVERDUE"), "{text}");
    assert!(text.contains("FOR YOU 2  ▲ 1 overdue"), "{text}");
    assert!(text.contains("▲ overdue"), "the legend has it: {text}");
}

#[test]
fn a_frozen_screen_does_not_age_but_notifies_the_user() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "es-1", "generating"), 0);
    tui.press("space");
    let frozen = lines(&mut tui, (120, 30));
    let wake = next_change(&tui.model, None).unwrap();
    assert!(wake > at(180) && wake < at(181), "{wake}");
    assert_eq!(notifications(&tui.tick(wake)), ["ast_a: overdue"]);
    let later = lines(&mut tui, (120, 30));
    assert_eq!(frozen[1..29], later[1..29]);
    assert!(later[29].contains("1 OVERDUE since"), "{}", later[29]);
    tui.press("space");
    assert!(lines(&mut tui, (120, 30))[1].contains("1 OVERDUE"));
}

/// Creates a dashboard that starts at `minute`, on a journal with a version generating since 0.
fn restarted(minute: i64, marked: bool) -> (TuiHarness, Vec<Effect>) {
    let mut before = TuiHarness::empty();
    deliver(&mut before, &about("ast_a", "es-1", "generating"), 0);
    let asset = before.model().shown().asset_list.get("ast_a").unwrap();
    let mut notes = asset.notes.clone();
    if marked {
        notes.acknowledged.insert(Some("es-1".to_owned()), at(0));
    }
    let asset = AssetView::new(asset.row.clone(), notes);
    let run_info =
        dubwatch::internals::tui::model::RunInfo { started: at(minute), ..run_info(None) };
    let mut tui = TuiHarness::of(Model::new(run_info, at(minute), (120, 30)));
    let mut effects = tui.event(BackendEvent::Assets(vec![asset]));
    effects.extend(tui.event(BackendEvent::Loaded));
    (tui, effects)
}

#[test]
fn a_restart_does_not_notify_of_versions_overdue_before() {
    let (mut tui, mut effects) = restarted(500, false);
    effects.extend(tick(&mut tui, 501));
    // Nor when its asset is sent again.
    effects.extend(deliver(&mut tui, &about("ast_b", "fr-1", "generated"), 502));
    assert_eq!(notifications(&effects), Vec::<String>::new());
    assert!(lines(&mut tui, (120, 30))[1].contains("1 OVERDUE"), "but it is shown");
    // Versions that become overdue after the start are notified of, whenever they began.
    let (mut tui, effects) = restarted(100, false);
    assert!(notifications(&effects).is_empty());
    assert_eq!(notifications(&tick(&mut tui, 181)), ["ast_a: overdue"]);
    // A marked version stays quiet.
    let (mut tui, _) = restarted(100, true);
    assert!(notifications(&tick(&mut tui, 181)).is_empty());
    assert!(!lines(&mut tui, (120, 30))[1].contains("OVERDUE"));
}

#[test]
fn n_selects_overdue_versions_and_x_marks_only_the_selected_one() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "es-1", "generating"), 0);
    deliver(&mut tui, &about("ast_b", "fr-1", "generated"), 1);
    deliver(&mut tui, &about("ast_c", "de-1", "failed"), 2);
    tick(&mut tui, 190);
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        tui.press("n");
        assert_eq!(tui.model().pane, Pane::Lanes);
        seen.insert(tui.model().selected_asset().unwrap().id().to_owned());
    }
    assert_eq!(seen, ["ast_a".to_owned(), "ast_c".to_owned()].into());
    while tui.model().selected_asset().unwrap().id() != "ast_a" {
        tui.press("N");
    }
    let effects = tui.press("x");
    let Some(Effect::Request(Request::Acknowledge { asset_id, version_id, at: Some(seen) })) =
        effects.iter().find(|e| matches!(e, Effect::Request(Request::Acknowledge { .. })))
    else {
        panic!("{effects:?}")
    };
    assert_eq!((asset_id.as_str(), version_id.as_deref()), ("ast_a", Some("es-1")));
    let asset = tui.model().shown().asset_list.get("ast_a").unwrap();
    let mut notes = asset.notes.clone();
    notes.acknowledged.insert(version_id.clone(), *seen);
    let marked = AssetView::new(asset.row.clone(), notes.clone());
    tui.event(BackendEvent::Asset(Box::new(marked)));
    let bar = lines(&mut tui, (120, 30))[1].clone();
    assert!(bar.contains("1 FAILED") && !bar.contains("OVERDUE"), "{bar}");
    assert!(lines(&mut tui, (120, 30)).iter().any(|line| line.contains("FOR YOU 1")));

    // The mark holds for what was seen, not for what happens next.
    let row = tui.delivery(&about("ast_a", "es-1", "generate_failed"), at(200));
    tui.tick(at(200));
    let mut failed = tui.asset("ast_a");
    failed.notes = notes;
    let news = dubwatch::internals::tui::event::News {
        rows: vec![row],
        assets: vec![failed],
        head: 9,
        held: 9,
        old: false,
    };
    let effects = tui.event(BackendEvent::News(news));
    assert_eq!(notifications(&effects), ["ast_a: failed"]);
    assert!(lines(&mut tui, (120, 30))[1].contains("2 FAILED"));
}

#[test]
fn the_overdue_filter_follows_the_time() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "es-1", "generating"), 0);
    deliver(&mut tui, &about("ast_b", "fr-1", "generating"), 60);
    let listed = |tui: &mut TuiHarness| -> Vec<String> {
        let model = tui.model();
        model.settle();
        model.assets().iter().map(|place| place.id.to_string()).collect()
    };
    tui.press("/");
    tui.type_text("overdue");
    tui.press("enter");
    assert!(listed(&mut tui).is_empty());
    tick(&mut tui, 181);
    assert_eq!(listed(&mut tui), ["ast_a"]);
    assert!(tui.model().row_count() > 0, "the filter does not apply to deliveries");
    tui.press("esc !");
    assert_eq!(listed(&mut tui), ["ast_a"], "overdue versions count as failures");
    tick(&mut tui, 241);
    assert_eq!(listed(&mut tui), ["ast_b", "ast_a"]);
}

#[test]
fn the_header_counts_dubs_in_every_width() {
    let mut tui = TuiHarness::empty();
    for number in 0..465 {
        let event = match number {
            0..418 => "generated",
            418..430 => "generating",
            430..446 => "ready",
            _ => "generate_failed",
        };
        let version = format!("v{}-{number}", number % 10);
        deliver(&mut tui, &about(&format!("ast_{}", number / 6), &version, event), 0);
    }
    let words = "418 of 465 done · 12 generating · 16 for you · 19 failed";
    for width in 40..=240 {
        for keys in ["1", "2", "3", "4"] {
            tui.press(keys);
            let header = lines(&mut tui, (width, 24))[0].clone();
            if width >= 120 {
                assert!(header.contains(words), "{width}: {header}");
            } else {
                let is_shown = header.contains(words) || header.contains("✗ 19");
                assert!(is_shown, "{width}: {header}");
            }
            if width >= 80 {
                assert!(header.contains("418"), "{width}: {header}");
            }
            assert!(header.contains("Timeline") || header.contains(" 1 "), "{width}: {header}");
        }
    }
    assert_eq!(title(&tui), "dubwatch 418/465 ✓ 19 ✗ 16 for you");
}

#[test]
fn nothing_has_failed_is_not_shown_if_a_refused_request_claims_a_failure() {
    let everywhere = |tui: &mut TuiHarness, words: &str| -> bool {
        ["1", "2", "3", "4", "1 n", "2 n", "3 n", "4 n"].iter().any(|keys| {
            tui.press(keys);
            [(200, 50), (120, 30), (80, 24)]
                .iter()
                .any(|size| lines(tui, *size).join("\n").contains(words))
        })
    };
    let mut tui = TuiHarness::empty();
    assert!(!everywhere(&mut tui, "refused request"));
    deliver(&mut tui, &about("ast_a", "es-1", "generating"), 0);
    assert!(everywhere(&mut tui, "nothing has failed"));
    // A refusal that claims something else says nothing about failures.
    let harmless = tui.refusal(&about("ast_a", "es-1", "generated"), Some(Tamper::Key), at(1));
    tui.news(vec![harmless], &BTreeSet::new(), false);
    assert!(everywhere(&mut tui, "nothing has failed"));
    assert!(everywhere(&mut tui, "1 request refused"));
    let claim = tui.refusal(&about("ast_a", "es-1", "generate_failed"), Some(Tamper::Key), at(1));
    tui.news(vec![claim], &BTreeSet::new(), false);
    assert!(!everywhere(&mut tui, "nothing has failed"));
    assert!(everywhere(&mut tui, "1 refused request claims a failure"));

    // Also after a restart, and if nothing else is known about the journal.
    let mut tui = TuiHarness::of(Model::new(run_info(None), now(), (120, 30)));
    tui.event(BackendEvent::RefusedFailures(vec![4, 9]));
    tui.event(BackendEvent::Loaded);
    assert!(!everywhere(&mut tui, "nothing has failed"));
    assert!(everywhere(&mut tui, "2 refused requests claim a failure"));
}

#[test]
fn the_get_version_command_is_copied() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "es-1", "ready"), 0);
    deliver(&mut tui, &about("ast_a", "fr-1", "ready"), 1);
    let copied = |effects: Vec<Effect>| -> Vec<String> {
        let copied = effects.into_iter().filter_map(|effect| match effect {
            Effect::Copy { text, .. } => Some(text.to_string()),
            _ => None,
        });
        copied.collect()
    };
    let line = |id: &str| {
        format!(
            "curl -sS -H \"Authorization: Bearer panjaya-$PANJAYA_API_KEY\" \
             https://api.panjaya.ai/v1/versions/{id}"
        )
    };
    assert_eq!(copied(tui.press("y r")), [line("es-1")]);
    assert_eq!(copied(tui.press("tab down y r")), [line("fr-1")]);
    // In the Matrix, the version of the selected cell, also for the id alone.
    assert_eq!(copied(tui.press("2 y r")), [line("es-1")]);
    assert_eq!(copied(tui.press("right y r")), [line("fr-1")]);
    assert_eq!(copied(tui.press("y v")), ["fr-1"]);
    assert_eq!(copied(tui.press("3 y r")), [line("fr-1")]);
    assert_eq!(copied(tui.press("up y r")), [line("es-1")]);
    let mut tui = TuiHarness::empty();
    assert!(copied(tui.press("y r")).is_empty(), "there is none");
}

#[test]
fn short_ids_end_in_an_ellipsis_and_stay_the_same_on_a_screen() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_9f3c81aa0011", "es-1", "ready"), 0);
    let shown =
        |tui: &mut TuiHarness, words: &str| lines(tui, (120, 30)).join("\n").contains(words);
    assert!(shown(&mut tui, "9f3c81… "));
    for other in ["ast_9f3c81bb0022", "ast_9f3c81cc0033"] {
        deliver(&mut tui, &about(other, "es-1", "ready"), 1);
    }
    assert!(shown(&mut tui, "9f3c81… ") && shown(&mut tui, "9f3c81b…"));
    assert!(shown(&mut tui, "9f3c81c…") && !shown(&mut tui, "9f3c81a"));
    // Another screen is drawn completely, so nothing changes while the user looks at it.
    tui.press("2 1");
    assert!(shown(&mut tui, "9f3c81a…") && !shown(&mut tui, "9f3c81… "));
}

/// The demo's forecasts are right from the first second on: close to the actual durations.
#[test]
fn the_demos_forecasts_are_right_from_the_start() {
    for second in [0, 1, 5, 20, 60, 120, 200] {
        let mut tui = TuiHarness::story(7, second);
        tui.model().live.update_usual();
        let usual = tui.model().live.usual.unwrap().as_secs();
        assert!((50..=70).contains(&usual), "{usual} s at second {second}");
    }
}
