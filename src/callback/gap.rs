//! Deliveries that a relay lost, and the position of a message at a relay.

use std::sync::Arc;

use jiff::Timestamp;

/// The part of a relay's inbox that one message covers, a delivery or a gap.
///
/// A relay's numbers are unique only within an epoch of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePosition {
    /// The subscription: which relay, by which token.
    pub relay: Arc<str>,
    /// The permanent identity of the inbox.
    pub inbox: Arc<str>,
    /// The relay's label of the stretch.
    pub epoch: u64,
    /// Its first number.
    pub from: u64,
    /// Its last number: of a delivery the same.
    pub to: u64,
}

/// Deliveries that a relay accepted and will never pass on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When the last of them was dropped, or if that is not known, when we learned of it.
    pub at: Timestamp,
    /// The inbox: the URL that senders post to.
    pub inbox: String,
    /// The relay's label of the stretch.
    pub epoch: u64,
    /// Its first number.
    pub from: u64,
    /// Its last number.
    pub to: u64,
    /// How many requests it covers.
    pub count: u64,
    /// Why, as a word of the relay protocol.
    pub reason: String,
}

/// A gap in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedGap {
    /// Its number: 1 and up.
    pub id: u64,
    /// What is missing.
    pub gap: Gap,
}

impl Gap {
    /// Returns the reason in words.
    pub fn why(&self) -> &'static str {
        match (self.reason.as_str(), self.count) {
            ("age", 1) => "it was older than the relay keeps",
            ("age", _) => "they were older than the relay keeps",
            ("unverified", 1) => "its signature did not hold at the relay, which needed the room",
            ("unverified", _) => {
                "their signatures did not hold at the relay, which needed the room"
            }
            ("refused", 1) => {
                "the relay did not take it and told its sender so (too large, too slow, too often or no room)"
            }
            ("refused", _) => {
                "the relay did not take them and told their sender so (too large, too slow, too often or no room)"
            }
            ("read", 1) => "every reader with a name had it, and the relay needed the room",
            ("read", _) => "every reader with a name had them, and the relay needed the room",
            ("pruned", 1) => "the relay's operator deleted it to make room",
            ("pruned", _) => "the relay's operator deleted them to make room",
            ("damaged", 1) => {
                "the relay's store is damaged where it was, tell the relay's operator"
            }
            ("damaged", _) => {
                "the relay's store is damaged where they were, tell the relay's operator"
            }
            _ => "the relay does not know why",
        }
    }

    /// Returns a sentence about the gap.
    pub fn sentence(&self) -> String {
        let what = if self.count == 1 { "delivery was" } else { "deliveries were" };
        format!("{} {what} lost at the relay: {}", self.count, self.why())
    }
}
