//! The time axis above the lanes: marks at round times, now, and gaps.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::super::model::axis::TimeRange;
use super::super::super::widget::ago;
use super::super::super::widget::glyph;
use super::super::super::widget::pen::Pen;
use super::super::super::widget::theme::{Role, Theme};
use crate::callback::Gap;

/// Seconds between two marks, from closest to widest.
const INTERVALS: [i64; 18] = [
    10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 2_592_000,
];
/// Minimum columns between two marks.
const APART: i64 = 12;

/// Returns the times of the marks, with their columns.
pub(super) fn marks(time_range: &TimeRange, zone: &TimeZone) -> Vec<(u16, Timestamp)> {
    let min_interval = time_range.step() * APART;
    let interval = INTERVALS.into_iter().find(|interval| *interval >= min_interval);
    let interval = interval.unwrap_or(INTERVALS[INTERVALS.len() - 1]);
    // Round in the time zone of the display.
    let offset = i64::from(zone.to_offset(time_range.start()).seconds());
    let start = time_range.start().as_second();
    let first = (start + offset).div_euclid(interval) * interval - offset;
    let mut marks = Vec::new();
    for number in 0.. {
        let Ok(at) = Timestamp::from_second(first + number * interval) else { break };
        match time_range.column(at) {
            column if column >= i64::from(time_range.columns()) => break,
            column if column < 0 => {}
            column => marks.push((u16::try_from(column).unwrap_or(u16::MAX), at)),
        }
    }
    marks
}

/// Draws the axis. `pen` is at its first column.
pub(super) fn draw(
    time_range: &TimeRange,
    marks: &[(u16, Timestamp)],
    now: Timestamp,
    zone: &TimeZone,
    theme: Theme,
    pen: &mut Pen<'_>,
) {
    let dim = theme.of(Role::Dim);
    let begin = pen.x();
    let end = begin + time_range.columns();
    let now_column = time_range.column(now);
    let now_at = u16::try_from(now_column).ok().filter(|column| *column < time_range.columns());
    // The word is before the mark if there is room for it.
    let now_from = now_at.map(|column| column.saturating_sub(4));
    let fine = marks.windows(2).any(|pair| pair[1].1.duration_since(pair[0].1) < MINUTE);
    let coarse = marks.windows(2).any(|pair| pair[1].1.duration_since(pair[0].1) >= DAY);
    // In the order of the columns: a pen only moves forward.
    let (before, after) =
        marks.split_at(marks.partition_point(|(column, _)| now_at.is_none_or(|now| *column < now)));
    let labels = |pen: &mut Pen<'_>, marks: &[(u16, Timestamp)]| {
        for (column, at) in marks {
            let label = match (fine, coarse) {
                (true, _) => ago::second(*at, zone),
                (_, true) => ago::day(*at, zone),
                _ => ago::minute(*at, zone),
            };
            let wide = u16::try_from(label.len()).unwrap_or(0) + 1;
            let meets_now =
                now_from.is_some_and(|from| column + wide >= from && *column <= from + 5);
            if pen.x() > begin + column || begin + column + wide > end || meets_now {
                continue;
            }
            pen.to(begin + column).glyph(glyph::TICK, dim).text(&label, dim);
        }
    };
    labels(pen, before);
    if let (Some(column), Some(from)) = (now_at, now_from) {
        if column >= 4 {
            pen.to(begin + from).text(" now", theme.of(Role::Strong));
        }
        pen.to(begin + column).glyph(glyph::NOW, theme.of(Role::Strong));
    }
    labels(pen, after);
}

/// Draws the gaps of a relay at their times. `pen` is at the first column.
pub(super) fn gaps<'a>(
    time_range: &TimeRange,
    now: Timestamp,
    gaps: impl IntoIterator<Item = &'a Gap>,
    theme: Theme,
    pen: &mut Pen<'_>,
) {
    let begin = pen.x();
    let mut columns: BTreeMap<u16, u64> = BTreeMap::new();
    for gap in gaps {
        if let Ok(column) = u16::try_from(time_range.column(gap.at))
            && column < time_range.columns()
        {
            let lost = columns.entry(column).or_default();
            *lost = lost.saturating_add(gap.count);
        }
    }
    let next: Vec<u16> = columns.keys().copied().skip(1).chain([time_range.columns()]).collect();
    let style = theme.of(Role::Guess);
    let now_at = u16::try_from(time_range.column(now)).ok();
    let now_from = now_at.and_then(|at| at.checked_sub(4));
    let mut taken = 0;
    for ((column, lost), next) in columns.into_iter().zip(next) {
        let words = format!(" {lost} lost ");
        let wide = u16::try_from(words.len()).unwrap_or(u16::MAX);
        if let (Some(from), Some(at)) = (now_from, now_at)
            && (from..at).contains(&column)
        {
            // Remove a word that would be cut in half; the mark of now is enough.
            pen.to(begin + from).text("    ", style);
        }
        // Always the mark; its words after or before it, unless they would cover another mark.
        pen.to(begin + column).glyph(glyph::GAP, style);
        let behind = column + 1;
        // Nor may they cover the word and mark of now.
        let nows = [now_from, now_at].into_iter().flatten().find(|now| *now > column);
        let next = nows.map_or(next, |now| next.min(now));
        if behind.saturating_add(wide) <= next {
            pen.text(&words, style);
            taken = behind + wide;
        } else if taken.saturating_add(wide) <= column {
            pen.to(begin + column - wide).text(&words, style);
            taken = behind;
        } else {
            taken = behind;
        }
    }
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
