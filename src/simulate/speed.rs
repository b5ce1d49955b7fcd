//! The speed at which a story is played.

use std::time::Duration;

/// How many times as fast as life a story is played.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Speed(f64);

impl Speed {
    /// As fast as life.
    pub const LIFE: Self = Self(1.0);

    /// A tenth to a thousand times as fast as life; `None` for anything else.
    pub fn new(times: f64) -> Option<Self> {
        (0.1..=1000.0).contains(&times).then_some(Self(times))
    }

    /// How long it takes to play what takes so long in life.
    pub(super) fn pace(self, moment: Duration) -> Duration {
        moment.div_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_that_would_stop_or_run_away_are_none() {
        for times in [0.0, -1.0, 0.09, 1000.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Speed::new(times), None, "{times}");
        }
        let twice = Speed::new(2.0).unwrap();
        assert_eq!(twice.pace(Duration::from_secs(3)), Duration::from_millis(1500));
    }
}
