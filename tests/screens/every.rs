//! Every view in every state, all sizes of one in a snapshot: what the tests of single screens look
//! at more closely is here as a whole.
//!
//! `INSTA_UPDATE=always cargo test --test screens` writes the snapshots anew. Look at them.

use dubwatch::callback::{Encoding, Headers, Verdict};
use dubwatch::tui::effect::{Effect, Request};
use dubwatch::tui::model::Banner;
use dubwatch::tui::model::detail::{Detail, StepView};
use dubwatch::tui::msg::Told;
use dubwatch::vitals::{Link, LinkState};
use jiff::SignedDuration;

use crate::tui_harness::{COLOR, SIZES, TuiHarness, now, rendered};

/// The views, by the keys that lead to them.
const VIEWS: [(&str, &str); 7] = [
    ("timeline", "1"),
    ("matrix", "2"),
    ("deliveries", "3"),
    ("health", "4"),
    ("detail", "3 enter"),
    ("keys", "?"),
    ("copy", "y"),
];

/// A state, before the view is opened.
fn state(name: &str) -> TuiHarness {
    let mut tui = match name {
        "empty" => TuiHarness::empty(),
        "failed" => TuiHarness::story(7, 140),
        _ => TuiHarness::story(7, 60),
    };
    tui.frame((120, 30), COLOR);
    match name {
        "failed" => drop(tui.press("n")),
        "frozen" => {
            tui.press("space");
            tui.tick(now() + SignedDuration::from_secs(75));
        }
        "filtered" => drop(tui.press("/ k e y n o t e enter")),
        "disconnected" => {
            let why = "cannot connect to relay.example:443: Connection refused".to_owned();
            let at = now() + SignedDuration::from_secs(68);
            let state = LinkState::Retrying { at, attempt: 4, why };
            let link = Link { state, ..Link::new("relay.example".to_owned()) };
            tui.tell(Told::Link(Box::new(link)));
        }
        "read-only" => tui.dashboard.real.facts.banner = Some(Banner::ReadOnly),
        "orphaned" => {
            tui.dashboard.real.facts.banner = Some(Banner::ReadOnly);
            tui.tell(Told::Orphaned(true));
        }
        _ => {}
    }
    tui
}

/// Opens a view, and answers what it asks for.
fn open(tui: &mut TuiHarness, keys: &str) {
    for effect in tui.press(keys) {
        let Effect::Ask(_, Request::Detail(target)) = effect else { continue };
        let model = tui.model();
        let row = model.row(model.selected_row().unwrap()).unwrap();
        let detail = Detail {
            row: (**row).clone(),
            committed_at: Some(row.at()),
            request: "POST /callback".to_owned(),
            headers: Headers::from_raw([
                ("Content-Type", b"application/json".as_slice()),
                ("X-Signature", b"3045022100".as_slice()),
            ]),
            body: br#"{"event":"version_ready","asset_id":"ast_9f3c81","version_id":"ver_03"}"#
                .to_vec(),
            truncated: false,
            earlier: Vec::new(),
            verdict: Verdict::Valid { key: "demo".into(), encoding: Encoding::Der },
            steps: vec![StepView {
                name: "header".to_owned(),
                passed: Some(true),
                note: "one X-Signature header of 10 characters".to_owned(),
            }],
        };
        tui.tell(Told::Detail(target, Some(Box::new(detail))));
    }
}

#[test]
fn every_view_in_every_state() {
    for (view, keys) in VIEWS {
        for name in [
            "empty",
            "busy",
            "failed",
            "frozen",
            "filtered",
            "disconnected",
            "read-only",
            "orphaned",
        ] {
            let mut sizes = String::new();
            for size in SIZES {
                let mut tui = state(name);
                open(&mut tui, keys);
                sizes.push_str(&rendered(&tui.frame(size, COLOR)));
                sizes.push_str("======\n");
            }
            let name = format!("every_{view}_{name}");
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(name, sizes);
            });
        }
    }
}
