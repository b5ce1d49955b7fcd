//! When a delivery is due.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use crate::text::Printable;

/// The slowest and the fastest multiple of the recorded pace.
const MULTIPLES: std::ops::RangeInclusive<f64> = 0.01..=1_000_000.0;

/// How fast deliveries are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReplaySpeed {
    /// As often as this faster than they were received.
    Multiple(f64),
    /// Each as soon as it can be.
    Max,
}

impl FromStr for ReplaySpeed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        let multiple = text.trim_end_matches(['x', 'X']).parse().ok();
        multiple.filter(|multiple| MULTIPLES.contains(multiple)).map(Self::Multiple).ok_or_else(
            || {
                let text = Printable::new(text).cut(40);
                format!("{text} is no speed; expected a multiple of the recorded pace like 1 or 10, or max")
            },
        )
    }
}

impl ReplaySpeed {
    /// Returns how long after the first delivery one is due that was received at `at`.
    pub(super) fn due(self, first: Timestamp, at: Timestamp) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::Multiple(multiple) => {
                // What a relay took earlier may have come later.
                let after = Duration::try_from(at.duration_since(first)).unwrap_or_default();
                after.div_f64(multiple)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_due_as_they_were_received() {
        let first: Timestamp = "2026-11-23T21:00:00Z".parse().unwrap();
        let at = |seconds| first + jiff::SignedDuration::from_secs(seconds);
        let due =
            |speed: &str, seconds| speed.parse::<ReplaySpeed>().unwrap().due(first, at(seconds));
        assert_eq!(due("1", 20), Duration::from_secs(20));
        assert_eq!(due("10", 20), Duration::from_secs(2));
        assert_eq!(due("0.5x", 20), Duration::from_secs(40));
        assert_eq!(due("max", 20), Duration::ZERO);
        assert_eq!(due("1", -20), Duration::ZERO, "it came late by a relay");
        for wrong in ["", "0", "-1", "fast", "NaN", "inf", "1e99"] {
            let error = wrong.parse::<ReplaySpeed>().unwrap_err();
            assert!(error.contains("like 1 or 10, or max"), "{error}");
        }
    }
}
