//! Owns the quota of unverified posts in the write queue, from their check to the disk, so that they
//! leave room for verified ones.
//!
//! One disk serves all inboxes, and its queue is bounded. Without a quota, a flood of garbage at one
//! inbox would fill the queue, and the senders to every other inbox would get 503.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::relay::store::{Arrival, WriterLimits};

/// The quota is the queue's entries and bytes divided by this.
const OF: usize = 4;

/// The free part of the quota.
pub(super) struct UnverifiedQuota {
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// All bytes of the quota.
    bound: usize,
}

/// The part of the quota that one arrival takes; returned when dropped.
pub(super) struct QuotaPermit(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl UnverifiedQuota {
    /// Creates the quota of a queue with these bounds.
    pub(super) fn of(queue: &WriterLimits) -> Self {
        let bound = (queue.bytes / OF).min(Semaphore::MAX_PERMITS);
        Self {
            entries: Arc::new(Semaphore::new((queue.entries / OF).max(1))),
            bytes: Arc::new(Semaphore::new(bound)),
            bound,
        }
    }

    /// Takes the quota of an arrival, if it is free. An arrival larger than the whole quota takes all of
    /// it.
    pub(super) fn take(&self, arrival: &Arrival) -> Option<QuotaPermit> {
        let size = u32::try_from(arrival.size().min(self.bound)).unwrap_or(u32::MAX);
        let entry = Arc::clone(&self.entries).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(size).ok()?;
        Some(QuotaPermit([entry, bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Headers;
    use jiff::Timestamp;

    fn arrival(bytes: usize) -> Arrival {
        Arrival {
            received_at: Timestamp::UNIX_EPOCH,
            verified: false,
            method: String::new(),
            tail: "/".to_owned(),
            query: None,
            headers: Headers::from_raw([("a", &b"b"[..])]),
            peer: String::new(),
            body: vec![b'x'; bytes],
        }
    }

    #[test]
    fn a_quarter_of_the_entries_and_of_the_bytes() {
        let queue = WriterLimits { entries: 40, bytes: 40_000, ..WriterLimits::default() };
        let quota = UnverifiedQuota::of(&queue);
        let take = |bytes| -> Vec<_> {
            std::iter::from_fn(|| quota.take(&arrival(bytes))).take(100).collect()
        };
        assert_eq!(take(0).len(), 10);
        // As the queue itself counts them: with their heads.
        let body = 2500 - arrival(0).size();
        assert_eq!(take(body).len(), 4);
        assert_eq!(take(body + 1).len(), 3);
        // Longer than all of it: alone.
        let held = take(90_000);
        assert_eq!(held.len(), 1);
        assert!(quota.take(&arrival(0)).is_none());
        drop(held);
        assert!(quota.take(&arrival(0)).is_some());
    }
}
