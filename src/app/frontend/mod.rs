//! What shows a run: lines on standard output, or the dashboard.

pub(super) mod stream;
pub(super) mod tui;

use super::Exit;
use crate::status::Counts;

/// What shows a run. It follows the journal and watches the status by itself.
pub(super) trait Frontend {
    /// Shows a sentence that a person should know. Never waits.
    fn warn(&self, message: String);

    /// Waits until it shows nothing any more: the user quit, or it failed. Cancel safe.
    async fn ended(&mut self) -> anyhow::Result<Exit>;

    /// Gives the terminal back, where it has that.
    async fn leave(&mut self);

    /// Shows the last of it, with what became of the requests where some were received, and closes
    /// its readers of the journal.
    async fn finish(self, counts: Option<Counts>);
}
