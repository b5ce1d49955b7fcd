//! The frames of both directions as values; how they are written is in `wire`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Close, Cursor, Epoch, InboxIdentity, ReaderName, Resume};
use crate::callback::Headers;

/// What a reader says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Who reads, and from where. First, and once.
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

/// What a relay says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayFrame {
    /// The answer to a hello.
    Welcome(Welcome),
    /// A request to the inbox.
    Delivery(Box<DeliveryFrame>),
    /// What will never come.
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
    /// The versions that it speaks.
    pub protocol: Versions,
    /// The name of its durable cursor; `None` for a reader that keeps nothing and never acks.
    #[serde(default)]
    pub reader: Option<ReaderName>,
    /// The last delivery or gap that it recorded.
    #[serde(default)]
    pub resume: Option<Resume>,
    /// What program it is, for the relay's log.
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
    /// What this module speaks.
    pub const OURS: Self = Self { min: super::VERSION, max: super::VERSION };

    /// The newest version that both ranges have.
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

/// How a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak from now on.
    pub protocol: u32,
    /// Which inbox it is, for ever.
    pub inbox: InboxIdentity,
    /// The label of what comes from now on.
    pub epoch: Epoch,
    /// The newest `seq`; 0 where there is none yet.
    #[serde(deserialize_with = "super::number")]
    pub head: u64,
    /// The oldest `seq` that is still there; `head` + 1 where nothing is.
    #[serde(deserialize_with = "super::number")]
    pub retained_from: u64,
    /// The first frame about the inbox is about the `seq` after this one.
    #[serde(deserialize_with = "super::number")]
    pub after: u64,
    /// How that was found.
    pub resumed: Resumed,
    /// Where senders post to.
    pub callback_url: String,
    /// How many frames may be unacked.
    pub window: usize,
    /// The longest body, in bytes.
    pub max_body: usize,
}

/// What became of a `resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resumed {
    /// There was none: from the oldest that is still there.
    Start,
    /// It goes on after the reader's last.
    Continued,
    /// The relay does not know the place: its store was lost or is an older copy.
    RolledBack,
}

/// A request to the inbox, as the relay took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFrame {
    /// Its identity.
    pub cursor: Cursor,
    /// The newest `seq` of the inbox when this was sent.
    pub head: u64,
    /// When the relay took it.
    pub received_at: Timestamp,
    /// The method, as sent.
    pub method: String,
    /// The path behind the publish id: empty, or beginning with `/`.
    pub tail: String,
    /// What stood behind the `?`.
    pub query: Option<String>,
    /// The headers, secrets replaced.
    pub headers: Headers,
    /// Where it came from, as far as the relay can tell: an address, with a port where it is known.
    pub peer: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl DeliveryFrame {
    /// The path and query behind the publish id, beginning with `/`.
    pub fn path(&self) -> String {
        let tail = if self.tail.is_empty() { "/" } else { &self.tail };
        self.query.as_ref().map_or_else(|| tail.to_owned(), |query| format!("{tail}?{query}"))
    }
}

/// Deliveries that will never come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapFrame {
    /// The label of `to`: with it, what an ack of the gap names.
    pub epoch: Epoch,
    /// The first `seq` of it.
    #[serde(deserialize_with = "super::number")]
    pub from: u64,
    /// The last `seq` of it.
    #[serde(deserialize_with = "super::number")]
    pub to: u64,
    /// Why.
    pub reason: GapReason,
    /// How many requests that was.
    #[serde(deserialize_with = "super::number")]
    pub count: u64,
    /// When the last of it was dropped, where that is still known.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl GapFrame {
    /// What an ack of it names.
    pub const fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.to }
    }
}

/// Why a relay dropped something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Older than the relay keeps.
    Age,
    /// Its signature did not hold at the relay, and room was needed.
    Unverified,
    /// Not taken, because it was too large, too slow, came too often or found no room (4xx or 503);
    /// the sender may have sent it again.
    Refused,
    /// Every reader with a name had it, and room was needed.
    Read,
    /// Deleted by the relay's operator, to make room.
    Pruned,
    /// Still in the relay's store, of which some cannot be read any more.
    Damaged,
    /// Gone, and the relay does not remember why; or a reason that this version does not know.
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

    /// The word in frames.
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

    /// The reason with this word; [`GapReason::Unknown`] where there is none.
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.name() == name).unwrap_or(Self::Unknown)
    }
}

/// The relay is about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// When to dial again, in seconds.
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

/// One beat of the heart: a pong has the `id` of its ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingPayload {
    /// Chosen by whoever pings.
    #[serde(deserialize_with = "super::number")]
    pub id: u64,
}
