//! The log of refusals: a worker thread analyzes refused requests, coalesces them and writes them
//! in batches. No response waits for it.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::coalesce::Coalesced;
use super::counters::Counters;
use super::token_bucket::TokenBucket;
use crate::callback::{Refusal, RefusalKind, SIGNATURE_HEADER};
use crate::journal::{Journal, PendingCommit};
use crate::signature::{TrustedKeys, explain, explain_misplaced, may_be_misplaced, suspect};

/// Maximum number of queued reports. Further ones are counted as unlisted and dropped.
const QUEUE: usize = 512;
/// Bytes of the longest body that is analyzed: with [`QUEUE`] it limits the memory of the queue.
const MAX_BODY: usize = 64 << 10;

/// Bodies analyzed in a burst, and a second in the long run. An analysis takes up to 128 signature
/// checks of 40 µs, so a flood costs a tenth of a core. No more than a burst wait for theirs.
const ANALYSES: (u32, u32) = (256, 20);

/// Writes in a burst, and a second in the long run: requests sent by hand appear at once, and a
/// flood costs one write a second.
const WRITES: (u32, u32) = (16, 1);
/// Maximum time that a refusal waits for the analysis of others before it is written.
const PAUSE: Duration = Duration::from_secs(1);

/// Added to the reason if the body was not analyzed, so that it claims no more than is known.
const TOO_MANY: &str = "what happened to it was not looked into: too many were refused at once";
/// Added to the reason if the body is over [`MAX_BODY`].
const TOO_LONG: &str = "what happened to it was not looked into: it is over 64 KiB";

/// A refused request.
pub(super) struct RefusedRequest {
    pub(super) refusal: Refusal,
    /// The whole body, if the signature was rejected.
    pub(super) body: Option<Vec<u8>>,
}

/// The handle of the log: queues reports for the [`RefusalWorker`].
pub(super) struct RefusalLog {
    /// `None` once closed.
    reports: Mutex<Option<SyncSender<RefusedRequest>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

impl RefusalLog {
    pub(super) fn start(
        keys: Arc<TrustedKeys>,
        journal: Arc<Journal>,
        counters: Arc<Counters>,
        first_id: u64,
    ) -> std::io::Result<Self> {
        let (reports, inbox) = sync_channel(QUEUE);
        let now = Instant::now();
        let worker = RefusalWorker {
            keys,
            journal,
            inbox,
            waiting: VecDeque::new(),
            analyses: TokenBucket::new(ANALYSES.0, ANALYSES.1, now),
            coalesced: Coalesced::new(first_id),
            unwritten_since: None,
            writes: TokenBucket::new(WRITES.0, WRITES.1, now),
        };
        let thread =
            std::thread::Builder::new().name("refusals".to_owned()).spawn(|| worker.work())?;
        Ok(Self { reports: Mutex::new(Some(reports)), thread: Mutex::new(Some(thread)), counters })
    }

    /// Counts a refusal and queues it, if there is room.
    pub(super) fn list(&self, mut report: RefusedRequest) {
        self.counters.refused(report.refusal.kind);
        if report.body.as_ref().is_some_and(|body| body.len() > MAX_BODY) {
            report.body = None;
            not_looked_into(&mut report.refusal, TOO_LONG);
        }
        report.refusal = report.refusal.cut();
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = reports.as_ref().is_some_and(|reports| reports.try_send(report).is_ok());
        if !sent {
            self.counters.unlisted();
        }
    }

    /// Writes everything that is queued, then ends the thread.
    pub(super) fn close(&self) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the refusals thread panicked");
        }
    }
}

impl Drop for RefusalLog {
    fn drop(&mut self) {
        self.close();
    }
}

/// The worker thread: analyzes, coalesces and writes reports.
struct RefusalWorker {
    keys: Arc<TrustedKeys>,
    journal: Arc<Journal>,
    inbox: Receiver<RefusedRequest>,
    /// Reports with bodies that are worth an analysis.
    waiting: VecDeque<RefusedRequest>,
    analyses: TokenBucket,
    coalesced: Coalesced,
    /// Since when `coalesced` has changes that are not on disk.
    unwritten_since: Option<Instant>,
    writes: TokenBucket,
}

impl RefusalWorker {
    fn work(mut self) {
        while self.receive() {
            if let Some(report) = self.waiting.pop_front() {
                self.analyze(report);
            }
            // Reports that wait for their analysis should go into the same write, within `PAUSE`.
            let is_due = self.waiting.is_empty()
                || self.unwritten_since.is_some_and(|since| since.elapsed() >= PAUSE);
            if is_due && self.unwritten_since.is_some() && self.writes.spend(Instant::now()) {
                self.write();
            }
        }
        while let Some(report) = self.waiting.pop_front() {
            self.analyze(report);
        }
        if !self.write() {
            tracing::warn!("the last refusals could not be written");
        }
    }

    /// Takes the queued reports, and waits for one if there is nothing else to do. Returns `false`
    /// once the queue is closed.
    fn receive(&mut self) -> bool {
        let first = if !self.waiting.is_empty() {
            self.inbox.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            })
        } else if self.unwritten_since.is_some() {
            self.inbox.recv_timeout(self.writes.wait(Instant::now()))
        } else {
            self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match first {
            Ok(report) => self.take(report),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        // An analysis takes long, and the queue must not fill up meanwhile; nor may a flood that
        // keeps filling it delay everything else.
        for _ in 0..QUEUE {
            let Ok(report) = self.inbox.try_recv() else { break };
            self.take(report);
        }
        true
    }

    /// Queues a report for its analysis if that is useful and within the limit; else adds it as it
    /// is.
    fn take(&mut self, mut report: RefusedRequest) {
        let is_worth_it = report.refusal.kind != RefusalKind::Missing
            || may_be_misplaced(&report.refusal.headers);
        if report.body.is_none() || !is_worth_it {
            self.add(report.refusal);
        } else if self.analyses.spend(Instant::now()) {
            self.waiting.push_back(report);
        } else {
            not_looked_into(&mut report.refusal, TOO_MANY);
            self.add(report.refusal);
        }
    }

    fn analyze(&mut self, RefusedRequest { mut refusal, body }: RefusedRequest) {
        if let Some(found) = body.and_then(|body| self.found(&refusal, &body)) {
            refusal.why = found;
        }
        self.add(refusal);
    }

    fn add(&mut self, refusal: Refusal) {
        self.coalesced.add(refusal);
        self.unwritten_since.get_or_insert_with(Instant::now);
    }

    /// Returns a better reason than the check's, from the whole body and all headers.
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

    /// Writes the changed entries; returns whether that succeeded.
    fn write(&mut self) -> bool {
        self.unwritten_since = None;
        let changed = self.coalesced.take_changed();
        if changed.is_empty() {
            return true;
        }
        let written =
            self.journal.list_refusals(changed.clone()).and_then(PendingCommit::blocking_receipt);
        if written.is_err() {
            self.coalesced.give_back(changed);
            self.unwritten_since = Some(Instant::now());
            self.writes.exhaust();
        }
        written.is_ok()
    }
}

/// Adds to the reason that the body was not analyzed.
fn not_looked_into(refusal: &mut Refusal, because: &str) {
    refusal.why = format!("{}; {because}", refusal.why);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::callback::{BodySample, Headers};
    use crate::journal::Location;
    use crate::signature::PrivateKey;

    #[test]
    fn a_flood_is_counted_whole_and_nothing_is_said_that_nobody_looked_for() {
        let signer = PrivateKey::generate().unwrap();
        let keys = Arc::new(TrustedKeys::new(signer.public("sender")));
        let journal = Arc::new(Journal::open(&Location::Memory, None).unwrap());
        let refusals = RefusalLog::start(keys, Arc::clone(&journal), Arc::default(), 1).unwrap();
        let signed = b"{}".to_vec();
        let signature = signer.sign(&signed, crate::callback::Encoding::Der).unwrap();
        let headers = Headers::from_raw([(SIGNATURE_HEADER, hex::encode(signature).as_bytes())]);
        let body = b"{}\n".to_vec();
        let flood = QUEUE as u64;
        for _ in 0..flood {
            let refusal = Refusal {
                at: Timestamp::UNIX_EPOCH,
                kind: RefusalKind::Invalid,
                status: 401,
                why: "no trusted key made it".to_owned(),
                count: 1,
                method: "POST".to_owned(),
                path: "/callback".to_owned(),
                peer: "127.0.0.1:1".to_owned(),
                headers: headers.clone(),
                body: BodySample::of(&body),
            };
            refusals.list(RefusedRequest { refusal, body: Some(body.clone()) });
        }
        refusals.close();
        let (listed, _) = journal.reader().unwrap().refusals_after(0, 1000).unwrap();
        let listed: Vec<_> = listed.into_iter().map(|listed| listed.refusal).collect();
        assert_eq!(listed.iter().map(|refusal| refusal.count).sum::<u64>(), flood);
        for refusal in &listed {
            let looked_at = refusal.why.starts_with("body changed on its way");
            assert!(looked_at || refusal.why.ends_with(TOO_MANY), "{}", refusal.why);
        }
        let looked_at: u64 =
            listed.iter().filter(|r| !r.why.ends_with(TOO_MANY)).map(|r| r.count).sum();
        assert!(looked_at >= ANALYSES.0.into(), "{looked_at}");
    }
}
