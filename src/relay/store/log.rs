//! The interface between a relay's server and its store: the trait [`Log`] and its types.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::log_error::LogError;
use super::registry::{Inbox, InboxId};
use crate::callback::Headers;
use crate::relay::protocol::{DeliveryFrame, Epoch, GapFrame, ReaderName, Resume, Resumed};

/// Overhead of a delivery in memory and on disk, besides its text and body, in bytes.
pub(super) const OVERHEAD: usize = 256;

/// The limits of a relay's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Maximum number of deliveries per inbox.
    pub count: u64,
    /// Maximum number of bytes per inbox: heads and bodies.
    pub bytes: u64,
    /// Maximum number of bytes of all inboxes together.
    pub relay_bytes: u64,
    /// Maximum age of a delivery.
    pub age: SignedDuration,
    /// Maximum absence of a reader before its cursor is forgotten.
    pub absence: SignedDuration,
    /// Maximum number of named readers per inbox.
    pub readers: u64,
    /// Maximum number of inboxes.
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
    /// Unverified deliveries may use an inbox's limits divided by this.
    pub(super) const UNVERIFIED: u64 = 10;

    /// Returns the interval at which a connected reader is stored as present.
    pub(super) fn touch_every(&self) -> Duration {
        let quarter = Duration::try_from(self.absence).unwrap_or_default() / 4;
        quarter.clamp(Duration::from_millis(100), Duration::from_secs(60))
    }

    /// Returns the same limits without maximum age and absence.
    #[must_use]
    pub fn without_expiry(self) -> Self {
        Self { age: SignedDuration::MAX, absence: SignedDuration::MAX, ..self }
    }
}

/// A request to an inbox, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When the relay received it.
    pub received_at: Timestamp,
    /// Whether its signature held at the relay. Only decides which deliveries are dropped first.
    pub verified: bool,
    /// The method, as sent.
    pub method: String,
    /// The path after the publish id.
    pub tail: String,
    /// The part after the `?`.
    pub query: Option<String>,
    /// The headers, secrets replaced.
    pub headers: Headers,
    /// The sender's address.
    pub peer: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Arrival {
    /// Returns its size as the caps and the writer's queue count it, in bytes.
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

/// An item of an inbox. Items are ordered by `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A delivery.
    Delivery(Box<DeliveryFrame>),
    /// Missing deliveries.
    Gap(GapFrame),
}

/// The start of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionStart {
    /// The epoch of new deliveries.
    pub epoch: Epoch,
    /// The newest `seq`.
    pub head: u64,
    /// The oldest stored `seq`; `head` + 1 if nothing is stored.
    pub retained_from: u64,
    /// Reading begins after this one.
    pub after: u64,
    /// How this position was determined.
    pub resumed: Resumed,
    /// Interval at which a connected reader must be stored as present, see [`Log::touch`].
    pub touch_every: Duration,
}

/// An inbox as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxSummary {
    /// The operator's word for it.
    pub name: String,
    /// Its publish id.
    pub publish_id: String,
    /// Its older publish ids that are still valid, each with the end of its validity.
    pub old: Vec<(String, Timestamp)>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its token was last replaced.
    pub rotated_at: Option<Timestamp>,
    /// When it was closed permanently.
    pub revoked_at: Option<Timestamp>,
    /// Number of stored deliveries.
    pub count: u64,
    /// Number of stored bytes.
    pub bytes: u64,
    /// The newest `seq`.
    pub head: u64,
    /// Its named readers: name, last acked `seq`, when they were last connected.
    pub readers: Vec<(String, u64, Timestamp)>,
}

/// The future result of an operation on the log.
pub type LogFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LogError>> + Send + 'a>>;

/// A durable log of deliveries by inbox, as a relay's server uses it.
pub trait Log: Send + Sync + 'static {
    /// Returns the inbox of a publish id, if the id is valid.
    fn by_publish_id(&self, publish_id: &str) -> Option<Arc<Inbox>>;

    /// Returns the inbox of a token. Takes the same time for every invalid token.
    fn by_token(&self, token: &str) -> Option<Arc<Inbox>>;

    /// Stores an arrival. Returns its `seq` once it is on disk.
    fn append(&self, inbox: InboxId, arrival: Arrival) -> LogFuture<'_, u64>;

    /// Counts a delivery that the server refused, so that readers get a gap. The count is on disk
    /// within a second. Must be called inside a Tokio runtime.
    fn refused(&self, inbox: InboxId);

    /// Determines where a reader begins. Stores its cursor if it has a name.
    fn attach(
        &self,
        inbox: InboxId,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
    ) -> LogFuture<'_, SubscriptionStart>;

    /// Returns the items after a `seq`, contiguous: at most `items`, and at most `bytes` as the
    /// caps count them; none if the first alone is larger.
    fn read(
        &self,
        inbox: InboxId,
        after: u64,
        items: usize,
        bytes: usize,
    ) -> LogFuture<'_, Vec<Item>>;

    /// Stores the position of a named reader. Returns [`LogError::NoReader`] if it was forgotten.
    /// The first poll queues the write, before all later requests to this log.
    fn ack(&self, inbox: InboxId, reader: ReaderName, seq: u64) -> LogFuture<'_, ()>;

    /// Stores that a named reader is connected, even if it acks nothing. Returns
    /// [`LogError::NoReader`] if it was forgotten.
    fn touch(&self, inbox: InboxId, reader: ReaderName) -> LogFuture<'_, ()>;

    /// Returns whether appending works, as far as is known.
    fn is_writing(&self) -> bool;

    /// Returns whether unreadable deliveries have been found.
    fn is_damaged(&self) -> bool;

    /// Returns all open inboxes, for the metrics.
    fn inboxes(&self) -> Vec<Arc<Inbox>>;
}
