//! Owns the delay before the next attempt after a connection ended. Chance and time are arguments.

use std::time::Duration;

/// Bound of the first wait.
const FIRST: Duration = Duration::from_millis(500);
/// Bound of every wait.
const LONGEST: Duration = Duration::from_secs(30);
/// A connection of this duration resets the waits.
pub const STABLE: Duration = Duration::from_secs(60);

/// Waits whose bound doubles from 0.5 s to 30 s, with full jitter: each is anything from nothing to
/// its bound, so that a thousand readers of one relay do not come back in step.
///
/// Only a connection that lasted a minute resets it. Otherwise a relay that accepts and drops each
/// connection would be dialled twice a second.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    /// Failures in a row.
    failures: u32,
}

impl Backoff {
    /// Returns the delay before the next attempt. `uptime` is zero if the connection failed.
    /// `chance` is any random number.
    pub fn wait(&mut self, uptime: Duration, chance: u64) -> Duration {
        if uptime >= STABLE {
            self.failures = 0;
        }
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(fraction(chance))
    }

    /// Returns the bound of the next wait, unless the next connection is stable.
    pub fn bound(&self) -> Duration {
        FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST)
    }

    /// Returns the number of failures in a row.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Resets the waits after the machine slept or the network changed.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Returns a random number as a fraction below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
fn fraction(chance: u64) -> f64 {
    (chance >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::ZERO;

    #[test]
    fn bounds_double_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let bounds: Vec<_> = (0..9)
            .map(|_| {
                let bound = backoff.bound().as_millis();
                backoff.wait(NEVER, 0);
                bound
            })
            .collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        for _ in 0..100 {
            backoff.wait(NEVER, 0);
        }
        assert_eq!(backoff.bound(), LONGEST);
    }

    #[test]
    fn jitter_is_full() {
        let wait = |chance| Backoff::default().wait(NEVER, chance);
        assert_eq!(wait(0), Duration::ZERO);
        assert_eq!(wait(1 << 63), Duration::from_millis(250));
        assert!(wait(u64::MAX) <= FIRST && wait(u64::MAX) > Duration::from_millis(499));
    }

    #[test]
    fn only_a_stable_minute_resets_it() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.wait(Duration::from_secs(59), 0);
        }
        assert_eq!(backoff.failures(), 5);
        assert!(backoff.wait(STABLE, u64::MAX) <= FIRST);
        assert_eq!(backoff.failures(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_wait_is_beyond_its_bound(chances: Vec<u64>) {
            let mut backoff = Backoff::default();
            for chance in chances {
                let bound = backoff.bound();
                proptest::prop_assert!(bound <= LONGEST);
                proptest::prop_assert!(backoff.wait(NEVER, chance) <= bound);
            }
        }
    }
}
