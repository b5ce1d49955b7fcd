//! Searches a journal for the rows that a query lists, a batch at a time: between two batches it is
//! told what is new, and asked what else is wanted.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::backend::{Backend, Halt};
use super::rows::merged;
use crate::callback::Callback;
use crate::filter::DeliveryFacts;
use crate::journal::JournalError;
use crate::tui::effect::Request;
use crate::tui::event::BackendEvent;
use crate::tui::model::row::Row;
use crate::tui::model::search::{PAGE, RowsPage, Search, SearchStart};

/// Deliveries that are looked at in a batch: some milliseconds.
const BATCH: u32 = 4_000;
/// Rows of a batch: reading those takes longer than looking at others.
const HITS: usize = 500;
/// How often progress is told while nothing is found.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// A search that goes on.
pub(super) struct RunningSearch {
    search: Search,
    /// The local names of assets, where the filter looks at them.
    names: BTreeMap<String, String>,
    /// The `seq` below which, or from which on, the next batch looks.
    next: u64,
    /// The times between which refusals belong to what was looked at before: what comes next ends
    /// or begins there. `None` is the end of time, or its beginning.
    edge: Option<Timestamp>,
    /// How many rows may still come.
    left: usize,
    searched: u64,
    is_first: bool,
    /// Where the page that is told next begins.
    begun: u64,
    told_at: Instant,
}

/// What a batch came to.
struct SearchBatch {
    rows: Vec<Row>,
    is_end: bool,
}

impl RunningSearch {
    fn lists(&self, delivery: &DeliveryFacts<'_>) -> bool {
        let name = delivery.asset_id.and_then(|id| self.names.get(id));
        self.search.query.lists_facts(delivery, name.map(String::as_str))
    }

    fn lists_row(&self, row: &Row) -> bool {
        let Callback { asset_id, .. } = row.callback();
        let name = asset_id.as_ref().and_then(|id| self.names.get(id));
        self.search.query.lists(row, name.map(String::as_str))
    }
}

impl Backend {
    /// Begins a search, in place of one that goes on, and tells its first page.
    pub(super) fn begin_search(&mut self, search: Search) -> Result<(), Halt> {
        self.search = None;
        let newest = self.newest(&search);
        let next = match search.start {
            SearchStart::Newest => newest + 1,
            SearchStart::Oldest => 0,
            SearchStart::Around(seq) => seq.saturating_sub(PAGE as u64 / 2).min(newest + 1),
            // What was not told yet comes as news.
            SearchStart::Below(seq) | SearchStart::From(seq) => seq.min(newest + 1),
        };
        // Refusals have no place among deliveries but their time.
        let edge = match search.start {
            SearchStart::Newest | SearchStart::Oldest => None,
            SearchStart::Below(seq) if seq > newest => None,
            SearchStart::Below(_) | SearchStart::From(_) | SearchStart::Around(_) => {
                self.reader().received_from(next)?
            }
        };
        let names = if search.query.filter.looks_at_names() {
            let notes = self.reader().all_notes()?.into_iter();
            notes.filter_map(|(id, notes)| Some((id, notes.name?))).collect()
        } else {
            BTreeMap::new()
        };
        self.search = Some(RunningSearch {
            left: search.limit,
            search,
            names,
            next,
            edge,
            searched: 0,
            is_first: true,
            begun: next,
            told_at: Instant::now(),
        });
        self.search_on()
    }

    /// Ends the search that goes on.
    pub(super) fn end_search(&mut self) {
        self.search = None;
    }

    /// Looks at the next batch, and tells what was found. That the journal cannot be read ends the
    /// search and nothing else.
    pub(super) fn search_on(&mut self) -> Result<(), Halt> {
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
        let goes_on = !batch.is_end && running.left > 0;
        let is_worth_telling = !goes_on || running.is_first || !batch.rows.is_empty();
        if is_worth_telling || running.told_at.elapsed() >= TELL_EVERY {
            let total = self.seen().held() + self.refusals.len() as u64;
            let page = RowsPage {
                id: running.search.id,
                start: running.search.start,
                is_first: running.is_first,
                rows: batch.rows,
                begun: running.begun,
                reached: running.next,
                is_end: batch.is_end,
                goes_on,
                searched: running.searched.min(total),
                total,
            };
            (running.is_first, running.begun) = (false, running.next);
            running.told_at = Instant::now();
            self.send(BackendEvent::Rows(Box::new(page)))?;
        }
        // Another one may have been asked for while the dashboard was told.
        if goes_on {
            self.search = Some(running);
        }
        Ok(())
    }

    /// The newest delivery that a search may look at.
    fn newest(&self, search: &Search) -> u64 {
        search.until.map_or(self.seen().head, |(seq, _)| seq.min(self.seen().head))
    }

    fn batch_down(&self, running: &mut RunningSearch) -> Result<SearchBatch, JournalError> {
        let (mut hits, mut is_end, mut looked_to) = (Vec::new(), true, None);
        if let Some(range) = running.search.query.filter.seqs()
            && running.next > *range.start()
        {
            let below = running.next.min(range.end().saturating_add(1));
            let most = running.left.min(HITS);
            let scanned = self
                .reader()
                .scan_before(below, BATCH, most, |run_info| running.lists(run_info))?;
            running.searched += u64::from(scanned.count);
            if let Some((seq, at)) = scanned.last {
                let was_stopped = scanned.count == BATCH || scanned.hits.len() == most;
                // The rest cannot fit, or is not there.
                is_end = !was_stopped || seq <= *range.start();
                running.next = seq;
                looked_to = Some(at);
            }
            hits = scanned.hits;
        }
        let from = looked_to.filter(|_| !is_end);
        let to = running.edge;
        let is_within = |at| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
        let refusals = self.refusals_within(running, is_within);
        running.edge = from;
        hits.reverse();
        let mut rows = merged(hits.into_iter().map(Row::delivery).collect(), refusals);
        rows.reverse();
        running.left = running.left.saturating_sub(rows.len());
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
            let most = running.left.min(HITS);
            let scanned = self
                .reader()
                .scan_after(above, last, BATCH, most, |run_info| running.lists(run_info))?;
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
        running.left = running.left.saturating_sub(rows.len());
        Ok(SearchBatch { rows, is_end })
    }

    /// The refusals of these times that are listed.
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
