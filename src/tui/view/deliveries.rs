//! The Deliveries screen: all deliveries and refusals, newest last. Reads only the rows that fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::Model;
use super::super::model::row::Row;
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::super::widget::window::window;
use super::super::widget::{glyph, rule};
use super::INVALID_FILTER;
use super::row::{self, RowColumns, number};
use crate::callback::Verdict;

/// Minimum height for column headings and for a rule above the details of the selected row.
const ROOMY: u16 = 14;

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    title(model, theme, &mut Pen::new(buffer, area, 0));
    let Some(selected) = model.selected_row() else {
        return empty_message(model, theme, area, buffer);
    };
    let roomy = area.height >= ROOMY;
    let (above, below) = if roomy { (2, 3) } else { (1, 1) };
    let height = area.height.saturating_sub(above + below);
    let seen = window(selected, model.row_count(), height.into());
    let oldest = model.row(seen.start).map(|row| &**row);
    let columns = RowColumns::new(model, true, area.width, oldest);
    if roomy {
        columns.heads(theme, &mut Pen::new(buffer, area, 1));
    }
    for (line, place) in (above..).zip(seen) {
        let Some(row) = model.row(place) else { break };
        let on = place == selected;
        let under = theme.of(if on { Role::Strong } else { Role::Plain });
        let mut pen = Pen::new(buffer, area, line).on(under);
        row::draw(model, row, theme, columns, on, &mut pen);
    }
    if let Some(row) = model.row(selected) {
        if roomy {
            let line = area.height - below;
            let mut pen = Pen::new(buffer, area, line);
            pen.glyphs(glyph::THIN, area.width, theme.of(Role::Dim));
            identity(model, row, theme, &mut Pen::new(buffer, area, line + 2));
        }
        let line = area.height.saturating_sub(if roomy { 2 } else { 1 });
        details(row, theme, &mut Pen::new(buffer, area, line));
    }
}

/// Returns the total number of rows as far as it is known: all, or those in the journal.
pub(super) fn total(model: &Model) -> u64 {
    let all = &model.shown().rows;
    if all.is_whole() {
        return all.len() as u64;
    }
    let searched = model.listed_rows().map_or(0, |rows| rows.searched.1);
    searched.max(model.shown().held)
}

/// Returns how many rows are listed, and out of how many.
fn count(model: &Model) -> String {
    let listed = number(model.row_count() as u64);
    let total = number(total(model));
    let Some(rows) = model.listed_rows() else { return String::new() };
    match (rows.is_complete(), rows.is_behind()) {
        (true, false) if model.is_narrowed() => format!("{listed} of {total}"),
        (true, false) => total,
        (false, false) if model.is_narrowed() => format!("the newest {listed} matching"),
        (true, true) if model.is_narrowed() => format!("the oldest {listed} matching"),
        (false, true) if model.is_narrowed() => format!("{listed} matching"),
        (false, false) => format!("the newest {listed} of {total}"),
        (true, true) => format!("the oldest {listed} of {total}"),
        (false, true) => format!("{listed} of {total}"),
    }
}

/// Returns the progress of a running search.
fn progress(model: &Model) -> String {
    let Some(rows) = model.listed_rows() else { return String::new() };
    if rows.searching.is_none() {
        return String::new();
    }
    if !model.is_narrowed() {
        return "reading more".to_owned();
    }
    format!("searched {} of {}", number(rows.searched.0), number(total(model)))
}

/// Draws the number of rows, what narrows them, and whether the newest is followed.
fn title(model: &Model, theme: Theme, pen: &mut Pen<'_>) {
    let count = count(model);
    let failures = if model.failures_only { "failures and refusals only" } else { "" };
    let since = model.selection.since;
    let (state, role) = match (model.selection.row, &model.frozen) {
        (_, Some(frozen)) if frozen.waiting > 0 => {
            (format!("frozen, {} new", number(frozen.waiting)), Role::Strong)
        }
        (_, Some(_)) => ("frozen".to_owned(), Role::Strong),
        (None, None) => ("following".to_owned(), Role::Dim),
        (Some(_), None) if since > 0 => {
            (format!("{} {} new · G: follow", glyph::BELOW, number(since)), Role::Strong)
        }
        (Some(_), None) => ("G: follow".to_owned(), Role::Dim),
    };
    let progress = progress(model);
    rule::draw(
        pen,
        theme,
        "Deliveries",
        &[(&count, Role::Plain), (&state, role), (failures, Role::Failed), (&progress, Role::Dim)],
    );
}

/// Draws what does not fit in the selected row.
fn details(row: &Row, theme: Theme, pen: &mut Pen<'_>) {
    let (sign, word, role) = row::verdict(row);
    pen.skip(1).glyph(sign, theme.of(role)).skip(1);
    match row {
        Row::Refusal { listed, .. } => {
            let refusal = &listed.refusal;
            pen.text(&format!("{word}, answered {}", refusal.status), theme.of(role));
            if let Some(count) = row::count(row) {
                pen.skip(1).text(&count, theme.of(Role::Strong));
            }
        }
        Row::Delivery(delivery) => {
            let text = match &delivery.verdict {
                Verdict::Valid { key, encoding } => {
                    format!("signed by {key} ({})", encoding.name())
                }
                Verdict::Api => "answer of the API".to_owned(),
                _ => word.to_owned(),
            };
            pen.text(&text, theme.of(role)).text(", ", theme.of(Role::Dim));
            let (word, role) = row::effect_word(delivery);
            pen.text(word, theme.of(if role == Role::Dim { Role::Plain } else { role }));
            if delivery.outcome.uncertain.is_some() {
                pen.skip(1).glyph(glyph::GUESS, theme.of(Role::Guess));
            }
        }
    }
    if let Some((text, _)) = row::note(row) {
        pen.text(": ", theme.of(Role::Dim)).text(&text, theme.of(Role::Plain));
    }
}

/// Draws the number of the selected row, the full ids, and the peer.
fn identity(model: &Model, row: &Row, theme: Theme, pen: &mut Pen<'_>) {
    let dim = theme.of(Role::Dim);
    let callback = row.callback();
    let peer = match row {
        Row::Delivery(delivery) => {
            pen.skip(1).text(&format!("#{}", number(delivery.seq)), dim);
            &delivery.peer
        }
        Row::Refusal { listed, .. } => {
            let refusal = &listed.refusal;
            pen.skip(1).text(&format!("{} {}", refusal.method, refusal.path), dim);
            &refusal.peer
        }
    };
    let name = callback.asset_id.as_deref().and_then(|id| model.shown().asset_list.get(id));
    let name = name.and_then(|asset| asset.notes.shown_name());
    let ids = [name, callback.asset_id.as_deref(), callback.version_id.as_deref()];
    for text in ids.into_iter().flatten() {
        pen.skip(1).glyph(glyph::DOT, dim).skip(1).text(text, dim);
    }
    pen.text(&format!(" {} from {peer}", glyph::DOT), dim);
    let hint = "enter: open";
    let columns = u16::try_from(hint.len()).unwrap_or(0);
    if pen.left() > columns + 2 {
        pen.to_right(columns + 1).text(hint, dim);
    }
}

/// Says why nothing is listed, and how to change that.
fn empty_message(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let total = total(model);
    let (what, how) = if !model.shown().loaded {
        ("reading the journal …".to_owned(), "")
    } else if !model.is_filter_valid() {
        (INVALID_FILTER.0.to_owned(), INVALID_FILTER.1)
    } else if let Some(rows) = model.listed_rows().filter(|_| model.is_narrowed() && total > 0) {
        let what = match (model.failures_only, model.filtering.filter.is_empty()) {
            (true, true) => "failure",
            (true, false) => "matching failure",
            _ => "match",
        };
        let what = if rows.is_whole() {
            let rows = if total == 1 { "row" } else { "rows" };
            format!("No {what} in {} {rows}.", number(total))
        } else {
            let (searched, total) = (number(rows.searched.0), number(total));
            format!("Searching the journal: {searched} of {total}, no {what} yet …")
        };
        (what, "esc: show all rows")
    } else {
        ("No deliveries yet.".to_owned(), "The callback URL is on the Timeline (1)")
    };
    let middle = area.height / 3;
    for (line, text, role) in [(middle, what.as_str(), Role::Plain), (middle + 1, how, Role::Dim)] {
        let line = line.max(1) + u16::from(middle == 0 && role == Role::Dim);
        Pen::new(buffer, area, line).skip(2).text(text, theme.of(role));
    }
}
