//! The words of a report: states, times, durations.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::callback::State;

/// Returns a state in words that need no manual.
pub(super) const fn state_words(state: State) -> &'static str {
    match state {
        State::NotReady => "being dubbed",
        State::Ready => "ready for review",
        State::Failed => "dubbing failed",
        State::Generating => "generating",
        State::Generated => "done",
        State::GenerateFailed => "generating failed",
    }
}

/// Returns a mark, so that no state is told apart by colour alone.
pub(super) const fn state_mark(state: State) -> char {
    match state {
        State::NotReady => '·',
        State::Ready => '○',
        State::Generating => '◐',
        State::Generated => '✓',
        State::Failed | State::GenerateFailed => '✗',
    }
}

/// Returns the class of a state in the style.
pub(super) const fn state_class(state: State) -> &'static str {
    match state {
        State::Failed | State::GenerateFailed => "failed",
        state => state.name(),
    }
}

/// Writes times in one zone.
#[derive(Debug, Clone)]
pub(super) struct ReportClock {
    pub(super) zone: TimeZone,
}

impl ReportClock {
    /// Returns day and time: `28 Nov 2026 16:40`.
    pub(super) fn time(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%-d %b %Y %H:%M").to_string()
    }

    /// Returns the offset from UTC at a time: `UTC`, or `+02:00`.
    pub(super) fn offset(&self, at: Timestamp) -> String {
        match at.to_zoned_datetime(self.zone.clone()).strftime("%:z").to_string().as_str() {
            "+00:00" => "UTC".to_owned(),
            offset => offset.to_owned(),
        }
    }
}

/// Returns a duration in its two largest units: `2h 14m`.
pub(super) fn duration(took: SignedDuration) -> String {
    let seconds = took.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")];
    let Some(first) = parts.iter().position(|(count, _)| *count > 0) else {
        return "0s".to_owned();
    };
    let shown = parts[first..].iter().take(2).filter(|(count, _)| *count > 0);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m 1s"),
            (3600, "1h"),
            (8040, "2h 14m"),
            (90_061, "1d 1h"),
            (86_400 + 61, "1d"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), words);
        }
    }
}
