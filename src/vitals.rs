//! How the program is doing, as plain values to be shown; whoever counts is elsewhere.

use crate::callback::RefusalKind;

/// What became of the requests since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries on disk whose signature a trusted key made.
    pub valid: u64,
    /// Deliveries on disk that were not checked, because the user switched the check off.
    pub unchecked: u64,
    /// Requests that were answered 4xx, by [`RefusalKind::ALL`].
    pub refused: [u64; RefusalKind::ALL.len()],
    /// Deliveries that were answered 503.
    pub unavailable: u64,
    /// Refusals that came too fast to be looked at; counted, and in no log.
    pub unlisted: u64,
}

impl Counts {
    /// Deliveries on disk.
    pub const fn accepted(&self) -> u64 {
        self.valid + self.unchecked
    }

    /// Requests that were answered 4xx.
    pub fn refusals(&self) -> u64 {
        self.refused.iter().sum()
    }
}

/// Whether the journal can be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Store {
    /// The last transaction was committed.
    #[default]
    Writing,
    /// The last transaction failed.
    Failing {
        /// What the database said.
        why: String,
    },
}
