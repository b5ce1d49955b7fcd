//! Applies messages to the model and returns the effects to carry out. Does no IO.

mod copy;
mod download;
mod enter;
mod event;
mod keys;
mod line;
mod moves;
mod next_change;
mod search;

use jiff::{SignedDuration, Timestamp};

use super::effect::{Effect, Request};
use super::model::Model;
use super::model::mode::{Mode, Pane};
use super::model::screen::Screen;
use super::msg::Msg;

pub use next_change::next_change;

/// How long a status message is shown.
const STATUS_MESSAGE_DURATION: SignedDuration = SignedDuration::from_secs(4);
/// How long positions in the asset list are kept after a key.
const HOLD_DURATION: SignedDuration = SignedDuration::from_secs(4);

/// Applies one message. Call [`Model::settle`] before the next frame is drawn.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = apply(model, msg);
    // After every message, start the search that the listing needs.
    effects.extend(search::ensure_search(model));
    effects
}

fn apply(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(chord) => return keys::press(model, chord),
        Msg::Paste(text) => line::paste(model, &text),
        Msg::Resize(columns, rows) => model.size = (columns, rows),
        Msg::Tick(now) => return tick(model, now),
        Msg::Event(event) => return event::apply(model, event),
        Msg::ReceivedBehind(requests) => model.received_behind = Some(requests),
        Msg::Message(message) => show_message(model, message),
    }
    Vec::new()
}

fn tick(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    let minute = |at: Timestamp| at.as_second().div_euclid(60);
    // The matches of `since:1h` change as time passes.
    if minute(now) != minute(model.now) && line::is_about_time(&model.filtering.text) {
        let text = model.filtering.text.clone();
        line::set_filter(model, &text);
        search::drop_expired(model);
    }
    model.now = now;
    // Also if the clock was set back: nothing is shown for longer than intended.
    let is_over = |until: Timestamp| until <= now || until.duration_since(now) > HOLD_DURATION;
    if model.status_message.as_ref().is_some_and(|(_, until)| is_over(*until)) {
        model.status_message = None;
    }
    if model.hold_until.is_some_and(is_over) {
        model.hold_until = None;
        model.live.asset_list.hold(false);
        model.listing.stale = true;
    }
    let aged = model.live.asset_list.set_now(now);
    event::apply_aged(model, &aged)
}

/// Shows a status message for four seconds.
fn show_message(model: &mut Model, message: impl Into<String>) {
    let until = model.now.checked_add(STATUS_MESSAGE_DURATION).unwrap_or(model.now);
    model.status_message = Some((message.into(), until));
}

/// Keeps the positions in the asset list for a while, because the user is moving in it.
fn hold_positions(model: &mut Model) {
    model.live.asset_list.hold(true);
    model.hold_until = model.now.checked_add(HOLD_DURATION).ok();
}

/// Selects an asset if necessary, and requests the data that the selection needs.
fn follow_selection(model: &mut Model) -> Vec<Effect> {
    model.settle();
    let Some(asset) = model.selected_asset().cloned() else { return Vec::new() };
    let id = match &model.selection.asset {
        Some(id) if **id == *asset.id() => std::sync::Arc::clone(id),
        _ => {
            model.selection.version = None;
            std::sync::Arc::from(asset.id())
        }
    };
    // The selection stays: activity elsewhere does not change what the user looks at.
    model.selection.asset = Some(std::sync::Arc::clone(&id));
    if model.shown().of_asset.asset.as_ref() == Some(&id) {
        return Vec::new();
    }
    model.selection.asset_row = None;
    let live = super::model::snapshot::AssetRows::begin(&id, &model.live.rows);
    if let Some(frozen) = &mut model.frozen {
        frozen.snapshot.of_asset =
            super::model::snapshot::AssetRows::begin(&id, &frozen.snapshot.rows);
    }
    model.live.of_asset = live;
    model.listing.stale = true;
    vec![Effect::Request(Request::OfAsset(asset.id().to_owned()))]
}

/// Switches to a screen.
fn go_to(model: &mut Model, screen: Screen) {
    // The whole screen changes, so pieces of ids may change as well.
    model.live.asset_list.lengthen_pieces();
    model.screen = screen;
    if screen != Screen::Timeline {
        model.pane = Pane::Assets;
    }
    model.mode = Mode::Normal;
}
