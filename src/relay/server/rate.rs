//! How often an inbox may be posted to: buckets of tokens, by what a signature says; the clock is an
//! argument.
//!
//! What the *checks* cost has no bucket. Before its check nobody can tell a post that counts from
//! garbage, so whatever bounds checks turns away both. It is bounded by what may be sent at all: a
//! request with a signature costs about 65 µs of a core, one without 12 µs, and a body's length is
//! hashed as fast as it is read. Garbage is stopped where it is known to be garbage.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::relay::store::InboxId;

/// How often, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_second: 1000.0, burst: 5000.0 }
    }
}

impl Rate {
    /// What posts may have whose signature does not hold: a tenth, like their part of an inbox's
    /// room.
    fn unverified(self) -> Self {
        Self { per_second: self.per_second / 10.0, burst: (self.burst / 10.0).max(1.0) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Bucket {
    const fn full(rate: Rate, now: Duration) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    fn take(&mut self, rate: Rate, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = passed.mul_add(rate.per_second, self.tokens).min(rate.burst);
        self.at = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

/// An inbox's. Each kind of post has its own, so that none takes what the other needs.
#[derive(Debug, Clone, Copy)]
struct Buckets {
    verified: Bucket,
    unverified: Bucket,
}

/// The buckets of all inboxes. Bounded: an inbox that is not known gets here no bucket.
pub(super) struct Rates {
    rate: Rate,
    inboxes: Mutex<HashMap<InboxId, Buckets>>,
}

impl Rates {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, inboxes: Mutex::default() }
    }

    /// Whether a request may be kept at `now`, which is counted from any fixed moment. Its signature
    /// was checked, and held or not.
    pub(super) fn admits(&self, inbox: InboxId, verified: bool, now: Duration) -> bool {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = inboxes.entry(inbox).or_insert_with(|| Buckets {
            verified: Bucket::full(self.rate, now),
            unverified: Bucket::full(self.rate.unverified(), now),
        });
        if verified {
            buckets.verified.take(self.rate, now)
        } else {
            buckets.unverified.take(self.rate.unverified(), now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate_each_inbox_for_itself() {
        let rates = Rates::new(Rate { per_second: 10.0, burst: 3.0 });
        let now = Duration::from_secs(5);
        let admitted = |inbox, now| (0..100).filter(|_| rates.admits(inbox, true, now)).count();
        assert_eq!(admitted(1, now), 3);
        assert_eq!(admitted(2, now), 3);
        assert_eq!(admitted(1, now + Duration::from_millis(210)), 2);
        assert_eq!(admitted(1, now + Duration::from_secs(60)), 3);
        // A clock that goes back gives nothing and takes nothing.
        assert_eq!(admitted(1, now), 0);
    }

    #[test]
    fn what_does_not_count_takes_nothing_from_what_does() {
        let rates = Rates::new(Rate { per_second: 100.0, burst: 50.0 });
        let now = Duration::from_secs(5);
        assert_eq!((0..1000).filter(|_| rates.admits(1, false, now)).count(), 5);
        assert_eq!((0..60).filter(|_| rates.admits(1, true, now)).count(), 50);
        assert_eq!((0..60).filter(|_| rates.admits(1, false, now)).count(), 0);
        assert!(rates.admits(2, false, now));
    }
}
