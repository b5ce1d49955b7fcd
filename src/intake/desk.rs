//! Looks at refused requests in a thread of its own: forensics, coalescing, and a few writes. Nothing
//! here is ever waited for by an answer.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Keep;
use super::budget::Budget;
use super::coalesce::Coalesced;
use super::tally::Tally;
use crate::callback::{Refusal, RefusalKind, SIGNATURE_HEADER};
use crate::journal::PendingCommit;
use crate::signature::{TrustedKeys, explain, explain_misplaced, may_be_misplaced, suspect};

/// Reports that may wait. One more is counted as unlisted, and forgotten.
const QUEUE: usize = 512;
/// The longest body that is looked at whole, in bytes: with [`QUEUE`] it bounds what may wait.
const MAX_BODY: usize = 64 << 10;

/// Bodies looked at at once, and a second in the long run. A look takes up to 128 signature checks, of
/// 40 µs: a flood costs a tenth of a core. As many wait for theirs at most.
const LOOKS: (u32, u32) = (256, 20);

/// Writes at once, and a second in the long run: whoever tries requests by hand sees each at once, and
/// a flood costs a write a second.
const WRITES: (u32, u32) = (16, 1);
/// How long a refusal may wait for others to be looked at before it is written.
const PAUSE: Duration = Duration::from_secs(1);

/// What the reason says further where nobody has looked at the body, so that it claims no more than
/// is known.
const TOO_MANY: &str = "what happened to it was not looked into: too many were refused at once";
/// The same for a body over [`MAX_BODY`].
const TOO_LONG: &str = "what happened to it was not looked into: it is over 64 KiB";

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
        let now = Instant::now();
        let clerk = Clerk {
            keys,
            keep,
            inbox,
            waiting: VecDeque::new(),
            looks: Budget::new(LOOKS.0, LOOKS.1, now),
            coalesced: Coalesced::new(first_id),
            unwritten_since: None,
            writes: Budget::new(WRITES.0, WRITES.1, now),
        };
        let thread =
            std::thread::Builder::new().name("refusals".to_owned()).spawn(|| clerk.work())?;
        Ok(Self { reports: Mutex::new(Some(reports)), thread: Mutex::new(Some(thread)), tally })
    }

    /// Counts a refusal and hands it over, if there is room.
    pub(super) fn list(&self, mut report: Report) {
        self.tally.refused(report.refusal.kind);
        if report.body.as_ref().is_some_and(|body| body.len() > MAX_BODY) {
            report.body = None;
            not_looked_into(&mut report.refusal, TOO_LONG);
        }
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
    /// Reports with bodies that are worth a look.
    waiting: VecDeque<Report>,
    looks: Budget,
    coalesced: Coalesced,
    /// Since when `coalesced` has something that is not on disk.
    unwritten_since: Option<Instant>,
    writes: Budget,
}

impl Clerk {
    fn work(mut self) {
        while self.receive() {
            if let Some(report) = self.waiting.pop_front() {
                self.look(report);
            }
            // What still waits for a look is soon in the same write, but is not waited for for long.
            let is_due = self.waiting.is_empty()
                || self.unwritten_since.is_some_and(|since| since.elapsed() >= PAUSE);
            if is_due && self.unwritten_since.is_some() && self.writes.spend(Instant::now()) {
                self.write();
            }
        }
        while let Some(report) = self.waiting.pop_front() {
            self.look(report);
        }
        if !self.write() {
            tracing::warn!("the last refusals could not be written");
        }
    }

    /// Takes what has come, waiting for it where there is nothing else to do; says whether more can
    /// come.
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
        // A look takes long, and the queue must not run full meanwhile; nor may a flood that fills it
        // again and again keep everything else waiting.
        for _ in 0..QUEUE {
            let Ok(report) = self.inbox.try_recv() else { break };
            self.take(report);
        }
        true
    }

    /// Puts a report where it waits for a look, if there is something to see and somebody to look.
    fn take(&mut self, mut report: Report) {
        let is_worth_it = report.refusal.kind != RefusalKind::Missing
            || may_be_misplaced(&report.refusal.headers);
        if report.body.is_none() || !is_worth_it {
            self.add(report.refusal);
        } else if self.looks.spend(Instant::now()) {
            self.waiting.push_back(report);
        } else {
            not_looked_into(&mut report.refusal, TOO_MANY);
            self.add(report.refusal);
        }
    }

    fn look(&mut self, Report { mut refusal, body }: Report) {
        if let Some(found) = body.and_then(|body| self.found(&refusal, &body)) {
            refusal.why = found;
        }
        self.add(refusal);
    }

    fn add(&mut self, refusal: Refusal) {
        self.coalesced.add(refusal);
        self.unwritten_since.get_or_insert_with(Instant::now);
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
        self.unwritten_since = None;
        let changed = self.coalesced.take_changed();
        if changed.is_empty() {
            return true;
        }
        let written = self.keep.list(changed.clone()).and_then(PendingCommit::blocking_receipt);
        if written.is_err() {
            self.coalesced.give_back(changed);
            self.unwritten_since = Some(Instant::now());
            self.writes.exhaust();
        }
        written.is_ok()
    }
}

/// Adds to the reason that there may be a better one.
fn not_looked_into(refusal: &mut Refusal, because: &str) {
    refusal.why = format!("{}; {because}", refusal.why);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::callback::{Accepted, BodySample, Headers, Listed};
    use crate::journal::WriteError;
    use crate::signature::PrivateKey;

    /// Keeps what was listed last under each id.
    #[derive(Default)]
    struct Log(Mutex<std::collections::HashMap<u64, Refusal>>);

    impl Keep for Log {
        fn keep(&self, _: Accepted) -> Result<PendingCommit<u64>, WriteError> {
            Err(WriteError::Closed)
        }

        fn list(&self, refusals: Vec<Listed>) -> Result<PendingCommit<u64>, WriteError> {
            let (sender, pending) = PendingCommit::channel();
            let mut log = self.0.lock().unwrap();
            log.extend(refusals.into_iter().map(|listed| (listed.id, listed.refusal)));
            let _ = sender.send(Ok(0));
            Ok(pending)
        }

        fn is_writing(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_flood_is_counted_whole_and_nothing_is_said_that_nobody_looked_for() {
        let signer = PrivateKey::generate().unwrap();
        let keys = Arc::new(TrustedKeys::new(signer.public("sender")));
        let log = Arc::new(Log::default());
        let keep: Arc<dyn Keep> = Arc::clone(&log) as _;
        let desk = Desk::start(keys, keep, Arc::default(), 1).unwrap();
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
            desk.list(Report { refusal, body: Some(body.clone()) });
        }
        desk.close();
        let log = log.0.lock().unwrap();
        assert_eq!(log.values().map(|refusal| refusal.count).sum::<u64>(), flood);
        for refusal in log.values() {
            let looked_at = refusal.why.starts_with("body changed on its way");
            assert!(looked_at || refusal.why.ends_with(TOO_MANY), "{}", refusal.why);
        }
        let looked_at: u64 =
            log.values().filter(|r| !r.why.ends_with(TOO_MANY)).map(|r| r.count).sum();
        assert!(looked_at >= LOOKS.0.into(), "{looked_at}");
    }
}
