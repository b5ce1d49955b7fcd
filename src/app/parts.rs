//! What the supervisor runs: the parts of a run, except its frontend.

use crate::status::Counts;

/// An event of a run's parts.
pub(super) enum PartEvent {
    /// A warning for the user.
    Warning(String),
    /// The run is over: a part has finished its work, or failed.
    Over(anyhow::Result<()>),
}

/// The parts of a run, except its frontend.
pub(super) trait Parts {
    /// Waits for the next event. Cancel safe.
    async fn next(&mut self) -> PartEvent;

    /// Returns the next warning that is already queued, if any.
    fn waiting_warning(&mut self) -> Option<String> {
        None
    }

    /// Stops the sources and waits until all accepted deliveries are committed.
    async fn stop(&mut self);

    /// Returns the counts of accepted and refused requests; `None` if the run does not receive.
    fn counts(&self) -> Option<Counts> {
        None
    }

    /// Closes the journal. All readers must be closed before: only if the writer closes the SQLite
    /// file last is its write-ahead log removed.
    async fn close(self);
}
