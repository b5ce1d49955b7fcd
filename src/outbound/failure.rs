//! Explains why an exchange of hyper's client failed.

use std::error::Error;
use std::io;

use super::{ConnectError, SpeaksTls};
use crate::text::Printable;

/// Maximum width of a library's message, in columns.
const MAX_WORDS: usize = 160;

/// Why there was no response, or no end of one.
#[derive(Debug)]
pub enum ExchangeFailure<'a> {
    /// There was no connection.
    Connect(&'a ConnectError),
    /// The other side speaks TLS where it should not.
    SpeaksTls,
    /// The other side closed the connection.
    Closed,
    /// Something else, as the library says it.
    Other(Printable),
}

impl<'a> ExchangeFailure<'a> {
    /// Finds the reason in a library's error. Prefers our own errors; of the library's errors the
    /// innermost says what happened, the outer ones only that something did.
    pub fn of(error: &'a (dyn Error + 'static)) -> Self {
        let mut cause = error;
        loop {
            if let Some(error) = cause.downcast_ref::<ConnectError>() {
                return Self::Connect(error);
            }
            if let Some(error) = cause.downcast_ref::<hyper::Error>()
                && error.is_incomplete_message()
            {
                return Self::Closed;
            }
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<SpeaksTls>) {
                    return Self::SpeaksTls;
                }
                if is_end(error.kind()) {
                    return Self::Closed;
                }
            }
            match cause.source() {
                Some(source) => cause = source,
                None => break,
            }
        }
        Self::Other(Printable::new(&cause.to_string()).cut(MAX_WORDS))
    }
}

/// Returns whether the other side closed the connection.
fn is_end(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
}
