//! The part of the write queue that posts without a signature that holds may have together, between
//! their check and the disk: what does not count must leave room for what does. Writes nothing.
//!
//! One disk serves all inboxes, and what waits for it is bounded. A flood at one inbox would fill that
//! queue, and every other inbox' senders would be told to come back later.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::relay::store::{Arrival, Limits};

/// Of entries and of bytes of the queue: one of this many.
const OF: usize = 4;

/// What is free of it.
pub(super) struct Part {
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// All bytes of it.
    bound: usize,
}

/// An arrival's place in it; given back when dropped.
pub(super) struct Place(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl Part {
    /// A part of a queue with these bounds.
    pub(super) fn of(queue: &Limits) -> Self {
        let bound = (queue.bytes / OF).min(Semaphore::MAX_PERMITS);
        Self {
            entries: Arc::new(Semaphore::new((queue.entries / OF).max(1))),
            bytes: Arc::new(Semaphore::new(bound)),
            bound,
        }
    }

    /// A place for an arrival, where there is one now. One that is longer than the whole part has it
    /// alone.
    pub(super) fn take(&self, arrival: &Arrival) -> Option<Place> {
        let size = u32::try_from(arrival.size().min(self.bound)).unwrap_or(u32::MAX);
        let entry = Arc::clone(&self.entries).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(size).ok()?;
        Some(Place([entry, bytes]))
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
        let queue = Limits { entries: 40, bytes: 40_000, ..Limits::default() };
        let part = Part::of(&queue);
        let take = |bytes| -> Vec<_> {
            std::iter::from_fn(|| part.take(&arrival(bytes))).take(100).collect()
        };
        assert_eq!(take(0).len(), 10);
        // As the queue itself counts them: with their heads.
        let body = 2500 - arrival(0).size();
        assert_eq!(take(body).len(), 4);
        assert_eq!(take(body + 1).len(), 3);
        // Longer than all of it: alone.
        let held = take(90_000);
        assert_eq!(held.len(), 1);
        assert!(part.take(&arrival(0)).is_none());
        drop(held);
        assert!(part.take(&arrival(0)).is_some());
    }
}
