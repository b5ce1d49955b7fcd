//! A target that does not take connections.

use std::time::Instant;

use jiff::Timestamp;

/// Since when a target takes no connections, and when the next attempt is made.
#[derive(Debug)]
pub(super) struct Down {
    pub(super) since: Timestamp,
    pub(super) why: String,
    /// Number of attempts since then.
    pub(super) looks: u32,
    /// When the next attempt is made, if deliveries wait for it.
    pub(super) look_at: Instant,
}
