//! Frontends, which show a run: lines on standard output, or the dashboard.

pub(super) mod stream;
pub(super) mod tui;

use super::Exit;
use crate::status::Counts;

/// Shows a run. Follows the journal and watches the status by itself.
pub(super) trait Frontend {
    /// Shows a warning. Never blocks.
    fn warn(&self, message: String);

    /// Waits for its end and returns the run's exit, or an error if the frontend failed. Cancel
    /// safe.
    async fn ended(&mut self) -> anyhow::Result<Exit>;

    /// Restores the terminal if the frontend uses it.
    async fn leave(&mut self);

    /// Writes the remaining output, with `counts` if the run received, and closes its readers of
    /// the journal.
    async fn finish(self, counts: Option<Counts>);
}
