//! Looks at refused requests in a thread of its own: forensics, coalescing, and at most one write
//! a second. Nothing here is ever waited for by an answer.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Keep;
use super::coalesce::Coalesced;
use super::tally::Tally;
use crate::callback::{Refusal, RefusalKind, SIGNATURE_HEADER};
use crate::journal::Pending;
use crate::signature::{TrustedKeys, explain, explain_misplaced, may_be_misplaced, suspect};

/// Reports that may wait. One more is counted as unlisted, and forgotten.
const QUEUE: usize = 512;
/// The longest body that is looked at whole, in bytes: with [`QUEUE`] it bounds what may wait.
const MAX_BODY: usize = 64 << 10;
/// The time between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// Bodies looked at between two writes: each takes up to 128 signature checks, of 40 µs.
const FORENSICS: u32 = 10;

/// A refused request.
pub(super) struct Report {
    pub(super) refusal: Refusal,
    /// The whole body, where the signature was refused.
    pub(super) body: Option<Vec<u8>>,
}

/// The sending side.
pub(super) struct Desk {
    /// `None` once closed.
    reports: Mutex<Option<SyncSender<Report>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    tally: Arc<Tally>,
}

impl Desk {
    pub(super) fn start(
        keys: Arc<TrustedKeys>,
        keep: Arc<dyn Keep>,
        tally: Arc<Tally>,
        first_id: u64,
    ) -> std::io::Result<Self> {
        let (reports, inbox) = sync_channel(QUEUE);
        let clerk =
            Clerk { keys, keep, inbox, coalesced: Coalesced::new(first_id), looks: FORENSICS };
        let thread =
            std::thread::Builder::new().name("refusals".to_owned()).spawn(|| clerk.work())?;
        Ok(Self { reports: Mutex::new(Some(reports)), thread: Mutex::new(Some(thread)), tally })
    }

    /// Counts a refusal and hands it over, if there is room.
    pub(super) fn list(&self, mut report: Report) {
        self.tally.refused(report.refusal.kind);
        report.body = report.body.filter(|body| body.len() <= MAX_BODY);
        report.refusal = report.refusal.cut();
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = reports.as_ref().is_some_and(|reports| reports.try_send(report).is_ok());
        if !sent {
            self.tally.unlisted();
        }
    }

    /// Has everything written, then ends the thread.
    pub(super) fn close(&self) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the refusals thread panicked");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the thread works on.
struct Clerk {
    keys: Arc<TrustedKeys>,
    keep: Arc<dyn Keep>,
    inbox: Receiver<Report>,
    coalesced: Coalesced,
    /// Bodies that may still be looked at before the next write.
    looks: u32,
}

impl Clerk {
    fn work(mut self) {
        // The first refusal after a quiet second is written at once, so that a developer who tries
        // one request sees it at once.
        let mut written = Instant::now().checked_sub(PAUSE);
        let mut waiting = false;
        loop {
            let report = if waiting {
                let due = written.map_or(Duration::ZERO, |at| PAUSE.saturating_sub(at.elapsed()));
                match self.inbox.recv_timeout(due) {
                    Ok(report) => Some(report),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            } else {
                match self.inbox.recv() {
                    Ok(report) => Some(report),
                    Err(_) => break,
                }
            };
            if let Some(report) = report {
                self.look(report);
                waiting = true;
            }
            if waiting && written.is_none_or(|at| at.elapsed() >= PAUSE) {
                waiting = !self.write();
                written = Some(Instant::now());
            }
        }
        if !self.write() {
            tracing::warn!("the last refusals could not be written");
        }
    }

    fn look(&mut self, Report { mut refusal, body }: Report) {
        // A look is not spent where there is nothing to see.
        let is_worth_it =
            refusal.kind != RefusalKind::Missing || may_be_misplaced(&refusal.headers);
        if is_worth_it
            && let Some(body) = body
            && let Some(looks) = self.looks.checked_sub(1)
        {
            self.looks = looks;
            if let Some(found) = self.found(&refusal, &body) {
                refusal.why = found;
            }
        }
        self.coalesced.add(refusal);
    }

    /// A better reason than the check's, from the whole body and all headers.
    fn found(&self, refusal: &Refusal, body: &[u8]) -> Option<String> {
        let values = |name| refusal.headers.all(name).collect::<Vec<_>>();
        let proof = match refusal.kind {
            RefusalKind::Missing => explain_misplaced(&self.keys, &refusal.headers, body),
            RefusalKind::Malformed | RefusalKind::Invalid => {
                explain(&self.keys, &values(SIGNATURE_HEADER), body)
            }
            _ => None,
        };
        proof.or_else(|| {
            let is_invalid = refusal.kind == RefusalKind::Invalid;
            let seen = is_invalid.then(|| suspect(&values("content-encoding"), body))??;
            Some(format!("{}; {seen}", refusal.why))
        })
    }

    /// Has what changed written; says whether it was.
    fn write(&mut self) -> bool {
        self.looks = FORENSICS;
        let changed = self.coalesced.take_changed();
        if changed.is_empty() {
            return true;
        }
        let written = self.keep.list(changed.clone()).and_then(Pending::blocking_receipt);
        if written.is_err() {
            self.coalesced.give_back(changed);
        }
        written.is_ok()
    }
}
