//! Opens a delivery, and handles the keys of the detail view.

use std::sync::Arc;

use super::super::effect::{Effect, Request};
use super::super::keymap::Action;
use super::super::model::Model;
use super::super::model::mode::{DetailMode, Mode, Pane};
use super::super::model::row::Row;
use super::super::model::screen::Screen;
use super::super::model::tab::Tab;
use super::super::model::target::Target;
use super::{go_to, show_message};
use crate::callback::RefusalKind;
use crate::timeline::VersionRow;

/// Opens the selected item.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    model.selection.chosen = true;
    match (model.screen, model.pane) {
        (Screen::Deliveries, _) | (Screen::Timeline, Pane::Deliveries) => {
            let Some(target) = selected_target(model) else {
                show_message(model, "there is no delivery to open");
                return Vec::new();
            };
            open_target(model, target, Tab::Payload)
        }
        (Screen::Timeline, Pane::Assets) => {
            model.pane = Pane::Lanes;
            Vec::new()
        }
        (Screen::Timeline, Pane::Lanes) => {
            // The delivery that led to the version's current state.
            let version = model.selected_asset().and_then(|asset| {
                Some(asset.lanes().get(model.selected_lane())?.version_id.clone())
            });
            let count = model.asset_row_count();
            let made = (0..count).rev().filter_map(|place| model.asset_row(place)).find(|row| {
                row.changed_state() && row.callback().version_id.as_ref() == version.as_ref()
            });
            let Some(target) = made.map(|row| row.target()) else {
                model.pane = Pane::Deliveries;
                return Vec::new();
            };
            open_target(model, target, Tab::Payload)
        }
        (Screen::Matrix, _) => {
            let locale = model.selected_locale().map(|locale| locale.map(str::to_owned));
            let lanes = model.selected_asset().map(|asset| asset.lanes()).unwrap_or_default();
            // If there are several versions in one locale, the first lane is the most urgent one.
            let here = |row: &&&VersionRow| {
                locale.as_ref().is_some_and(|locale| row.version.locale() == locale.as_deref())
            };
            let version = lanes.iter().find(here).map(|row| row.version_id.clone());
            model.selection.version = version;
            go_to(model, Screen::Timeline);
            model.pane = Pane::Lanes;
            Vec::new()
        }
        (Screen::Health, _) => Vec::new(),
    }
}

/// Returns the selected row of the focused list.
pub(super) fn selected_delivery(model: &Model) -> Option<&Arc<Row>> {
    match model.screen {
        Screen::Deliveries => model.row(model.selected_row()?),
        _ => model.asset_row(model.selected_asset_row()?),
    }
}

/// Returns what identifies the selected row.
pub(super) fn selected_target(model: &Model) -> Option<Target> {
    selected_delivery(model).map(|row| row.target())
}

/// Opens a delivery or refusal.
fn open_target(model: &mut Model, target: Target, tab: Tab) -> Vec<Effect> {
    let tab = match reason(model, target) {
        Some(kind) if tab == Tab::Payload => reason_tab(kind),
        _ => tab,
    };
    model.mode = Mode::Detail(DetailMode {
        target,
        tab,
        other_form: false,
        scroll: 0,
        detail: None,
        lines: Arc::default(),
        laid_out: None,
    });
    vec![Effect::Request(Request::Detail(target))]
}

/// Returns why a refusal was refused, or `None` for a delivery.
fn reason(model: &Model, target: Target) -> Option<RefusalKind> {
    let shown = model.shown();
    let found = shown.results.iter().flat_map(|found| found.rows.iter());
    let mut rows = shown.rows.iter().rev().chain(&shown.of_asset.rows).chain(found);
    match &**rows.find(|row| row.target() == target)? {
        Row::Refusal { listed, .. } => Some(listed.refusal.kind),
        Row::Delivery(_) => None,
    }
}

/// Returns the tab that shows the reason: the steps of the check, or the request line if the
/// request was refused before its signature was checked.
const fn reason_tab(kind: RefusalKind) -> Tab {
    if kind.verdict().is_some() { Tab::Signature } else { Tab::Headers }
}

/// Handles a key in the detail view.
pub(super) fn press(model: &mut Model, action: Action) -> Vec<Effect> {
    let page = model.detail_page();
    let Mode::Detail(detail) = &mut model.mode else { return Vec::new() };
    let last = detail.lines.len().saturating_sub(page);
    match action {
        Action::NextTab | Action::PreviousTab => {
            let by = if action == Action::NextTab { 1 } else { -1 };
            detail.tab = detail.tab.moved(by, detail.target);
            detail.other_form = false;
            detail.scroll = 0;
            detail.laid_out = None;
        }
        Action::OtherForm => {
            detail.other_form = !detail.other_form;
            detail.scroll = 0;
            detail.laid_out = None;
        }
        Action::Up => detail.scroll = detail.scroll.saturating_sub(1),
        Action::Down => detail.scroll = (detail.scroll + 1).min(last),
        Action::PageUp => detail.scroll = detail.scroll.saturating_sub(page),
        Action::PageDown => detail.scroll = (detail.scroll + page).min(last),
        Action::First => detail.scroll = 0,
        Action::Last => detail.scroll = last,
        Action::Back => model.mode = Mode::Normal,
        Action::NextFailure | Action::PreviousFailure => {
            let (tab, target) = (detail.tab, detail.target);
            let by = if action == Action::NextFailure { 1 } else { -1 };
            if let Some(next) = neighbour(model, target, by) {
                let effects = open_target(model, next, tab);
                if let Mode::Detail(detail) = &mut model.mode {
                    detail.tab = tab;
                }
                return effects;
            }
        }
        _ => {}
    }
    Vec::new()
}

/// Returns the row next to the open one in the list it was opened from, and selects it.
fn neighbour(model: &mut Model, target: Target, by: isize) -> Option<Target> {
    let everywhere = model.screen == Screen::Deliveries;
    let count = if everywhere { model.row_count() } else { model.asset_row_count() };
    let row = |place: usize| if everywhere { model.row(place) } else { model.asset_row(place) };
    let at = (0..count).rev().find(|at| row(*at).is_some_and(|row| row.target() == target))?;
    let next = row(at.checked_add_signed(by)?)?.target();
    if everywhere {
        model.selection.row = Some(next);
    } else {
        model.selection.asset_row = Some(next);
    }
    Some(next)
}
