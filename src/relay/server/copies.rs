//! Detects copies: callbacks that an inbox has already. A copy counts as unverified.
//!
//! The sender signs neither a time nor a number, so anyone who sees a genuine callback can post it
//! again and again; and the vendor uses one key for all customers. A repeated callback is stored
//! like any other, but counts as unverified for limits and rates.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::callback::Headers;
use crate::relay::store::InboxId;
use crate::signature::fingerprint::fingerprint_of;

/// Number of callbacks in one generation. One to two generations are kept in memory, from the start
/// of this process: more than an inbox stores, in at most about 10 MB.
const GENERATION: usize = 1 << 17;

type CopyKey = (InboxId, u64);

/// The callbacks that were stored last.
#[derive(Debug, Default)]
pub(super) struct Copies {
    known: Mutex<KnownCopies>,
}

#[derive(Debug, Default)]
struct KnownCopies {
    newer: HashSet<CopyKey>,
    older: HashSet<CopyKey>,
}

/// A callback that is not a copy; removed again unless it is stored.
#[derive(Debug)]
pub(super) struct FirstCopy<'a> {
    copies: &'a Copies,
    copy: CopyKey,
    is_kept: bool,
}

impl Copies {
    /// Records a callback that a known key signed; returns `None` if it is a copy. Compares the
    /// value of the signature, whatever its encoding, and the body.
    pub(super) fn first(
        &self,
        inbox: InboxId,
        headers: &Headers,
        body: &[u8],
    ) -> Option<FirstCopy<'_>> {
        let copy = (inbox, fingerprint_of(headers, body).copy);
        self.note(copy).then(|| FirstCopy { copies: self, copy, is_kept: false })
    }

    fn note(&self, copy: CopyKey) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !known.older.contains(&copy);
        // Also refreshes an old one: it is remembered as long as it is repeated.
        let is_new = known.newer.insert(copy) && is_new;
        if known.newer.len() >= GENERATION {
            known.older = std::mem::take(&mut known.newer);
        }
        is_new
    }

    fn forget(&self, copy: CopyKey) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.newer.remove(&copy);
        known.older.remove(&copy);
    }
}

impl FirstCopy<'_> {
    /// Keeps the record, because the callback is on disk.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for FirstCopy<'_> {
    fn drop(&mut self) {
        // The sender will repeat it, and that is not a copy.
        if !self.is_kept {
            self.copies.forget(self.copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(signature: &str) -> Headers {
        Headers::from_raw([("x-signature", signature.as_bytes())])
    }

    #[test]
    fn a_callback_is_new_once_an_inbox_unless_it_was_not_kept() {
        let copies = Copies::default();
        let headers = signed("3006020101020102");
        let first = copies.first(1, &headers, b"{}");
        assert!(first.is_some());
        assert!(copies.first(1, &headers, b"{}").is_none(), "while the first is on its way");
        drop(first);
        copies.first(1, &headers, b"{}").unwrap().keep();
        assert!(copies.first(1, &headers, b"{}").is_none());
        let respelt = signed(&format!("{:0>64}{:0>64}", "01", "02"));
        assert!(copies.first(1, &respelt, b"{}").is_none());
        assert!(copies.first(2, &headers, b"{}").is_some());
        assert!(copies.first(1, &headers, b"{ }").is_some());
    }

    #[test]
    fn the_last_are_remembered_in_bounded_memory() {
        let copies = Copies::default();
        let count = 3 * GENERATION as u64;
        for copy in 0..count {
            assert!(copies.note((1, copy)));
            assert!(!copies.note((1, 0)), "one that goes on coming");
        }
        let oldest = count - GENERATION as u64;
        for copy in (oldest..count).step_by(1000) {
            assert!(!copies.note((1, copy)));
        }
        let known = copies.known.lock().unwrap();
        assert!(known.newer.len() + known.older.len() <= 2 * GENERATION);
    }
}
