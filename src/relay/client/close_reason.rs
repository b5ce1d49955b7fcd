//! Owns the reason that a relay announces before it closes, and the end that follows from it.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::super::protocol::{Close, CloseCode, Draining, Fault};
use super::connection_end::{ConnectionEnd, lost};
use crate::text::Printable;

/// Delay after a relay closed as draining without an announcement.
const AWHILE: Duration = Duration::from_secs(1);

/// The announced reason of an end.
#[derive(Debug, Default)]
pub(super) struct CloseReason {
    /// The sentence of an `error` frame.
    sentence: Option<String>,
    draining: Option<Duration>,
    superseded: bool,
    closed: bool,
}

impl CloseReason {
    pub(super) fn error(&mut self, fault: &Fault) {
        self.sentence = Some(Printable::new(&fault.sentence).cut(200).as_str().to_owned());
    }

    pub(super) fn draining(&mut self, draining: Draining) {
        self.draining = Some(Duration::from_secs(draining.retry_after.into()));
    }

    pub(super) const fn superseded(&mut self) {
        self.superseded = true;
    }

    /// Returns whether the relay sent a close, and so waits for the answer.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Records the relay's close and returns the end.
    pub(super) fn closed(&mut self, frame: Option<CloseFrame>) -> ConnectionEnd {
        self.closed = true;
        let Some(frame) = frame else { return self.cut() };
        let number = u16::from(frame.code);
        let Some(code) = CloseCode::from_number(number) else {
            return self.cut_or(&format!("closed by the other end ({number})"));
        };
        match code {
            CloseCode::Superseded => ConnectionEnd::Superseded,
            CloseCode::Draining => ConnectionEnd::Draining(self.draining.unwrap_or(AWHILE)),
            code => {
                let sentence = self.sentence.clone().unwrap_or_else(|| frame.reason.to_string());
                ConnectionEnd::Closed(Close::new(code, sentence))
            }
        }
    }

    /// Returns the end after a failed read.
    pub(super) fn broken(&self, error: &Error) -> ConnectionEnd {
        match error {
            Error::Capacity(error) => {
                ConnectionEnd::Broke(Close::new(CloseCode::TooLarge, error.to_string()))
            }
            Error::Utf8(_) => {
                ConnectionEnd::Broke(Close::new(CloseCode::NotUtf8, "text that is not UTF-8"))
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => self.cut(),
            Error::Protocol(error) => {
                ConnectionEnd::Broke(Close::new(CloseCode::Protocol, error.to_string()))
            }
            error => self.cut_or(&error.to_string()),
        }
    }

    /// Returns the end of a connection that ended without a close.
    pub(super) fn cut(&self) -> ConnectionEnd {
        self.cut_or("the other end closed it")
    }

    /// Returns the end without a typed close: the announced reason, otherwise `why`.
    fn cut_or(&self, why: &str) -> ConnectionEnd {
        if self.superseded {
            ConnectionEnd::Superseded
        } else if let Some(after) = self.draining {
            ConnectionEnd::Draining(after)
        } else {
            lost(self.sentence.as_deref().unwrap_or(why))
        }
    }
}
