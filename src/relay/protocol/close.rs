//! Close codes, and how a reader reacts to them.

use std::time::Duration;

use crate::text::Printable;

/// The close codes of relay and reader: the standard ones for violations of the websocket protocol
/// itself (RFC 6455, section 7.4.1), and our own (section 7.4.2: 4000–4999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// A violation of the websocket protocol.
    Protocol = 1002,
    /// Text that is not UTF-8.
    NotUtf8 = 1007,
    /// A message that is not a frame.
    Malformed = 4000,
    /// No protocol version in common.
    Version = 4001,
    /// A frame before `hello`, or a second `hello`.
    OutOfOrder = 4002,
    /// An invalid `hello`.
    BadHello = 4003,
    /// An ack of something that was not sent, or was acked before.
    BadAck = 4004,
    /// A message over the limit.
    TooLarge = 4005,
    /// No `hello` in time.
    NoHello = 4006,
    /// Nothing received for too long.
    Dead = 4007,
    /// A newer connection has the reader's name.
    Superseded = 4008,
    /// The token was rotated or revoked.
    Revoked = 4009,
    /// The relay stops.
    Draining = 4010,
    /// The reader accepts no data.
    Stalled = 4011,
    /// Too many connections to this inbox.
    TooMany = 4012,
    /// The relay cannot read or write its store.
    Unavailable = 4013,
    /// The relay has forgotten the reader's cursor: by the operator, or after a long absence.
    Forgotten = 4014,
    /// The inbox has the maximum number of reader names, and this is not one of them.
    NoName = 4015,
}

/// When a reader connects again after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redial {
    /// Without delay.
    AtOnce,
    /// After its backoff, or after the delay in `draining`.
    Later,
    /// Not until the user has changed something.
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

    /// Returns the number in the close frame.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the code with this number; `None` if it is not in the list.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// Returns when a reader connects again.
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

/// A close: its code and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence} (close {})", code.number())]
pub struct Close {
    /// The code.
    pub code: CloseCode,
    /// Why, printable.
    pub sentence: String,
}

impl Close {
    /// Time limit for the closing handshake.
    pub const PATIENCE: Duration = Duration::from_secs(2);
    /// Maximum length of the reason in a close frame, in bytes (RFC 6455, section 5.5).
    const MAX_REASON: usize = 123;

    /// Creates a close.
    pub fn new(code: CloseCode, sentence: impl AsRef<str>) -> Self {
        Self { code, sentence: Printable::new(sentence.as_ref()).as_str().to_owned() }
    }

    /// Returns the reason, cut to fit in a close frame.
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
