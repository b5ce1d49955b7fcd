//! The speed at which a story is played.

use std::time::Duration;

/// The speed of a story, as a multiple of real time.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Speed(f64);

impl Speed {
    /// Real time.
    pub const LIFE: Self = Self(1.0);

    /// Creates a speed from 0.1 to 1000 times real time; `None` for anything else.
    pub fn new(times: f64) -> Option<Self> {
        (0.1..=1000.0).contains(&times).then_some(Self(times))
    }

    /// Returns how long a span of real time takes when played.
    pub fn pace(self, moment: Duration) -> Duration {
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
