//! Counts what became of the requests.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::callback::RefusalKind;
use crate::vitals::Counts;

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    valid: AtomicU64,
    unchecked: AtomicU64,
    refused: [AtomicU64; RefusalKind::ALL.len()],
    unavailable: AtomicU64,
    unlisted: AtomicU64,
}

impl Tally {
    pub(super) fn kept(&self, valid: bool) {
        let counter = if valid { &self.valid } else { &self.unchecked };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self, kind: RefusalKind) {
        self.refused[kind as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn unavailable(&self) {
        self.unavailable.fetch_add(1, Relaxed);
    }

    pub(super) fn unlisted(&self) {
        self.unlisted.fetch_add(1, Relaxed);
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
