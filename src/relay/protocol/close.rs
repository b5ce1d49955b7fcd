//! Why a connection ends: typed close codes and what the reader does next.

use std::time::Duration;

use crate::text::Printable;

/// The codes of the relay's and the reader's closes: the RFC's where the websocket protocol itself is
/// broken (RFC 6455, section 7.4.1), and our own (section 7.4.2: 4000–4999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// Not the websocket protocol.
    Protocol = 1002,
    /// Text that is not UTF-8.
    NotUtf8 = 1007,
    /// A message that is no frame.
    Malformed = 4000,
    /// No protocol version in common.
    Version = 4001,
    /// A frame before `hello`, or a second `hello`.
    OutOfOrder = 4002,
    /// A `hello` that makes no sense.
    BadHello = 4003,
    /// An ack of what was not sent, or was acked before.
    BadAck = 4004,
    /// A message over the limit.
    TooLarge = 4005,
    /// No `hello` in time.
    NoHello = 4006,
    /// Nothing heard for too long.
    Dead = 4007,
    /// A newer connection has the reader's name.
    Superseded = 4008,
    /// The token was rotated or revoked.
    Revoked = 4009,
    /// The relay stops.
    Draining = 4010,
    /// The reader did not take what was sent.
    Stalled = 4011,
    /// Too many connections to this inbox.
    TooMany = 4012,
    /// The relay cannot read its store, or not write it.
    Unavailable = 4013,
    /// The reader's place was forgotten: by the operator, or after a long absence.
    Forgotten = 4014,
    /// The inbox has as many reader names as it may have, and this is none of them.
    NoName = 4015,
}

/// What a reader does after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redial {
    /// Dials again without waiting.
    AtOnce,
    /// Dials again by its backoff, or when `draining` said.
    Later,
    /// Stays away until a person changed something.
    Never,
}

impl CloseCode {
    /// Every code.
    pub const ALL: [Self; 18] = [
        Self::Protocol,
        Self::NotUtf8,
        Self::Malformed,
        Self::Version,
        Self::OutOfOrder,
        Self::BadHello,
        Self::BadAck,
        Self::TooLarge,
        Self::NoHello,
        Self::Dead,
        Self::Superseded,
        Self::Revoked,
        Self::Draining,
        Self::Stalled,
        Self::TooMany,
        Self::Unavailable,
        Self::Forgotten,
        Self::NoName,
    ];

    /// The number in the close frame.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code with this number, if it is one of ours.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// What a reader does after it.
    pub const fn redial(self) -> Redial {
        match self {
            Self::Dead => Redial::AtOnce,
            Self::Version | Self::BadHello | Self::Superseded | Self::Revoked | Self::NoName => {
                Redial::Never
            }
            Self::Protocol
            | Self::NotUtf8
            | Self::Malformed
            | Self::OutOfOrder
            | Self::BadAck
            | Self::TooLarge
            | Self::NoHello
            | Self::Draining
            | Self::Stalled
            | Self::TooMany
            | Self::Unavailable
            | Self::Forgotten => Redial::Later,
        }
    }
}

/// A close: its code, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence} (close {})", code.number())]
pub struct Close {
    /// The code.
    pub code: CloseCode,
    /// Why, printable.
    pub sentence: String,
}

impl Close {
    /// How long the close may take before the connection is cut.
    pub const PATIENCE: Duration = Duration::from_secs(2);
    /// The longest reason in a close frame, in bytes (RFC 6455, section 5.5).
    const MAX_REASON: usize = 123;

    /// A close for a reason.
    pub fn new(code: CloseCode, sentence: impl AsRef<str>) -> Self {
        Self { code, sentence: Printable::new(sentence.as_ref()).as_str().to_owned() }
    }

    /// The reason as it fits in a close frame.
    pub fn reason(&self) -> &str {
        let mut end = self.sentence.len().min(Self::MAX_REASON);
        while !self.sentence.is_char_boundary(end) {
            end -= 1;
        }
        &self.sentence[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_documentation() {
        let page = include_str!("../../docs/relay-protocol.md");
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            let row = format!("| {} |", code.number());
            let row = page.lines().find(|line| line.starts_with(&row)).expect("a row of the table");
            let advice = match code.redial() {
                Redial::AtOnce => row.ends_with("| at once |"),
                Redial::Later => {
                    row.ends_with("| later |") || row.ends_with("| after `retry_after` |")
                }
                Redial::Never => row.ends_with("| no |"),
            };
            assert!(advice, "{row}");
        }
        assert_eq!(CloseCode::from_number(1000), None);
    }

    #[test]
    fn a_reason_fits_and_is_printable() {
        let close = Close::new(CloseCode::Malformed, format!("\u{1b}{}", "é".repeat(100)));
        assert!(close.reason().len() <= 123);
        assert!(!close.reason().contains('\u{1b}'));
    }
}
