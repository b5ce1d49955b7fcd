//! Tells what was committed since the last time: rows with their assets, refusals, notes, and which
//! assets went.

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

/// Deliveries and refusals that are read at once.
const PAGE: u32 = 256;
/// The time between two reads while much comes. The dashboard draws no more often than that.
const BREATH: Duration = Duration::from_millis(30);
/// How far the times of deliveries can be from their order in the journal.
const DISORDER: SignedDuration = SignedDuration::from_secs(60);
/// How often an asset is read that changes all the time.
const TRIES: usize = 4;

impl Backend {
    /// Sends everything that was committed and not sent. Requests are answered in between.
    pub(super) fn catch_up(&mut self) -> Result<(), Halt> {
        let newest = self.follower.newest()?;
        // What was never on a screen is shown, and calls nobody.
        let has_skipped = self.skip(newest.head)?;
        // As far as it goes now: news has no end while much comes, and has to leave time between.
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
                    let rows = self.hold_refusals(page);
                    self.send_news(rows, Vec::new(), has_skipped)?;
                }
                JournalBatch::Gaps(page) => {
                    self.send(BackendEvent::Gaps(
                        page.into_iter().map(|noted| noted.gap).collect(),
                    ))?;
                }
                JournalBatch::Pruned => self.send_pruned()?,
            }
            self.answer_waiting()?;
        }
        if has_skipped && let Some(asset_id) = self.of_asset.clone() {
            // The list that is open misses what was skipped.
            self.send_of_asset(asset_id)?;
        }
        self.not_before = Some(Instant::now() + BREATH);
        Ok(())
    }

    fn send_deliveries(&mut self, page: Vec<DeliverySummary>, old: bool) -> Result<(), Halt> {
        let rows: Vec<Row> = page.into_iter().map(Row::delivery).collect();
        // After a skip all of them were sent as they are now.
        let (assets, gone) = if old { Default::default() } else { self.assets_of(&rows)? };
        self.send_news(rows, assets, old)?;
        gone.iter().try_for_each(|asset_id| self.send_gone(asset_id))
    }

    fn send_news(&self, rows: Vec<Row>, assets: Vec<AssetView>, old: bool) -> Result<(), Halt> {
        let Watermarks { head, .. } = self.seen();
        let held = self.seen().held();
        self.send(BackendEvent::News(News { rows, assets, head, held, old }))
    }

    /// Where there are more new rows than the dashboard holds, passes over all but the last of them,
    /// which it fills with, and tells the assets that have changed meanwhile. Says whether it did.
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
        let since = next.received_at.checked_sub(DISORDER).unwrap_or(Timestamp::MIN);
        self.follower.go_on_from(Watermarks { head: first - 1, ..self.seen() });
        let (mut place, mut told) = (None, 0);
        while told < MAX_ASSETS
            && let Some((last, assets)) = self.assets_before(place.as_ref(), since, ASSETS)?
        {
            told += assets.len();
            place = Some(last);
            self.send_news(Vec::new(), assets, true)?;
            self.answer_waiting()?;
        }
        Ok(true)
    }

    /// The assets that rows are about, each once, and the ids of those that are not there (any more).
    /// Refusals touch none.
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

    /// Deliveries were deleted: tells which assets went with them.
    fn send_pruned(&mut self) -> Result<(), Halt> {
        let mut gone = Vec::new();
        for asset_id in self.told.ids() {
            if !self.reader().has_asset(asset_id)? {
                gone.push(asset_id.to_owned());
            }
        }
        gone.iter().try_for_each(|asset_id| self.send_gone(asset_id))
    }

    /// Tells that an asset is not there any more, where it was told that it is.
    pub(super) fn send_gone(&mut self, asset_id: &str) -> Result<(), Halt> {
        if self.told.remove(asset_id) {
            self.send(BackendEvent::Gone(asset_id.to_owned()))?;
        }
        Ok(())
    }

    /// Tells what became of the assets that the user of this dashboard noted something of.
    pub(super) fn send_noted(&mut self) -> Result<(), Halt> {
        while let Some(request) = self.noted.pop_front() {
            let (Request::Name { asset_id, .. } | Request::Acknowledge { asset_id, .. }) = &request
            else {
                continue;
            };
            if self.send_asset(asset_id)? {
                continue;
            }
            // Also where it was never told: whoever asks shows it.
            self.told.remove(asset_id.as_str());
            self.send(BackendEvent::Gone(asset_id.clone()))?;
            let why = "that asset is no longer in the journal".to_owned();
            self.send(BackendEvent::Unanswered(request, why))?;
        }
        Ok(())
    }

    /// Tells what was noted by another process meanwhile, of which no feed tells.
    pub(super) fn send_notes(&mut self) -> Result<(), Halt> {
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
            .filter(|id| before.get(*id) != now.get(*id) && self.told.contains(id.as_str()))
            .cloned()
            .collect();
        for asset_id in changed {
            self.send_asset(&asset_id)?;
        }
        Ok(())
    }

    /// Tells an asset whose notes were changed, after all that made it what it is: otherwise what is
    /// new about it would not be news any more. Says whether there is one.
    fn send_asset(&mut self, asset_id: &str) -> Result<bool, Halt> {
        let mut found = self.reader().asset(asset_id)?;
        for _ in 0..TRIES {
            self.catch_up()?;
            let now = self.reader().asset(asset_id)?;
            let is_told = row_of(now.as_ref()) == row_of(found.as_ref());
            found = now;
            if is_told {
                break;
            }
        }
        let Some((row, notes)) = found else { return Ok(false) };
        // These are no news to be told at the next look.
        if notes == Notes::default() {
            self.notes.1.remove(asset_id);
        } else {
            self.notes.1.insert(asset_id.to_owned(), notes.clone());
        }
        let asset = Box::new(self.view(row, notes));
        self.send(BackendEvent::Asset(asset))?;
        Ok(true)
    }

    /// Reads the whole log of refusals.
    pub(super) fn read_refusals(&mut self) -> Result<(), Halt> {
        loop {
            let (page, last) = self.reader().refusals_after(self.seen().refusals, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            self.follower.go_on_from(Watermarks { refusals: last, ..self.seen() });
            self.hold_refusals(page);
        }
    }

    /// Makes rows of refusals, and holds them.
    fn hold_refusals(&mut self, page: Vec<RefusalEntry>) -> Vec<Row> {
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
