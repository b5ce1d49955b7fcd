//! Searches the journal for the rows that match a query, one batch at a time. Between two batches
//! the backend sends news and answers requests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::backend::{Backend, Halt};
use super::rows::merged;
use super::running_search::RunningSearch;
use crate::journal::JournalError;
use crate::tui::effect::Request;
use crate::tui::event::BackendEvent;
use crate::tui::model::row::Row;
use crate::tui::model::search::{PAGE, RowsPage, Search, SearchStart};

/// Maximum number of deliveries that a batch scans, which takes a few milliseconds.
const BATCH: u32 = 4_000;
/// Maximum number of matches in a batch: reading a match takes longer than skipping a delivery.
const HITS: usize = 500;
/// Interval between two progress events while nothing is found.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// The result of a batch.
struct SearchBatch {
    rows: Vec<Row>,
    is_end: bool,
}

impl Backend {
    /// Starts a search, which replaces the current one, and sends its first page.
    pub(super) fn start_search(&mut self, search: Search) -> Result<(), Halt> {
        self.search = None;
        let newest = self.newest(&search);
        let next = match search.start {
            SearchStart::Newest => newest + 1,
            SearchStart::Oldest => 0,
            SearchStart::Around(seq) => seq.saturating_sub(PAGE as u64 / 2).min(newest + 1),
            // Newer deliveries follow as news.
            SearchStart::Below(seq) | SearchStart::From(seq) => seq.min(newest + 1),
        };
        // Refusals have no `seq`; only their time orders them among deliveries.
        let edge = match search.start {
            SearchStart::Newest | SearchStart::Oldest => None,
            SearchStart::Below(seq) if seq > newest => None,
            SearchStart::Below(_) | SearchStart::From(_) | SearchStart::Around(_) => {
                self.reader().received_from(next)?
            }
        };
        let names = if search.query.filter.looks_at_names() {
            let notes = self.reader().all_notes()?.into_iter();
            notes.filter_map(|(id, notes)| Some((id, notes.shown_name()?.to_owned()))).collect()
        } else {
            BTreeMap::new()
        };
        self.search = Some(RunningSearch {
            remaining: search.limit,
            search,
            names,
            next,
            edge,
            searched: 0,
            is_first: true,
            page_start: next,
            sent_at: Instant::now(),
        });
        self.continue_search()
    }

    /// Ends the current search.
    pub(super) fn end_search(&mut self) {
        self.search = None;
    }

    /// Searches the next batch and sends the rows found. A read error ends the search, but not the
    /// backend.
    pub(super) fn continue_search(&mut self) -> Result<(), Halt> {
        let Some(mut running) = self.search.take() else { return Ok(()) };
        let batch = if running.search.start.goes_up() {
            self.batch_up(&mut running)
        } else {
            self.batch_down(&mut running)
        };
        match batch {
            Ok(batch) => self.send_batch(running, batch),
            Err(error) => {
                let request = Request::Rows(Box::new(running.search));
                self.send(BackendEvent::Unanswered(request, error.to_string()))
            }
        }
    }

    fn send_batch(&mut self, mut running: RunningSearch, batch: SearchBatch) -> Result<(), Halt> {
        let goes_on = !batch.is_end && running.remaining > 0;
        let must_send = !goes_on || running.is_first || !batch.rows.is_empty();
        if must_send || running.sent_at.elapsed() >= PROGRESS_EVERY {
            self.send_marks_of(&batch.rows)?;
            let total = self.seen().held() + self.refusals.len() as u64;
            let page = RowsPage {
                id: running.search.id,
                start: running.search.start,
                is_first: running.is_first,
                rows: batch.rows,
                begun: running.page_start,
                reached: running.next,
                is_end: batch.is_end,
                goes_on,
                searched: running.searched.min(total),
                total,
            };
            (running.is_first, running.page_start) = (false, running.next);
            running.sent_at = Instant::now();
            self.send(BackendEvent::Rows(Box::new(page)))?;
        }
        if goes_on {
            self.search = Some(running);
        }
        Ok(())
    }

    /// Returns the `seq` of the newest delivery that a search may return.
    fn newest(&self, search: &Search) -> u64 {
        search.until.map_or(self.seen().head, |(seq, _)| seq.min(self.seen().head))
    }

    fn batch_down(&self, running: &mut RunningSearch) -> Result<SearchBatch, JournalError> {
        let (mut hits, mut is_end, mut scanned_to) = (Vec::new(), true, None);
        if let Some(range) = running.search.query.filter.seqs()
            && running.next > *range.start()
        {
            let below = running.next.min(range.end().saturating_add(1));
            let most = running.remaining.min(HITS);
            let scanned =
                self.reader().scan_before(below, BATCH, most, |facts| running.lists(facts))?;
            running.searched += u64::from(scanned.count);
            if let Some((seq, at)) = scanned.last {
                let was_stopped = scanned.count == BATCH || scanned.hits.len() == most;
                // The end: no older deliveries, or none in the filter's range.
                is_end = !was_stopped || seq <= *range.start();
                running.next = seq;
                scanned_to = Some(at);
            }
            hits = scanned.hits;
        }
        let from = scanned_to.filter(|_| !is_end);
        let to = running.edge;
        let is_within = |at| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
        let refusals = self.refusals_within(running, is_within);
        running.edge = from;
        hits.reverse();
        let mut rows = merged(hits.into_iter().map(Row::delivery).collect(), refusals);
        rows.reverse();
        running.remaining = running.remaining.saturating_sub(rows.len());
        Ok(SearchBatch { rows, is_end })
    }

    fn batch_up(&self, running: &mut RunningSearch) -> Result<SearchBatch, JournalError> {
        let newest = self.newest(&running.search);
        let (mut hits, mut is_end) = (Vec::new(), true);
        if let Some(range) = running.search.query.filter.seqs()
            && running.next <= *range.end()
        {
            let above = running.next.max(*range.start()).saturating_sub(1);
            let last = newest.min(*range.end());
            let most = running.remaining.min(HITS);
            let scanned =
                self.reader().scan_after(above, last, BATCH, most, |facts| running.lists(facts))?;
            running.searched += u64::from(scanned.count);
            if let Some((seq, _)) = scanned.last {
                let was_stopped = scanned.count == BATCH || scanned.hits.len() == most;
                is_end = !was_stopped || seq >= last;
                running.next = seq + 1;
            }
            hits = scanned.hits;
        }
        if is_end {
            running.next = newest + 1;
        }
        let to = if is_end { None } else { self.reader().received_from(running.next)? };
        let from = running.edge;
        let is_within = |at| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
        let refusals = self.refusals_within(running, is_within);
        running.edge = to;
        let rows = merged(hits.into_iter().map(Row::delivery).collect(), refusals);
        running.remaining = running.remaining.saturating_sub(rows.len());
        Ok(SearchBatch { rows, is_end })
    }

    /// Returns the matching refusals whose time satisfies `is_within`.
    fn refusals_within(
        &self,
        running: &mut RunningSearch,
        is_within: impl Fn(Timestamp) -> bool,
    ) -> Vec<Row> {
        let until = running.search.until.map(|(_, at)| at);
        let within: Vec<&Row> = self
            .refusals
            .values()
            .filter(|row| is_within(row.at()) && until.is_none_or(|until| row.at() <= until))
            .collect();
        running.searched += within.len() as u64;
        within.into_iter().filter(|row| running.lists_row(row)).cloned().collect()
    }
}
