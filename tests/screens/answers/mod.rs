//! What the service's API says, on every screen: what a state rests on, versions that are being
//! dubbed, names, assets of another account, and how the questions are doing.

mod assets;
mod basis;
mod rows;

use std::collections::BTreeSet;

use dubwatch::internals::callback::{Headers, ReportedName, Verdict, VersionStatus};
use dubwatch::internals::simulate::Message;
use dubwatch::internals::status::{ApiState, ApiStatus};
use dubwatch::internals::timeline::AssetListing;
use dubwatch::internals::tui::effect::{Effect, Request, StudioUse};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::detail::Detail;
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use crate::states::{open, state};
use crate::tui_harness::{COLOR, TuiHarness, now};

use VersionStatus::{Completed, Failed, Generating, NotReady, ReadyToEdit};

const REEL: &str = "ast_reel";
const ASCII: Theme = Theme { color: false, ascii: true, light: false };

fn minute(minute: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minute)
}

/// Delivers a callback of a version, named by its locale; returns the effects.
fn deliver(
    tui: &mut TuiHarness,
    asset: &str,
    (locale, event): (&str, &str),
    at: Timestamp,
) -> Vec<Effect> {
    let message = Message {
        event: format!("version_{event}"),
        asset_id: asset.to_owned(),
        version_id: Some(format!("ver_{locale}")),
        version_locale: Some(locale.to_owned()),
    };
    let row = tui.delivery(&message, at);
    tui.news(vec![row], &BTreeSet::from([asset.to_owned()]), false)
}

/// Lets the API say the status of a version; returns the effects.
fn answer(
    tui: &mut TuiHarness,
    asset: &str,
    (locale, status): (&str, VersionStatus),
    at: Timestamp,
) -> Vec<Effect> {
    let row = tui.answer(asset, locale, status, at);
    tui.news(row.into_iter().collect(), &BTreeSet::from([asset.to_owned()]), false)
}

fn notifications(effects: &[Effect]) -> Vec<String> {
    let words = |effect: &Effect| match effect {
        Effect::Notify(words) => Some(words.to_string()),
        _ => None,
    };
    effects.iter().filter_map(words).collect()
}

/// Sets what the API lists about an asset, as the backend reports it.
fn list(tui: &mut TuiHarness, asset: &str, listing: AssetListing) {
    tui.listings.insert(asset.to_owned(), listing);
    let asset = tui.asset(asset);
    tui.event(BackendEvent::Asset(Box::new(asset)));
}

fn complete() -> AssetListing {
    AssetListing { is_complete: true, ..AssetListing::default() }
}

fn named(name: &str, field: &str) -> AssetListing {
    let name = ReportedName { text: name.to_owned(), field: field.to_owned() };
    AssetListing { name: Some(name), ..complete() }
}

fn foreign() -> AssetListing {
    AssetListing { is_foreign: true, ..AssetListing::default() }
}

pub(crate) fn paused() -> ApiState {
    ApiState::Paused {
        until: minute(4),
        why: "api.panjaya.ai is busy (429 Too Many Requests)".to_owned(),
    }
}

/// Adds an asset with a version for each basis, which the API named and listed, one of another
/// account, and the status of the questions.
pub(crate) fn every_basis(tui: &mut TuiHarness, state: ApiState) {
    tui.listings.insert(REEL.to_owned(), named("Harbour Lights, reel 2", "title"));
    tui.listings.insert("ast_other".to_owned(), foreign());
    for (locale, event, at) in [
        ("es-ES", "ready", -40),
        ("es-ES", "generating", -30),
        ("fr-FR", "generated", -20),
        ("ja-JP", "ready", -19),
        ("pt-BR", "generating", -50),
    ] {
        deliver(tui, REEL, (locale, event), minute(at));
    }
    deliver(tui, "ast_other", ("es-ES", "ready"), minute(-9));
    for (locale, status) in [
        ("de-DE", NotReady),
        ("fr-FR", Completed),
        ("it-IT", Failed),
        ("ko-KR", Generating),
        ("nl-NL", ReadyToEdit),
        ("pt-BR", NotReady),
        ("es-ES", Completed),
    ] {
        answer(tui, REEL, (locale, status), minute(2));
    }
    tui.tick(minute(3));
    let status = ApiStatus {
        state,
        asked: 1204,
        waiting: 17,
        last_answer: Some(minute(2)),
        looked_over: Some(minute(1)),
        last_error: Some((minute(1), "api.panjaya.ai did not answer within 30 s".to_owned())),
        foreign: 1,
        ..ApiStatus::new("api.panjaya.ai".to_owned())
    };
    tui.event(BackendEvent::Api(Box::new(status)));
    tui.model.selection.asset = Some(REEL.into());
    tui.model.selection.chosen = true;
    tui.model.selection.row = None;
    tui.model.selection.version = Some("ver_es-ES".to_owned());
}

/// Returns an answer as it is read from the journal.
pub(crate) fn detail(row: &Row) -> Detail {
    let Row::Delivery(delivery) = row else { unreachable!("answers are deliveries") };
    let callback = &delivery.callback;
    let body = format!(
        r#"{{"asset_id":"{}","version_id":"{}","version_locale":"{}","status":"Completed"}}"#,
        callback.asset_id.as_deref().unwrap_or_default(),
        callback.version_id.as_deref().unwrap_or_default(),
        callback.version_locale.as_deref().unwrap_or_default(),
    );
    Detail {
        row: row.clone(),
        committed_at: Some(delivery.committed_at),
        request: format!("GET /v1/assets/{REEL}"),
        headers: Headers::default(),
        body: body.into_bytes(),
        truncated: false,
        earlier: Vec::new(),
        verdict: Verdict::Api,
        steps: Vec::new(),
        forwards: Vec::new(),
    }
}

fn lines(tui: &mut TuiHarness, size: (u16, u16), theme: Theme) -> Vec<String> {
    let buffer = tui.frame(size, theme);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(|y| row(y).trim_end().to_owned()).collect()
}

fn text(tui: &mut TuiHarness) -> String {
    lines(tui, (120, 40), COLOR).join("\n")
}

/// Returns what is beside the list of assets, if it is shown, in one line.
fn beside_list(lines: &[String]) -> String {
    let beside = lines.iter().filter_map(|line| line.split(['│', '|']).next_back());
    beside.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn sentence(tui: &mut TuiHarness) -> String {
    beside_list(&lines(tui, (120, 40), COLOR))
}
