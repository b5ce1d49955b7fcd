//! The rows of the Deliveries screen: a window of deliveries and refusals, newest last.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::row::Row;
use super::search::{MAX_ROWS, Query, RowsPage, SearchStart, Searching};
use super::target::Target;

/// A window of the rows that a query lists: contiguous, at most [`MAX_ROWS`]. A copy is cheap.
#[derive(Debug, Clone, Default)]
pub struct RowWindow {
    held: VecDeque<Arc<Row>>,
    /// Everything from this `seq` on has been read; `None` if there was nothing yet.
    from: Option<u64>,
    /// Whether the journal has no older rows.
    complete: bool,
    /// If the user looks at older rows and the newest are not held: the `seq` from which on nothing
    /// has been read.
    to: Option<u64>,
    /// Whether nothing has been read yet, although the journal is not empty.
    unread: bool,
    /// The search in progress for further rows.
    pub searching: Option<Searching>,
    /// How many rows have been read, and out of how many.
    pub searched: (u64, u64),
}

impl RowWindow {
    /// Creates a window from the rows of another one for which `lists` returns true.
    pub fn of(window: &Self, mut lists: impl FnMut(&Row) -> bool) -> Self {
        if window.is_behind() {
            return Self { unread: true, ..Self::default() };
        }
        let held: VecDeque<_> = window.held.iter().filter(|row| lists(row)).cloned().collect();
        let looked_at = window.held.len() as u64;
        Self {
            held,
            from: window.from,
            complete: window.is_complete(),
            to: None,
            unread: false,
            searching: None,
            searched: (looked_at, looked_at),
        }
    }

    /// Returns the rows, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Row>> + ExactSizeIterator {
        self.held.iter()
    }

    /// Returns a row by its index, counted from the oldest.
    pub fn at(&self, place: usize) -> Option<&Arc<Row>> {
        self.held.get(place)
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns whether the journal has no older rows.
    pub fn is_complete(&self) -> bool {
        // If nothing was read there is nothing to read; the first `seq` is 1.
        let is_down = self.to.is_none() && self.from.is_none_or(|from| from <= 1);
        !self.unread && (self.complete || is_down)
    }

    /// Returns whether the newest rows are not held, because the user looks at older ones.
    pub const fn is_behind(&self) -> bool {
        self.to.is_some()
    }

    /// Returns whether it holds everything that the query lists.
    pub fn is_whole(&self) -> bool {
        self.is_complete() && !self.is_behind()
    }

    /// Returns whether a delivery has been read, and so is held if it is listed.
    pub fn covers(&self, seq: u64) -> bool {
        self.from.is_some_and(|from| from <= seq) && self.to.is_none_or(|to| seq < to)
    }

    /// Returns where to continue reading towards older rows, or `None` if there are none.
    pub fn below(&self) -> Option<SearchStart> {
        if self.unread {
            return Some(SearchStart::Newest);
        }
        (!self.is_complete()).then(|| self.from.map(SearchStart::Below))?
    }

    /// Returns where to continue reading towards newer rows, or `None` if those arrive by
    /// themselves.
    pub fn above(&self) -> Option<SearchStart> {
        self.to.map(SearchStart::From)
    }

    /// Adds a row at the end; a refusal that is already listed moves there. Returns how many new
    /// requests it represents.
    ///
    /// If there are too many rows, the oldest is dropped. If `stay` is true, because the user looks
    /// at an old row, they are kept, and the new row has to be read again later.
    pub fn push(&mut self, row: Arc<Row>, stay: bool) -> u64 {
        let mut new = row.count();
        if row.is_refusal() {
            let same = |other: &Arc<Row>| other.target() == row.target();
            // It was written within the last hour, so it is close to the end.
            if let Some(before) =
                self.held.iter().rposition(same).and_then(|at| self.held.remove(at))
            {
                new = new.saturating_sub(before.count());
            }
        }
        if stay && self.to.is_none() && self.held.len() >= MAX_ROWS {
            self.to = Some(self.newest_seq().map_or(0, |seq| seq + 1));
        }
        if self.is_behind() {
            return new;
        }
        // Refusals arrive up to a second late: keep the rows in order of time.
        let at = if row.is_refusal() {
            self.held.iter().rposition(|other| other.at() <= row.at()).map_or(0, |at| at + 1)
        } else {
            self.held.len()
        };
        if let (Target::Delivery(seq), None) = (row.target(), self.from) {
            self.from = Some(seq);
        }
        self.held.insert(at, row);
        if self.held.len() > MAX_ROWS {
            self.held.pop_front();
            self.mark_older_unread();
        }
        new
    }

    /// Adds a page of the current search. If there are too many rows, those at the other end are
    /// dropped; if the user follows the newest (`stay` is false), the oldest.
    pub fn take(&mut self, page: RowsPage, stay: bool) {
        if page.is_first && page.start.replaces_rows() {
            self.held.clear();
            self.unread = false;
            self.complete = page.start == SearchStart::Oldest;
            self.from = Some(page.begun);
            self.to = page.start.goes_up().then_some(page.begun);
        }
        let end = if page.start.goes_up() { self.to } else { self.from };
        if end != Some(page.begun) {
            // Rows were dropped meanwhile: adding the page would leave a hole.
            self.searching = None;
            return;
        }
        if !page.goes_on {
            self.searching = None;
        }
        // A refusal that arrived again meanwhile is already listed, at its newer time.
        let known: HashSet<u64> = self.held.iter().filter_map(|row| refusal_id(row)).collect();
        let rows = page
            .rows
            .into_iter()
            .filter(|row| refusal_id(row).is_none_or(|id| !known.contains(&id)));
        if page.start.goes_up() {
            self.held.extend(rows.map(Arc::new));
            self.to = (!page.is_end).then_some(page.reached);
            let surplus = self.held.len().saturating_sub(MAX_ROWS);
            if surplus > 0 {
                self.held.drain(..surplus);
                self.mark_older_unread();
            }
        } else {
            for row in rows {
                self.held.push_front(Arc::new(row));
            }
            self.from = Some(page.reached);
            self.complete |= page.is_end;
            let surplus = self.held.len().saturating_sub(MAX_ROWS);
            if surplus > 0 && stay {
                self.held.truncate(MAX_ROWS);
                self.to = Some(self.newest_seq().map_or(0, |seq| seq + 1));
            } else if surplus > 0 {
                self.held.drain(..surplus);
                self.mark_older_unread();
            }
        }
        self.searched = (page.searched, page.total);
        if self.is_whole() {
            self.searched.0 = page.total;
        }
    }

    /// Removes rows that are no longer listed as time passes.
    pub fn retain(&mut self, mut lists: impl FnMut(&Row) -> bool) {
        self.held.retain(|row| lists(row));
    }

    /// The oldest rows were dropped: anything older than the remaining ones has to be read again.
    fn mark_older_unread(&mut self) {
        self.complete = false;
        self.from = self.oldest_seq().or(self.from);
    }

    /// Returns the `seq` of the oldest delivery held.
    pub fn oldest_seq(&self) -> Option<u64> {
        self.held.iter().find_map(|row| match row.target() {
            Target::Delivery(seq) => Some(seq),
            Target::Refusal(_) => None,
        })
    }

    /// Returns the `seq` of the newest delivery held.
    pub fn newest_seq(&self) -> Option<u64> {
        self.held.iter().rev().find_map(|row| match row.target() {
            Target::Delivery(seq) => Some(seq),
            Target::Refusal(_) => None,
        })
    }
}

const fn refusal_id(row: &Row) -> Option<u64> {
    match row {
        Row::Refusal { listed, .. } => Some(listed.id),
        Row::Delivery(_) => None,
    }
}

/// The results of a query, as far as it has been searched.
#[derive(Debug, Clone)]
pub struct SearchResults {
    /// The query.
    pub query: Query,
    /// Its rows.
    pub rows: RowWindow,
}
