//! The detail view: one delivery or refusal in full, with one of its tabs as lines made by the
//! model.

mod json;

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::row::{self, number};
use crate::callback::{Ambiguity, DeliveryEffect, DeliverySummary, Event, Source, State, Verdict};
use crate::tui::model::Model;
use crate::tui::model::detail::{Detail, DetailLine, LineKind};
use crate::tui::model::layout::detail_head;
use crate::tui::model::mode::DetailMode;
use crate::tui::model::row::Row;
use crate::tui::model::screen::Screen;
use crate::tui::model::tab::Tab;
use crate::tui::widget::pen::Pen;
use crate::tui::widget::theme::{Role, Theme};
use crate::tui::widget::{ago, glyph, rule};

/// Columns of a step's name including a blank; the model reserves them.
const STEP: u16 = 17;
/// How many headers are searched for the longest name.
const NAMES: usize = 200;

pub(super) fn draw(
    model: &Model,
    open: &DetailMode,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let head = detail_head(model.size.1).min(area.height);
    if let Some(row) = row_of(model, open) {
        if head > 2 {
            title(model, open, row, theme, &mut Pen::new(buffer, area, 0));
            event_line(model, row, theme, &mut Pen::new(buffer, area, 1));
            verdict(row, theme, &mut Pen::new(buffer, area, 2));
            effect(model, row, theme, &mut Pen::new(buffer, area, 3));
        } else {
            let mut pen = Pen::new(buffer, area, 0);
            let (sign, word, role) = row::verdict(row);
            pen.skip(1).glyph(sign, theme.of(role)).skip(1).text(word, theme.of(role));
            event_line(model, row, theme, &mut pen);
        }
    }
    let height = usize::from(area.height.saturating_sub(head));
    let count = open.lines.len();
    let first = open.scroll.min(count.saturating_sub(height));
    let seen = first..count.min(first + height);
    tabs(open, &seen, theme, &mut Pen::new(buffer, area, head.saturating_sub(1)));
    let Some(detail) = &open.detail else {
        Pen::new(buffer, area, head).skip(2).text("reading …", theme.of(Role::Dim));
        return;
    };
    // The width for which the model made the lines.
    let columns = model.size.0.saturating_sub(4);
    let names = open.lines.iter().take(NAMES).map(|line| line.lead.width()).max().unwrap_or(0);
    let names = u16::try_from(names).unwrap_or(u16::MAX).min(columns / 2);
    let mut inside = json::inside_at(&open.lines, first, columns.into());
    for (line, place) in (head..).zip(seen) {
        let Some(of_part) = open.lines.get(place) else { break };
        let mut pen = Pen::new(buffer, area, line);
        pen.skip(2);
        match (open.tab, of_part.kind) {
            (_, LineKind::Remark) => text(of_part, theme.of(Role::Guess), &mut pen),
            (Tab::Payload, _) if !open.other_form => {
                json::draw(of_part, &mut inside, theme, &mut pen);
            }
            (Tab::Headers, _) if place == 0 => text(of_part, theme.of(Role::Strong), &mut pen),
            (Tab::Headers, _) => {
                let value = pen.x() + names + 2;
                pen.printable(names, &of_part.lead, theme.of(Role::Key)).to(value);
                text(of_part, theme.of(Role::Plain), &mut pen);
            }
            (Tab::Signature, _) => step(detail, of_part, theme, &mut pen),
            (Tab::Forward, LineKind::Passed | LineKind::Failed) => {
                attempt(of_part, theme, &mut pen);
            }
            _ => {
                if of_part.lead.width() > 0 {
                    pen.printable(pen.left(), &of_part.lead, theme.of(Role::Dim)).skip(2);
                }
                text(of_part, theme.of(Role::Plain), &mut pen);
            }
        }
    }
}

fn text(line: &DetailLine, style: Style, pen: &mut Pen<'_>) {
    pen.printable(pen.left(), &line.text, style);
}

/// Returns its row: as read from the journal or, until then, from the list.
fn row_of<'a>(model: &'a Model, open: &'a DetailMode) -> Option<&'a Row> {
    if let Some(detail) = &open.detail {
        return Some(&detail.row);
    }
    let row: Option<&Arc<Row>> = match model.screen {
        Screen::Deliveries => model.row(model.selected_row()?),
        _ => model.asset_row(model.selected_asset_row()?),
    };
    row.map(|row| &**row).filter(|row| row.target() == open.target)
}

/// Draws what it is, when it was received, and from where.
fn title(model: &Model, open: &DetailMode, row: &Row, theme: Theme, pen: &mut Pen<'_>) {
    let zone = &model.run_info.zone;
    let at = row.at();
    let day = ago::moment(at, model.now, zone);
    let date = day.split_once(' ').map_or(String::new(), |(date, _)| format!("{date} "));
    let milliseconds = at.subsec_millisecond();
    let time = format!("{date}{}.{milliseconds:03}", ago::second(at, zone));
    let (title, received, peer) = match row {
        Row::Delivery(delivery) if row.is_answer() => (
            format!("Answer of the API {}", number(delivery.seq)),
            format!("asked {time}"),
            &delivery.peer,
        ),
        Row::Delivery(delivery) => (
            format!("Delivery {}", number(delivery.seq)),
            format!("received {time}"),
            &delivery.peer,
        ),
        Row::Refusal { listed, .. } => {
            let last = if listed.refusal.count > 1 { "last at " } else { "" };
            ("Refusal".to_owned(), format!("{last}{time}"), &listed.refusal.peer)
        }
    };
    let written = open.detail.as_ref().and_then(|detail| detail.committed_at);
    let mut written =
        written.map_or(String::new(), |then| format!("on disk {}", format_delay(at, then)));
    let mut from = format!("from {peer}");
    if matches!(row, Row::Delivery(delivery) if delivery.source == Source::Imported) {
        // An imported delivery has no peer.
        written.clear();
        "imported".clone_into(&mut from);
    }
    rule::draw(
        pen,
        theme,
        &title,
        &[(&received, Role::Plain), (&written, Role::Plain), (&from, Role::Plain)],
    );
}

/// Formats the time between two moments.
fn format_delay(from: Timestamp, to: Timestamp) -> String {
    let span = to.duration_since(from);
    match span.as_millis() {
        ..0 => "earlier (the clock was set back)".to_owned(),
        milliseconds @ 0..1000 => format!("{milliseconds} ms later"),
        _ => format!("{} later", ago::spoken(span)),
    }
}

/// Draws the event and what it is about.
fn event_line(model: &Model, row: &Row, theme: Theme, pen: &mut Pen<'_>) {
    let dim = theme.of(Role::Dim);
    let callback = row.callback();
    let (event, role) = row::event(row);
    pen.skip(1);
    if row.is_refusal() && callback.event.is_some() {
        pen.text("claims ", dim);
    }
    pen.text(&event, theme.of(if role == Role::Dim { Role::Plain } else { role }));
    if let Some(locale) = &callback.version_locale {
        pen.skip(2).text(locale, theme.of(Role::Strong));
    }
    let asset = callback.asset_id.as_deref();
    let known = asset.and_then(|id| model.shown().asset_list.get(id));
    if let Some(name) = known.and_then(|asset| asset.notes.shown_name()) {
        pen.text("  ", dim).text(name, theme.of(Role::Strong));
    }
    for id in [asset, callback.version_id.as_deref()].into_iter().flatten() {
        pen.text("  ", dim).text(id, dim);
    }
}

/// Draws the result of the signature check at the time, and the answer.
fn verdict(row: &Row, theme: Theme, pen: &mut Pen<'_>) {
    let (sign, word, role) = row::verdict(row);
    pen.skip(1).glyph(sign, theme.of(role)).skip(1);
    match row {
        Row::Delivery(delivery) => {
            let text = match &delivery.verdict {
                Verdict::Valid { key, encoding } => {
                    format!("{word}: signed by the key {key} ({})", encoding.name())
                }
                Verdict::Unchecked => format!("{word}: accepted with --signature off"),
                Verdict::Api => {
                    format!(
                        "{word}: not a callback and not signed; dubwatch asked {}",
                        delivery.peer
                    )
                }
                verdict => format!("{word} {}", verdict.why().unwrap_or_default()),
            };
            pen.text(&text, theme.of(role));
        }
        Row::Refusal { listed, .. } => {
            let refusal = &listed.refusal;
            pen.text(word, theme.of(role));
            pen.text(&format!(", answered {}: ", refusal.status), theme.of(Role::Failed));
            pen.text(&refusal.why, theme.of(Role::Plain));
        }
    }
}

/// Draws its effect on the timeline.
fn effect(model: &Model, row: &Row, theme: Theme, pen: &mut Pen<'_>) {
    pen.skip(3);
    match row {
        Row::Refusal { listed, .. } => {
            let count = listed.refusal.count;
            if count > 1 {
                pen.text(&format!("×{}", number(count)), theme.of(Role::Strong));
                pen.text(", newest first. ", theme.of(Role::Dim));
            }
            pen.text(
                "It does not change the timeline: its body is not trusted.",
                theme.of(Role::Dim),
            );
        }
        Row::Delivery(delivery) => {
            let (mut text, role) = effect_sentence(delivery);
            let doubt = delivery.outcome.uncertain.map(Ambiguity::sentence);
            if doubt.is_some_and(|doubt| text.len() + doubt.len() + 4 > pen.left().into()) {
                // The reason is more important than the explanation of the effect.
                text = row::effect_word(delivery).0;
            }
            if let Some(hindsight) = hindsight(model, delivery) {
                pen.text(&hindsight, theme.of(Role::Strong));
            } else {
                pen.text(text, theme.of(role));
            }
            if let Some(why) = &delivery.callback.unreadable {
                pen.text(": ", theme.of(Role::Dim)).text(why, theme.of(Role::Plain));
            }
            if let Some(doubt) = doubt {
                pen.skip(2).glyph(glyph::GUESS, theme.of(Role::Guess)).skip(1);
                pen.text(doubt, theme.of(Role::Guess));
            }
        }
    }
}

/// Returns what a later outcome revealed about a repeated `version_generating`; shown for both
/// deliveries.
fn hindsight(model: &Model, delivery: &DeliverySummary) -> Option<String> {
    let callback = &delivery.callback;
    let at = delivery.received_at;
    let known = || {
        let asset = model.shown().asset_list.get(callback.asset_id.as_deref()?)?;
        let id = callback.version_id.as_deref()?;
        asset.row.versions.iter().find(|row| row.version_id == id).map(|row| &row.version)
    };
    if delivery.is_hindsight() {
        let Some(Event::Version(outcome)) = Event::from_name(callback.event.as_deref()?) else {
            return None;
        };
        let from = known().and_then(|version| version.hindsight(outcome, at)).map_or_else(
            || "its time".to_owned(),
            |from| ago::moment(from, model.shown_at(), &model.run_info.zone),
        );
        return Some(format!(
            "new cycle, begun by a repeat of version_generating; lane redrawn from {from}"
        ));
    }
    let repeat = delivery.outcome.effect == DeliveryEffect::Repeat;
    let began = repeat
        && known().is_some_and(|version| {
            let mut steps = version.steps();
            steps.any(|step| step.hindsight && step.state == State::Generating && step.at == at)
        });
    began.then(|| {
        "not a repeat: the next outcome shows a new cycle; lane redrawn from here".to_owned()
    })
}

/// Returns its effect with an explanation.
const fn effect_sentence(delivery: &DeliverySummary) -> (&'static str, Role) {
    match delivery.outcome.effect {
        DeliveryEffect::Applied => ("applied: this is now the version's state", Role::Plain),
        DeliveryEffect::Repeat if matches!(delivery.verdict, Verdict::Api) => {
            ("confirms: the version's state rests on a callback and on the API", Role::Plain)
        }
        DeliveryEffect::Repeat => ("repeat: received before, changes nothing", Role::Plain),
        DeliveryEffect::Late => ("late: received after a later step, changes nothing", Role::Plain),
        DeliveryEffect::NewCycle => ("new cycle: the version starts again", Role::Strong),
        DeliveryEffect::None => ("unreadable: kept, but does not change the timeline", Role::Guess),
    }
}

/// Draws the tabs, the other form of the open tab, and the range of visible lines.
fn tabs(open: &DetailMode, seen: &std::ops::Range<usize>, theme: Theme, pen: &mut Pen<'_>) {
    let dim = theme.of(Role::Dim);
    pen.glyph(glyph::THIN, dim);
    // If the names do not fit, abbreviate them.
    let short = pen.left() < 46;
    for &tab in Tab::of(open.target) {
        let name = if short && tab != open.tab { &tab.name()[..3] } else { tab.name() };
        let style = theme.of(if tab == open.tab { Role::Tab } else { Role::Plain });
        pen.text(&format!(" {name} "), style);
    }
    let other = match (open.tab, open.other_form) {
        (Tab::Payload, false) => "as sent",
        (Tab::Payload, true) => "pretty",
        (Tab::Raw, false) => "hex",
        (Tab::Raw, true) => "text",
        _ => "",
    };
    if !other.is_empty() && pen.left() > 14 {
        pen.glyph(glyph::THIN, dim).skip(1).text("v", theme.of(Role::Key));
        pen.text(&format!(": {other} "), dim);
    }
    let count = open.lines.len();
    let place = if seen.len() < count {
        format!(" {}–{} of {} ", seen.start + 1, seen.end, number(count as u64))
    } else {
        String::new()
    };
    let columns = u16::try_from(place.chars().count()).unwrap_or(u16::MAX);
    // Part of a number would be a different number.
    if let Some(line) = pen.left().checked_sub(columns + 1) {
        pen.glyphs(glyph::THIN, line, dim).text(&place, dim);
    }
    pen.glyphs(glyph::THIN, pen.left(), dim);
}

/// Draws a line of an attempt to forward: the status, and what is known of it.
fn attempt(line: &DetailLine, theme: Theme, pen: &mut Pen<'_>) {
    let (sign, role) = if line.kind == LineKind::Passed {
        (glyph::FORWARDED, Role::Done)
    } else {
        (glyph::FAILED, Role::Failed)
    };
    let first = line.lead.width() > 0;
    pen.glyph(if first { sign } else { ' ' }, theme.of(role)).skip(1);
    let end = pen.x() + STEP;
    pen.printable(STEP - 1, &line.lead, theme.of(role)).to(end);
    text(line, theme.of(if first { Role::Plain } else { role }), pen);
}

/// Draws a step of the check, or the final result.
fn step(detail: &Detail, line: &DetailLine, theme: Theme, pen: &mut Pen<'_>) {
    let valid = detail.verdict.is_valid();
    let (sign, role) = match line.kind {
        LineKind::Plain => {
            let role = match &detail.verdict {
                Verdict::Valid { .. } => Role::Done,
                Verdict::Unchecked => Role::Guess,
                Verdict::Api => Role::Plain,
                _ => Role::Failed,
            };
            return text(line, theme.of(role), pen);
        }
        LineKind::Passed => (glyph::DONE, Role::Done),
        // If the signature is valid, keys that did not make it are unimportant.
        LineKind::Failed if valid => (glyph::FAILED, Role::Dim),
        LineKind::Failed => (glyph::FAILED, Role::Failed),
        LineKind::Skipped | LineKind::Remark => (glyph::DOT, Role::Dim),
    };
    let first = line.lead.width() > 0;
    pen.glyph(if first { sign } else { ' ' }, theme.of(role)).skip(1);
    let end = pen.x() + STEP;
    let name = if role == Role::Dim { Role::Dim } else { Role::Strong };
    pen.printable(STEP - 1, &line.lead, theme.of(name)).to(end);
    let role = if role == Role::Done { Role::Plain } else { role };
    text(line, theme.of(role), pen);
}
