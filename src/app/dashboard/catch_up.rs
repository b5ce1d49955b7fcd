//! Sends what was committed since the last time: rows with their assets, refusals, notes, and which
//! assets were deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::backend::{ASSETS, Backend, Halt};
use crate::callback::{DeliverySummary, RefusalEntry};
use crate::journal::{JournalBatch, MAX_REFUSALS, Watermarks};
use crate::timeline::{AssetRow, Notes};
use crate::tui::effect::Request;
use crate::tui::event::{BackendEvent, News};
use crate::tui::model::asset::AssetView;
use crate::tui::model::asset_list::MAX_ASSETS;
use crate::tui::model::row::Row;
use crate::tui::model::search::MAX_ROWS;

/// Number of deliveries or refusals per page.
const PAGE: u32 = 256;
/// Minimum interval between two reads. The dashboard draws no more often than that.
const MIN_INTERVAL: Duration = Duration::from_millis(30);
/// Maximum difference in time between deliveries that are out of order in the journal.
const MAX_DISORDER: SignedDuration = SignedDuration::from_secs(60);
/// Maximum number of attempts to read an asset between two of its deliveries.
const TRIES: usize = 4;

impl Backend {
    /// Sends all commits that have not been sent. Answers requests in between.
    pub(super) fn catch_up(&mut self) -> Result<(), Halt> {
        let newest = self.follower.newest()?;
        // After a skip the rows are sent as old, so that they ring no bell.
        let has_skipped = self.skip(newest.head)?;
        // Only up to the current end: under load this loop would otherwise not return.
        while self.seen().is_behind(newest)
            && let Some(batch) = self.follower.next(PAGE)?
        {
            match batch {
                JournalBatch::Summaries(page) => self.send_deliveries(page, has_skipped)?,
                JournalBatch::Deliveries(page) => {
                    let page = page.into_iter().map(Into::into).collect();
                    self.send_deliveries(page, has_skipped)?;
                }
                JournalBatch::Refusals(page) => {
                    let rows = self.keep_refusals(page);
                    self.send_news(rows, Vec::new(), has_skipped)?;
                }
                JournalBatch::Gaps(page) => {
                    self.send(BackendEvent::Gaps(
                        page.into_iter().map(|entry| entry.gap).collect(),
                    ))?;
                }
                JournalBatch::Forwards(page) => {
                    self.send_marks(page.iter().map(|attempt| attempt.seq))?;
                }
                JournalBatch::Pruned => self.send_pruned()?,
            }
            self.answer_waiting()?;
        }
        if has_skipped && let Some(asset_id) = self.open_asset.clone() {
            // The open list lacks the skipped rows.
            self.send_rows_of_asset(asset_id)?;
        }
        self.not_before = Some(Instant::now() + MIN_INTERVAL);
        Ok(())
    }

    fn send_deliveries(&mut self, page: Vec<DeliverySummary>, old: bool) -> Result<(), Halt> {
        let rows: Vec<Row> = page.into_iter().map(Row::delivery).collect();
        // After a skip all changed assets have been sent already.
        let (assets, gone) = if old { Default::default() } else { self.assets_of(&rows)? };
        self.send_news(rows, assets, old)?;
        gone.iter().try_for_each(|asset_id| self.send_gone(asset_id))
    }

    fn send_news(&self, rows: Vec<Row>, assets: Vec<AssetView>, old: bool) -> Result<(), Halt> {
        self.send_marks_of(&rows)?;
        let Watermarks { head, .. } = self.seen();
        let held = self.seen().held();
        self.send(BackendEvent::News(News { rows, assets, head, held, old }))
    }

    /// If there are more new deliveries than the dashboard holds, skips all but the last of them
    /// and sends the assets that have changed. Returns whether it did.
    fn skip(&mut self, head: u64) -> Result<bool, Halt> {
        if head.saturating_sub(self.seen().head) <= MAX_ROWS as u64 {
            return Ok(false);
        }
        let first = self.reader().seq_before(head + 1, MAX_ROWS)?;
        let next = self.reader().summaries_after(self.seen().head, 1)?;
        let (Some(first), Some(next)) = (first, next.first()) else { return Ok(false) };
        if first <= next.seq {
            return Ok(false);
        }
        let since = next.received_at.checked_sub(MAX_DISORDER).unwrap_or(Timestamp::MIN);
        self.follower.go_on_from(Watermarks { head: first - 1, ..self.seen() });
        let (mut place, mut sent) = (None, 0);
        while sent < MAX_ASSETS
            && let Some((last, assets)) = self.assets_before(place.as_ref(), since, ASSETS)?
        {
            sent += assets.len();
            place = Some(last);
            self.send_news(Vec::new(), assets, true)?;
            self.answer_waiting()?;
        }
        Ok(true)
    }

    /// Returns the assets of the rows, each once, and the ids of those that the journal does not
    /// hold.
    fn assets_of(&mut self, rows: &[Row]) -> Result<(Vec<AssetView>, Vec<String>), Halt> {
        let ids: BTreeSet<&str> =
            rows.iter().filter_map(|row| row.callback().asset_id.as_deref()).collect();
        let (mut assets, mut gone) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.reader().asset(id)? {
                Some((row, notes)) => assets.push(self.view(row, notes)),
                None => gone.push(id.to_owned()),
            }
        }
        Ok((assets, gone))
    }

    /// Sends which assets were deleted when the journal was pruned.
    fn send_pruned(&mut self) -> Result<(), Halt> {
        let mut gone = Vec::new();
        for asset_id in self.sent.ids() {
            if !self.reader().has_asset(asset_id)? {
                gone.push(asset_id.to_owned());
            }
        }
        gone.iter().try_for_each(|asset_id| self.send_gone(asset_id))
    }

    /// Sends that an asset was deleted, if the dashboard has it.
    pub(super) fn send_gone(&mut self, asset_id: &str) -> Result<(), Halt> {
        if self.sent.remove(asset_id) {
            self.send(BackendEvent::Gone(asset_id.to_owned()))?;
        }
        Ok(())
    }

    /// Sends the assets whose notes this dashboard has written.
    pub(super) fn send_written_notes(&mut self) -> Result<(), Halt> {
        while let Some(request) = self.written_notes.pop_front() {
            let (Request::Name { asset_id, .. }
            | Request::Expect { asset_id, .. }
            | Request::Acknowledge { asset_id, .. }) = &request
            else {
                continue;
            };
            if self.send_asset(asset_id)? {
                continue;
            }
            // Even if it was never sent: the dashboard shows the asset that it wrote a note for.
            self.sent.remove(asset_id.as_str());
            self.send(BackendEvent::Gone(asset_id.clone()))?;
            let why = "that asset is no longer in the journal".to_owned();
            self.send(BackendEvent::Unanswered(request, why))?;
        }
        Ok(())
    }

    /// Sends the assets whose notes another process has changed. The feed does not report those.
    pub(super) fn send_changed_notes(&mut self) -> Result<(), Halt> {
        let version = self.reader().notes_version()?;
        if version == self.notes.0 {
            return Ok(());
        }
        let notes = (version, self.reader().all_notes()?);
        let (_, before) = std::mem::replace(&mut self.notes, notes);
        let (_, now) = &self.notes;
        let ids: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let changed: Vec<String> = ids
            .into_iter()
            .filter(|id| before.get(*id) != now.get(*id) && self.sent.contains(id.as_str()))
            .cloned()
            .collect();
        for asset_id in changed {
            self.send_asset(&asset_id)?;
        }
        Ok(())
    }

    /// Sends an asset whose notes have changed. Sends its deliveries first: otherwise the dashboard
    /// would already have the state that they lead to, and would not report it as new. Returns
    /// whether the asset exists.
    fn send_asset(&mut self, asset_id: &str) -> Result<bool, Halt> {
        let mut found = self.reader().asset(asset_id)?;
        for _ in 0..TRIES {
            self.catch_up()?;
            let now = self.reader().asset(asset_id)?;
            let is_current = row_of(now.as_ref()) == row_of(found.as_ref());
            found = now;
            if is_current {
                break;
            }
        }
        let Some((row, notes)) = found else { return Ok(false) };
        // So that the next check does not send the same notes again.
        if notes == Notes::default() {
            self.notes.1.remove(asset_id);
        } else {
            self.notes.1.insert(asset_id.to_owned(), notes.clone());
        }
        let asset = Box::new(self.view(row, notes));
        self.send(BackendEvent::Asset(asset))?;
        Ok(true)
    }

    /// Reads the whole refusal log.
    pub(super) fn read_refusals(&mut self) -> Result<(), Halt> {
        loop {
            let (page, last) = self.reader().refusals_after(self.seen().refusals, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            self.follower.go_on_from(Watermarks { refusals: last, ..self.seen() });
            self.keep_refusals(page);
        }
    }

    /// Keeps refusals in memory and returns their rows.
    fn keep_refusals(&mut self, page: Vec<RefusalEntry>) -> Vec<Row> {
        let rows: Vec<Row> = page.into_iter().map(Row::refusal).collect();
        for row in &rows {
            if let Row::Refusal { listed, .. } = row {
                self.refusals.insert(listed.id, row.clone());
            }
        }
        while self.refusals.len() > MAX_REFUSALS {
            self.refusals.pop_first();
        }
        rows
    }
}

fn row_of(found: Option<&(AssetRow, Notes)>) -> Option<&AssetRow> {
    found.map(|(row, _)| row)
}
