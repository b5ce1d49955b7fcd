//! Counts requests by their outcome.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::Notify;

use crate::callback::RefusalKind;
use crate::status::Counts;

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    valid: AtomicU64,
    unchecked: AtomicU64,
    refused: [AtomicU64; RefusalKind::ALL.len()],
    unavailable: AtomicU64,
    unlisted: AtomicU64,
    changed: Notify,
}

impl Counters {
    pub(super) fn kept(&self, valid: bool) {
        let counter = if valid { &self.valid } else { &self.unchecked };
        self.count(counter);
    }

    pub(super) fn refused(&self, kind: RefusalKind) {
        self.count(&self.refused[kind as usize]);
    }

    pub(super) fn unavailable(&self) {
        self.count(&self.unavailable);
    }

    pub(super) fn unlisted(&self) {
        self.count(&self.unlisted);
    }

    fn count(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
        self.changed.notify_one();
    }

    /// Waits until a counter has changed since the last call. Supports one waiter at a time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            valid: self.valid.load(Relaxed),
            unchecked: self.unchecked.load(Relaxed),
            refused: std::array::from_fn(|kind| self.refused[kind].load(Relaxed)),
            unavailable: self.unavailable.load(Relaxed),
            unlisted: self.unlisted.load(Relaxed),
        }
    }
}
