//! Handles keys.

use super::super::effect::{Effect, Request, StudioUse};
use super::super::help::Help;
use super::super::input::{Chord, Key};
use super::super::keymap::{self, Action, KEYMAP};
use super::super::model::mode::{Mode, Pane};
use super::super::model::row_window::RowWindow;
use super::super::model::screen::Screen;
use super::super::model::search::{PAGE, SearchStart};
use super::super::model::snapshot::{AssetRows, FrozenSnapshot};
use super::super::model::{Banner, Model};
use super::moves::{self, By};
use super::{copy, download, enter, follow_selection, go_to, line, search, show_message};

/// Handles a key.
pub(super) fn press(model: &mut Model, chord: Chord) -> Vec<Effect> {
    // Selections are indices into the listing, which has to be up to date.
    model.settle();
    model.status_message = None;
    let Some(action) = keymap::action(model, &chord) else {
        return unbound(model, chord);
    };
    match action {
        Action::Quit => return vec![Effect::Quit],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Repaint => return vec![Effect::Repaint],
        _ => {}
    }
    let mut effects = match &mut model.mode {
        Mode::Normal => normal(model, action, &chord),
        Mode::Filter { .. } | Mode::Name { .. } | Mode::Expect { .. } | Mode::Download { .. } => {
            line::edit(model, action)
        }
        Mode::AgreeHost { .. } => download::answer(model, action == Action::Accept),
        Mode::Copy(_) => copy::press(model, action),
        Mode::Help { .. } => help(model, action),
        // Every other bound key cancels.
        Mode::Quit => {
            model.mode = Mode::Normal;
            Vec::new()
        }
        Mode::Detail(_) => match action {
            Action::Copy => copy::begin(model),
            Action::OpenStudio => copy::ask_studio(model, StudioUse::Open),
            Action::Download => download::press(model),
            Action::Help => open_help(model),
            _ => enter::press(model, action),
        },
    };
    effects.extend(follow_selection(model));
    effects
}

/// Handles a key without a binding.
fn unbound(model: &mut Model, chord: Chord) -> Vec<Effect> {
    if chord.alt {
        // Terminals send Escape and a quickly following key as one, and tmux joins keys that arrive
        // within its escape time.
        let mut effects = press(model, Chord::plain(Key::Esc));
        effects.extend(press(model, chord.without_alt()));
        return effects;
    }
    if chord.shift {
        // Only some terminals report it.
        return press(model, chord.without_shift());
    }
    let is_typing = model.mode.line().is_some();
    if is_typing && chord.text().is_some() {
        line::insert_char(model, chord);
        return follow_selection(model);
    }
    if let Some(chord) = chord.on_us_layout() {
        return press(model, chord);
    }
    match model.mode {
        Mode::Quit => model.mode = Mode::Normal,
        Mode::AgreeHost { .. } => return download::answer(model, false),
        _ => {}
    }
    if !is_typing && chord.is_of_another_script() && !model.layout_warned {
        model.layout_warned = true;
        show_message(
            model,
            format!("keys are Latin letters, and {chord} is not one: switch the keyboard layout"),
        );
    }
    follow_selection(model)
}

fn normal(model: &mut Model, action: Action, chord: &Chord) -> Vec<Effect> {
    match action {
        Action::Show(screen) => go_to(model, screen),
        Action::NextPane => model.pane = model.pane.next(),
        Action::PreviousPane => model.pane = model.pane.previous(),
        Action::Up => return go(model, By::Steps(-1)),
        Action::Down => return go(model, By::Steps(1)),
        Action::PageUp => return go(model, By::Pages(-1)),
        Action::PageDown => return go(model, By::Pages(1)),
        Action::First => return go(model, By::First),
        Action::Last => return go(model, By::Last),
        Action::Left | Action::Right => {
            let by = if action == Action::Left { -1 } else { 1 };
            if model.screen == Screen::Matrix {
                moves::locales(model, by);
            } else {
                let (now, shown) = (model.shown_at(), model.time_range());
                model.axis.pan(by as i64, now, &shown);
            }
        }
        Action::Open => return enter::open(model),
        Action::NextFailure | Action::PreviousFailure => {
            let by = if action == Action::NextFailure { 1 } else { -1 };
            if !moves::to_failure(model, by) {
                let message = no_failure_message(model);
                show_message(model, message);
            }
        }
        Action::FailuresOnly => {
            model.failures_only = !model.failures_only;
            model.listing.stale = true;
            let message = if model.failures_only {
                "showing only failed and overdue ones; !: show all"
            } else {
                "showing everything"
            };
            show_message(model, message);
        }
        Action::Filter => line::begin_filter(model),
        Action::Name | Action::Expect | Action::Acknowledge if is_read_only(model) => {
            let why = read_only_message(model);
            show_message(model, why);
        }
        Action::Name => line::begin_name(model),
        Action::Expect => line::begin_expectation(model),
        Action::Acknowledge => return acknowledge(model),
        Action::Freeze => freeze(model),
        Action::Copy => return copy::begin(model),
        Action::OpenStudio => return copy::ask_studio(model, StudioUse::Open),
        Action::Download => return download::press(model),
        Action::ZoomIn | Action::ZoomOut => {
            let shown = model.time_range();
            model.axis.zoom(if action == Action::ZoomIn { 1 } else { -1 }, &shown);
        }
        Action::Fit => model.axis.fit(),
        Action::Help => return open_help(model),
        Action::Demo => {
            show_message(model, "starting the demo");
            return vec![Effect::StartDemo];
        }
        Action::Back => return back(model, chord),
        _ => {}
    }
    Vec::new()
}

/// Returns why a read-only dashboard cannot store names and marks.
fn read_only_message(model: &Model) -> &'static str {
    match model.run_info.banner {
        Some(Banner::Unwritable) => {
            "the journal cannot be written here, so names and marks cannot be saved"
        }
        Some(Banner::Capture) => "this is a capture: names and marks cannot be changed in it",
        _ => "another dubwatch writes this journal: set names and marks there",
    }
}

fn is_read_only(model: &Model) -> bool {
    matches!(model.run_info.banner, Some(Banner::ReadOnly | Banner::Unwritable | Banner::Capture))
}

/// Moves the selection, and requests further rows if it gets close to the end of those held.
fn go(model: &mut Model, by: By) -> Vec<Effect> {
    if model.screen != Screen::Deliveries {
        moves::go(model, by);
        return Vec::new();
    }
    let Some(rows) = model.listed_rows() else { return Vec::new() };
    // The first and the newest row may not be among the rows held.
    let elsewhere = match by {
        By::First if !rows.is_complete() => Some(SearchStart::Oldest),
        By::Last if rows.is_behind() => Some(SearchStart::Newest),
        _ => None,
    };
    moves::go(model, by);
    if let Some(start) = elsewhere {
        return search::request_rows(model, start, PAGE).into_iter().collect();
    }
    let screen = usize::from(model.size.1);
    let (Some(at), Some(rows)) = (model.selected_row(), model.listed_rows()) else {
        return Vec::new();
    };
    let start = if at < screen {
        rows.below()
    } else if rows.len() - at <= screen {
        rows.above()
    } else {
        None
    };
    start.and_then(|start| search::request_rows(model, start, PAGE)).into_iter().collect()
}

/// Goes one level back: freeze, filter, pane, screen, demo, time axis; then `q` quits.
fn back(model: &mut Model, chord: &Chord) -> Vec<Effect> {
    let is_q = chord.to_string() == "q";
    if model.frozen.is_some() {
        freeze(model);
    } else if model.is_narrowed() || model.filtering.error.is_some() {
        model.failures_only = false;
        line::set_filter(model, "");
    } else if model.screen == Screen::Timeline && model.pane != Pane::Assets {
        model.pane = Pane::Assets;
    } else if model.screen != Screen::Timeline {
        go_to(model, Screen::Timeline);
    } else if model.received_behind.is_some() {
        return vec![Effect::StopDemo];
    } else if !model.axis.is_following() {
        model.axis.fit();
    } else if is_q && model.run_info.confirm_quit {
        model.mode = Mode::Quit;
    } else if is_q {
        return vec![Effect::Quit];
    } else {
        let key =
            KEYMAP.iter().find(|row| row.action == Action::Quit).map_or("", |row| row.keys[0]);
        show_message(model, format!("press q or {key} to quit"));
    }
    Vec::new()
}

/// Freezes the screen, or continues.
fn freeze(model: &mut Model) {
    model.frozen = match model.frozen.take() {
        Some(_) => None,
        None => Some(FrozenSnapshot { snapshot: model.live.clone(), at: model.now, waiting: 0 }),
    };
    if model.frozen.is_none() && model.live.of_asset.asset != model.selection.asset {
        // The asset selected while frozen may differ from the one that the live data has.
        model.live.of_asset = AssetRows::default();
    }
    model.listing.stale = true;
}

/// Returns the message for when there is no failure to go to.
fn no_failure_message(model: &Model) -> String {
    if model.screen == Screen::Deliveries && model.is_narrowed() {
        return "no failures or refusals are listed; esc: show all".to_owned();
    }
    if model.screen == Screen::Deliveries && !model.listed_rows().is_some_and(RowWindow::is_whole) {
        return "no failures in the rows loaded so far; !: search all".to_owned();
    }
    model.alert_summary().0
}

const NO_ALERT: &str = "the selection has not failed and is not overdue";

/// Marks the selected alert as seen, or removes the mark: the alert of the selected lane, cell or
/// delivery, or all alerts of the asset selected in the list.
fn acknowledge(model: &mut Model) -> Vec<Effect> {
    let Some((asset_id, versions)) = subject(model) else {
        show_message(model, NO_ALERT);
        return Vec::new();
    };
    let Some(asset) = model.shown().asset_list.get(&asset_id).cloned() else {
        show_message(model, "its asset is not among those shown");
        return Vec::new();
    };
    let is_selected = |version: Option<&str>| match &versions {
        None => true,
        Some(versions) => versions.iter().any(|id| id.as_deref() == version),
    };
    let alerts: Vec<_> = asset
        .alerts()
        .filter(|alert| is_selected(alert.version.map(|row| row.version_id.as_str())))
        .collect();
    if alerts.is_empty() {
        show_message(model, NO_ALERT);
        return Vec::new();
    }
    let take_back = alerts.iter().all(|alert| alert.acknowledged);
    let marked: Vec<_> = alerts.iter().filter(|alert| take_back || !alert.acknowledged).collect();
    let message = match (take_back, marked.len()) {
        (true, _) => "no longer marked as seen".to_owned(),
        (false, 1) => "marked as seen: still listed, no longer highlighted".to_owned(),
        (false, count) => format!("{count} marked as seen: still listed, no longer highlighted"),
    };
    show_message(model, message);
    marked
        .iter()
        .map(|alert| {
            Effect::Request(Request::Acknowledge {
                asset_id: asset.id().to_owned(),
                version_id: alert.version.map(|version| version.version_id.clone()),
                at: (!take_back).then_some(alert.at),
            })
        })
        .collect()
}

/// Returns the selected asset and versions. Instead of a list, `None` means all of its alerts;
/// inside the list, `None` is the asset as a whole.
fn subject(model: &Model) -> Option<(String, Option<Vec<Option<String>>>)> {
    let asset = || model.selected_asset().map(|asset| asset.id().to_owned());
    match (model.screen, model.pane) {
        (Screen::Health, _) => None,
        (Screen::Timeline, Pane::Assets) => Some((asset()?, None)),
        (Screen::Timeline, Pane::Lanes) => {
            let shown = model.selected_asset()?;
            let lanes = shown.lanes();
            // An asset that failed before it had versions has no lane.
            let lane = lanes.get(model.selected_lane()).map(|lane| lane.version_id.clone());
            Some((asset()?, Some(vec![lane])))
        }
        (Screen::Matrix, _) => {
            let locale = model.selected_locale();
            let shown = model.selected_asset()?;
            let here = shown.row.versions.iter().filter(|row| Some(row.version.locale()) == locale);
            Some((asset()?, Some(here.map(|row| Some(row.version_id.clone())).collect())))
        }
        (Screen::Deliveries, _) | (Screen::Timeline, Pane::Deliveries) => {
            let row = enter::selected_delivery(model)?;
            // Only for accepted deliveries: what a refused body claims is not verified.
            if row.is_refusal() {
                return None;
            }
            let callback = row.callback();
            let is_overdue = || {
                let asset = model.shown().asset_list.get(callback.asset_id.as_deref()?)?;
                let mut rows = asset.row.versions.iter();
                let version =
                    rows.find(|row| Some(&row.version_id) == callback.version_id.as_ref())?;
                asset.is_overdue(&version.version).then_some(())
            };
            if !row.is_failure() && is_overdue().is_none() {
                return None;
            }
            Some((callback.asset_id.clone()?, Some(vec![callback.version_id.clone()])))
        }
    }
}

fn open_help(model: &mut Model) -> Vec<Effect> {
    let under = Box::new(std::mem::replace(&mut model.mode, Mode::Normal));
    model.mode = Mode::Help { scroll: 0, under };
    Vec::new()
}

fn help(model: &mut Model, action: Action) -> Vec<Effect> {
    let page = model.help_page();
    let last = Help::new(model.size.0).rows().saturating_sub(page);
    let Mode::Help { scroll, under } = &mut model.mode else { return Vec::new() };
    match action {
        Action::Up => *scroll = scroll.saturating_sub(1),
        Action::Down => *scroll = (*scroll + 1).min(last),
        Action::PageUp => *scroll = scroll.saturating_sub(page),
        Action::PageDown => *scroll = (*scroll + page).min(last),
        Action::First => *scroll = 0,
        Action::Last => *scroll = last,
        Action::Back => {
            let under = std::mem::replace(&mut **under, Mode::Normal);
            model.mode = under;
        }
        _ => {}
    }
    Vec::new()
}
