//! The Timeline: the assets, the lanes of the selected asset, its deliveries.

mod assets;
mod axis;
mod explain;
mod lanes;
mod rows;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::Model;
use super::super::model::asset::AssetView;
use super::super::model::layout::{TimelineColumns, columns};
use super::super::model::mode::Pane;
use super::super::widget::glyph;
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::INVALID_FILTER;
use crate::text::Printable;
use crate::timeline::Notes;

pub(super) use assets::{sign, title};

/// Minimum rows for the deliveries, including their title.
const LEAST_ROWS: u16 = 5;

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let widths = columns(area.width);
    if widths.assets == 0 {
        return one_pane(model, theme, area, widths, buffer);
    }
    let list = Rect { width: widths.assets, ..area };
    assets::draw(model, theme, list, buffer);
    let divider = Rect { x: area.x + widths.assets, width: 1, ..area };
    for row in 0..divider.height {
        Pen::new(buffer, divider, row).glyph(glyph::DIVIDER, theme.of(Role::Dim));
    }
    let right =
        Rect { x: area.x + widths.assets + 1, width: area.width - widths.assets - 1, ..area };
    match model.selected_asset() {
        Some(asset) => of_asset(model, asset, theme, right, widths, buffer),
        None => nothing(model, theme, right, buffer),
    }
}

/// Draws a narrow screen: only the focused pane, and the names of all panes.
fn one_pane(model: &Model, theme: Theme, area: Rect, widths: TimelineColumns, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, 0);
    for (pane, word) in
        [(Pane::Assets, "assets"), (Pane::Lanes, "lanes"), (Pane::Deliveries, "deliveries")]
    {
        let role = if pane == model.pane { Role::Strong } else { Role::Dim };
        pen.skip(1).text(word, theme.of(role));
    }
    pen.text("  tab", theme.of(Role::Key));
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    match (model.pane, model.selected_asset()) {
        (Pane::Assets, _) => assets::draw(model, theme, below, buffer),
        (_, None) => nothing(model, theme, below, buffer),
        (Pane::Lanes, Some(asset)) => {
            head(model, asset, theme, &mut Pen::new(buffer, below, 0));
            let lanes = Rect { y: below.y + 1, height: below.height.saturating_sub(1), ..below };
            let mut used = lanes::draw(model, asset, theme, lanes, widths, false, buffer);
            used = used.min(lanes.height);
            let rest = Rect { y: lanes.y + used, height: lanes.height - used, ..lanes };
            explain::draw(model, asset, theme, rest, buffer);
        }
        (Pane::Deliveries, Some(asset)) => rows::draw(model, asset, theme, below, buffer),
    }
}

/// Draws the selected asset: its head, lanes, explanation and deliveries.
fn of_asset(
    model: &Model,
    asset: &AssetView,
    theme: Theme,
    area: Rect,
    widths: TimelineColumns,
    buffer: &mut Buffer,
) {
    head(model, asset, theme, &mut Pen::new(buffer, area, 0));
    let needed = lanes::rows_needed(asset);
    // The head, the explanation and a blank line first; lanes and deliveries share the rest.
    let room = area.height.saturating_sub(1 + 2 + LEAST_ROWS);
    let airy = needed.airy <= room.saturating_sub(6);
    let height = if airy { needed.airy } else { needed.dense }.min(room.max(3));
    let below = |y: u16, height: u16| Rect {
        y: area.y + y,
        height: height.min(area.height.saturating_sub(y)),
        ..area
    };
    lanes::draw(model, asset, theme, below(1, height), widths, airy, buffer);
    explain::draw(model, asset, theme, below(height + 1, 2), buffer);
    rows::draw(model, asset, theme, below(height + 3, area.height), buffer);
}

/// Draws the name of the asset and the states of its versions.
fn head(model: &Model, asset: &AssetView, theme: Theme, pen: &mut Pen<'_>) {
    let label = Printable::new(&model.shown().asset_list.label(asset));
    let parts = explain::state_counts(asset);
    let tally: usize = parts.iter().map(|(_, text)| text.len() + 3).sum();
    let width = usize::from(pen.left());
    let room = width.saturating_sub(tally + 2).max(width / 3);
    let origin = name_origin(&asset.notes);
    // A name is cut before the mark that it is not the user's.
    let short = origin.as_ref().map_or(0, |(_, short)| short.width() + 2);
    let label = label.cut(room.saturating_sub(short).max(1));
    pen.skip(1).printable(u16::MAX, &label, theme.of(Role::Strong));
    if asset.notes.shown_name().is_some() {
        let mut left = room.saturating_sub(label.width());
        // `beside` columns stay free.
        let mut add = |text: &Printable, beside: usize| {
            let fits = text.width() + 2 + beside <= left;
            if fits {
                pen.skip(2).printable(u16::MAX, text, theme.of(Role::Dim));
                left -= text.width() + 2;
            }
            fits
        };
        if let Some((long, short)) = &origin {
            let _ = add(long, 0) || add(short, 0);
        }
        add(&Printable::new(asset.id()), 4);
    }
    pen.skip(2).to_right(u16::try_from(tally).unwrap_or(u16::MAX));
    for (place, (role, text)) in parts.iter().enumerate() {
        if place > 0 {
            pen.text(&format!(" {} ", glyph::DOT), theme.of(Role::Dim));
        }
        pen.text(text, theme.of(*role));
    }
}

/// Says that the name comes from the API, and from which of its fields, at length and in short;
/// `None` if the user gave it.
fn name_origin(notes: &Notes) -> Option<(Printable, Printable)> {
    let listed = notes.listing.name.as_ref().filter(|_| notes.name.is_none())?;
    let long = format!("named by the API ({})", listed.field);
    Some((Printable::new(&long), Printable::new("(API)")))
}

/// Says why nothing is listed.
fn nothing(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (title, words) = if !model.shown().loaded {
        ("Reading the journal", "")
    } else if !model.is_filter_valid() {
        INVALID_FILTER
    } else if model.is_narrowed() {
        ("Nothing is listed", "no asset matches the filter; esc: show all")
    } else {
        ("No assets yet", "deliveries arrived, but none that the timeline can read; 3: show them")
    };
    Pen::new(buffer, area, 1).skip(2).text(title, theme.of(Role::Strong));
    Pen::new(buffer, area, 2).skip(2).text(words, theme.of(Role::Dim));
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};

    use super::super::super::model::RunInfo;
    use super::super::super::model::layout::SMALLEST;
    use super::super::super::model::mode::Pane;
    use super::*;
    use crate::callback::{Fingerprint, Provenance, State, Subject};
    use crate::timeline::{AssetRow, Notes, VersionRow, fold};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// Returns an asset with one version in each state, reached `age` seconds ago.
    fn asset(age: i64) -> AssetView {
        let mut whole = None;
        let mut versions = Vec::new();
        for (number, state) in State::ALL.into_iter().enumerate() {
            let version_id = format!("ver_{number}");
            let locale = Some("zh-Hant-TW");
            let subject =
                Subject::Version { asset_id: "ast", version_id: &version_id, locale, state };
            let mut version = None;
            let print = Fingerprint::default();
            fold(&subject, at(-age), print, Provenance::Verified, &mut whole, &mut version);
            versions.push(VersionRow { version_id, version: version.unwrap() });
        }
        let row = AssetRow { asset_id: "ast".to_owned(), asset: whole.unwrap(), versions };
        AssetView::new(row, Notes::default())
    }

    fn model(size: (u16, u16), age: i64) -> Model {
        let run_info = RunInfo {
            callback_url: String::new(),
            door: String::new(),
            send_line: String::new(),
            send_by_relay: String::new(),
            journal: String::new(),
            keys: Vec::new(),
            banner: None,
            confirm_quit: false,
            bell: true,
            overdue: SignedDuration::from_hours(3),
            expected: None,
            started: at(-age),
            zone: TimeZone::UTC,
        };
        let mut model = Model::new(run_info, at(0), size);
        model.live.loaded = true;
        model.live.asset_list.put(asset(age));
        model.pane = Pane::Lanes;
        model.settle();
        model
    }

    /// Returns the columns of a row that show this glyph, from a column on.
    fn columns_of(buffer: &Buffer, row: u16, from: u16, glyph: char) -> Vec<u16> {
        let mut symbol = [0; 4];
        let symbol = &*glyph.encode_utf8(&mut symbol);
        (from..buffer.area.width).filter(|x| buffer[(*x, row)].symbol() == symbol).collect()
    }

    /// At every width, each label of the axis is at the column of its time, the grid lines and bars
    /// line up with it, and bars that reach to now end below its mark.
    #[test]
    fn labels_grid_lines_and_bars_share_their_columns() {
        let theme = Theme { color: true, ascii: false, light: false };
        let mut labels = 0;
        for width in SMALLEST.0..=240 {
            for age in [5, 50, 700, 5_000, 90_000, 3_000_000] {
                let model = model((width, 40), age);
                let area = Rect::new(0, 0, width, 40);
                let mut buffer = Buffer::empty(area);
                draw(&model, theme, area, &mut buffer);
                let widths = columns(width);
                let divider = u16::from(widths.assets > 0);
                let begin = widths.assets + divider + widths.words + 1;
                // Below the head and, on a narrow screen, below the names of the panes.
                let axis_row = if widths.assets > 0 { 1 } else { 2 };
                let case = format!("{width} columns, {age} s");
                let time_range = model.time_range();
                let marks = axis::marks(&time_range, &model.run_info.zone);
                let grid: Vec<u16> = marks.iter().map(|(column, _)| begin + column).collect();
                let now = begin + u16::try_from(time_range.column(model.now)).unwrap();

                let ticks = columns_of(&buffer, axis_row, begin, glyph::TICK);
                labels += ticks.len();
                assert!(ticks.iter().all(|x| grid.contains(x)), "{case}: {ticks:?} {grid:?}");
                assert_eq!(columns_of(&buffer, axis_row, begin, glyph::NOW), [now], "{case}");
                let end = begin + widths.axis;
                for row in axis_row + 1..=axis_row + 5 {
                    let lines = columns_of(&buffer, row, begin, glyph::TICK);
                    assert!(lines.iter().all(|x| grid.contains(x)), "{case}: {lines:?} {grid:?}");
                    let thick = columns_of(&buffer, row, begin, glyph::THICK);
                    let thin = columns_of(&buffer, row, begin, glyph::THIN);
                    for bar in [thick, thin].into_iter().filter(|bar| !bar.is_empty()) {
                        let last = *bar.iter().filter(|x| **x < end).max().unwrap();
                        assert_eq!(last, now, "{case}, row {row}");
                    }
                }
            }
        }
        assert!(labels > 1000, "{labels} labels");
    }
}
