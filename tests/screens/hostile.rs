//! Hostile text in every field does not damage a frame.

use std::sync::Arc;

use dubwatch::internals::callback::{
    BodySample, Callback, Delivery, Encoding, Fingerprint, Gap, Headers, Outcome, Provenance,
    Received, Refusal, RefusalEntry, RefusalKind, Source, Verdict,
};
use dubwatch::internals::forward::{ForwardAnswer, ForwardAttempt, ForwardMark};
use dubwatch::internals::status::{ForwardState, ForwardStatus, JournalHealth, Link, LinkState};
use dubwatch::internals::text::is_hidden;
use dubwatch::internals::timeline::{AssetRow, Notes, Timeline, VersionRow};
use dubwatch::internals::tui::event::{BackendEvent, News};
use dubwatch::internals::tui::model::asset::AssetView;
use dubwatch::internals::tui::model::detail::{Detail, StepView};
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::model::target::Target;
use dubwatch::internals::tui::model::{Banner, Model};
use ratatui::buffer::Buffer;

use crate::tui_harness::{COLOR, SIZES, TuiHarness, now, run_info};

/// Text that controls a terminal, is hidden, or is too long.
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

fn hostile_refusal(id: u64, text: &str) -> RefusalEntry {
    RefusalEntry {
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

fn assert_clean(frame: &Buffer, what: &str) {
    for cell in &frame.content {
        let symbol = cell.symbol();
        assert!(!symbol.chars().any(|c| c.is_control() || is_hidden(c)), "{what}: {symbol:?}");
        assert!(symbol.chars().count() <= 8, "{what}: {symbol:?}");
    }
}

/// Sends a link and gaps full of this text.
fn send_relay_events(tui: &mut TuiHarness, text: &str) {
    let all = text.to_owned();
    tui.event(BackendEvent::Link(Box::new(Link {
        callback_url: Some(all.clone()),
        epoch: Some(all.clone()),
        state: LinkState::Refused { why: all.clone(), token: true },
        last_error: Some((now(), all.clone())),
        ..Link::new(all.clone())
    })));
    let (inbox, reason) = (all.clone(), all.clone());
    let gap = Gap { at: now(), inbox, epoch: 1, from: 1, to: 9, count: u64::MAX, reason };
    tui.event(BackendEvent::Gaps(vec![gap.clone(), gap]));
}

/// An attempt to forward a delivery, with text of the app in every field.
fn hostile_attempt(seq: u64, text: &str) -> ForwardAttempt {
    let all = HOSTILE.concat();
    ForwardAttempt {
        seq,
        target: text.into(),
        attempt: 1,
        at: now(),
        is_last: true,
        answer: ForwardAnswer {
            status: None,
            took: std::time::Duration::from_millis(3),
            error: Some(all.clone()),
            headers: Headers::from_raw([("x-hostile", text.as_bytes())]),
            body: all.into_bytes(),
            is_truncated: true,
        },
    }
}

/// Everything that has a state fails, with this text as the reason.
fn send_status_events(tui: &mut TuiHarness, all: &str) {
    tui.event(BackendEvent::Store(JournalHealth::Failing { why: all.to_owned() }));
    send_relay_events(tui, all);
    send_forward_events(tui, all);
}

/// An app that is down, with text of it in every field.
fn send_forward_events(tui: &mut TuiHarness, all: &str) {
    let state = ForwardState::Down { since: now(), why: all.to_owned() };
    let last_error = Some((now(), all.to_owned()));
    let target = ForwardStatus { state, last_error, ..ForwardStatus::new(all.to_owned()) };
    tui.event(BackendEvent::ForwardTargets(vec![target]));
    let mark = ForwardMark { seq: 1, status: None, is_accepted: false };
    tui.event(BackendEvent::Forwards(vec![mark]));
}

#[test]
fn hostile_text_in_every_field_leaves_the_frame_intact() {
    let mut run_info = run_info(Some(Banner::ReadOnly));
    let all = HOSTILE.concat();
    run_info.journal.clone_from(&all);
    run_info.keys = HOSTILE.map(str::to_owned).into();
    run_info.callback_url.clone_from(&all);
    run_info.door.clone_from(&all);
    run_info.send_line.clone_from(&all);
    let mut tui = TuiHarness::of(Model::new(run_info, now(), (120, 30)));
    tui.event(BackendEvent::Loaded);
    for size in SIZES {
        assert_clean(&tui.frame(size, COLOR), "empty");
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
        tui.event(BackendEvent::News(News {
            rows,
            assets,
            head: seq as u64 + 1,
            held: seq as u64 + 1,
            old: false,
        }));
        tui.event(BackendEvent::Warning(now(), (*text).to_owned()));
    }
    send_status_events(&mut tui, &all);
    for keys in ["1", "1 tab", "2", "3", "4", "y", "?", "L", "/"] {
        for _ in 0..12 {
            tui.press("esc");
        }
        tui.press(keys);
        for _ in 0..HOSTILE.len() {
            for size in SIZES {
                assert_clean(&tui.frame(size, COLOR), keys);
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
            forwards: vec![hostile_attempt(seq as u64 + 1, text)],
        };
        // Selected by hand: which pane is focused does not matter here.
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
        tui.event(BackendEvent::Detail(target, Some(Box::new(detail))));
        // More often than there are tabs.
        for _ in 0..6 {
            for size in SIZES {
                assert_clean(&tui.frame(size, COLOR), text);
                tui.press("v");
                assert_clean(&tui.frame(size, COLOR), text);
            }
            tui.press("tab");
        }
        tui.press("esc");
    }
}
