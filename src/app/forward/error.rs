//! Why a forwarder ends.

use crate::journal::{JournalError, WriteError};

/// Why a forwarder ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal cannot be written: {0}")]
    Write(WriteError),
}
