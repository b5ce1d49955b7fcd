//! What each message makes of the model, and what is to be done about it. Does no IO.

mod copy;
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
use super::model::mode::{Mode, Pane, Screen};
use super::msg::Msg;

pub use next_change::next_change;

/// How long a status message is shown.
const STATUS_MESSAGE_LASTS: SignedDuration = SignedDuration::from_secs(4);
/// How long places in the asset list stand still after a key.
const HELD_FOR: SignedDuration = SignedDuration::from_secs(4);

/// Applies one message. Call [`Model::settle`] before the next frame is drawn.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = apply(model, msg);
    // Whatever it was: what is listed now has to be what is looked for.
    effects.extend(search::seek(model));
    effects
}

fn apply(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(chord) => return keys::press(model, chord),
        Msg::Paste(text) => line::paste(model, &text),
        Msg::Resize(columns, rows) => model.size = (columns, rows),
        Msg::Tick(now) => return tick(model, now),
        Msg::Event(event) => return event::apply(model, event),
        Msg::Behind(requests) => model.behind = Some(requests),
        Msg::Message(message) => show_message(model, message),
    }
    Vec::new()
}

fn tick(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    let minute = |at: Timestamp| at.as_second().div_euclid(60);
    // What `since:1h` lets through changes with the time.
    if minute(now) != minute(model.now) && line::is_about_time(&model.filtering.text) {
        let text = model.filtering.text.clone();
        line::set_filter(model, &text);
        search::narrow(model);
    }
    model.now = now;
    // Also when the clock was set back: nothing stands for longer than it was meant to.
    let is_over = |until: Timestamp| until <= now || until.duration_since(now) > HELD_FOR;
    if model.status_message.as_ref().is_some_and(|(_, until)| is_over(*until)) {
        model.status_message = None;
    }
    if model.hold_until.is_some_and(is_over) {
        model.hold_until = None;
        model.live.asset_list.hold(false);
        model.listing.stale = true;
    }
    let aged = model.live.asset_list.age(now);
    event::apply_aged(model, &aged)
}

/// Shows a status message for four seconds.
fn show_message(model: &mut Model, message: impl Into<String>) {
    let until = model.now.checked_add(STATUS_MESSAGE_LASTS).unwrap_or(model.now);
    model.status_message = Some((message.into(), until));
}

/// Has the asset list stand still for a while, because the user moves in it.
fn hold(model: &mut Model) {
    model.live.asset_list.hold(true);
    model.hold_until = model.now.checked_add(HELD_FOR).ok();
}

/// Selects what has to be selected, and asks for what the selection needs.
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
    // The selection sticks: what becomes active elsewhere does not change what is looked at.
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

/// Goes to a screen.
fn go_to(model: &mut Model, screen: Screen) {
    // All of the screen changes, so nothing that is looked at does.
    model.live.asset_list.renew_pieces();
    model.screen = screen;
    if screen != Screen::Timeline {
        model.pane = Pane::Assets;
    }
    model.mode = Mode::Normal;
}
