//! What a relay said before a connection ended, and what the end means by it; reads no socket.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::super::protocol::{Close, CloseCode, Draining, Fault};
use super::end::{End, lost};
use crate::text::Printable;

/// How long a relay stays away that closes for a stop and does not say.
const AWHILE: Duration = Duration::from_secs(1);

/// What the relay said of an end that is to come.
#[derive(Debug, Default)]
pub(super) struct Parting {
    /// The sentence of an `error` frame.
    sentence: Option<String>,
    draining: Option<Duration>,
    superseded: bool,
    closed: bool,
}

impl Parting {
    pub(super) fn error(&mut self, fault: &Fault) {
        self.sentence = Some(Printable::new(&fault.sentence).cut(200).as_str().to_owned());
    }

    pub(super) fn draining(&mut self, draining: Draining) {
        self.draining = Some(Duration::from_secs(draining.retry_after.into()));
    }

    pub(super) const fn superseded(&mut self) {
        self.superseded = true;
    }

    /// Whether the relay closed, and so waits for our answer.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// The relay closed.
    pub(super) fn closed(&mut self, frame: Option<CloseFrame>) -> End {
        self.closed = true;
        let Some(frame) = frame else { return self.cut() };
        let number = u16::from(frame.code);
        let Some(code) = CloseCode::from_number(number) else {
            return self.cut_or(&format!("closed by the other end ({number})"));
        };
        match code {
            CloseCode::Superseded => End::Superseded,
            CloseCode::Draining => End::Draining(self.draining.unwrap_or(AWHILE)),
            code => {
                let sentence = self.sentence.clone().unwrap_or_else(|| frame.reason.to_string());
                End::Closed(Close::new(code, sentence))
            }
        }
    }

    /// Reading failed.
    pub(super) fn broken(&self, error: &Error) -> End {
        match error {
            Error::Capacity(error) => {
                End::Broke(Close::new(CloseCode::TooLarge, error.to_string()))
            }
            Error::Utf8(_) => End::Broke(Close::new(CloseCode::NotUtf8, "text that is not UTF-8")),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => self.cut(),
            Error::Protocol(error) => {
                End::Broke(Close::new(CloseCode::Protocol, error.to_string()))
            }
            error => self.cut_or(&error.to_string()),
        }
    }

    /// The connection ended without a word.
    pub(super) fn cut(&self) -> End {
        self.cut_or("the other end closed it")
    }

    /// The connection ended without a typed close; what was said before tells more.
    fn cut_or(&self, why: &str) -> End {
        if self.superseded {
            End::Superseded
        } else if let Some(after) = self.draining {
            End::Draining(after)
        } else {
            lost(self.sentence.as_deref().unwrap_or(why))
        }
    }
}
