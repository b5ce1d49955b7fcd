//! The one way in: verify, then keep. Knows no transport; every door ends here.

mod coalesce;
mod desk;
mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::callback::Listed;
use crate::callback::{Accepted, BodySample, Callback, Received, Refusal, RefusalKind, Verdict};
use crate::journal::{Health, Journal, Pending, Unwritten};
use crate::signature::{TrustedKeys, fingerprint};
use crate::vitals::Counts;

use desk::{Desk, Report};
use tally::Tally;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-signature";

/// How long a door waits for the disk before it answers that it cannot say.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is told that deliveries are turned away.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Deliveries whose signature a trusted key made.
    Required,
    /// Everything, unchecked: for a first look at a sender that does not sign.
    Off,
}

/// Where deliveries and refusals are kept. The journal is one; tests and benchmarks have others.
pub trait Keep: Send + Sync + 'static {
    /// Queues a delivery; its receipt is its `seq`, once it is on disk.
    fn keep(&self, accepted: Accepted) -> Result<Pending<u64>, Unwritten>;

    /// Queues new and changed entries of the log of refusals.
    fn list(&self, refusals: Vec<Listed>) -> Result<Pending<u64>, Unwritten>;

    /// Whether what is to be kept can be written now, as far as is known.
    fn is_writing(&self) -> bool;
}

impl Keep for Journal {
    fn keep(&self, accepted: Accepted) -> Result<Pending<u64>, Unwritten> {
        self.append(accepted)
    }

    fn list(&self, refusals: Vec<Listed>) -> Result<Pending<u64>, Unwritten> {
        self.list_refusals(refusals)
    }

    fn is_writing(&self) -> bool {
        *self.health().borrow() == Health::Writing && !self.is_behind()
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is on disk, as this `seq`.
    Kept(u64),
    /// Its signature was not accepted.
    Refused,
    /// It could not be kept now; it may be on disk all the same.
    Unavailable(Unwritten),
}

/// Verifies deliveries and has them kept.
pub struct Intake {
    keys: Arc<TrustedKeys>,
    policy: Policy,
    keep: Arc<dyn Keep>,
    desk: Desk,
    tally: Arc<Tally>,
    trouble: Trouble,
}

/// Why deliveries were turned away lately.
#[derive(Default)]
struct Trouble {
    last: Mutex<Option<(Instant, Unwritten)>>,
    told: Notify,
}

impl Intake {
    /// An intake that trusts `keys` and keeps in `keep`; entries of the log of refusals are
    /// numbered from `first_refusal_id`.
    pub fn new(
        keys: impl Into<Arc<TrustedKeys>>,
        policy: Policy,
        keep: Arc<dyn Keep>,
        first_refusal_id: u64,
    ) -> std::io::Result<Self> {
        let keys = keys.into();
        let tally = Arc::new(Tally::default());
        let desk = Desk::start(
            Arc::clone(&keys),
            Arc::clone(&keep),
            Arc::clone(&tally),
            first_refusal_id,
        )?;
        Ok(Self { keys, policy, keep, desk, tally, trouble: Trouble::default() })
    }

    /// Decides about a whole request.
    ///
    /// Returns [`Decision::Kept`] only once the delivery is on disk. Dropping the future after it
    /// was first polled cancels nothing: by then the delivery is refused or queued.
    pub async fn accept(&self, request: Received) -> Decision {
        // The signature is over the raw bytes, so it comes before any parsing.
        let signatures: Vec<&str> = request.headers.all(SIGNATURE_HEADER).collect();
        let verdict = match self.policy {
            Policy::Required => self.keys.check(&signatures, &request.body),
            Policy::Off => Verdict::Unchecked,
        };
        let kind = match &verdict {
            Verdict::Valid { .. } | Verdict::Unchecked => None,
            Verdict::Missing => Some(RefusalKind::Missing),
            Verdict::Malformed { .. } => Some(RefusalKind::Malformed),
            Verdict::Invalid { .. } => Some(RefusalKind::Invalid),
        };
        if let Some(kind) = kind {
            self.refuse_signature(request, kind, &verdict);
            return Decision::Refused;
        }
        let fingerprint = fingerprint(&signatures.join(","), &request.body);
        let callback = Callback::read(&request.body);
        let valid = verdict.is_valid();
        let pending = match self.keep.keep(Accepted { request, verdict, callback, fingerprint }) {
            Ok(pending) => pending,
            Err(unwritten) => return self.unavailable(unwritten),
        };
        match tokio::time::timeout(PATIENCE, pending.receipt()).await {
            Ok(Ok(seq)) => {
                self.tally.kept(valid);
                Decision::Kept(seq)
            }
            Ok(Err(unwritten)) => self.unavailable(unwritten),
            Err(_) => self.unavailable(Unwritten::Late),
        }
    }

    /// Lists a request that its door refused.
    pub fn refuse(&self, refusal: Refusal) {
        self.tally.refused(refusal.kind);
        self.desk.report(Report { refusal, body: None });
    }

    /// Counts a request that its door answered 503, because there was no memory for its body.
    pub fn turn_away(&self) {
        self.tally.unavailable();
    }

    /// The keys that are trusted.
    pub fn keys(&self) -> &TrustedKeys {
        &self.keys
    }

    /// Whether deliveries can be kept now, as far as is known.
    pub fn is_open(&self) -> bool {
        self.keep.is_writing()
    }

    /// What became of the requests so far.
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Waits until [`Intake::counts`] has changed since this was last waited for. There may be one
    /// who waits at a time.
    pub async fn counted(&self) {
        self.tally.changed().await;
    }

    /// Writes the refusals that are not yet in the log. Blocks until then; later ones are only
    /// counted.
    pub fn close(&self) {
        self.desk.close();
    }

    /// Waits until deliveries are turned away, and says why; not more often than every ten seconds.
    pub async fn trouble(&self) -> Unwritten {
        loop {
            self.trouble.told.notified().await;
            let last = self.trouble.last.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, why)) = &*last {
                return why.clone();
            }
        }
    }

    fn unavailable(&self, unwritten: Unwritten) -> Decision {
        self.tally.unavailable();
        let mut last = self.trouble.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= TELL_EVERY) {
            *last = Some((Instant::now(), unwritten.clone()));
            self.trouble.told.notify_one();
        }
        drop(last);
        Decision::Unavailable(unwritten)
    }

    fn refuse_signature(&self, request: Received, kind: RefusalKind, verdict: &Verdict) {
        self.tally.refused(kind);
        let why = verdict
            .why()
            .unwrap_or("there is no X-Signature header; the sender signs every callback");
        let refusal = Refusal {
            at: request.received_at,
            kind,
            status: 401,
            why: why.to_owned(),
            count: 1,
            method: request.method,
            path: request.path,
            peer: request.peer,
            headers: request.headers,
            body: BodySample::of(&request.body),
        };
        self.desk.report(Report { refusal, body: Some(request.body) });
    }
}
