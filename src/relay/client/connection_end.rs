//! Why a connection to a relay ended, which decides when the client connects again.

use std::time::Duration;

use super::super::protocol::{Close, DEAD_AFTER};
use crate::intake::WriteError;
use crate::text::Printable;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionEnd {
    #[error("stopped")]
    Stopped,
    #[error("{0}")]
    Closed(Close),
    #[error("the relay stops for a while")]
    Draining(Duration),
    #[error("another dubwatch reads under this name")]
    Superseded,
    #[error("nothing was heard for {} s", DEAD_AFTER.as_secs())]
    Dead,
    #[error("this machine slept")]
    Slept,
    #[error("the connection broke: {0}")]
    Lost(Printable),
    #[error("the relay broke the protocol: {0}")]
    Broke(Close),
    #[error("the journal cannot keep up: {0}")]
    WriteFailed(WriteError),
    #[error("the journal cannot be read: {0}")]
    ReadFailed(String),
}

/// Returns the end of a broken connection.
pub(super) fn lost(why: &str) -> ConnectionEnd {
    ConnectionEnd::Lost(Printable::new(why).cut(120))
}
