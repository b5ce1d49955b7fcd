//! The watermarks of a journal: the numbers of its newest rows.

/// The numbers of a journal's newest rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermarks {
    /// The `seq` of the newest delivery; 0 when there is none.
    pub head: u64,
    /// The number of the newest change in the log of refusals.
    pub refusals: u64,
    /// Total number of deleted deliveries.
    pub pruned: u64,
    /// The number of the newest gap of a relay.
    pub gaps: u64,
    /// The number of the newest attempt to forward that has ended.
    pub forwards: u64,
}

impl Watermarks {
    /// Returns whether `newest` has anything beyond these.
    pub const fn is_behind(self, newest: Self) -> bool {
        self.head < newest.head
            || self.refusals < newest.refusals
            || self.gaps < newest.gaps
            || self.forwards < newest.forwards
            || self.pruned != newest.pruned
    }

    /// Returns how many deliveries the journal holds.
    pub const fn held(self) -> u64 {
        self.head.saturating_sub(self.pruned)
    }
}
