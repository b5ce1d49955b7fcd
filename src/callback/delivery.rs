//! A delivery on its way through the program: received, accepted, committed.

use jiff::Timestamp;

use super::{Callback, DeliveryEffect, Event, Headers, Outcome, State, Verdict};

/// The source of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Our own listener.
    Direct,
    /// A relay.
    Relay,
    /// An imported capture.
    Imported,
    /// The service's API: an answer, not a request.
    Api,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Relay, Self::Imported, Self::Api];

    /// Returns the name used in NDJSON and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Imported => "imported",
            Self::Api => "api",
        }
    }

    /// Returns the source called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// A complete request on the callback path, as its source received it; not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When it was received.
    pub received_at: Timestamp,
    /// The source.
    pub source: Source,
    /// The client's address and port.
    pub peer: String,
    /// The method, as sent.
    pub method: String,
    /// The path and query, as sent.
    pub path: String,
    /// The headers, secrets replaced.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// Digests that tell a retry (the same signature and body) from a second occurrence (signed anew).
///
/// A signature counts by its value, `r` and the smaller of `s` and `n − s`, so that writing it in
/// capitals, with the other `s` or in the other encoding makes no difference. Only where the header
/// holds no signature (`--signature off`), its text counts. A sender whose signatures are
/// deterministic signs a second occurrence alike, so equality here is a hint, not a proof.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Fingerprint {
    /// Of the signature.
    pub signature: u64,
    /// Of the signature and the body.
    pub copy: u64,
}

/// A delivery that intake accepted; not yet on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The request.
    pub request: Received,
    /// What the signature check found.
    pub verdict: Verdict,
    /// What the body says.
    pub callback: Callback,
    /// Digests of its bytes.
    pub fingerprint: Fingerprint,
}

/// A delivery of a capture, or an answer of the service's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedDelivery {
    /// Its number where it was received.
    pub seq: u64,
    /// When it was written there.
    pub committed_at: Timestamp,
    /// The delivery, with the verdict of this side.
    pub accepted: Accepted,
}

/// A delivery as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number in the journal: 1 and up, in the order of commits, never reused.
    pub seq: u64,
    /// When it was written.
    pub committed_at: Timestamp,
    /// The request.
    pub request: Received,
    /// What the signature check found.
    pub verdict: Verdict,
    /// What the body says.
    pub callback: Callback,
    /// What the fold made of it.
    pub outcome: Outcome,
}

/// A delivery as a row of a list shows it: without method, path, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySummary {
    /// Its number in the journal; see [`Delivery::seq`].
    pub seq: u64,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it was written.
    pub committed_at: Timestamp,
    /// The source.
    pub source: Source,
    /// The client's address and port.
    pub peer: String,
    /// What the signature check found.
    pub verdict: Verdict,
    /// What the body says.
    pub callback: Callback,
    /// What the fold made of it.
    pub outcome: Outcome,
}

impl From<Delivery> for DeliverySummary {
    fn from(delivery: Delivery) -> Self {
        let Delivery { seq, committed_at, request, verdict, callback, outcome } = delivery;
        let Received { received_at, source, peer, .. } = request;
        Self { seq, received_at, committed_at, source, peer, verdict, callback, outcome }
    }
}

impl DeliverySummary {
    /// Returns whether it is an outcome that showed that an earlier copy of `version_generating`,
    /// taken for a repeat, had begun a new cycle. Any other second outcome is a guess.
    pub fn is_hindsight(&self) -> bool {
        let event = self.callback.event.as_deref().and_then(Event::from_name);
        self.source != Source::Api
            && self.outcome == Outcome::certain(DeliveryEffect::NewCycle)
            && matches!(event, Some(Event::Version(State::Generated | State::GenerateFailed)))
    }
}
