//! The one way in: verify, then keep. Knows no transport; every door ends here.

mod budget;
mod coalesce;
mod desk;
mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::callback::{
    Accepted, BodySample, Callback, Gap, Listed, MessagePosition, Received, Refusal, RefusalKind,
    SIGNATURE_HEADER, Source, Verdict,
};
use crate::journal::{Health, Journal, PendingCommit, RelayPlace, RelayReceipt};
use crate::signature::{TrustedKeys, explain_missing, fingerprint_of};
use crate::vitals::Counts;

// What doors have to name.
pub use crate::journal::{Relayed, WriteError};

use desk::{Desk, Report};
use tally::Tally;

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
    fn keep(&self, accepted: Accepted) -> Result<PendingCommit<u64>, WriteError>;

    /// Queues new and changed entries of the log of refusals.
    fn list(&self, refusals: Vec<Listed>) -> Result<PendingCommit<u64>, WriteError>;

    /// Whether what is to be kept can be written now, as far as is known.
    fn is_writing(&self) -> bool;

    /// Notes where a subscription to a relay begins; see [`Journal::subscribed`].
    fn subscribed(
        &self,
        _relay: Arc<str>,
        _after: u64,
        _anew: Option<u64>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        Err(WriteError::Closed)
    }

    /// Queues a message of a relay; see [`Journal::take_over`].
    fn take_over(
        &self,
        _: MessagePosition,
        _: Relayed,
    ) -> Result<PendingCommit<RelayReceipt>, WriteError> {
        Err(WriteError::Closed)
    }

    /// Where a subscription to a relay is. Blocks.
    fn relay_place(&self, _relay: &str) -> Result<Option<RelayPlace>, String> {
        Ok(None)
    }
}

impl Keep for Journal {
    fn keep(&self, accepted: Accepted) -> Result<PendingCommit<u64>, WriteError> {
        self.append(accepted)
    }

    fn list(&self, refusals: Vec<Listed>) -> Result<PendingCommit<u64>, WriteError> {
        self.list_refusals(refusals)
    }

    fn is_writing(&self) -> bool {
        *self.health().borrow() == Health::Writing && !self.is_behind()
    }

    fn subscribed(
        &self,
        relay: Arc<str>,
        after: u64,
        anew: Option<u64>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        Self::subscribed(self, relay, after, anew)
    }

    fn take_over(
        &self,
        position: MessagePosition,
        what: Relayed,
    ) -> Result<PendingCommit<RelayReceipt>, WriteError> {
        Self::take_over(self, position, what)
    }

    fn relay_place(&self, relay: &str) -> Result<Option<RelayPlace>, String> {
        let reader = self.reader().map_err(|error| error.to_string())?;
        reader.relay_place(relay).map_err(|error| error.to_string())
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
    Unavailable(WriteError),
}

/// Verifies deliveries and has them kept.
pub struct Intake {
    keys: Arc<TrustedKeys>,
    policy: Policy,
    keep: Arc<dyn Keep>,
    desk: Arc<Desk>,
    tally: Arc<Tally>,
    trouble: Trouble,
}

/// A message of a relay, judged. It has to be [taken over](Intake::take_over) in its turn, also
/// where it is refused.
pub struct Judged(Judgement);

enum Judgement {
    Accepted(Box<Accepted>),
    Refused(Box<Report>),
    Gap(Gap),
}

impl Judged {
    /// A delivery that its door refused.
    pub fn refused(refusal: Refusal) -> Self {
        Self(Judgement::Refused(Box::new(Report { refusal, body: None })))
    }

    /// What is missing.
    pub const fn gap(gap: Gap) -> Self {
        Self(Judgement::Gap(gap))
    }
}

/// A message of a relay on its way to the disk.
pub struct Taking(Underway);

enum Underway {
    Kept {
        pending: PendingCommit<RelayReceipt>,
        /// Of a delivery, whether it was checked.
        valid: Option<bool>,
        tally: Arc<Tally>,
    },
    /// It is listed even if nobody waits for it any more: it will not be new again.
    Refused(JoinHandle<Result<u64, WriteError>>),
}

impl Taking {
    /// Waits until it is on disk; gives the number up to which everything of its subscription is.
    pub async fn receipt(self) -> Result<u64, WriteError> {
        match self.0 {
            Underway::Kept { pending, valid, tally } => {
                let RelayReceipt { upto, new } = pending.receipt().await?;
                // What was passed on before was counted before.
                if let Some(valid) = valid
                    && new
                {
                    tally.kept(valid);
                }
                Ok(upto)
            }
            Underway::Refused(listing) => listing.await.unwrap_or(Err(WriteError::Closed)),
        }
    }
}

/// Why deliveries were turned away lately.
#[derive(Default)]
struct Trouble {
    last: Mutex<Option<(Instant, WriteError)>>,
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
        Ok(Self { keys, policy, keep, desk: Arc::new(desk), tally, trouble: Trouble::default() })
    }

    /// Decides about a whole request.
    ///
    /// Returns [`Decision::Kept`] only once the delivery is on disk. Dropping the future after it
    /// was first polled cancels nothing: by then the delivery is refused or queued.
    pub async fn accept(&self, request: Received) -> Decision {
        let accepted = match self.verify(request) {
            Ok(accepted) => accepted,
            Err(report) => {
                self.desk.list(*report);
                return Decision::Refused;
            }
        };
        let valid = accepted.verdict.is_valid();
        let pending = match self.keep.keep(accepted) {
            Ok(pending) => pending,
            Err(unwritten) => return self.unavailable(unwritten),
        };
        match tokio::time::timeout(PATIENCE, pending.receipt()).await {
            Ok(Ok(seq)) => {
                self.tally.kept(valid);
                Decision::Kept(seq)
            }
            Ok(Err(unwritten)) => self.unavailable(unwritten),
            Err(_) => self.unavailable(WriteError::Late),
        }
    }

    /// Decides about a delivery that a relay passed on.
    pub fn verify_relayed(&self, request: Received) -> Judged {
        Judged(match self.verify(request) {
            Ok(accepted) => Judgement::Accepted(Box::new(accepted)),
            Err(report) => Judgement::Refused(report),
        })
    }

    /// Has a message of a relay kept, in its turn; see [`Journal::take_over`]. One that is refused is
    /// listed when it was passed by for the first time: a relay may pass it on again and again. A
    /// full queue is an answer, and costs the caller what it gave. Needs a runtime.
    pub fn take_over(
        &self,
        position: MessagePosition,
        judged: Judged,
    ) -> Result<Taking, WriteError> {
        let (what, valid) = match judged.0 {
            Judgement::Accepted(accepted) => {
                let valid = accepted.verdict.is_valid();
                (Relayed::Accepted(accepted), Some(valid))
            }
            Judgement::Gap(gap) => (Relayed::Gap(gap), None),
            Judgement::Refused(report) => {
                let pending = self.keep.take_over(position, Relayed::Refused)?;
                let desk = Arc::clone(&self.desk);
                return Ok(Taking(Underway::Refused(tokio::spawn(async move {
                    let RelayReceipt { upto, new } = pending.receipt().await?;
                    if new {
                        desk.list(*report);
                    }
                    Ok(upto)
                }))));
            }
        };
        let pending = self.keep.take_over(position, what)?;
        Ok(Taking(Underway::Kept { pending, valid, tally: Arc::clone(&self.tally) }))
    }

    /// Notes where a subscription to a relay begins; see [`Journal::subscribed`].
    pub async fn subscribed(
        &self,
        relay: Arc<str>,
        after: u64,
        anew: Option<u64>,
    ) -> Result<u64, WriteError> {
        let pending = self.keep.subscribed(relay, after, anew)?;
        tokio::time::timeout(PATIENCE, pending.receipt()).await.unwrap_or(Err(WriteError::Late))
    }

    /// Where a subscription to a relay is, on disk. The error is a sentence.
    pub async fn relay_place(&self, relay: Arc<str>) -> Result<Option<RelayPlace>, String> {
        let keep = Arc::clone(&self.keep);
        let read = tokio::task::spawn_blocking(move || keep.relay_place(&relay));
        read.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Says that deliveries cannot be kept at the moment, as [`Intake::trouble`] tells it.
    pub fn complain(&self, why: WriteError) {
        let _ = self.unavailable(why);
    }

    /// Checks the signature; a request whose does not hold is to be listed as refused.
    fn verify(&self, request: Received) -> Result<Accepted, Box<Report>> {
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
            return Err(Box::new(refused(request, kind, &verdict)));
        }
        let fingerprint = fingerprint_of(&request.headers, &request.body);
        let callback = Callback::read(&request.body);
        Ok(Accepted { request, verdict, callback, fingerprint })
    }

    /// Lists a request that its door refused.
    pub fn refuse(&self, refusal: Refusal) {
        self.desk.list(Report { refusal, body: None });
    }

    /// Counts a request that its door answered 503, because there was no memory for its body.
    pub fn turn_away(&self) {
        self.tally.unavailable();
    }

    /// The keys that are trusted.
    pub fn keys(&self) -> &TrustedKeys {
        &self.keys
    }

    /// Whether everything is let in unchecked.
    pub fn is_unchecked(&self) -> bool {
        self.policy == Policy::Off
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
    pub async fn trouble(&self) -> WriteError {
        loop {
            self.trouble.told.notified().await;
            let last = self.trouble.last.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, why)) = &*last {
                return why.clone();
            }
        }
    }

    fn unavailable(&self, unwritten: WriteError) -> Decision {
        self.tally.unavailable();
        let mut last = self.trouble.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= TELL_EVERY) {
            *last = Some((Instant::now(), unwritten.clone()));
            self.trouble.told.notify_one();
        }
        drop(last);
        Decision::Unavailable(unwritten)
    }
}

/// The report of a request whose signature does not hold.
fn refused(request: Received, kind: RefusalKind, verdict: &Verdict) -> Report {
    let why = match verdict.why() {
        Some(why) => why.to_owned(),
        None => explain_missing(&request.headers, &request.body),
    };
    let refusal = Refusal {
        at: request.received_at,
        kind,
        // A relay has answered before anybody here looked.
        status: if request.source == Source::Relay { 200 } else { 401 },
        why,
        count: 1,
        method: request.method,
        path: request.path,
        peer: request.peer,
        headers: request.headers,
        body: BodySample::of(&request.body),
    };
    Report { refusal, body: Some(request.body) }
}
