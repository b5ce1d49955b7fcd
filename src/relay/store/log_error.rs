//! Why a log could not write or read.

use std::sync::Arc;

use crate::sqlite::WriteError;

/// Why the log could not do what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The inbox is full of what counts and is unread.
    #[error("the inbox is full")]
    Full,
    /// There is no such inbox any more.
    #[error("there is no such inbox")]
    NoInbox,
    /// The inbox has as many named readers as it may have.
    #[error(
        "the inbox has {0} named readers, which is all that it may have; on the relay, `dubwatch relay inbox forget INBOX READER` makes room"
    )]
    TooManyReaders(u64),
    /// The inbox has no reader of that name, or it was forgotten.
    #[error("the inbox has no reader of that name; `dubwatch relay inbox list` shows them")]
    NoReader,
    /// The relay has as many inboxes as it may have.
    #[error(
        "the relay has {0} inboxes, which is all that it may have; revoke some or raise --max-inboxes"
    )]
    TooManyInboxes(usize),
    /// An inbox of that name exists.
    #[error("there is an inbox called {0} already; choose another name, or rotate it")]
    NameTaken(String),
    /// It could not be written, or not in time. It may be on disk all the same.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It could not be read.
    #[error("cannot read the relay store: {0}")]
    Read(Arc<str>),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(error.to_string().into())
    }
}
