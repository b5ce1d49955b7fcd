//! Typing: the filter, which is active while it is typed, the name of an asset, which versions are
//! expected of it, and where to download a version.

use std::sync::Arc;

use super::super::effect::{Effect, Request};
use super::super::input::Chord;
use super::super::keymap::Action;
use super::super::model::Model;
use super::super::model::asset::AssetView;
use super::super::model::mode::{Line, Mode};
use super::super::model::screen::Screen;
use super::{download, enter, show_message};
use crate::filter::Filter;
use crate::timeline::Expectation;

/// Begins typing a filter.
pub(super) fn begin_filter(model: &mut Model) {
    let before = model.filtering.text.clone();
    let asset = model.selection.asset.clone();
    model.mode = Mode::Filter { line: Line::filter(&before), before, asset };
}

/// Begins typing a name for the selected asset, or for the asset of the selected delivery.
pub(super) fn begin_name(model: &mut Model) {
    let Some(asset) = selected_asset(model) else { return };
    let line = Line::name(asset.notes.name.as_deref().unwrap_or_default());
    model.mode = Mode::Name { asset_id: asset.id().to_owned(), line };
}

/// Begins typing which versions are expected of the same asset. Begins with those that the user set
/// for it, and not with `--expect`: keeping that would set it by hand.
pub(super) fn begin_expectation(model: &mut Model) {
    let Some(asset) = selected_asset(model) else { return };
    let before = asset.notes.expected.as_ref().map(ToString::to_string);
    let line = Line::expectation(&before.unwrap_or_default());
    model.mode = Mode::Expect { asset_id: asset.id().to_owned(), line };
}

/// Returns the selected asset, or the asset of the selected delivery. If there is none, says so.
fn selected_asset(model: &mut Model) -> Option<Arc<AssetView>> {
    let id = match model.screen {
        Screen::Deliveries => {
            enter::selected_delivery(model).and_then(|row| row.callback().asset_id.clone())
        }
        Screen::Health => None,
        _ => model.selected_asset().map(|asset| asset.id().to_owned()),
    };
    let asset = id.and_then(|id| model.shown().asset_list.get(&id).cloned());
    if asset.is_none() {
        show_message(model, "no asset is selected");
    }
    asset
}

/// Handles a typed character, even if it is a command elsewhere: `q` is a letter here.
pub(super) fn insert_char(model: &mut Model, chord: Chord) {
    if let Some(character) = chord.text() {
        paste(model, character.encode_utf8(&mut [0; 4]));
    }
}

/// Inserts text into the line being typed; ignored in every other mode.
pub(super) fn paste(model: &mut Model, text: &str) {
    if let Some(line) = model.mode.line_mut() {
        line.insert(text);
        refilter(model);
    }
}

/// Handles an editing key.
pub(super) fn edit(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Accept => return accept(model),
        Action::Abandon => return abandon(model),
        _ => {}
    }
    let Some(line) = model.mode.line_mut() else { return Vec::new() };
    match action {
        Action::Backspace => line.backspace(),
        Action::Delete => line.delete(),
        Action::Clear => line.clear(),
        Action::CursorLeft => line.move_by(-1),
        Action::CursorRight => line.move_by(1),
        Action::CursorStart => line.move_by(isize::MIN),
        Action::CursorEnd => line.move_by(isize::MAX),
        _ => {}
    }
    refilter(model);
    Vec::new()
}

/// Returns whether the matches of a filter change as time passes.
pub(super) fn is_about_time(text: &str) -> bool {
    text.contains("since:") || text.contains("until:")
}

/// Activates a filter, or stores why it is invalid.
pub(super) fn set_filter(model: &mut Model, text: &str) {
    text.clone_into(&mut model.filtering.text);
    match Filter::parse(text, model.shown_at()) {
        Ok(filter) => {
            model.filtering.filter = filter;
            model.filtering.error = None;
            model.listing.stale = true;
        }
        Err(error) => model.filtering.error = Some(error.to_string()),
    }
}

fn refilter(model: &mut Model) {
    if let Mode::Filter { line, .. } = &model.mode {
        let text = line.text().to_owned();
        if text != model.filtering.text {
            set_filter(model, &text);
        }
    }
}

fn accept(model: &mut Model) -> Vec<Effect> {
    if model.line_error().is_some() {
        // Stays open, so that it can be corrected.
        return Vec::new();
    }
    match std::mem::replace(&mut model.mode, Mode::Normal) {
        Mode::Name { asset_id, line } => {
            let name = line.text().trim();
            let name = (!name.is_empty()).then(|| name.to_owned());
            vec![Effect::Request(Request::Name { asset_id, name })]
        }
        Mode::Expect { asset_id, line } => {
            let expected = Expectation::parse(line.text()).ok();
            vec![Effect::Request(Request::Expect { asset_id, expected })]
        }
        Mode::Download { target, line, under } => {
            model.mode = *under;
            download::begin(model, target, line.text().trim())
        }
        _ => Vec::new(),
    }
}

fn abandon(model: &mut Model) -> Vec<Effect> {
    match std::mem::replace(&mut model.mode, Mode::Normal) {
        Mode::Filter { before, asset, .. } => {
            set_filter(model, &before);
            model.selection.asset = asset;
        }
        Mode::Download { under, .. } => model.mode = *under,
        _ => {}
    }
    Vec::new()
}
