//! The frames of both directions as values; `wire` encodes and decodes them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Close, Cursor, Epoch, InboxIdentity, ReaderName, Resume};
use crate::callback::Headers;

/// A frame from a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The reader's name and position. The first frame, sent once.
    Hello(Hello),
    /// Everything up to here is on the reader's disk.
    Ack(Cursor),
    /// Are you there?
    Ping(PingPayload),
    /// The answer to a ping.
    Pong(PingPayload),
    /// A type that this version does not know: passed over.
    #[serde(other)]
    Unknown,
}

/// A frame from a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayFrame {
    /// The answer to a hello.
    Welcome(Welcome),
    /// A request to the inbox.
    Delivery(Box<DeliveryFrame>),
    /// Deliveries that will not be sent.
    Gap(GapFrame),
    /// The relay is about to stop.
    Draining(Draining),
    /// A newer connection has the reader's name.
    Superseded,
    /// Why the relay closes.
    Error(Fault),
    /// Are you there?
    Ping(PingPayload),
    /// The answer to a ping.
    Pong(PingPayload),
    /// A type that this version does not know: passed over.
    Unknown,
}

/// The first frame of a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The supported versions.
    pub protocol: Versions,
    /// The name of its durable cursor; `None` for a reader that never acks.
    #[serde(default)]
    pub reader: Option<ReaderName>,
    /// The last delivery or gap that it recorded.
    #[serde(default)]
    pub resume: Option<Resume>,
    /// The reader's program, for the relay's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// A range of protocol versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

impl Versions {
    /// The versions that this module supports.
    pub const OURS: Self = Self { min: super::VERSION, max: super::VERSION };

    /// Returns the newest version in both ranges; `None` if there is none.
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

/// The start of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version of the connection.
    pub protocol: u32,
    /// The permanent identity of the inbox.
    pub inbox: InboxIdentity,
    /// The epoch of new deliveries.
    pub epoch: Epoch,
    /// The newest `seq`; 0 if there is none yet.
    #[serde(deserialize_with = "super::number")]
    pub head: u64,
    /// The oldest stored `seq`; `head` + 1 if nothing is stored.
    #[serde(deserialize_with = "super::number")]
    pub retained_from: u64,
    /// The first delivery or gap begins at the `seq` after this one.
    #[serde(deserialize_with = "super::number")]
    pub after: u64,
    /// How this position was determined.
    pub resumed: Resumed,
    /// The URL that senders post to.
    pub callback_url: String,
    /// Maximum number of unacked frames.
    pub window: usize,
    /// Maximum size of a body, in bytes.
    pub max_body: usize,
}

/// The result of a `resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resumed {
    /// There was none: reading begins at the oldest stored delivery.
    Start,
    /// Reading continues after the reader's position.
    Continued,
    /// The relay does not know the position: its store was lost or is an older copy.
    RolledBack,
}

/// A request to the inbox, as the relay accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFrame {
    /// Its identity.
    pub cursor: Cursor,
    /// The newest `seq` of the inbox when this was sent.
    pub head: u64,
    /// When the relay received it.
    pub received_at: Timestamp,
    /// The method, as sent.
    pub method: String,
    /// The path after the publish id: empty, or beginning with `/`.
    pub tail: String,
    /// The part after the `?`.
    pub query: Option<String>,
    /// The headers, secrets replaced.
    pub headers: Headers,
    /// The sender's address as far as the relay knows it, with the port if that is known.
    pub peer: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl DeliveryFrame {
    /// Returns the path and query after the publish id, beginning with `/`.
    pub fn path(&self) -> String {
        let tail = if self.tail.is_empty() { "/" } else { &self.tail };
        self.query.as_ref().map_or_else(|| tail.to_owned(), |query| format!("{tail}?{query}"))
    }
}

/// Deliveries that will not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapFrame {
    /// The epoch of `to`: an ack of the gap names both.
    pub epoch: Epoch,
    /// The first `seq` of the gap.
    #[serde(deserialize_with = "super::number")]
    pub from: u64,
    /// The last `seq` of the gap.
    #[serde(deserialize_with = "super::number")]
    pub to: u64,
    /// Why they were dropped.
    pub reason: GapReason,
    /// The number of requests.
    #[serde(deserialize_with = "super::number")]
    pub count: u64,
    /// When the last of them was dropped, if that is still known.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl GapFrame {
    /// Returns the position that an ack of the gap names.
    pub const fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.to }
    }
}

/// Why a relay dropped deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Older than the relay keeps.
    Age,
    /// The signature did not hold at the relay, and space was needed.
    Unverified,
    /// Not accepted: too large, too slow, too often or no space (4xx or 503). The sender may have
    /// sent it again.
    Refused,
    /// Every reader with a name had acked it, and space was needed.
    Read,
    /// Deleted by the relay's operator to free space.
    Pruned,
    /// In a part of the relay's store that can no longer be read.
    Damaged,
    /// The relay does not remember the reason, or this version does not know it.
    #[serde(other)]
    Unknown,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Age,
        Self::Unverified,
        Self::Refused,
        Self::Read,
        Self::Pruned,
        Self::Damaged,
        Self::Unknown,
    ];

    /// Returns the name in frames.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Unverified => "unverified",
            Self::Refused => "refused",
            Self::Read => "read",
            Self::Pruned => "pruned",
            Self::Damaged => "damaged",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the reason with this name, or [`GapReason::Unknown`].
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.name() == name).unwrap_or(Self::Unknown)
    }
}

/// The relay is about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// Delay before the next connection, in seconds.
    pub retry_after: u32,
}

/// Why the relay closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The code of the close that follows.
    pub code: u16,
    /// A sentence for people. It comes from outside: make it printable before showing it.
    pub sentence: String,
}

impl From<&Close> for Fault {
    fn from(close: &Close) -> Self {
        Self { code: close.code.number(), sentence: close.sentence.clone() }
    }
}

/// The content of a ping or pong: a pong has the `id` of its ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingPayload {
    /// Chosen by the end that sends the ping.
    #[serde(deserialize_with = "super::number")]
    pub id: u64,
}
