//! Verifies deliveries and writes them to the journal, for every source alike (listener, relay
//! client).

mod coalesce;
mod counters;
mod refusal_log;
mod token_bucket;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::callback::{
    Accepted, BodySample, Callback, Gap, MessagePosition, Received, Refusal, RefusalKind,
    SIGNATURE_HEADER, Source, Verdict,
};
use crate::journal::{Journal, JournalError, PendingCommit, RelayPlace, RelayReceipt, Relayed};
use crate::signature::{TrustedKeys, explain_missing, fingerprint_of};
use crate::status::Counts;

// Used by the sources.
pub use crate::journal::WriteError;

use counters::Counters;
use refusal_log::{RefusalLog, RefusedRequest};

/// Time that a source waits for the disk before it answers that the delivery could not be kept.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Minimum interval between two reports that deliveries are rejected.
const OUTAGE_INTERVAL: Duration = Duration::from_secs(10);

/// Which deliveries are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Only deliveries signed by a trusted key.
    Required,
    /// All deliveries, unchecked: for trying out a sender that does not sign.
    Off,
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is on disk, as this `seq`.
    Kept(u64),
    /// Its signature was not accepted.
    Refused,
    /// It could not be stored now; it may be on disk nevertheless.
    Unavailable(WriteError),
}

/// Verifies deliveries and writes them to the journal.
pub struct Intake {
    keys: Arc<TrustedKeys>,
    policy: Policy,
    journal: Arc<Journal>,
    refusals: Arc<RefusalLog>,
    counters: Arc<Counters>,
    outage: Outage,
}

/// A verified message of a relay. It must be [taken over](Intake::take_over) in sequence, even if
/// it is refused.
pub struct Verified(VerifiedKind);

enum VerifiedKind {
    Accepted(Box<Accepted>),
    Refused(Box<RefusedRequest>),
    Gap(Gap),
}

impl Verified {
    /// Creates a refused delivery, for one that its source rejected.
    pub fn refused(refusal: Refusal) -> Self {
        Self(VerifiedKind::Refused(Box::new(RefusedRequest { refusal, body: None })))
    }

    /// Creates a gap in the relay's deliveries.
    pub const fn gap(gap: Gap) -> Self {
        Self(VerifiedKind::Gap(gap))
    }
}

/// A message of a relay that is being written.
pub struct PendingWrite(PendingKind);

enum PendingKind {
    Kept {
        pending: PendingCommit<RelayReceipt>,
        /// Whether its signature was checked; `None` for a gap.
        valid: Option<bool>,
        counters: Arc<Counters>,
    },
    /// Runs on if the wait is cancelled: the refusal will not be new again.
    Refused(JoinHandle<Result<u64, WriteError>>),
}

impl PendingWrite {
    /// Waits until it is on disk; returns the number up to which its subscription is complete
    /// there.
    pub async fn receipt(self) -> Result<u64, WriteError> {
        match self.0 {
            PendingKind::Kept { pending, valid, counters } => {
                let RelayReceipt { upto, new } = pending.receipt().await?;
                // A message that was delivered before was counted before.
                if let Some(valid) = valid
                    && new
                {
                    counters.kept(valid);
                }
                Ok(upto)
            }
            PendingKind::Refused(listing) => listing.await.unwrap_or(Err(WriteError::Closed)),
        }
    }
}

/// The last failure to keep a delivery.
#[derive(Default)]
struct Outage {
    last: Mutex<Option<(Instant, WriteError)>>,
    reported: Notify,
}

impl Intake {
    /// Creates an intake that trusts `keys` and writes to `journal`; entries of the log of refusals
    /// are numbered from `first_refusal_id`.
    pub fn new(
        keys: impl Into<Arc<TrustedKeys>>,
        policy: Policy,
        journal: Arc<Journal>,
        first_refusal_id: u64,
    ) -> std::io::Result<Self> {
        let keys = keys.into();
        let counters = Arc::new(Counters::default());
        let refusals = RefusalLog::start(
            Arc::clone(&keys),
            Arc::clone(&journal),
            Arc::clone(&counters),
            first_refusal_id,
        )?;
        Ok(Self {
            keys,
            policy,
            journal,
            refusals: Arc::new(refusals),
            counters,
            outage: Outage::default(),
        })
    }

    /// Verifies a complete request and stores it if it is accepted.
    ///
    /// Returns [`Decision::Kept`] only once the delivery is on disk. Dropping the future after it
    /// was first polled cancels nothing: by then the delivery is refused or queued.
    pub async fn accept(&self, request: Received) -> Decision {
        let accepted = match self.verify(request) {
            Ok(accepted) => accepted,
            Err(report) => {
                self.refusals.list(*report);
                return Decision::Refused;
            }
        };
        let valid = accepted.verdict.is_valid();
        let pending = match self.journal.append(accepted) {
            Ok(pending) => pending,
            Err(unwritten) => return self.unavailable(unwritten),
        };
        match tokio::time::timeout(WRITE_TIMEOUT, pending.receipt()).await {
            Ok(Ok(seq)) => {
                self.counters.kept(valid);
                Decision::Kept(seq)
            }
            Ok(Err(unwritten)) => self.unavailable(unwritten),
            Err(_) => self.unavailable(WriteError::Late),
        }
    }

    /// Verifies a delivery from a relay.
    pub fn verify_relayed(&self, request: Received) -> Verified {
        Verified(match self.verify(request) {
            Ok(accepted) => VerifiedKind::Accepted(Box::new(accepted)),
            Err(report) => VerifiedKind::Refused(report),
        })
    }

    /// Queues a message of a relay for writing, in sequence; see [`Journal::take_over`]. A refused
    /// one is listed only the first time, because a relay may deliver it again and again. Returns
    /// an error if the queue is full. Must be called inside a Tokio runtime.
    pub fn take_over(
        &self,
        position: MessagePosition,
        verified: Verified,
    ) -> Result<PendingWrite, WriteError> {
        let (what, valid) = match verified.0 {
            VerifiedKind::Accepted(accepted) => {
                let valid = accepted.verdict.is_valid();
                (Relayed::Accepted(accepted), Some(valid))
            }
            VerifiedKind::Gap(gap) => (Relayed::Gap(gap), None),
            VerifiedKind::Refused(report) => {
                let pending = self.journal.take_over(position, Relayed::Refused)?;
                let refusals = Arc::clone(&self.refusals);
                return Ok(PendingWrite(PendingKind::Refused(tokio::spawn(async move {
                    let RelayReceipt { upto, new } = pending.receipt().await?;
                    if new {
                        refusals.list(*report);
                    }
                    Ok(upto)
                }))));
            }
        };
        let pending = self.journal.take_over(position, what)?;
        Ok(PendingWrite(PendingKind::Kept { pending, valid, counters: Arc::clone(&self.counters) }))
    }

    /// Stores where a subscription to a relay begins; see [`Journal::subscribed`].
    pub async fn subscribed(
        &self,
        relay: Arc<str>,
        after: u64,
        anew: Option<u64>,
    ) -> Result<u64, WriteError> {
        let pending = self.journal.subscribed(relay, after, anew)?;
        tokio::time::timeout(WRITE_TIMEOUT, pending.receipt())
            .await
            .unwrap_or(Err(WriteError::Late))
    }

    /// Returns the stored position of a subscription to a relay, or an error message.
    pub async fn relay_place(&self, relay: Arc<str>) -> Result<Option<RelayPlace>, String> {
        let journal = Arc::clone(&self.journal);
        let read = tokio::task::spawn_blocking(move || journal.reader()?.relay_place(&relay));
        read.await
            .map_err(|error| error.to_string())?
            .map_err(|error: JournalError| error.to_string())
    }

    /// Records that deliveries cannot be kept at the moment; [`Intake::outage`] reports it.
    pub fn complain(&self, why: WriteError) {
        let _ = self.unavailable(why);
    }

    /// Checks the signature; returns the report for the log of refusals if it does not hold.
    fn verify(&self, request: Received) -> Result<Accepted, Box<RefusedRequest>> {
        // The signature is over the raw bytes, so it comes before any parsing.
        let signatures: Vec<&str> = request.headers.all(SIGNATURE_HEADER).collect();
        let verdict = match self.policy {
            Policy::Required => self.keys.check(&signatures, &request.body),
            Policy::Off => Verdict::Unchecked,
        };
        let kind = match &verdict {
            Verdict::Valid { .. } | Verdict::Unchecked | Verdict::Api => None,
            Verdict::Missing => Some(RefusalKind::Missing),
            Verdict::Malformed { .. } => Some(RefusalKind::Malformed),
            Verdict::Invalid { .. } => Some(RefusalKind::Invalid),
        };
        if let Some(kind) = kind {
            return Err(Box::new(refused(request, kind, &verdict)));
        }
        let fingerprint = fingerprint_of(&request.headers, &request.body);
        let callback = Callback::read(&request.body);
        Ok(Accepted { request, verdict, callback, fingerprint })
    }

    /// Lists a request that its source refused.
    pub fn refuse(&self, refusal: Refusal) {
        self.refusals.list(RefusedRequest { refusal, body: None });
    }

    /// Counts a request that its source answered 503 because there was no memory for its body.
    pub fn turn_away(&self) {
        self.counters.unavailable();
    }

    /// Returns the trusted keys.
    pub fn keys(&self) -> &TrustedKeys {
        &self.keys
    }

    /// Returns whether deliveries are accepted unchecked.
    pub fn is_unchecked(&self) -> bool {
        self.policy == Policy::Off
    }

    /// Returns whether deliveries can be kept now, as far as is known.
    pub fn is_open(&self) -> bool {
        self.journal.is_writing()
    }

    /// Returns the counts of requests by their outcome.
    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }

    /// Waits until [`Intake::counts`] has changed since the last call. Supports one waiter at a
    /// time.
    pub async fn counted(&self) {
        self.counters.changed().await;
    }

    /// Writes the refusals that are not yet in the log, and blocks until that is done. Later ones
    /// are only counted.
    pub fn close(&self) {
        self.refusals.close();
    }

    /// Waits until a delivery could not be kept, and returns why. Returns at most every ten
    /// seconds.
    pub async fn outage(&self) -> WriteError {
        loop {
            self.outage.reported.notified().await;
            let last = self.outage.last.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, why)) = &*last {
                return why.clone();
            }
        }
    }

    fn unavailable(&self, unwritten: WriteError) -> Decision {
        self.counters.unavailable();
        let mut last = self.outage.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= OUTAGE_INTERVAL) {
            *last = Some((Instant::now(), unwritten.clone()));
            self.outage.reported.notify_one();
        }
        drop(last);
        Decision::Unavailable(unwritten)
    }
}

/// Returns the report of a request whose signature does not hold.
fn refused(request: Received, kind: RefusalKind, verdict: &Verdict) -> RefusedRequest {
    let why = match verdict.why() {
        Some(why) => why.to_owned(),
        None => explain_missing(&request.headers, &request.body),
    };
    let refusal = Refusal {
        at: request.received_at,
        kind,
        // The relay has answered already.
        status: if request.source == Source::Relay { 200 } else { 401 },
        why,
        count: 1,
        method: request.method,
        path: request.path,
        peer: request.peer,
        headers: request.headers,
        body: BodySample::of(&request.body),
    };
    RefusedRequest { refusal, body: Some(request.body) }
}
