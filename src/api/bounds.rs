//! The bounds of a question and its answer.

use std::time::Duration;

/// Time limit for a question, from the connection to the last byte of the answer.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// Maximum size of an answer, in bytes.
pub(super) const MAX_ANSWER: usize = 8 << 20;
/// Maximum number of bytes of a refusal that are read.
pub(super) const MAX_REFUSAL: usize = 64 << 10;
/// Maximum width of the service's own reason in a message, in columns.
pub(super) const MAX_SAYS: usize = 160;
