//! The lane of a version as an SVG picture: its style is in classes, because the report's policy
//! allows no style beside its own.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::super::markup::Markup;
use super::words::{ReportClock, duration, state_class, state_words};
use crate::callback::State;
use crate::timeline::VersionRow;

/// Units of the picture from its left to its right.
const WIDTH: f64 = 1000.0;

/// The time that the lanes of one asset share.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneAxis {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl LaneAxis {
    /// Returns the time from the first step of an asset to its last; to `now` if something of it
    /// still goes on.
    pub(super) fn of(versions: &[VersionRow], now: Timestamp) -> Option<Self> {
        let spans = || versions.iter().flat_map(|row| row.version.spans());
        let from = spans().map(|span| span.from).min()?;
        let last = spans().map(|span| span.from).max()?;
        let goes_on = versions.iter().any(|row| row.version.state() != State::Generated);
        Some(Self { from, to: if goes_on { now.max(last) } else { last } })
    }

    fn x(&self, at: Timestamp) -> f64 {
        let whole = self.to.duration_since(self.from).as_secs_f64().max(1.0);
        let part = at.duration_since(self.from).as_secs_f64();
        (part / whole * WIDTH).clamp(0.0, WIDTH)
    }
}

/// Returns the picture: thick where the service works, thin where it waits for a person, and red
/// from a failure on.
pub(super) fn lane(row: &VersionRow, axis: &LaneAxis, clock: &ReportClock) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} 14\" preserveAspectRatio=\"none\" role=\"img\" aria-hidden=\"true\">"
    );
    for span in row.version.spans() {
        let from = axis.x(span.from);
        let is_end = span.to.is_none() && span.state == State::Generated;
        let to = if is_end { from + 6.0 } else { axis.x(span.to.unwrap_or(axis.to)) };
        let (y, height) = match span.state {
            State::Generating => (2, 10),
            State::Generated => (3, 8),
            _ => (6, 2),
        };
        // At the end of the lane there is room for it.
        let width = (to - from).max(4.0);
        let x = from.min(WIDTH - width);
        let took = span.to.map(|to| format!(", {}", duration(to.duration_since(span.from))));
        let title = format!(
            "{} from {}{}",
            state_words(span.state),
            clock.time(span.from),
            took.unwrap_or_default()
        );
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\"><title>{}</title></rect>",
            state_class(span.state),
            Markup(&title),
        );
    }
    svg.push_str("</svg>");
    svg
}
