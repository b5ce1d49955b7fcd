//! A token bucket: limits bursts and the long-term rate. The clock is an argument.

use std::time::{Duration, Instant};

/// Limits work that remote clients can cause.
#[derive(Debug)]
pub(super) struct TokenBucket {
    at_once: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl TokenBucket {
    /// Creates a full bucket.
    pub(super) fn new(at_once: u32, per_second: u32, now: Instant) -> Self {
        let at_once = f64::from(at_once);
        Self { at_once, per_second: f64::from(per_second), left: at_once, at: now }
    }

    /// Takes a token; returns `false` if there is none.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        self.fill(now);
        let has = self.left >= 1.0;
        if has {
            self.left -= 1.0;
        }
        has
    }

    /// Returns the time until there is a token.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        Duration::from_secs_f64((1.0 - self.left).max(0.0) / self.per_second)
    }

    /// Removes all tokens.
    pub(super) const fn exhaust(&mut self) {
        self.left = 0.0;
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = passed.mul_add(self.per_second, self.left).min(self.at_once);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_much_at_once_and_then_so_much_a_second() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(3, 2, start);
        let mut spent = |seconds: u64| {
            (0..9).filter(|_| bucket.spend(start + Duration::from_secs(seconds))).count()
        };
        assert_eq!(spent(10), 3, "no more than is there at once, however long it was quiet");
        assert_eq!(spent(10), 0);
        assert_eq!(spent(11), 2);
        assert_eq!(spent(5), 0, "a clock that goes back gives nothing");
        assert_eq!(spent(12), 2);
    }

    #[test]
    fn what_is_waited_for_is_there_then() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(4, 4, start);
        assert_eq!(bucket.wait(start), Duration::ZERO);
        bucket.exhaust();
        assert!(!bucket.spend(start));
        let wait = bucket.wait(start);
        assert_eq!(wait, Duration::from_millis(250));
        assert!(bucket.spend(start + wait));
    }
}
