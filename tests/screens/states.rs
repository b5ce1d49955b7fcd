//! The views of the dashboard and its states, by name.

use std::collections::BTreeSet;

use dubwatch::internals::callback::{Encoding, Gap, Headers, Verdict};
use dubwatch::internals::forward::{ForwardAnswer, ForwardAttempt, ForwardMark};
use dubwatch::internals::simulate::Message;
use dubwatch::internals::status::{
    ApiState, ForwardState, ForwardStatus, JournalHealth, Link, LinkState,
};
use dubwatch::internals::tui::effect::{Effect, Request};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::detail::{Detail, StepView};
use dubwatch::internals::tui::model::mode::Pane;
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::model::target::Target;
use dubwatch::internals::tui::model::{Banner, Model};
use jiff::SignedDuration;

use crate::answers;
use crate::tui_harness::{COLOR, TuiHarness, now, run_info};

/// Every view, with the keys that lead to it. A refusal opens at its signature, so its tabs come in
/// another order.
pub(crate) const VIEWS: [(&str, &str); 19] = [
    ("timeline", "1"),
    ("lanes", "1 tab"),
    ("asset_deliveries", "1 tab tab"),
    ("matrix", "2"),
    ("deliveries", "3"),
    ("health", "4"),
    ("payload", "3 enter"),
    ("headers", "3 enter tab"),
    ("raw", "3 enter tab tab"),
    ("hex", "3 enter tab tab v"),
    ("signature", "3 enter tab tab tab"),
    ("forward", "3 enter tab tab tab tab"),
    ("keys", "?"),
    ("copy", "y"),
    ("copy_of_delivery", "3 enter y"),
    ("filter", "1 /"),
    ("name", "1 L"),
    ("expectation", "1 E"),
    ("quit", "1 q"),
];

/// Every state, with the text required in the banner or, while frozen, in the footer.
pub(crate) const STATES: [(&str, &str); 32] = [
    ("empty", ""),
    ("empty_without_key", ""),
    ("reading", ""),
    ("busy", ""),
    ("failed", ""),
    ("frozen", "FROZEN"),
    ("filtered", ""),
    ("filtered_to_nothing", ""),
    ("filter_with_mistake", ""),
    ("failures_only", ""),
    ("expected", ""),
    ("demo", "DEMO"),
    ("demo_over", "DEMO"),
    ("unchecked", "UNCHECKED"),
    ("partly_unchecked", ""),
    ("read_only", "READ ONLY"),
    ("writer_gone", "NOT RECEIVING"),
    ("unwritable", "NOT RECEIVING"),
    ("full_disk", "THE JOURNAL CANNOT BE WRITTEN"),
    ("full_disk_unchecked", "THE JOURNAL CANNOT BE WRITTEN"),
    ("connecting", ""),
    ("catching_up", ""),
    ("disconnected", ""),
    ("token_refused", ""),
    ("superseded", ""),
    ("gaps", ""),
    ("forwarding", ""),
    ("app_down", "APP DOWN"),
    ("api", ""),
    ("api_paused", ""),
    ("many", ""),
    ("wide_text", ""),
];

/// Creates the dashboard in a state, before a view is opened. Most are `failed` plus what the name
/// says.
pub(crate) fn state(name: &str) -> TuiHarness {
    let mut tui = match name {
        "empty" | "empty_without_key" => TuiHarness::empty(),
        "reading" => TuiHarness::of(Model::new(run_info(None), now(), (120, 30))),
        "unchecked" | "full_disk_unchecked" => TuiHarness::story_unchecked(7, 140, |_| true),
        "partly_unchecked" => TuiHarness::story_unchecked(7, 140, |seq| seq % 3 == 0),
        "busy" => TuiHarness::story(7, 60),
        // One locale that most assets have, one that some have, and one that none has.
        "expected" => TuiHarness::story_expecting(7, 140, "it-IT,ko-KR,zz-ZZ"),
        _ => TuiHarness::story(7, 140),
    };
    // The width decides what keys do, and the order of arrival decides the first selection.
    tui.frame((120, 30), COLOR);
    let banner = match name {
        "demo" | "demo_over" => Some(Banner::Demo),
        "unchecked" | "full_disk_unchecked" => Some(Banner::Unchecked),
        "read_only" | "writer_gone" => Some(Banner::ReadOnly),
        "unwritable" => Some(Banner::Unwritable),
        _ => None,
    };
    tui.model.run_info.banner = banner;
    if let Some(state) = link_state(name) {
        let link = Link { state, ..Link::new("relay.example".to_owned()) };
        tui.event(BackendEvent::Link(Box::new(link)));
    }
    tui.press("n");
    tui.model().pane = Pane::Assets;
    match name {
        "empty_without_key" => {
            tui.model.run_info.send_line.clear();
            tui.model.run_info.keys.clear();
        }
        "failures_only" => drop(tui.press("!")),
        "frozen" => {
            tui.press("space");
            tui.tick(now() + SignedDuration::from_secs(155));
        }
        "filtered" => drop(tui.press("/ k e y n o t e enter")),
        "filtered_to_nothing" => drop(tui.press("/ l o c a l e : x x enter")),
        "filter_with_mistake" => drop(tui.press("/ f a l i e d : x enter")),
        "demo_over" => drop(tui.event(BackendEvent::StoryOver)),
        "writer_gone" => drop(tui.event(BackendEvent::Orphaned(true))),
        "full_disk" | "full_disk_unchecked" => {
            tui.event(BackendEvent::Store(JournalHealth::Failing {
                why: "database or disk is full".to_owned(),
            }));
            tui.event(BackendEvent::Warning(now(), "the clock was set back by 3 s".to_owned()));
        }
        "forwarding" => forwarding(&mut tui, ForwardState::Sending),
        "app_down" => {
            let why = "cannot connect to localhost:3000: Connection refused (os error 111)";
            forwarding(&mut tui, ForwardState::Down { since: now(), why: why.to_owned() });
        }
        "api" => answers::every_basis(&mut tui, ApiState::Waiting),
        "api_paused" => answers::every_basis(&mut tui, answers::paused()),
        "gaps" => drop(tui.event(BackendEvent::Gaps(vec![gap(-400, 12), gap(100, 1)]))),
        "many" => fill(&mut tui, (0..300).map(|number| format!("ast_{number:04}cafe"))),
        "wide_text" => {
            let texts = ["漢字漢字漢字漢字漢字漢字漢字", "👩\u{200d}🚀 e\u{301} \u{1b}[31m"];
            fill(&mut tui, texts.into_iter().map(str::to_owned));
        }
        _ => {}
    }
    tui
}

fn link_state(name: &str) -> Option<LinkState> {
    let at = now() + SignedDuration::from_secs(148);
    Some(match name {
        "connecting" => LinkState::Dialling { attempt: 0 },
        "catching_up" | "gaps" => LinkState::Up { since: now(), rtt: None, behind: 38 },
        "disconnected" => {
            let why = "cannot connect to relay.example:443: Connection refused".to_owned();
            LinkState::Retrying { at, attempt: 4, why }
        }
        "token_refused" => LinkState::Refused {
            why: "the relay does not accept the token".to_owned(),
            token: true,
        },
        "superseded" => LinkState::Superseded,
        _ => return None,
    })
}

/// The last deliveries were forwarded, with all kinds of answers; the very last ones wait.
fn forwarding(tui: &mut TuiHarness, state: ForwardState) {
    let model = tui.model();
    let mut seqs: Vec<u64> = (0..model.row_count())
        .filter_map(|place| match model.row(place)?.target() {
            Target::Delivery(seq) => Some(seq),
            Target::Refusal(_) => None,
        })
        .collect();
    seqs.sort_unstable();
    let waiting = seqs.split_off(seqs.len() - 3);
    let statuses = [Some(200), Some(204), Some(500), None, Some(404), Some(200)];
    let marks = seqs.iter().zip(statuses.iter().cycle()).map(|(seq, status)| ForwardMark {
        seq: *seq,
        status: *status,
        is_accepted: status.is_some_and(|status| status < 300),
    });
    tui.event(BackendEvent::Forwards(marks.collect()));
    let target = ForwardStatus {
        state,
        place: waiting[0] - 1,
        waiting: 3,
        accepted: 96,
        failed: 48,
        last_answer: Some((now(), 200)),
        last_error: Some((now(), "no answer within 30s (--forward-timeout)".to_owned())),
        ..ForwardStatus::new("http://localhost:3000/hooks".to_owned())
    };
    tui.event(BackendEvent::ForwardTargets(vec![target]));
}

fn gap(second: i64, count: u64) -> Gap {
    Gap {
        at: now() + SignedDuration::from_secs(second),
        inbox: "https://relay.example/in/8f3a0c51d2e94b7f".to_owned(),
        epoch: 255,
        from: 7,
        to: 6 + count,
        count,
        reason: "unverified".to_owned(),
    }
}

/// Delivers a version of each asset, the first one latest.
fn fill(tui: &mut TuiHarness, ids: impl Iterator<Item = String>) {
    for (number, id) in (0..).zip(ids) {
        let message = Message {
            event: "version_generated".to_owned(),
            asset_id: id.clone(),
            version_id: Some(format!("v{id}")),
            version_locale: Some("es-ES".to_owned()),
        };
        let row = tui.delivery(&message, now() - SignedDuration::from_secs(number * 97));
        tui.news(vec![row], &BTreeSet::from([id]), true);
    }
}

/// Presses keys, and answers requests for details.
pub(crate) fn open(tui: &mut TuiHarness, keys: &str) {
    for effect in tui.press(keys) {
        if let Effect::Request(Request::Detail(target)) = effect {
            let model = tui.model();
            let row = (0..model.row_count()).filter_map(|place| model.row(place).cloned());
            let row = row.into_iter().find(|row| row.target() == target);
            let detail = row.map(|row| Box::new(detail(&row)));
            tui.event(BackendEvent::Detail(target, detail));
        }
    }
}

/// Returns a row as it is read from the journal.
pub(crate) fn detail(row: &Row) -> Detail {
    if row.is_answer() {
        return answers::detail(row);
    }
    let callback = row.callback();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let body = format!(
        r#"{{"event":"{}","asset_id":"{}","version_id":"{}","version_locale":"{}","title":"Épisode \"4\"","took":[12.5e0,null,{{}}]}}"#,
        text(&callback.event),
        text(&callback.asset_id),
        text(&callback.version_id),
        text(&callback.version_locale),
    );
    let valid = matches!(row.target(), Target::Delivery(_));
    let step = |name: &str, passed: Option<bool>, note: &str| StepView {
        name: name.to_owned(),
        passed,
        note: note.to_owned(),
    };
    let bytes = body.len();
    Detail {
        row: row.clone(),
        committed_at: match row {
            Row::Delivery(delivery) => Some(delivery.committed_at),
            Row::Refusal { .. } => None,
        },
        request: "POST /callback".to_owned(),
        headers: Headers::from_raw([
            ("host", b"127.0.0.1:3829".as_slice()),
            ("content-type", b"application/json"),
            ("x-signature", "3045022100".repeat(14).as_bytes()),
            ("x-signature-algorithm", b"ES256"),
            ("authorization", b"Bearer secret"),
        ]),
        body: body.into_bytes(),
        truncated: false,
        earlier: Vec::new(),
        verdict: if valid {
            Verdict::Valid { key: "demo".into(), encoding: Encoding::Der }
        } else {
            Verdict::Invalid {
                why: "hex is fine, DER is fine, no trusted key made it (2 tried: panjaya, demo); body changed on its way: the signature holds for the body without its trailing newline".to_owned(),
            }
        },
        steps: vec![
            step("header", Some(true), "one X-Signature header of 140 characters"),
            step("hex", Some(true), "hex of 70 bytes"),
            step("encoding", Some(true), "a signature by its form"),
            step("range", Some(true), "r and s are in the range of the curve"),
            step("key panjaya", Some(false), &format!("did not make it over these {bytes} bytes")),
            step(
                "key demo",
                Some(valid),
                &if valid {
                    format!("made it over these {bytes} bytes")
                } else {
                    format!("did not make it over these {bytes} bytes")
                },
            ),
            step("key later", None, ""),
        ],
        forwards: if valid { vec![answered(row)] } else { Vec::new() },
    }
}

/// An attempt to forward it, which the app answered with an error.
fn answered(row: &Row) -> ForwardAttempt {
    let Target::Delivery(seq) = row.target() else { unreachable!("refusals are not forwarded") };
    ForwardAttempt {
        seq,
        target: "http://localhost:3000/".into(),
        attempt: 1,
        at: row.at() + jiff::SignedDuration::from_millis(12),
        is_last: true,
        answer: ForwardAnswer {
            status: Some(500),
            took: std::time::Duration::from_micros(3142),
            error: None,
            headers: Headers::from_raw([("content-type", b"text/plain".as_slice())]),
            body: b"TypeError: undefined is not a function\n    at hook (app.js:7)\n".to_vec(),
            is_truncated: false,
        },
    }
}
