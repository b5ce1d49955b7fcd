//! What a relay's server asks of a log, and in which words; keeps nothing itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::log_error::LogError;
use super::registry::{Inbox, InboxId};
use crate::callback::Headers;
use crate::relay::protocol::{DeliveryFrame, Epoch, GapFrame, ReaderName, Resume, Resumed};

/// What a delivery costs in memory and on disk beside its text and body, in bytes.
pub(super) const OVERHEAD: usize = 256;

/// How much a relay keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Deliveries an inbox.
    pub count: u64,
    /// Bytes an inbox: heads and bodies.
    pub bytes: u64,
    /// Bytes of all inboxes together.
    pub relay_bytes: u64,
    /// How long a delivery is kept.
    pub age: SignedDuration,
    /// How long a reader may be away before its cursor is forgotten.
    pub absence: SignedDuration,
    /// Named readers an inbox.
    pub readers: u64,
    /// Inboxes.
    pub inboxes: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            count: 100_000,
            bytes: 256 << 20,
            relay_bytes: 8 << 30,
            age: SignedDuration::from_hours(7 * 24),
            absence: SignedDuration::from_hours(30 * 24),
            readers: 32,
            inboxes: 10_000,
        }
    }
}

impl Caps {
    /// The part of an inbox's room that unverified deliveries may take: one of this many.
    pub(super) const UNVERIFIED: u64 = 10;

    /// How often a reader that is connected is noted as there, so that it is not taken for absent.
    pub(super) fn touch_every(&self) -> Duration {
        let quarter = Duration::try_from(self.absence).unwrap_or_default() / 4;
        quarter.clamp(Duration::from_millis(100), Duration::from_secs(60))
    }

    /// The same, but nothing goes for its age and no reader is forgotten.
    #[must_use]
    pub fn without_expiry(self) -> Self {
        Self { age: SignedDuration::MAX, absence: SignedDuration::MAX, ..self }
    }
}

/// A request to an inbox, before it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When the relay took it.
    pub received_at: Timestamp,
    /// Whether its signature held at the relay. It only decides who goes first when room runs out.
    pub verified: bool,
    /// The method, as sent.
    pub method: String,
    /// The path behind the publish id.
    pub tail: String,
    /// What stood behind the `?`.
    pub query: Option<String>,
    /// The headers, secrets replaced.
    pub headers: Headers,
    /// Where it came from.
    pub peer: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Arrival {
    /// What it counts for in the caps, and in the queue before the disk, in bytes.
    pub fn size(&self) -> usize {
        OVERHEAD
            + self.method.len()
            + self.tail.len()
            + self.query.as_ref().map_or(0, String::len)
            + self.headers.size()
            + self.peer.len()
            + self.body.len()
    }
}

/// Something of an inbox, in order of `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A delivery.
    Delivery(Box<DeliveryFrame>),
    /// What is missing before the next.
    Gap(GapFrame),
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionStart {
    /// The label of what comes from now on.
    pub epoch: Epoch,
    /// The newest `seq`.
    pub head: u64,
    /// The oldest that is still there; `head` + 1 where nothing is.
    pub retained_from: u64,
    /// Reading begins after this one.
    pub after: u64,
    /// How that was found.
    pub resumed: Resumed,
    /// How often a reader that is connected is noted as there, see [`Log::touch`].
    pub touch_every: Duration,
}

/// An inbox as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxSummary {
    /// The operator's word for it.
    pub name: String,
    /// What stands in its publish URL.
    pub publish_id: String,
    /// What stood in it before and is still taken, until when each.
    pub old: Vec<(String, Timestamp)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its token was last replaced.
    pub rotated_at: Option<Timestamp>,
    /// When it was closed for good.
    pub revoked_at: Option<Timestamp>,
    /// Deliveries kept.
    pub count: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// The newest `seq`.
    pub head: u64,
    /// Its named readers: name, how far they acked, when they were last here.
    pub readers: Vec<(String, u64, Timestamp)>,
}

/// The future result of an operation on the log.
pub type LogFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LogError>> + Send + 'a>>;

/// A durable log of deliveries by inbox, as a relay's server uses it.
pub trait Log: Send + Sync + 'static {
    /// The inbox that a publish id belongs to, or belonged to and is still taken for a while.
    fn by_publish_id(&self, publish_id: &str) -> Option<Arc<Inbox>>;

    /// The inbox that a token opens. Takes the same time for every token that opens none.
    fn by_token(&self, token: &str) -> Option<Arc<Inbox>>;

    /// Keeps an arrival. Its `seq` comes when it is on disk.
    fn append(&self, inbox: InboxId, arrival: Arrival) -> LogFuture<'_, u64>;

    /// Counts a delivery that was refused before it came here, so that readers are told. The count is on
    /// disk within a second. Needs a runtime.
    fn refused(&self, inbox: InboxId);

    /// Finds where a reader begins, and notes its cursor if it has a name.
    fn attach(
        &self,
        inbox: InboxId,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
    ) -> LogFuture<'_, SubscriptionStart>;

    /// What comes after a `seq`, without holes: at most `items`, and `bytes` as the caps count them.
    /// Nothing where the first alone has more.
    fn read(
        &self,
        inbox: InboxId,
        after: u64,
        items: usize,
        bytes: usize,
    ) -> LogFuture<'_, Vec<Item>>;

    /// Notes how far a named reader is. [`LogError::NoReader`] where it was forgotten. The first poll
    /// decides its place among what is asked of this log: what is asked later comes after it.
    fn ack(&self, inbox: InboxId, reader: ReaderName, seq: u64) -> LogFuture<'_, ()>;

    /// Notes that a named reader is there although it acks nothing. [`LogError::NoReader`] where it
    /// was forgotten.
    fn touch(&self, inbox: InboxId, reader: ReaderName) -> LogFuture<'_, ()>;

    /// Whether appending works, as far as is known.
    fn is_writing(&self) -> bool;

    /// Whether some of what was kept turned out to be unreadable.
    fn is_damaged(&self) -> bool;

    /// Every inbox that is open, for its counters.
    fn inboxes(&self) -> Vec<Arc<Inbox>>;
}
