//! A stand-in for the journal that does what a test tells it to and remembers what it was given.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use dubwatch::callback::{Accepted, Listed};
use dubwatch::intake::Keep;
use dubwatch::journal::{PendingCommit, WriteError};
use tokio::sync::oneshot;

/// What becomes of deliveries.
#[derive(Debug)]
pub(crate) enum Conduct {
    /// Kept at once.
    Keep,
    /// Not even queued.
    Decline(WriteError),
    /// Queued, then not written.
    Fail(WriteError),
    /// Queued until [`TestStore::give_receipts`].
    Hold,
}

type Receipt = oneshot::Sender<Result<u64, WriteError>>;

/// Keeps in memory.
pub(crate) struct TestStore {
    conduct: Conduct,
    kept: Mutex<Vec<Accepted>>,
    held: Mutex<Vec<Receipt>>,
    listed: Mutex<Vec<Listed>>,
    broken: AtomicBool,
}

impl TestStore {
    pub(crate) fn new(conduct: Conduct) -> Self {
        Self {
            conduct,
            kept: Mutex::default(),
            held: Mutex::default(),
            listed: Mutex::default(),
            broken: AtomicBool::new(false),
        }
    }

    /// Every delivery that was queued.
    pub(crate) fn kept(&self) -> Vec<Accepted> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every entry of the log of refusals, as it was written.
    pub(crate) fn listed(&self) -> Vec<Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says of everything held that it is on disk.
    pub(crate) fn give_receipts(&self) {
        for receipt in self.held.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Whoever hung up does not hear it.
            let _ = receipt.send(Ok(1));
        }
    }

    /// From now on it cannot be written.
    pub(crate) fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Keep for TestStore {
    fn keep(&self, accepted: Accepted) -> Result<PendingCommit<u64>, WriteError> {
        let (receipt, pending) = PendingCommit::channel();
        let queued = |answer| {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(accepted);
            match answer {
                Some(answer) => drop(receipt.send(answer)),
                None => self.held.lock().unwrap_or_else(PoisonError::into_inner).push(receipt),
            }
        };
        match &self.conduct {
            Conduct::Keep => queued(Some(Ok(1))),
            Conduct::Decline(why) => return Err(why.clone()),
            Conduct::Fail(why) => queued(Some(Err(why.clone()))),
            Conduct::Hold => queued(None),
        }
        Ok(pending)
    }

    fn list(&self, refusals: Vec<Listed>) -> Result<PendingCommit<u64>, WriteError> {
        let (receipt, pending) = PendingCommit::channel();
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).extend(refusals);
        let _ = receipt.send(Ok(1));
        Ok(pending)
    }

    fn is_writing(&self) -> bool {
        !self.broken.load(Ordering::Relaxed)
    }
}
