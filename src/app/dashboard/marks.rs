//! Sends what became of forwarding the deliveries that the dashboard holds.

use std::collections::BTreeSet;

use super::backend::{Backend, Halt};
use crate::tui::event::BackendEvent;
use crate::tui::model::row::Row;
use crate::tui::model::target::Target;

impl Backend {
    /// Sends the marks of the deliveries among these rows, before the rows.
    pub(super) fn send_marks_of(&self, rows: &[Row]) -> Result<(), Halt> {
        self.send_marks(rows.iter().filter_map(|row| match row.target() {
            Target::Delivery(seq) => Some(seq),
            Target::Refusal(_) => None,
        }))
    }

    /// Sends the marks of these deliveries, if they have any.
    pub(super) fn send_marks(&self, seqs: impl Iterator<Item = u64>) -> Result<(), Halt> {
        // Nothing was ever forwarded: nothing is read.
        if self.seen().forwards == 0 {
            return Ok(());
        }
        let mut marks = Vec::new();
        for seq in seqs.collect::<BTreeSet<_>>() {
            marks.extend(self.reader().forward_mark(seq)?);
        }
        if marks.is_empty() {
            return Ok(());
        }
        self.send(BackendEvent::Forwards(marks))
    }
}
