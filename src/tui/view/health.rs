//! The Health screen: sources, API, journal, rates, answers, warnings.

mod api;
mod forward;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::Model;
use super::super::model::snapshot::CHART_MINUTES;
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::super::widget::{ago, glyph, rule};
use super::link;
use super::row::number;
use crate::callback::RefusalKind;
use crate::status::{JournalHealth, LinkState};
use crate::text::Printable;
use crate::tui::model::Banner;

/// Minimum width for two columns.
const TWO_COLUMNS: u16 = 100;
/// Columns of the label in front of a line.
const LEAD: u16 = 14;

/// A line: its label, and pieces of text with their roles.
struct HealthLine {
    lead: &'static str,
    pieces: Vec<(String, Role)>,
    /// Whether a long text wraps onto the next lines instead of being cut.
    wraps: bool,
}

/// A title with its lines.
struct HealthSection {
    title: &'static str,
    lines: Vec<HealthLine>,
}

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let two = area.width >= TWO_COLUMNS;
    let brief = area.height < if two { 20 } else { 32 };
    let mut parts =
        vec![sources(model, brief), journal(model), rates(model), answers(model, brief)];
    if let Some(api) = api::section(model).filter(|_| !brief) {
        // After the sources, of which it is one.
        parts.insert(1, api);
    }
    if let Some(forward) = forward::section(model).filter(|_| !brief) {
        let before_rates = parts.len() - 2;
        parts.insert(before_rates, forward);
    }
    if brief && !two && !model.shown().warnings.is_empty() {
        // The header has the same chart; the warnings are shown nowhere else.
        parts.remove(parts.len() - 2);
    }
    if area.height < 12 && !two {
        // On a small screen, the answers matter most.
        parts.reverse();
    }
    let half = if two { area.width / 2 } else { area.width };
    // Sources, journal and rates on the left, answers on the right.
    let left = Rect { width: if two { half - 2 } else { half }, ..area };
    let right = Rect { x: area.x + half, width: area.width - half, ..area };
    let mut below = 0;
    let mut row = 0;
    for (place, part) in parts.iter().enumerate() {
        let beside = two && place + 1 == parts.len();
        let column = if beside { right } else { left };
        let begin = if beside { 0 } else { row };
        let end = draw_part(part, theme, column, begin, buffer);
        below = below.max(end);
        row = if beside { row } else { end };
    }
    warnings(model, theme, area, below, buffer);
}

/// Draws a section from a row on; returns the row for the next one.
fn draw_part(part: &HealthSection, theme: Theme, area: Rect, row: u16, buffer: &mut Buffer) -> u16 {
    rule::draw(&mut Pen::new(buffer, area, row), theme, part.title, &[]);
    let mut row = row + 1;
    let room = usize::from(area.width.saturating_sub(1 + LEAD)).max(1);
    for line in &part.lines {
        let mut pen = Pen::new(buffer, area, row);
        pen.skip(1).field(LEAD, line.lead, theme.of(Role::Dim));
        match &line.pieces[..] {
            [(text, role)] if line.wraps && area.height >= 12 => {
                for words in Printable::new(text).lines(room) {
                    let mut pen = Pen::new(buffer, area, row);
                    pen.skip(1 + LEAD).text(words.as_str(), theme.of(*role));
                    row += 1;
                }
            }
            pieces => {
                for (text, role) in pieces {
                    pen.text(text, theme.of(*role));
                }
                row += 1;
            }
        }
    }
    row + u16::from(area.height >= 24)
}

fn line(lead: &'static str, text: impl Into<String>, role: Role) -> HealthLine {
    pieces(lead, vec![(text.into(), role)])
}

const fn pieces(lead: &'static str, pieces: Vec<(String, Role)>) -> HealthLine {
    HealthLine { lead, pieces, wraps: false }
}

/// Creates a line that wraps instead of being cut.
fn wrapping_line(lead: &'static str, text: impl Into<String>, role: Role) -> HealthLine {
    HealthLine { wraps: true, ..line(lead, text, role) }
}

/// Returns the sources. If `brief` is true, the API is one of them instead of having a section.
fn sources(model: &Model, brief: bool) -> HealthSection {
    let run_info = &model.run_info;
    let mut lines = Vec::new();
    let link = model.shown().link.as_ref();
    if run_info.door.is_empty() {
        let (words, role) = match link {
            Some(_) => ("no: callbacks arrive only through the relay", Role::Plain),
            None => ("no: nothing is received here", Role::Guess),
        };
        lines.push(line("listening", words, role));
    } else {
        let door =
            vec![(format!("{} ", glyph::OPEN), Role::Done), (run_info.door.clone(), Role::Plain)];
        lines.push(pieces("listening", door));
    }
    if let Some(link) = link {
        let (role, words) = link::full(link, model.now);
        lines.push(wrapping_line("relay", words, role));
        if let Some((at, why)) = &link.last_error
            && matches!(link.state, LinkState::Up { .. } | LinkState::Dialling { .. })
        {
            let when = ago::moment(*at, model.now, &run_info.zone);
            lines.push(wrapping_line("last error", format!("{when}  {why}"), Role::Dim));
        }
        let gaps = &model.shown().gaps;
        if !gaps.is_empty() {
            let lost = gaps.iter().fold(0, |sum: u64, gap| sum.saturating_add(gap.count));
            let many = if gaps.len() == 1 { "gap" } else { "gaps" };
            let count = number(gaps.len() as u64);
            let words = format!("{} {} lost in {count} {many}", glyph::GAP, number(lost));
            lines.push(line("gaps", words, Role::Guess));
        }
    }
    lines.extend(api::line_of(model).filter(|_| brief));
    if brief {
        lines.extend(forward::lines_of(model));
    }
    if !run_info.callback_url.is_empty() {
        lines.push(wrapping_line("callback URL", run_info.callback_url.clone(), Role::Plain));
    }
    let keys = if run_info.keys.is_empty() { "none".to_owned() } else { run_info.keys.join(", ") };
    lines.push(line("trusted keys", keys, Role::Plain));
    match run_info.banner {
        Some(Banner::Unchecked) => {
            lines.push(line("signatures", "off (--signature off): anyone can send", Role::Guess));
        }
        Some(Banner::Demo) => {
            lines.push(line("demo", "all data is made up", Role::Guess));
        }
        Some(Banner::ReadOnly) if model.live.writer_gone => lines.push(wrapping_line(
            "read-only",
            "the dubwatch that wrote this journal has ended: nothing is received",
            Role::Failed,
        )),
        Some(Banner::ReadOnly) => lines.push(wrapping_line(
            "read-only",
            "another dubwatch writes this journal; this one only reads it",
            Role::Guess,
        )),
        Some(Banner::Unwritable) => lines.push(wrapping_line(
            "read-only",
            "the journal cannot be written here: nothing is received",
            Role::Failed,
        )),
        Some(Banner::Capture) => lines.push(wrapping_line(
            "read-only",
            "this is a capture: nothing is received, and nothing is kept",
            Role::Guess,
        )),
        None => {}
    }
    let since = ago::moment(run_info.started, model.shown_at(), &run_info.zone);
    let running = ago::spoken(model.shown_at().duration_since(run_info.started));
    lines.push(line("running", format!("since {since}, for {running}"), Role::Plain));
    HealthSection { title: "Sources", lines }
}

fn journal(model: &Model) -> HealthSection {
    let shown = model.shown();
    let mut lines = vec![line("file", model.run_info.journal.clone(), Role::Plain)];
    let (text, role) = match (&shown.store, model.run_info.banner) {
        (JournalHealth::Failing { why }, _) => {
            (format!("{} FAILING, callbacks are answered 503: {why}", glyph::FAILED), Role::Failed)
        }
        (_, Some(Banner::ReadOnly)) if model.live.writer_gone => {
            ("read-only; its writer has ended".to_owned(), Role::Failed)
        }
        (_, Some(Banner::ReadOnly)) => {
            ("read-only; another dubwatch writes it".to_owned(), Role::Plain)
        }
        (_, Some(Banner::Unwritable)) => {
            (format!("{} read-only; it cannot be written here", glyph::FAILED), Role::Failed)
        }
        (_, Some(Banner::Capture)) => ("read-only; a capture in memory".to_owned(), Role::Plain),
        (JournalHealth::Writing, _) => (format!("{} writing", glyph::DONE), Role::Done),
    };
    lines.push(line("state", text, role));
    let assets = shown.asset_list.len() as u64;
    let text = format!("{} deliveries, {} assets shown", number(shown.held), number(assets));
    lines.push(line("holds", text, Role::Plain));
    HealthSection { title: "Journal", lines }
}

fn rates(model: &Model) -> HealthSection {
    let minutes = model.shown().chart.minutes(model.shown_at());
    let most = minutes.iter().copied().max().unwrap_or(0);
    let bars: String = minutes.iter().map(|count| bar(*count, most)).collect();
    let [.., last] = minutes;
    let sum: u32 = minutes.iter().sum();
    let lines = vec![
        pieces(
            "arrivals",
            vec![
                (bars, Role::Generating),
                (format!("  {} this minute", number(last)), Role::Plain),
            ],
        ),
        line(
            "",
            format!(
                "{} in {CHART_MINUTES} minutes, at most {} per minute",
                number(sum),
                number(most)
            ),
            Role::Dim,
        ),
    ];
    HealthSection { title: "Rate", lines }
}

/// Returns a bar of the chart: zero is a line, and every other count is taller.
fn bar(count: u32, most: u32) -> char {
    let steps = glyph::CHART.len() - 1;
    let step = if count == 0 || most == 0 {
        0
    } else {
        (count as usize * steps).div_ceil(most as usize).clamp(1, steps)
    };
    glyph::CHART[step]
}

/// Returns the answers section. If `brief` is true, it has only counts above zero.
fn answers(model: &Model, brief: bool) -> HealthSection {
    // Zeros would wrongly suggest that the receiving instance got nothing.
    if matches!(
        model.run_info.banner,
        Some(Banner::ReadOnly | Banner::Unwritable | Banner::Capture)
    ) {
        let receives = model.run_info.banner == Some(Banner::ReadOnly) && !model.live.writer_gone;
        let words =
            if receives { "counted by the receiving dubwatch" } else { "nothing is received" };
        return HealthSection { title: "Answers", lines: vec![line("answers", words, Role::Dim)] };
    }
    let counts = &model.shown().counts;
    let mut lines = Vec::new();
    let mut count = |lead, count: u64, what: &str, role| {
        if brief && count == 0 && role != Role::Done {
            return;
        }
        // Zeros are shown, but dim.
        let role = if count == 0 { Role::Dim } else { role };
        let counted = vec![(format!("{:>9}  ", number(count)), role), (what.to_owned(), Role::Dim)];
        lines.push(pieces(lead, counted));
    };
    count("accepted", counts.valid, "200, signed by a trusted key", Role::Done);
    if counts.unchecked > 0 || model.run_info.banner == Some(Banner::Unchecked) {
        count("", counts.unchecked, "200, not checked", Role::Guess);
    }
    let mut lead = "refused";
    for (kind, refused) in RefusalKind::ALL.into_iter().zip(counts.refused) {
        let what = match kind {
            RefusalKind::Missing => "401, no signature header",
            RefusalKind::Malformed => "401, no signature in the header",
            RefusalKind::Invalid => "401, not signed by a trusted key",
            RefusalKind::WrongPath => "404, wrong path",
            RefusalKind::WrongMethod => "405, not a POST",
            RefusalKind::CrossSite => "403, from a web page",
            RefusalKind::TooLarge => "413, larger than --max-body",
            RefusalKind::TooSlow => "408, did not arrive in time",
            RefusalKind::Broken => "400, cut off or not HTTP",
        };
        count(lead, refused, what, Role::Failed);
        if !brief || refused > 0 {
            lead = "";
        }
    }
    count("not kept", counts.unavailable, "503, the journal was not writable", Role::Failed);
    count("not listed", counts.unlisted, "refused, but too many to log", Role::Guess);
    let title = match model.shown().link {
        Some(_) => "Results since the start; the relay already answered 200",
        None => "Answers since the start",
    };
    HealthSection { title, lines }
}

/// Draws the warnings, newest first, as many as fit.
fn warnings(model: &Model, theme: Theme, area: Rect, row: u16, buffer: &mut Buffer) {
    let warnings = &model.shown().warnings;
    let count = if warnings.is_empty() { String::new() } else { warnings.len().to_string() };
    let words = [(&*count, Role::Guess)];
    rule::draw(&mut Pen::new(buffer, area, row), theme, "Warnings", &words);
    let mut row = row + 1;
    if warnings.is_empty() {
        Pen::new(buffer, area, row).skip(1).text("none", theme.of(Role::Dim));
    }
    for (at, message) in warnings.iter().rev() {
        let when = ago::moment(*at, model.shown_at(), &model.run_info.zone);
        let room = area.width.saturating_sub(LEAD + 1);
        let pieces = Printable::new(message).pieces(room.max(8).into());
        for (place, piece) in pieces.iter().enumerate() {
            if row >= area.height {
                return;
            }
            let mut pen = Pen::new(buffer, area, row);
            let lead = if place == 0 { when.as_str() } else { "" };
            pen.skip(1).field(LEAD, lead, theme.of(Role::Dim));
            pen.printable(pen.left(), piece, theme.of(Role::Plain));
            row += 1;
        }
    }
}
