//! The lists, the detail view, the help, the matrix and Health at every size and in unusual states.

use std::collections::BTreeSet;

use dubwatch::internals::callback::{
    Ambiguity, Callback, DeliveryEffect as FoldEffect, DeliverySummary, Encoding, Outcome, Refusal,
    RefusalKind, Verdict,
};
use dubwatch::internals::simulate::Message;
use dubwatch::internals::tui::model::Banner;
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::SignedDuration;

use crate::states::open;
use crate::tui_harness::{COLOR, TuiHarness, rendered};

const PLAIN: Theme = Theme { color: false, ascii: false, light: false };
const ASCII: Theme = Theme { color: false, ascii: true, light: false };
/// The second of the story at which most is going on.
const BUSY: u64 = 160;

/// Plays the story up to its busiest moment and presses keys.
fn busy(keys: &str) -> TuiHarness {
    let mut tui = TuiHarness::story(7, BUSY);
    if !keys.is_empty() {
        open(&mut tui, keys);
    }
    tui
}

/// Compares a screen with its snapshots in two sizes.
fn assert_snapshots(name: &str, tui: &mut TuiHarness) {
    for (columns, rows) in [(120, 40), (80, 24)] {
        let frame = tui.frame((columns, rows), COLOR);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), rendered(&frame));
    }
}

/// Compares a screen with its snapshot, in the most common size.
fn assert_snapshot_80(name: &str, tui: &mut TuiHarness, theme: Theme) {
    let frame = tui.frame((80, 24), theme);
    insta::assert_snapshot!(name, rendered(&frame));
}

#[test]
fn the_signature_of_a_refusal() {
    assert_snapshot_80("refusal", &mut busy("3 enter"), COLOR);
}

#[test]
fn a_delivery_still_being_read() {
    let mut tui = busy("3");
    tui.press("enter");
    assert_snapshot_80("reading", &mut tui, COLOR);
}

#[test]
fn rows_received_since_the_selection() {
    let mut tui = busy("3 up up");
    let again = TuiHarness::story(8, BUSY);
    let rows: Vec<Row> =
        (0..7).filter_map(|place| again.model.row(place)).map(|row| Row::clone(row)).collect();
    tui.news(rows, &BTreeSet::new(), false);
    assert_snapshot_80("deliveries_since", &mut tui, COLOR);
}

#[test]
fn a_read_only_journal_is_not_shown_as_writing() {
    for (banner, is_orphaned, state) in [
        (Banner::ReadOnly, false, "read-only; another dubwatch writes it"),
        (Banner::ReadOnly, true, "read-only; its writer has ended"),
        (Banner::Unwritable, false, "✗ read-only; it cannot be written here"),
        (Banner::Capture, false, "read-only; a capture in memory"),
    ] {
        let mut tui = busy("4");
        tui.model().run_info.banner = Some(banner);
        tui.model().live.writer_gone = is_orphaned;
        for size in [(200, 50), (80, 24)] {
            let screen = rendered(&tui.frame(size, COLOR));
            assert!(!screen.contains("writing"), "{screen}");
            // Nothing is answered here, which is not the same as zero answers.
            assert!(!screen.contains("since the start"), "{screen}");
            assert!(!screen.contains("200, signed by a trusted key"), "{screen}");
            assert!(screen.contains(&format!(" state         {state}")), "{screen}");
        }
        let screen = rendered(&tui.frame((80, 24), COLOR));
        let is_shown = screen.contains("NOT RECEIVING");
        assert_eq!(is_shown, banner == Banner::Unwritable || is_orphaned, "{screen}");
    }
}

#[test]
fn a_screen_that_is_too_small() {
    let mut tui = busy("");
    for (columns, rows) in [(39, 10), (80, 9), (20, 3), (10, 1), (3, 2)] {
        let frame = tui.frame((columns, rows), COLOR);
        insta::assert_snapshot!(format!("too_small_{columns}x{rows}"), rendered(&frame));
    }
    for columns in 0..45 {
        for rows in 0..12 {
            let _ = tui.frame((columns, rows), ASCII);
        }
    }
}

/// Every screen can be drawn at every size.
#[test]
fn every_size_can_be_drawn() {
    for keys in ["2", "3", "4", "?", "3 enter", "3 enter v", "3 y", "3 enter y"] {
        let mut tui = busy(keys);
        for columns in [40, 41, 55, 56, 64, 65, 78, 79, 90, 99, 100, 119, 157, 158, 300] {
            for rows in [10, 11, 13, 14, 19, 20, 31, 60] {
                let _ = tui.frame((columns, rows), COLOR);
            }
        }
    }
}

/// The last line can be scrolled to, and no further: the page size agrees with what is visible.
#[test]
fn scrolling_ends_at_the_last_line() {
    for (size, keys, last) in
        [((80, 24), "?", "ast_51"), ((40, 10), "?", "ast_51"), ((40, 10), "3 enter", "tried)")]
    {
        let mut tui = busy("");
        tui.frame(size, COLOR);
        for key in keys.split(' ').chain(["G"]) {
            open(&mut tui, key);
        }
        let end = rendered(&tui.frame(size, COLOR));
        let text = end.split("---").next().unwrap();
        assert!(text.contains(last) || text.contains("TEXT in it"), "{text}");
        tui.press("down pgdn");
        assert_eq!(rendered(&tui.frame(size, COLOR)), end, "{keys} goes no further");
        tui.press("up");
        assert_ne!(rendered(&tui.frame(size, COLOR)), end, "{keys} goes back at once");
    }
}

/// Returns a delivery with a change.
fn unusual_delivery(tui: &mut TuiHarness, change: impl FnOnce(&mut DeliverySummary)) -> Row {
    let at = tui.model().now;
    let message = Message {
        event: "version_ready".to_owned(),
        asset_id: "ast_0dd0dd0dd".to_owned(),
        version_id: Some("ver_0123456789".to_owned()),
        version_locale: Some("zh-Hant-TW".to_owned()),
    };
    let Row::Delivery(mut delivery) = tui.delivery(&message, at) else { unreachable!() };
    change(&mut delivery);
    Row::Delivery(delivery)
}

/// Returns a refusal with a change.
fn unusual_refusal(tui: &mut TuiHarness, change: impl FnOnce(&mut Refusal)) -> Row {
    let at = tui.model().now;
    let message = Message {
        event: "version_failed".to_owned(),
        asset_id: "ast_0dd0dd0dd".to_owned(),
        version_id: None,
        version_locale: None,
    };
    let Row::Refusal { mut listed, claim } = tui.refusal(&message, None, at) else {
        unreachable!()
    };
    change(&mut listed.refusal);
    Row::Refusal { listed, claim }
}

#[test]
fn unusual_rows() {
    let mut tui = TuiHarness::empty();
    let yesterday = tui.model().now - SignedDuration::from_hours(20);
    let mut rows = vec![
        unusual_delivery(&mut tui, |delivery| {
            delivery.received_at = yesterday;
            delivery.verdict = Verdict::Valid { key: "dev".into(), encoding: Encoding::Raw };
        }),
        unusual_delivery(&mut tui, |delivery| delivery.verdict = Verdict::Unchecked),
        unusual_delivery(&mut tui, |delivery| {
            delivery.outcome = Outcome {
                effect: FoldEffect::NewCycle,
                uncertain: Some(Ambiguity::SameEventLater),
            };
        }),
        unusual_delivery(&mut tui, |delivery| {
            delivery.callback.version_locale = None;
            delivery.outcome = Outcome::certain(FoldEffect::Late);
        }),
        unusual_delivery(&mut tui, |delivery| {
            delivery.callback = Callback::read(b"[1,2");
            delivery.outcome = Outcome::NONE;
        }),
        unusual_delivery(&mut tui, |delivery| {
            delivery.callback.event = Some("version_archived\u{1b}[31m\u{202e}".to_owned());
            delivery.callback.unreadable = Some("the event is not known".to_owned());
            delivery.outcome = Outcome::NONE;
        }),
    ];
    for (kind, status, count) in [
        (RefusalKind::WrongMethod, 405, 12),
        (RefusalKind::CrossSite, 403, 2),
        (RefusalKind::TooLarge, 413, 1),
        (RefusalKind::TooSlow, 408, 1_234_567),
        (RefusalKind::Broken, 400, 2),
        (RefusalKind::Missing, 401, 1),
    ] {
        rows.push(unusual_refusal(&mut tui, |refusal| {
            (refusal.kind, refusal.status, refusal.count) = (kind, status, count);
            refusal.why = "what was wrong, and what to do".to_owned();
        }));
    }
    tui.news(rows, &BTreeSet::new(), true);
    open(&mut tui, "3");
    assert_snapshots("odd_rows", &mut tui);
    for _ in 0..6 {
        tui.press("up");
    }
    open(&mut tui, "enter");
    assert_snapshot_80("unreadable", &mut tui, COLOR);
}

/// Delivers the events of a version one minute apart; those with a `=` share one signature.
fn deliver_run(tui: &mut TuiHarness, events: &str) {
    let mut at = tui.model().now - SignedDuration::from_mins(9);
    for event in events.split(' ') {
        let message = Message {
            event: format!("version_{}", event.trim_start_matches('=')),
            asset_id: "ast_4".to_owned(),
            version_id: Some("ver_9".to_owned()),
            version_locale: Some("es-ES".to_owned()),
        };
        let row = tui.signed_delivery(&message, at, event.starts_with('=').then_some(99));
        tui.news(vec![row], &BTreeSet::from(["ast_4".to_owned()]), false);
        at += SignedDuration::from_mins(1);
    }
}

/// A guess and a later correction are explained where they are selected, also at 80 columns.
#[test]
fn a_new_run_is_explained() {
    let shown = |tui: &mut TuiHarness| rendered(&tui.frame((80, 24), PLAIN));
    // The words in the right pane, on one line.
    let lanes = |tui: &mut TuiHarness| {
        let frame = shown(tui);
        let right = frame.lines().filter_map(|line| line.rsplit_once('│'));
        let words: Vec<&str> = right.flat_map(|(_, right)| right.split_whitespace()).collect();
        words.join(" ")
    };
    let mut tui = TuiHarness::empty();
    deliver_run(&mut tui, "generating generate_failed generating");
    let why = "signed anew: taken for a new run; a retry could look like this";
    let explained = lanes(&mut tui);
    assert!(explained.contains(&format!("a guess: {why}")), "{explained}");
    open(&mut tui, "3 enter");
    let detail = shown(&mut tui);
    assert!(detail.contains(&format!("new cycle  ? {why}")), "{detail}");

    let mut tui = TuiHarness::empty();
    deliver_run(&mut tui, "=generating generate_failed =generating generated");
    let clock = tui.model().now - SignedDuration::from_mins(7);
    let clock = clock.strftime("%H:%M").to_string();
    let explained = lanes(&mut tui);
    let why = format!("redrawn from {clock}, when a repeat began this cycle");
    assert!(explained.contains(&why), "{explained}");
    open(&mut tui, "3 enter");
    let outcome = shown(&mut tui);
    let why =
        format!("new cycle, begun by a repeat of version_generating; lane redrawn from {clock}");
    assert!(outcome.contains(&why), "{outcome}");
    open(&mut tui, "esc up enter");
    let copy = shown(&mut tui);
    let why = "not a repeat: the next outcome shows a new cycle; lane redrawn from here";
    assert!(copy.contains(why), "{copy}");
}
