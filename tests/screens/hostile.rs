//! Every view of the dashboard in every state and size, as text with the runs of cells that are not
//! plain; and what hostile text does to a frame: nothing.
//!
//! `INSTA_UPDATE=always cargo test --test screens` writes the snapshots anew. Look at them.

use std::collections::BTreeSet;
use std::sync::Arc;

use dubwatch::callback::{
    BodySample, Callback, Delivery, Encoding, Fingerprint, Gap, Headers, Listed, Outcome,
    Provenance, Received, Refusal, RefusalKind, Source, Verdict,
};
use dubwatch::text::is_hidden;
use dubwatch::timeline::{AssetRow, Notes, Timeline, VersionRow};
use dubwatch::tui::model::asset::AssetView;
use dubwatch::tui::model::detail::{Detail, StepView};
use dubwatch::tui::model::mode::Target;
use dubwatch::tui::model::rows::Row;
use dubwatch::tui::model::{Banner, Dashboard};
use dubwatch::tui::msg::{News, Told};
use dubwatch::tui::widget::look::Look;
use dubwatch::vitals::{Link, LinkState, Store};
use jiff::SignedDuration;
use ratatui::buffer::Buffer;

use crate::tui_harness::{COLOR, SIZES, TuiHarness, facts, now, rendered};

/// Looks at a state in every size.
fn look_at(name: &str, mut tui: impl FnMut() -> TuiHarness, look: Look) {
    for size in SIZES {
        let mut tui = tui();
        let frame = tui.frame(size, look);
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, rendered(&frame));
        });
    }
}

/// A dashboard at a second of the story, after some keys.
fn at(second: u64, keys: &'static str) -> impl FnMut() -> TuiHarness {
    move || {
        let mut tui = TuiHarness::story(7, second);
        // The width decides what keys reach, and what is seen first is what was there first.
        tui.frame((120, 30), COLOR);
        if !keys.is_empty() {
            tui.press(keys);
        }
        tui
    }
}

#[test]
fn timeline_busy() {
    look_at("timeline_busy", at(60, "down down"), COLOR);
}

#[test]
fn timeline_failed() {
    look_at("timeline_failed", at(140, "n"), COLOR);
}

#[test]
fn timeline_lanes() {
    look_at("timeline_lanes", at(140, "n tab tab"), COLOR);
}

#[test]
fn timeline_frozen() {
    let tui = || {
        let mut tui = TuiHarness::story(7, 100);
        tui.press("space");
        tui.tick(now() + SignedDuration::from_secs(107));
        tui
    };
    look_at("timeline_frozen", tui, COLOR);
}

#[test]
fn timeline_filtered() {
    look_at("timeline_filtered", at(140, "/ f a i l e d enter"), COLOR);
}

#[test]
fn timeline_filtering() {
    look_at("timeline_filtering", at(140, "/ f a l i e d : x"), COLOR);
}

#[test]
fn timeline_without_color() {
    look_at("timeline_mono", at(140, "n"), Look { color: false, ascii: false, light: false });
}

#[test]
fn timeline_in_ascii() {
    look_at("timeline_ascii", at(140, "n"), Look { color: false, ascii: true, light: false });
}

#[test]
fn timeline_when_the_journal_fails() {
    let tui = || {
        let mut tui = TuiHarness::story(7, 60);
        tui.tell(Told::Store(Store::Failing { why: "database or disk is full".to_owned() }));
        tui
    };
    look_at("timeline_journal_fails", tui, COLOR);
}

#[test]
fn timeline_of_a_demo() {
    look_at("timeline_demo", || with_banner(Banner::Demo), COLOR);
}

#[test]
fn timeline_read_only() {
    look_at("timeline_read_only", || with_banner(Banner::ReadOnly), COLOR);
}

#[test]
fn timeline_unchecked() {
    let tui = || {
        let mut tui = TuiHarness::story_unchecked(7, 90, |_| true);
        tui.dashboard.real.facts.banner = Some(Banner::Unchecked);
        tui
    };
    look_at("timeline_unchecked", tui, COLOR);
}

fn with_banner(banner: Banner) -> TuiHarness {
    let mut tui = TuiHarness::story(7, 90);
    tui.dashboard.real.facts.banner = Some(banner);
    tui
}

#[test]
fn empty() {
    look_at("empty", TuiHarness::empty, COLOR);
}

#[test]
fn empty_without_a_key_to_send_with() {
    let tui = || {
        let mut tui = TuiHarness::empty();
        tui.dashboard.real.facts.send_line.clear();
        tui
    };
    look_at("empty_no_key", tui, COLOR);
}

#[test]
fn reading_the_journal() {
    let tui = || TuiHarness::of(Dashboard::new(facts(None), now(), (120, 30)));
    look_at("reading", tui, COLOR);
}

#[test]
fn naming() {
    look_at("naming", at(60, "L"), COLOR);
}

#[test]
fn many_assets_scroll_and_say_how_many_more() {
    let tui = || {
        let mut tui = TuiHarness::story(7, 60);
        let names: Vec<String> = (0..300).map(|number| format!("ast_{number:04}cafe")).collect();
        for (number, id) in names.iter().enumerate() {
            let message = dubwatch::simulate::Message {
                event: "version_generated".to_owned(),
                asset_id: id.clone(),
                version_id: Some("ver_1".to_owned()),
                version_locale: Some("es-ES".to_owned()),
            };
            let ago = SignedDuration::from_secs(i64::try_from(number).unwrap() * 97);
            let row = tui.delivery(&message, now() - ago);
            tui.news(vec![row], &BTreeSet::from([id.clone()]), true);
        }
        tui.press("pgdn pgdn");
        tui
    };
    look_at("many_assets", tui, COLOR);
}

/// Text that does something to a terminal, hides, or is too much.
const HOSTILE: [&str; 12] = [
    "\u{1b}[2J\u{1b}[31m",
    "\u{9b}31m",
    "\u{1b}]0;title\u{7}",
    "\r\n\t\0",
    "\u{202e}drowssap",
    "\u{2066}\u{200b}\u{feff}",
    "👩\u{200d}🚀👩\u{200d}🚀",
    "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "'; rm -rf ~; '",
    "\u{e0061}\u{e007f}\u{3164}",
    "",
];

fn hostile_delivery(seq: u64, text: &str) -> Delivery {
    let body = serde_json::to_vec(&serde_json::json!({
        "event": "version_generating", "asset_id": format!("a{text}"),
        "version_id": format!("v{text}"), "version_locale": text,
    }))
    .unwrap();
    Delivery {
        seq,
        committed_at: now(),
        request: Received {
            received_at: now(),
            source: Source::Direct,
            peer: text.to_owned(),
            method: text.to_owned(),
            path: text.to_owned(),
            headers: Headers::from_raw([("x-signature", text.as_bytes()), (text, b"\x1b\xff")]),
            body: body.clone(),
        },
        verdict: Verdict::Valid { key: Arc::from(text), encoding: Encoding::Der },
        callback: Callback::read(&body),
        outcome: Outcome::NONE,
    }
}

fn hostile_refusal(id: u64, text: &str) -> Listed {
    Listed {
        id,
        earlier: Vec::new(),
        refusal: Refusal {
            at: now(),
            kind: RefusalKind::WrongPath,
            status: 404,
            why: text.to_owned(),
            count: 3,
            method: text.to_owned(),
            path: text.to_owned(),
            peer: text.to_owned(),
            headers: Headers::default(),
            body: BodySample::of(&hostile_delivery(1, text).request.body),
        },
    }
}

fn sound(frame: &Buffer, what: &str) {
    for cell in &frame.content {
        let symbol = cell.symbol();
        assert!(!symbol.chars().any(|c| c.is_control() || is_hidden(c)), "{what}: {symbol:?}");
        assert!(symbol.chars().count() <= 8, "{what}: {symbol:?}");
    }
}

/// A link and gaps that are full of this text.
fn tell_of_a_relay(tui: &mut TuiHarness, text: &str) {
    let all = text.to_owned();
    tui.tell(Told::Link(Box::new(Link {
        callback_url: Some(all.clone()),
        epoch: Some(all.clone()),
        state: LinkState::Refused { why: all.clone(), token: true },
        last_error: Some((now(), all.clone())),
        ..Link::new(all.clone())
    })));
    let (inbox, reason) = (all.clone(), all.clone());
    let gap = Gap { at: now(), inbox, epoch: 1, from: 1, to: 9, count: u64::MAX, reason };
    tui.tell(Told::Gaps(vec![gap.clone(), gap]));
}

#[test]
fn hostile_text_in_every_field_leaves_the_frame_intact() {
    let mut facts = facts(Some(Banner::ReadOnly));
    let all = HOSTILE.concat();
    facts.journal.clone_from(&all);
    facts.keys = HOSTILE.map(str::to_owned).into();
    facts.callback_url.clone_from(&all);
    facts.door.clone_from(&all);
    facts.send_line.clone_from(&all);
    let mut tui = TuiHarness::of(Dashboard::new(facts, now(), (120, 30)));
    tui.tell(Told::Loaded);
    for size in SIZES {
        sound(&tui.frame(size, COLOR), "empty");
    }
    let mut timeline = Timeline::default();
    for (seq, text) in HOSTILE.iter().enumerate() {
        let delivery = hostile_delivery(seq as u64 + 1, text);
        timeline.apply(&delivery.callback, now(), Fingerprint::default(), Provenance::Verified);
        let refusal = hostile_refusal(seq as u64, text);
        let assets = timeline
            .assets()
            .map(|(id, asset)| {
                let versions = timeline.versions(id).map(|(id, version)| VersionRow {
                    version_id: id.to_owned(),
                    version: version.clone(),
                });
                let versions = versions.collect();
                let row = AssetRow { asset_id: id.to_owned(), asset: asset.clone(), versions };
                let name = (seq % 2 == 0).then(|| (*text).to_owned());
                AssetView::new(row, Notes { name, ..Notes::default() })
            })
            .collect();
        let rows = vec![Row::delivery(delivery), Row::refusal(refusal)];
        tui.tell(Told::News(News {
            rows,
            assets,
            head: seq as u64 + 1,
            held: seq as u64 + 1,
            old: false,
        }));
        tui.tell(Told::Warning(now(), (*text).to_owned()));
    }
    tui.tell(Told::Store(Store::Failing { why: all.clone() }));
    tell_of_a_relay(&mut tui, &all);
    for keys in ["1", "1 tab", "2", "3", "4", "y", "?", "L", "/"] {
        for _ in 0..12 {
            tui.press("esc");
        }
        tui.press(keys);
        for _ in 0..HOSTILE.len() {
            for size in SIZES {
                sound(&tui.frame(size, COLOR), keys);
            }
            tui.press("down");
        }
    }
    for _ in 0..12 {
        tui.press("esc");
    }
    tui.press("3");
    for (seq, text) in HOSTILE.iter().enumerate() {
        let target = Target::Delivery(seq as u64 + 1);
        let delivery = hostile_delivery(seq as u64 + 1, text);
        let detail = Detail {
            row: Row::delivery(delivery.clone()),
            committed_at: Some(now()),
            request: text.repeat(9),
            headers: delivery.request.headers,
            body: [delivery.request.body, b"\x1b[2J\xff\x9b".to_vec()].concat(),
            truncated: true,
            earlier: Vec::new(),
            verdict: Verdict::Invalid { why: (*text).to_owned() },
            steps: vec![StepView {
                name: (*text).to_owned(),
                passed: Some(false),
                note: all.clone(),
            }],
        };
        // Opened by hand: which row has the keys does not matter here.
        tui.press("g");
        for _ in 0..200 {
            if tui
                .model()
                .selected_row()
                .and_then(|at| tui.model().row(at))
                .is_some_and(|row| row.target() == target)
            {
                break;
            }
            tui.press("down");
        }
        tui.press("enter");
        tui.tell(Told::Detail(target, Some(Box::new(detail))));
        for _ in 0..4 {
            for size in SIZES {
                sound(&tui.frame(size, COLOR), text);
                tui.press("v");
                sound(&tui.frame(size, COLOR), text);
            }
            tui.press("tab");
        }
        tui.press("esc");
    }
}
