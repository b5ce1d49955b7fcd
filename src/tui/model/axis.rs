//! The time axis of the lanes: zoom, pan, follow, and the column of each moment.

use jiff::{SignedDuration, Timestamp};

/// Seconds per column, from closest to widest.
const STEPS: [i64; 20] = [
    1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 1800, 3600, 10_800, 21_600, 86_400,
    172_800, 604_800,
];

/// The zoom and position of the time axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Axis {
    zoom: Zoom,
    end: AxisEnd,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Zoom {
    /// Chosen so that everything relevant fits.
    #[default]
    Fit,
    /// One of [`STEPS`].
    Step(usize),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum AxisEnd {
    /// The right edge stays ahead of now and jumps when now gets close to it.
    #[default]
    Follow,
    /// The right edge is fixed.
    At(Timestamp),
}

impl Axis {
    /// Returns whether the axis follows now.
    pub fn is_following(&self) -> bool {
        self.end == AxisEnd::Follow
    }

    /// Zooms in (positive) or out (negative) by `by` steps, keeping the right edge. `shown` is the
    /// current range.
    pub fn zoom(&mut self, by: isize, shown: &TimeRange) {
        let step = STEPS.iter().position(|step| *step >= shown.step).unwrap_or(STEPS.len() - 1);
        self.zoom = Zoom::Step(step.saturating_add_signed(-by).min(STEPS.len() - 1));
    }

    /// Follows now again, at a zoom that fits everything relevant.
    pub fn fit(&mut self) {
        *self = Self::default();
    }

    /// Moves the range back (negative) or forward by quarters of its width. Follows again if it
    /// reaches now.
    pub fn pan(&mut self, quarters: i64, now: Timestamp, shown: &TimeRange) {
        // Keep the zoom, although `Fit` would choose another one for the new range.
        self.zoom(0, shown);
        let by = SignedDuration::from_secs(quarters * shown.seconds() / 4);
        let end = shown.end().checked_add(by).unwrap_or(shown.end());
        let newest =
            Self { end: AxisEnd::Follow, ..*self }.time_range(now, now, shown.columns).end();
        self.end = if end >= newest { AxisEnd::Follow } else { AxisEnd::At(end) };
    }

    /// Returns the range that `columns` columns show. If the zoom is `Fit`, the range includes
    /// `since`.
    pub fn time_range(&self, since: Timestamp, now: Timestamp, columns: u16) -> TimeRange {
        let step = match self.zoom {
            Zoom::Step(step) => STEPS[step],
            Zoom::Fit => {
                // At most an eighth lies ahead of now; another eighth is spare for what arrives
                // next.
                let room = i64::from((columns - columns / 4).max(1));
                let min_step = now.duration_since(since).as_secs().max(0) / room;
                STEPS.into_iter().find(|step| *step > min_step).unwrap_or(STEPS[STEPS.len() - 1])
            }
        };
        let width = i64::from(columns.max(1)) * step;
        let end = match self.end {
            AxisEnd::At(end) => end.as_second(),
            // The edge jumps by an eighth of the width, so that passing time repaints only a cell
            // or two and not the whole screen.
            AxisEnd::Follow => {
                let jump = (i64::from(columns / 8).max(1)) * step;
                (now.as_second() + step).div_euclid(jump).saturating_add(1).saturating_mul(jump)
            }
        };
        TimeRange { start: end.saturating_sub(width), step, columns }
    }
}

/// A range of time, divided into columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// When the first column begins, in seconds since 1970.
    start: i64,
    /// Seconds per column.
    step: i64,
    columns: u16,
}

impl TimeRange {
    /// Returns the seconds per column.
    pub const fn step(&self) -> i64 {
        self.step
    }

    /// Returns the number of columns.
    pub const fn columns(&self) -> u16 {
        self.columns
    }

    /// Returns the length in seconds.
    pub const fn seconds(&self) -> i64 {
        self.step * self.columns as i64
    }

    /// Returns when the range begins.
    pub fn start(&self) -> Timestamp {
        Timestamp::from_second(self.start).unwrap_or(Timestamp::MIN)
    }

    /// Returns when the range ends.
    pub fn end(&self) -> Timestamp {
        Timestamp::from_second(self.start.saturating_add(self.seconds())).unwrap_or(Timestamp::MAX)
    }

    /// Returns the column of a moment: negative before the range, `columns` or more after it.
    pub fn column(&self, at: Timestamp) -> i64 {
        at.as_second().saturating_sub(self.start).div_euclid(self.step)
    }

    /// Returns when a column begins.
    pub fn time_of(&self, column: u16) -> Timestamp {
        let second = self.start.saturating_add(i64::from(column) * self.step);
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// Returns an axis with half a minute per column.
    fn half_minutes() -> Axis {
        Axis { zoom: Zoom::Step(7), ..Axis::default() }
    }

    #[test]
    fn now_is_always_on_screen_and_the_edge_jumps() {
        let axis = half_minutes();
        let mut edges = std::collections::BTreeSet::new();
        for second in 0..3000 {
            let time_range = axis.time_range(at(0), at(second), 64);
            let column = time_range.column(at(second));
            assert!((64 - 64 / 8 - 2..64).contains(&column), "{column}");
            edges.insert(time_range.end());
        }
        assert!(edges.len() <= 3000 / (8 * 30) + 2, "{} edges", edges.len());
    }

    #[test]
    fn the_range_includes_the_start_and_now() {
        let axis = Axis::default();
        for age in [0, 1, 59, 600, 5000, 86_400, 3_000_000] {
            for columns in [20, 64, 137] {
                let time_range = axis.time_range(at(-age), at(0), columns);
                let seen = 0..i64::from(columns);
                assert!(seen.contains(&time_range.column(at(-age))), "{age} {columns}");
                assert!(seen.contains(&time_range.column(at(0))), "{age} {columns}");
            }
        }
    }

    #[test]
    fn panning_back_stops_following_and_panning_to_now_resumes_it() {
        let mut axis = half_minutes();
        axis.pan(-1, at(0), &axis.time_range(at(0), at(0), 80));
        assert!(!axis.is_following());
        assert_eq!(axis.time_range(at(0), at(0), 80), axis.time_range(at(-9), at(500), 80));
        axis.pan(4, at(0), &axis.time_range(at(0), at(0), 80));
        assert!(axis.is_following());
    }

    #[test]
    fn zoom_continues_from_the_fit_and_stops_at_both_ends() {
        let mut axis = Axis::default();
        let step = |axis: &Axis| axis.time_range(at(-600), at(0), 80).step();
        let fits = step(&axis);
        axis.zoom(1, &axis.time_range(at(-600), at(0), 80));
        assert!(step(&axis) < fits);
        axis.zoom(99, &axis.time_range(at(0), at(0), 80));
        assert_eq!(step(&axis), 1);
        axis.zoom(-99, &axis.time_range(at(0), at(0), 80));
        assert_eq!(step(&axis), 604_800);
        axis.fit();
        assert_eq!(step(&axis), fits);
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            let mut axis = Axis::default();
            for columns in [0, 1, u16::MAX] {
                let time_range = axis.time_range(Timestamp::MIN, now, columns);
                let _ = (time_range.start(), time_range.end(), time_range.column(Timestamp::MIN));
                axis.zoom(-99, &time_range);
                axis.pan(-3, now, &time_range);
                let _ = axis.time_range(now, now, columns);
                axis.fit();
            }
        }
    }
}
