//! Moves the selection: in the asset list, the lanes, the deliveries, the matrix, and from failure
//! to failure.

use std::sync::Arc;

use super::super::model::Model;
use super::super::model::mode::Pane;
use super::super::model::row::Row;
use super::super::model::row_window::RowWindow;
use super::super::model::screen::Screen;
use super::super::model::target::Target;
use super::hold_positions;

/// The distance of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Steps(isize),
    Pages(isize),
    First,
    Last,
}

impl By {
    /// Returns the index that the move leads to from `at`, out of `count`.
    fn from(self, at: usize, count: usize, page: usize) -> usize {
        let newest = count.saturating_sub(1);
        match self {
            Self::Steps(by) => at.saturating_add_signed(by).min(newest),
            Self::Pages(by) => at.saturating_add_signed(by * page.max(1).cast_signed()).min(newest),
            Self::First => 0,
            Self::Last => newest,
        }
    }
}

/// Moves the selection of the focused list.
pub(super) fn go(model: &mut Model, by: By) {
    model.selection.chosen = true;
    match (model.screen, model.pane) {
        (Screen::Timeline, Pane::Assets) | (Screen::Matrix, _) => assets(model, by),
        (Screen::Timeline, Pane::Lanes) => lanes(model, by),
        (Screen::Timeline, Pane::Deliveries) => asset_rows(model, by),
        (Screen::Deliveries, _) => rows(model, by),
        (Screen::Health, _) => {}
    }
}

fn page(model: &Model) -> usize {
    usize::from(model.size.1.saturating_sub(6)).max(1)
}

fn assets(model: &mut Model, by: By) {
    hold_positions(model);
    let to = by.from(model.selected_place(), model.assets().len(), page(model));
    let id = model.assets().get(to).map(|place| Arc::clone(&place.id));
    if id != model.selection.asset {
        model.selection.asset = id;
        model.selection.version = None;
    }
}

fn lanes(model: &mut Model, by: By) {
    let Some(asset) = model.selected_asset() else { return };
    let lanes = asset.lanes();
    let to = by.from(model.selected_lane(), lanes.len(), page(model));
    model.selection.version = lanes.get(to).map(|lane| lane.version_id.clone());
}

fn asset_rows(model: &mut Model, by: By) {
    let count = model.asset_row_count();
    let Some(at) = model.selected_asset_row() else { return };
    let to = by.from(at, count, page(model) / 3);
    model.selection.asset_row = target(by, at, to, model.asset_row(to));
}

fn rows(model: &mut Model, by: By) {
    let count = model.row_count();
    let Some(at) = model.selected_row() else { return };
    let to = by.from(at, count, page(model));
    let is_behind = model.listed_rows().is_some_and(RowWindow::is_behind);
    // There are more rows after the last one held: moving down must not skip them.
    let by = if is_behind && by != By::Last { By::Steps(0) } else { by };
    model.selection.row = target(by, at, to, model.row(to));
    if model.selection.row.is_none() {
        model.selection.since = 0;
    }
}

/// Returns the row to select after a move. `None` follows the newest row: on request, or when
/// moving down from the last row.
fn target(by: By, at: usize, to: usize, row: Option<&Arc<Row>>) -> Option<Target> {
    let onward = matches!(by, By::Steps(1..) | By::Pages(1..));
    if by == By::Last || (onward && at == to) {
        return None;
    }
    row.map(|row| row.target())
}

/// Selects the next or previous failure or overdue version. Returns false if there is none.
pub(super) fn to_failure(model: &mut Model, by: isize) -> bool {
    if model.screen == Screen::Deliveries {
        return to_failing_row(model, by);
    }
    let mut failures: Vec<(Arc<str>, Option<String>, bool)> = Vec::new();
    for alert in model.shown().asset_list.alerts() {
        let id = Arc::from(alert.asset.id());
        let version = alert.version.map(|version| version.version_id.clone());
        failures.push((id, version, alert.acknowledged));
    }
    // Only those not seen; if all were seen, all of them.
    if failures.iter().any(|(_, _, seen)| !seen) {
        failures.retain(|(_, _, seen)| !seen);
    }
    if failures.is_empty() {
        return false;
    }
    let here = failures.iter().position(|(id, version, _)| {
        model.selection.asset.as_ref() == Some(id) && *version == model.selection.version
    });
    let count = failures.len().cast_signed();
    let to = if let Some(at) = here {
        (at.cast_signed() + by).rem_euclid(count)
    } else {
        // Relative to the selection: the first failure from there on, or the last one before.
        let selected = model.selected_place();
        let place = |id: &Arc<str>| {
            let shown = &model.shown().asset_list;
            shown.get(id).and_then(|asset| shown.place_of(asset)).unwrap_or(usize::MAX)
        };
        let from = failures.iter().position(|(id, ..)| place(id) >= selected);
        let from = from.unwrap_or(failures.len()).cast_signed();
        if by > 0 { from % count } else { (from - 1).rem_euclid(count) }
    };
    let (id, version, _) = failures.swap_remove(to.cast_unsigned());
    hold_positions(model);
    model.selection.chosen = true;
    model.selection.asset = Some(id);
    if version.is_some() {
        model.pane = Pane::Lanes;
    }
    model.selection.version = version;
    if model.screen != Screen::Matrix {
        model.screen = Screen::Timeline;
    }
    // If the filter hides it, the filter is removed: the failure is more important.
    if model.selected_asset().map(|asset| asset.id()) != model.selection.asset.as_deref() {
        super::line::set_filter(model, "");
    }
    true
}

fn to_failing_row(model: &mut Model, by: isize) -> bool {
    let Some(at) = model.selected_row() else { return false };
    let count = model.row_count();
    let failing = |place: &usize| model.row(*place).is_some_and(|row| row.is_failure());
    let found = if by > 0 {
        (at + 1..count).find(failing).or_else(|| (0..=at).find(failing))
    } else {
        (0..at).rev().find(failing).or_else(|| (at..count).rev().find(failing))
    };
    let Some(target) = found.and_then(|place| model.row(place)).map(|row| row.target()) else {
        return false;
    };
    model.selection.row = Some(target);
    true
}

/// Selects another column of the matrix.
pub(super) fn locales(model: &mut Model, by: isize) {
    let to = model.selected_column().saturating_add_signed(by);
    let mut locales = model.shown().asset_list.locales().map(|locale| locale.map(str::to_owned));
    let locale = locales.nth(to);
    drop(locales);
    if locale.is_some() {
        model.selection.locale = locale;
    }
}
