//! Searches for rows in the journal: which rows, where to start, and the pages of results.

use jiff::Timestamp;

use super::row::Row;
use crate::filter::{DeliveryFacts, Filter};

/// Maximum number of rows held. Beyond it, the rows furthest from the selection are dropped; they
/// are read again when they are scrolled to.
pub const MAX_ROWS: usize = 5_000;

/// Which rows to list. The default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The filter that a row has to match.
    pub filter: Filter,
    /// Whether only failures are listed.
    pub failures_only: bool,
}

impl Query {
    /// Returns whether a row is listed. `name` is the local name of its asset.
    pub fn lists(&self, row: &Row, name: Option<&str>) -> bool {
        (!self.failures_only || row.is_failure()) && row.fits(&self.filter, name)
    }

    /// Like [`Self::lists`], for a delivery as the journal stores it.
    pub fn lists_facts(&self, delivery: &DeliveryFacts<'_>, name: Option<&str>) -> bool {
        (!self.failures_only || delivery.is_failure()) && self.filter.matches_facts(delivery, name)
    }
}

/// Where a search starts, and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStart {
    /// At the newest row, towards older ones. Replaces the rows held.
    Newest,
    /// At the oldest row, towards newer ones. Replaces the rows held.
    Oldest,
    /// Half a page before this `seq`, towards newer ones. Replaces the rows held.
    Around(u64),
    /// Below this `seq`, towards older ones.
    Below(u64),
    /// At this `seq`, towards newer ones.
    From(u64),
}

impl SearchStart {
    /// Returns whether the results replace the rows held.
    pub const fn replaces_rows(self) -> bool {
        matches!(self, Self::Newest | Self::Oldest | Self::Around(_))
    }

    /// Returns whether the search goes towards newer rows.
    pub const fn goes_up(self) -> bool {
        matches!(self, Self::Oldest | Self::From(_) | Self::Around(_))
    }
}

/// A search for rows in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The number of the search. Pages carry it, and a new search replaces the previous one.
    pub id: u64,
    /// Which rows to find.
    pub query: Query,
    /// Where to start.
    pub start: SearchStart,
    /// Maximum number of rows to return.
    pub limit: usize,
    /// For a frozen snapshot, its newest `seq` and its time. Nothing newer is read.
    pub until: Option<(u64, Timestamp)>,
}

/// A page of results: what the search found since the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsPage {
    /// The number of the search.
    pub id: u64,
    /// Where the search started.
    pub start: SearchStart,
    /// Whether this is the first page.
    pub is_first: bool,
    /// The rows, in the direction of the search.
    pub rows: Vec<Row>,
    /// Where the page begins: the `seq` below which, or from which, it looked.
    pub begun: u64,
    /// How far the search got: the lowest `seq` that it read, or the `seq` to continue from.
    pub reached: u64,
    /// Whether nothing is left in its direction.
    pub is_end: bool,
    /// Whether more pages will follow without another request.
    pub goes_on: bool,
    /// How many deliveries and refusals the search has read.
    pub searched: u64,
    /// How many deliveries and refusals the journal holds.
    pub total: u64,
}

/// A search in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searching {
    /// The number of the search.
    pub id: u64,
    /// Where it started.
    pub start: SearchStart,
    /// When its last page arrived. A request can be lost if too many are queued; it is then sent
    /// again after a while.
    pub at: Timestamp,
    /// Whether to select the first row that arrives.
    pub selects_first: bool,
}

/// Maximum number of rows of a search for further rows.
pub const PAGE: usize = 500;

/// Maximum number of rows of the first search of a query: as many as are held.
pub const FIRST: usize = MAX_ROWS;
