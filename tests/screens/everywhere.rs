//! Properties of every view in every state, size and theme.

use std::collections::HashMap;

use dubwatch::internals::simulate::Message;
use dubwatch::internals::text::{Printable, is_hidden};
use dubwatch::internals::timeline::Notes;
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::Model;
use dubwatch::internals::tui::model::asset::AssetView;
use dubwatch::internals::tui::model::layout::SMALLEST;
use dubwatch::internals::tui::model::mode::{Mode, Pane};
use dubwatch::internals::tui::model::screen::Screen;
use dubwatch::internals::tui::msg::Msg;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::glyph;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::SignedDuration;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use rstest::rstest;
use unicode_width::UnicodeWidthStr as _;

use crate::states::{STATES, VIEWS, open, state};
use crate::tui_harness::{COLOR, TuiHarness, now};

pub(crate) const SIZES: [(u16, u16); 7] =
    [(200, 50), (120, 40), (80, 24), (56, 13), (40, 10), (39, 10), (1, 1)];

const LIGHT: Theme = Theme { light: true, ..COLOR };
const MONO: Theme = Theme { color: false, ..COLOR };
const ASCII: Theme = Theme { ascii: true, ..MONO };
pub(crate) const THEMES: [Theme; 4] = [COLOR, LIGHT, MONO, ASCII];

/// The content of every cell around the area that is drawn.
const OUTSIDE: &str = "\u{25a9}";

/// Draws a frame into the middle of a larger buffer and returns its rows. Asserts that nothing else
/// of the buffer changes, that no cell contains characters that a terminal acts on or hides, and
/// that no grapheme exceeds its row.
pub(crate) fn rows(model: &Model, size: (u16, u16), theme: Theme, case: &str) -> Vec<String> {
    let around = Rect::new(0, 0, size.0 + 5, size.1 + 3);
    let area = Rect::new(3, 2, size.0, size.1);
    let mut frame = Buffer::filled(around, Cell::new(OUTSIDE));
    for position in area.positions() {
        frame[position].reset();
    }
    view::draw(model, theme, area, &mut frame);
    // The ASCII replacement is applied to the whole buffer, and this character has none.
    let outside = Cell::new(if theme.ascii { "?" } else { OUTSIDE });
    for position in around.positions().filter(|position| !area.contains(*position)) {
        assert_eq!(frame[position], outside, "{case}: outside of its area at {position}");
    }
    area.rows().map(|line| row(&frame, line, theme, case)).collect()
}

/// Returns the symbols of a row, each once, however many columns it takes.
fn row(frame: &Buffer, line: Rect, theme: Theme, case: &str) -> String {
    let mut text = String::new();
    let mut x = line.x;
    while x < line.right() {
        let symbol = frame[(x, line.y)].symbol();
        text.push_str(symbol);
        if matches!(symbol.as_bytes(), [b' '..=b'~']) {
            x += 1;
            continue;
        }
        assert!(!symbol.chars().any(|c| c.is_control() || is_hidden(c)), "{case}: {symbol:?}");
        assert!(!theme.ascii, "{case}: {symbol:?} is not ASCII");
        let columns = u16::try_from(symbol.width().max(1)).unwrap();
        assert!(x + columns <= line.right(), "{case}: {symbol:?} is wider than its row");
        for beside in 1..columns {
            assert_eq!(frame[(x + beside, line.y)].symbol(), " ", "{case}: under {symbol:?}");
        }
        x += columns;
    }
    text
}

const fn fits(size: (u16, u16)) -> bool {
    size.0 >= SMALLEST.0 && size.1 >= SMALLEST.1
}

/// Resizes the dashboard and updates its listing.
fn resize(tui: &mut TuiHarness, size: (u16, u16)) {
    tui.send(Msg::Resize(size.0, size.1));
    tui.model().settle();
}

/// Returns the beginning of the selected row of the focused list, if a list is focused.
fn selected(model: &Model) -> Option<String> {
    if !matches!(model.mode, Mode::Normal) || !fits(model.size) {
        return None;
    }
    let clock = |at: jiff::Timestamp| {
        at.to_zoned_datetime(model.run_info.zone.clone()).strftime("%H:%M").to_string()
    };
    let asset = model.selected_asset();
    let label = asset.map(|asset| model.shown().asset_list.label(asset).into_owned());
    match (model.screen, model.pane) {
        (Screen::Timeline, Pane::Assets) | (Screen::Matrix, _) => label,
        (Screen::Timeline, Pane::Lanes) => {
            let lanes = asset?.lanes();
            let version = lanes.get(model.selected_lane())?;
            Some(version.version.locale().unwrap_or(&version.version_id).to_owned())
        }
        (Screen::Timeline, Pane::Deliveries) => {
            Some(clock(model.asset_row(model.selected_asset_row()?)?.at()))
        }
        (Screen::Deliveries, _) => Some(clock(model.row(model.selected_row()?)?.at())),
        (Screen::Health, _) => None,
    }
}

/// Asserts that the selected row is visible and marked.
fn assert_selection_visible(model: &Model, rows: &[String], theme: Theme, case: &str) {
    let Some(text) = selected(model) else { return };
    let mark = if theme.ascii { '>' } else { glyph::SELECTED };
    // The beginning of a long one is enough; non-ASCII characters are replaced in ASCII mode.
    let text = Printable::new(&text).to_string();
    let begin = text.chars().take_while(|c| !theme.ascii || c.is_ascii());
    let begin: String = begin.take(4).collect();
    let is_seen =
        rows.iter().any(|row| row.split_once(mark).is_some_and(|(_, row)| row.contains(&begin)));
    assert!(is_seen, "{case}: {begin:?} is selected and not seen in\n{}", rows.join("\n"));
}

#[rstest]
fn every_frame_is_valid(
    #[values(
        "empty",
        "empty_without_key",
        "reading",
        "busy",
        "failed",
        "frozen",
        "filtered",
        "filtered_to_nothing",
        "filter_with_mistake",
        "failures_only",
        "expected",
        "demo",
        "demo_over",
        "unchecked",
        "partly_unchecked",
        "read_only",
        "writer_gone",
        "unwritable",
        "full_disk",
        "full_disk_unchecked",
        "connecting",
        "catching_up",
        "disconnected",
        "token_refused",
        "superseded",
        "gaps",
        "forwarding",
        "app_down",
        "api",
        "api_paused",
        "many",
        "wide_text"
    )]
    name: &str,
) {
    let (_, banner) = STATES.iter().find(|(other, _)| *other == name).unwrap();
    let start = state(name).model;
    for (view, keys) in VIEWS {
        let mut tui = TuiHarness::of(start.clone());
        open(&mut tui, keys);
        for size in SIZES {
            resize(&mut tui, size);
            for theme in THEMES {
                let case = format!("{view} {name} {size:?} {theme:?}");
                let rows = rows(tui.model(), size, theme, &case);
                assert_selection_visible(tui.model(), &rows, theme, &case);
                // While frozen, the first q ends the freeze instead of asking.
                if fits(size) && (view, name) != ("quit", "frozen") {
                    let edges = [&rows[1..3], &rows[rows.len() - 1..]].concat();
                    let is_there = edges.iter().any(|row| row.contains(banner));
                    assert!(is_there, "{case}: no {banner:?} in\n{}", edges.join("\n"));
                }
            }
        }
    }
}

#[test]
fn every_state_is_in_the_property() {
    let source = include_str!("everywhere.rs");
    for (name, _) in STATES {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// From the first row of a list to its last and back.
#[test]
fn the_selected_row_is_always_visible() {
    let start = state("many").model;
    for (view, keys) in &VIEWS[..5] {
        for size in [(200, 50), (80, 24), (56, 13), (40, 10)] {
            let mut tui = TuiHarness::of(start.clone());
            open(&mut tui, keys);
            resize(&mut tui, size);
            for key in
                ["g", "down", "down", "pgdn", "down", "pgdn", "pgdn", "up", "G", "up", "pgup"]
            {
                tui.press(key);
                resize(&mut tui, size);
                let case = format!("{view} {size:?} after {key}");
                let rows = rows(tui.model(), size, COLOR, &case);
                assert_selection_visible(tui.model(), &rows, COLOR, &case);
            }
        }
    }
}

/// Creates a dashboard with a version that received these events, this many minutes ago. `beside`
/// are the events of another version of the asset.
fn version(events: &[&str], beside: &[&str], minutes: i64) -> TuiHarness {
    let mut tui = TuiHarness::empty();
    let ours = events.iter().map(|event| (event, "es-ES"));
    for (event, locale) in ours.chain(beside.iter().map(|event| (event, "fr-FR"))) {
        let message = Message {
            event: format!("version_{event}"),
            asset_id: "ast_one".to_owned(),
            version_id: Some(format!("ver_{locale}")),
            version_locale: Some(locale.to_owned()),
        };
        let row = tui.delivery(&message, now());
        tui.news(vec![row], &["ast_one".to_owned()].into(), true);
    }
    tui.tick(now() + SignedDuration::from_mins(minutes));
    tui
}

/// Returns a dashboard for each state of a version, with the same times and names; alone, and
/// beside a version that determines the state of the whole asset.
fn versions() -> Vec<TuiHarness> {
    let events = ["ready", "generating", "generated", "failed", "generate_failed"];
    let mut all = Vec::new();
    for beside in [&[][..], &["failed"]] {
        // Before and after three hours, when a generating version is overdue.
        for minutes in [10, 200] {
            all.extend(events.iter().map(|event| version(&[event], beside, minutes)));
        }
        // A new run that is a guess.
        all.push(version(&["generating", "generate_failed", "generating"], beside, 10));
    }
    all
}

/// Returns a dashboard with a failed version that was marked as seen.
fn acknowledged() -> TuiHarness {
    let mut tui = version(&["failed"], &[], 10);
    let mut notes = Notes::default();
    notes.acknowledged.insert(Some("ver_es-ES".to_owned()), now());
    let asset = AssetView::new(tui.asset("ast_one").row, notes);
    tui.event(BackendEvent::Asset(Box::new(asset)));
    tui
}

/// Returns a row without its colours, and its colours.
fn parts(frame: &Buffer, y: u16) -> (String, Vec<(Color, Color)>) {
    let mut plain = String::new();
    let mut colors = Vec::new();
    for x in 0..frame.area.width {
        let cell = &frame[(x, y)];
        plain.push_str(cell.symbol());
        // A background is visible whatever its colour, like reverse.
        let is_filled = cell.bg != Color::Reset || cell.modifier.contains(Modifier::REVERSED);
        plain.push(if is_filled { '■' } else { '□' });
        plain.push(char::from(u8::try_from(cell.modifier.bits()).unwrap()));
        // The text colour of a blank is not visible.
        let is_blank = cell.symbol() == " " && !cell.modifier.contains(Modifier::REVERSED);
        colors.push((if is_blank { Color::Reset } else { cell.fg }, cell.bg));
    }
    (plain, colors)
}

/// Rows of a view that look the same without colours, in any state, look the same with them:
/// everything a colour says is also said by a character or a weight.
#[test]
fn no_state_is_shown_by_colour_alone() {
    let mut all: Vec<TuiHarness> = STATES.iter().map(|(name, _)| state(name)).collect();
    all.extend(versions());
    for (view, keys) in VIEWS {
        let mut all: Vec<TuiHarness> =
            all.iter().map(|tui| TuiHarness::of(tui.model.clone())).collect();
        // In the matrix, only the colour of the selected asset's name shows that a failure was
        // seen.
        if view != "matrix" {
            all.push(acknowledged());
        }
        for tui in &mut all {
            open(tui, keys);
        }
        for size in [(120, 40), (80, 24), (40, 10)] {
            for theme in [COLOR, LIGHT] {
                let mut known = HashMap::new();
                for tui in &mut all {
                    let frame = tui.frame(size, theme);
                    for y in 0..size.1 {
                        let (plain, colors) = parts(&frame, y);
                        let text = || plain.chars().step_by(3).collect::<String>();
                        let before = known.entry(plain.clone()).or_insert_with(|| colors.clone());
                        assert_eq!(*before, colors, "{view} {size:?} {theme:?}: {}", text());
                    }
                }
            }
        }
    }
}
