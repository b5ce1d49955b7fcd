//! Rate limits for posts to an inbox: token buckets, separate for verified and unverified posts.
//! The clock is an argument.
//!
//! Unverified posts are also limited in bytes ([`UNVERIFIED_BYTES`]): all inboxes write to one
//! disk, and a tenth of the usual requests, each of maximum size, would exceed its throughput.
//! Verified posts have no such limit.
//!
//! The cost of the *checks* has no bucket: before its check a genuine post cannot be distinguished
//! from garbage, so a limit on checks would reject both. The network bounds it: a request with a
//! signature costs about 65 µs of a core, one without 12 µs, and a body is hashed as fast as it is
//! read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::relay::store::InboxId;

/// A rate limit: long-term rate and burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: f64,
    /// Requests in a burst.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_second: 1000.0, burst: 5000.0 }
    }
}

impl Rate {
    /// Returns the limit of unverified posts: a tenth, like their part of an inbox's limits.
    fn unverified(self) -> Self {
        Self { per_second: self.per_second / 10.0, burst: (self.burst / 10.0).max(1.0) }
    }
}

/// Bytes of unverified bodies per inbox: long-term rate and burst. The burst is a quarter of the
/// write queue, like the quota in [`super::unverified_quota`].
const UNVERIFIED_BYTES: Rate = Rate { per_second: (4 << 20) as f64, burst: (16 << 20) as f64 };

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Bucket {
    const fn full(rate: Rate, now: Duration) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    fn fill(&mut self, rate: Rate, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = passed.mul_add(rate.per_second, self.tokens).min(rate.burst);
        self.at = now;
    }

    fn take(&mut self, tokens: f64) -> bool {
        let has = self.tokens >= tokens;
        if has {
            self.tokens -= tokens;
        }
        has
    }
}

/// The buckets of an inbox. Each kind of post has its own, so that one does not use up the other's.
#[derive(Debug, Clone, Copy)]
struct Buckets {
    verified: Bucket,
    unverified: Bucket,
    unverified_bytes: Bucket,
}

/// The buckets of all inboxes. Bounded, because only known inboxes get one.
pub(super) struct Rates {
    rate: Rate,
    /// The limit in bytes, for unverified posts.
    bytes: Rate,
    inboxes: Mutex<HashMap<InboxId, Buckets>>,
}

impl Rates {
    /// Creates the buckets for bodies of at most `max_body` bytes; even the longest is accepted.
    pub(super) fn new(rate: Rate, max_body: usize) -> Self {
        let burst = UNVERIFIED_BYTES.burst.max(float(max_body));
        Self { rate, bytes: Rate { burst, ..UNVERIFIED_BYTES }, inboxes: Mutex::default() }
    }

    /// Returns whether a request with this many bytes may be stored at `now`, which is counted from
    /// any fixed moment.
    pub(super) fn admits(
        &self,
        inbox: InboxId,
        verified: bool,
        bytes: usize,
        now: Duration,
    ) -> bool {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = inboxes.entry(inbox).or_insert_with(|| Buckets {
            verified: Bucket::full(self.rate, now),
            unverified: Bucket::full(self.rate.unverified(), now),
            unverified_bytes: Bucket::full(self.bytes, now),
        });
        let Buckets { verified: signed, unverified, unverified_bytes } = buckets;
        if verified {
            signed.fill(self.rate, now);
            return signed.take(1.0);
        }
        unverified.fill(self.rate.unverified(), now);
        unverified_bytes.fill(self.bytes, now);
        // The bytes last: a request that exceeds the number uses none.
        unverified.take(1.0) && unverified_bytes.take(float(bytes))
    }
}

/// Converts exactly for any length that a body may have.
fn float(bytes: usize) -> f64 {
    u32::try_from(bytes).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate_each_inbox_for_itself() {
        let rates = Rates::new(Rate { per_second: 10.0, burst: 3.0 }, 1 << 20);
        let now = Duration::from_secs(5);
        let admitted = |inbox, now| (0..100).filter(|_| rates.admits(inbox, true, 9, now)).count();
        assert_eq!(admitted(1, now), 3);
        assert_eq!(admitted(2, now), 3);
        assert_eq!(admitted(1, now + Duration::from_millis(210)), 2);
        assert_eq!(admitted(1, now + Duration::from_secs(60)), 3);
        // A clock that goes back adds and removes nothing.
        assert_eq!(admitted(1, now), 0);
    }

    #[test]
    fn what_does_not_count_takes_nothing_from_what_does() {
        let rates = Rates::new(Rate { per_second: 100.0, burst: 50.0 }, 1 << 20);
        let now = Duration::from_secs(5);
        assert_eq!((0..1000).filter(|_| rates.admits(1, false, 9, now)).count(), 5);
        assert_eq!((0..60).filter(|_| rates.admits(1, true, 9, now)).count(), 50);
        assert_eq!((0..60).filter(|_| rates.admits(1, false, 9, now)).count(), 0);
        assert!(rates.admits(2, false, 9, now));
    }

    #[test]
    fn what_does_not_count_has_bytes_as_well_and_what_counts_has_not() {
        let rates = Rates::new(Rate { per_second: 1e6, burst: 1e6 }, 1 << 20);
        let now = Duration::from_secs(5);
        let admitted = |verified, bytes, now| {
            (0..100).filter(|_| rates.admits(1, verified, bytes, now)).count()
        };
        assert_eq!(admitted(false, 1 << 20, now), 16);
        // A short body still exceeds the limit, an empty one does not.
        assert_eq!(admitted(false, 1, now), 0);
        assert_eq!(admitted(false, 0, now), 100);
        assert_eq!(admitted(true, 1 << 20, now), 100);
        assert!(rates.admits(2, false, 1 << 20, now));
        assert_eq!(admitted(false, 1 << 20, now + Duration::from_millis(1100)), 4);
        assert_eq!(admitted(false, 1 << 20, now + Duration::from_secs(60)), 16);
        // A body larger than the whole bucket is accepted once.
        let rates = Rates::new(Rate::default(), 64 << 20);
        assert!(rates.admits(1, false, 64 << 20, now));
        assert!(!rates.admits(1, false, 1, now));
    }
}
