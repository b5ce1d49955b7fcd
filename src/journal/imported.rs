//! Entries of captures, with the numbers and times that they had where they were received.

use jiff::Timestamp;
use rusqlite::Connection;

use super::handler::JournalHandler;
use super::relayed;
use super::rows;
use super::schema::Meta;
use crate::callback::{Accepted, Gap, ImportedDelivery, Source, VersionReport};

impl JournalHandler {
    /// Writes a delivery under its number, or under the next one if that is not higher than those
    /// that are there.
    pub(super) fn import(
        &mut self,
        connection: &Connection,
        imported: &ImportedDelivery,
    ) -> rusqlite::Result<u64> {
        let ImportedDelivery { seq, committed_at, accepted } = imported;
        let before = self.watermarks.head;
        let skipped = seq.saturating_sub(before + 1);
        if skipped > 0 {
            // What was left out of the capture is as good as deleted.
            Meta::Pruned.add(connection, skipped)?;
            self.watermarks.pruned += skipped;
            self.watermarks.head += skipped;
        }
        let now = self.now.replace(*committed_at);
        let is_answer = accepted.request.source == Source::Api;
        let report = if is_answer { VersionReport::read(&accepted.request.body) } else { None };
        let seq = match report.filter(VersionReport::is_usable) {
            Some(report) => self.import_answer(connection, &report, accepted, *committed_at)?,
            None => self.append(connection, accepted)?,
        };
        self.now = now;
        Ok(seq)
    }

    fn import_answer(
        &mut self,
        connection: &Connection,
        report: &VersionReport,
        accepted: &Accepted,
        committed_at: Timestamp,
    ) -> rusqlite::Result<u64> {
        let at = rows::stored(accepted.request.received_at);
        let folded = self.states.fold_report(connection, report, at)?;
        let answer = Accepted { callback: report.callback(folded.state), ..accepted.clone() };
        let seq = self.watermarks.head + 1;
        rows::insert_delivery(connection, seq, committed_at, &answer, folded.outcome)?;
        self.watermarks.head = seq;
        Ok(seq)
    }

    /// Writes a gap.
    pub(super) fn import_gap(
        &mut self,
        connection: &Connection,
        gap: &Gap,
    ) -> rusqlite::Result<()> {
        self.watermarks.gaps += 1;
        relayed::write_gap(connection, self.watermarks.gaps, gap)
    }
}
