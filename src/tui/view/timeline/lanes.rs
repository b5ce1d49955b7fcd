//! The lanes, one per version: words in fixed columns, and its history as a bar on the time axis.
//!
//! A thin line means waiting for a person, a thick one generating, `╍` from `✗` to now still
//! failed, and blank done. `╌` is the expected end, `↻` the start of the next cycle, `▲` the time
//! from which it is overdue. Below them, expected versions that nothing was received of: words only.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::super::model::asset::AssetView;
use super::super::super::model::axis::TimeRange;
use super::super::super::model::layout::TimelineColumns;
use super::super::super::model::mode::Pane;
use super::super::super::model::{Model, names};
use super::super::super::widget::ago;
use super::super::super::widget::glyph;
use super::super::super::widget::pen::Pen;
use super::super::super::widget::theme::{Role, Theme};
use super::super::super::widget::window::window;
use super::super::mark;
use super::{axis, explain};
use crate::callback::{State, Verdict};
use crate::timeline::VersionRow;

/// The rows needed for the lanes of an asset, including the axis.
pub(super) struct RowsNeeded {
    /// With a blank row between lanes.
    pub(super) airy: u16,
    /// Without.
    pub(super) dense: u16,
}

pub(super) fn rows_needed(asset: &AssetView) -> RowsNeeded {
    let lanes = u16::try_from(asset.row.versions.len() + awaited(asset).len())
        .unwrap_or(u16::MAX / 4)
        .min(u16::MAX / 4);
    let head = 1 + u16::from(asset.row.asset.failure.is_some());
    RowsNeeded { airy: head + (2 * lanes).max(1), dense: head + lanes }
}

/// Draws axis and lanes; returns how many rows they take.
pub(super) fn draw(
    model: &Model,
    asset: &AssetView,
    theme: Theme,
    area: Rect,
    widths: TimelineColumns,
    airy: bool,
    buffer: &mut Buffer,
) -> u16 {
    let now = model.shown_at();
    let zone = &model.run_info.zone;
    let time_range = model.time_range();
    let mut row = 0;
    if let Some(words) = explain::asset_failure(model, asset) {
        let failure = asset.alerts().find(|alert| alert.version.is_none());
        let seen = failure.is_some_and(|alert| alert.acknowledged);
        let style = theme.of(if seen { Role::Failed } else { Role::Alert });
        let mut pen = Pen::new(buffer, area, row);
        pen.skip(1).glyph(glyph::FAILED, style).text(&format!(" {words} "), style);
        row += 1;
    }
    let marks = axis::marks(&time_range, zone);
    let mut pen = Pen::new(buffer, area, row);
    pen.skip(widths.words + 1);
    axis::draw(&time_range, &marks, now, zone, theme, &mut pen);
    let mut pen = Pen::new(buffer, area, row);
    pen.skip(widths.words + 1);
    axis::gaps(&time_range, now, &model.shown().gaps, theme, &mut pen);
    row += 1;

    let lanes = asset.lanes();
    let awaited = awaited(asset);
    let pitch = if airy { 2 } else { 1 };
    let height = usize::from(area.height.saturating_sub(row)) / usize::from(pitch);
    let selected = model.selected_lane();
    let seen = window(selected, lanes.len() + awaited.len(), height);
    let usual = explain::usual(model, asset);
    for place in seen {
        let mut pen = Pen::new(buffer, area, row);
        let Some(version) = lanes.get(place) else {
            let words = awaited.get(place - lanes.len());
            awaited_words(words.map_or("", String::as_str), widths.words, theme, &mut pen);
            row += pitch;
            continue;
        };
        let lane = Lane { model, asset, version, theme, is_selected: place == selected };
        lane.words(widths.words, &mut pen);
        pen.skip(1);
        let begin = pen.x();
        for (column, _) in &marks {
            let mut tick = Pen::new(buffer, area, row);
            tick.to(begin + column).glyph(glyph::TICK, theme.of(Role::Dim));
        }
        lane.bar(&time_range, usual, Rect { x: begin, width: widths.axis, ..area }, row, buffer);
        let mut pen = Pen::new(buffer, area, row);
        pen.to(begin + widths.axis + 1);
        lane.note(usual, widths.notes, &mut pen);
        row += pitch;
    }
    row
}

/// Returns what to call each expected version that nothing was received of: its locale or, if only a
/// number is expected, how many there are.
fn awaited(asset: &AssetView) -> Vec<String> {
    match (asset.missing(), asset.waiting()) {
        ([], 0) => Vec::new(),
        ([], more) => vec![format!("+{more}")],
        (missing, _) => missing.to_vec(),
    }
}

/// Draws a version that waits for the machine: dim, and without age or history.
fn awaited_words(locale: &str, width: u16, theme: Theme, pen: &mut Pen<'_>) {
    let dim = theme.of(Role::Dim);
    let locale_wide = if width >= WIDE_WORDS { 8 } else { 6 };
    pen.skip(1).glyph(glyph::EXPECTED, dim).skip(1);
    pen.field(locale_wide, locale, dim).skip(1).text("expected", dim);
}

/// Minimum width of the words of a lane in which they are not shortened.
const WIDE_WORDS: u16 = 28;

struct Lane<'a> {
    model: &'a Model,
    asset: &'a AssetView,
    version: &'a VersionRow,
    theme: Theme,
    is_selected: bool,
}

impl Lane<'_> {
    /// Draws glyph, mark, locale, state and age.
    fn words(&self, width: u16, pen: &mut Pen<'_>) {
        let (theme, version) = (self.theme, &self.version.version);
        let state = version.state();
        let now = self.model.shown_at();
        let begin = pen.x();
        let has_keys = self.model.pane == Pane::Lanes;
        let marker = theme.of(if has_keys { Role::Key } else { Role::Dim });
        pen.glyph(if self.is_selected { glyph::SELECTED } else { ' ' }, marker);
        let has_unseen_alert = self.has_unseen_alert();
        let is_overdue = self.is_overdue();
        let style = match (has_unseen_alert, is_overdue) {
            (true, _) => theme.of(Role::Alert),
            (false, true) => theme.of(Role::Failed),
            (false, false) => theme.state(state),
        };
        // Selection mark, glyph, mark and two blanks take five columns of the width.
        let wide = width >= WIDE_WORDS;
        let (locale_wide, state_wide, age_wide) = if wide { (8, 10, 5) } else { (6, 7, 5) };
        let piece = names::short_id(&self.version.version_id);
        let locale = version.locale().unwrap_or(&piece);
        let strong = if self.is_selected && !has_unseen_alert {
            style.patch(theme.of(Role::Strong))
        } else {
            style
        };
        let plain = match (has_unseen_alert, state) {
            (true, _) | (_, State::Failed | State::GenerateFailed) => style,
            (_, State::Generated) => theme.of(Role::Dim),
            _ if self.is_selected => theme.of(Role::Strong),
            _ => theme.of(Role::Plain),
        };
        let (mark, role) = mark::of(self.model, version).unwrap_or((' ', Role::Guess));
        let marked = if has_unseen_alert { style } else { theme.of(role) };
        let sign = if is_overdue { glyph::OVERDUE } else { glyph::of(state) };
        pen.glyph(sign, strong).glyph(mark, marked);
        pen.field_in(locale_wide, locale, plain).glyph(' ', style);
        let word = match (state, wide) {
            (State::Failed | State::GenerateFailed, _) => "FAILED",
            (State::Generating, _) if is_overdue => "OVERDUE",
            (State::Generating, true) => "generating",
            (State::Generating, false) => "gen",
            (State::Generated, _) => "done",
            (State::Ready, _) => "ready",
            (State::NotReady, _) => "dubbing",
        };
        pen.field_in(state_wide, word, strong);
        pen.glyph(' ', style);
        let age = match state {
            State::Generating => ago::running(now.duration_since(version.since())),
            State::Generated => ago::today(version.since(), now, &self.model.run_info.zone),
            _ => ago::ago(version.since(), now),
        };
        pen.field_in(age_wide, &age, plain);
        pen.to(begin + width);
    }

    fn is_overdue(&self) -> bool {
        self.asset.is_overdue(&self.version.version)
    }

    fn has_unseen_alert(&self) -> bool {
        self.asset.has_unseen_alert_for(self.version)
    }

    /// Draws the history on the axis.
    fn bar(
        &self,
        time_range: &TimeRange,
        usual: Option<jiff::SignedDuration>,
        area: Rect,
        row: u16,
        buffer: &mut Buffer,
    ) {
        let theme = self.theme;
        let now = self.model.shown_at();
        let mut put = |from: i64, to: i64, glyph: char, style: Style| {
            let last = i64::from(time_range.columns());
            let (from, to) = (from.clamp(0, last), to.clamp(0, last));
            let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(to)) else { return };
            if from < to {
                let mut pen = Pen::new(buffer, area, row);
                pen.to(area.x + from).glyphs(glyph, to - from, style);
            }
        };
        let now_column = time_range.column(now);
        let mut cycle = 1;
        for span in self.version.version.spans() {
            let from = time_range.column(span.from);
            // The current state reaches to now and includes its column.
            let to = span.to.map_or(now_column + 1, |to| time_range.column(to)).max(from + 1);
            let style = theme.state(span.state);
            match span.state {
                State::NotReady => put(from, to, glyph::LIGHT, style),
                State::Ready => put(from, to, glyph::THIN, style),
                State::Generating => {
                    put(from, to, glyph::THICK, style);
                    // The part beyond the limit.
                    let limit = span.from.checked_add(self.model.run_info.overdue).ok();
                    if let Some(limit) = limit.filter(|_| span.to.is_none() && self.is_overdue()) {
                        let from = time_range.column(limit).max(from);
                        put(from, to, glyph::THICK, theme.of(Role::Failed));
                        put(from, from + 1, glyph::OVERDUE, theme.of(Role::Failed));
                    }
                }
                State::Generated => put(from, from + 1, glyph::DONE, style),
                State::Failed | State::GenerateFailed => {
                    put(from, to, glyph::BROKEN, style);
                    put(from, from + 1, glyph::FAILED, style);
                }
            }
            if span.cycle > cycle && !matches!(span.state, State::Failed | State::GenerateFailed) {
                put(from, from + 1, glyph::CYCLE, theme.of(Role::Strong));
            }
            cycle = span.cycle;
        }
        if let Some(end) = self.expected(usual)
            && end > now
        {
            put(now_column + 1, time_range.column(end) + 1, glyph::EXPECTED, theme.of(Role::Dim));
        }
    }

    /// Returns when generating is expected to end.
    fn expected(&self, usual: Option<jiff::SignedDuration>) -> Option<Timestamp> {
        let version = &self.version.version;
        if version.state() != State::Generating {
            return None;
        }
        version.since().checked_add(usual?).ok()
    }

    /// Draws what failed, what is expected or what it waits for and, if there is room, that it is
    /// unchecked, or what it rests on.
    fn note(&self, usual: Option<jiff::SignedDuration>, width: u16, pen: &mut Pen<'_>) {
        let theme = self.theme;
        let version = &self.version.version;
        let now = self.model.shown_at();
        let (role, words) = match version.state() {
            State::GenerateFailed => (Role::Failed, "generate".to_owned()),
            State::Failed => (Role::Failed, "dubbing".to_owned()),
            State::NotReady => (Role::Dim, "not ready".to_owned()),
            State::Ready if version.cycle() > 1 => (Role::Ready, "QC again".to_owned()),
            State::Ready => (Role::Ready, "needs QC".to_owned()),
            State::Generating if self.is_overdue() => {
                let usual =
                    usual.map_or(String::new(), |usual| format!("usually {}", ago::spoken(usual)));
                (Role::Failed, usual)
            }
            State::Generating => match (self.expected(usual), usual) {
                (Some(end), Some(usual)) if end <= now => {
                    (Role::Ready, format!("slow ~{}", ago::spoken(usual)))
                }
                (Some(end), _) => {
                    (Role::Dim, format!("~{}", ago::minute(end, &self.model.run_info.zone)))
                }
                _ => (Role::Dim, String::new()),
            },
            State::Generated => match version.cycle() {
                1 => (Role::Dim, String::new()),
                cycle => (Role::Dim, format!("cycle {cycle}")),
            },
        };
        let end = pen.x() + width;
        pen.within(width.saturating_sub(1), &words, theme.of(role));
        let unchecked = version.provenance().is_unchecked();
        let (word, role) = if unchecked {
            (Some(Verdict::Unchecked.name()), mark::unchecked(self.model))
        } else {
            (mark::basis_words(version), Role::Dim)
        };
        if let Some(word) = word {
            let parted = if words.is_empty() { "" } else { " " };
            if parted.len() + word.len() <= usize::from(end.saturating_sub(pen.x())) {
                pen.text(parted, theme.of(Role::Plain)).text(word, theme.of(role));
            }
        }
    }
}
