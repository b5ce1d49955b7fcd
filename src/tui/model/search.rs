//! What is read of the journal's rows: which ones, from where, and the pages that come of it.

use jiff::Timestamp;

use super::rows::{MAX_ROWS, Row};
use crate::filter::{DeliveryFacts, Filter};

/// Which rows are listed. The default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What has to hold for a row.
    pub filter: Filter,
    /// Whether only failures are listed.
    pub failures_only: bool,
}

impl Query {
    /// Whether a row is listed; `name` is the local name of its asset.
    pub fn lists(&self, row: &Row, name: Option<&str>) -> bool {
        (!self.failures_only || row.is_failure()) && row.fits(&self.filter, name)
    }

    /// The same of a delivery as the journal has it.
    pub fn lists_facts(&self, delivery: &DeliveryFacts<'_>, name: Option<&str>) -> bool {
        (!self.failures_only || delivery.is_failure()) && self.filter.matches_facts(delivery, name)
    }
}

/// Where reading begins, and in which direction it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStart {
    /// At the newest, towards older ones; what is held goes.
    Newest,
    /// At the very first, towards newer ones; what is held goes.
    Oldest,
    /// Half a page before this `seq`, towards newer ones; what is held goes.
    Around(u64),
    /// Below this `seq`, towards older ones.
    Below(u64),
    /// At this `seq`, towards newer ones.
    From(u64),
}

impl SearchStart {
    /// Whether what is held goes.
    pub const fn is_anew(self) -> bool {
        matches!(self, Self::Newest | Self::Oldest | Self::Around(_))
    }

    /// Whether it goes towards newer rows.
    pub const fn goes_up(self) -> bool {
        matches!(self, Self::Oldest | Self::From(_) | Self::Around(_))
    }
}

/// A question for rows of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Its number: pages say whose they are, and a new search ends the one before.
    pub id: u64,
    /// Which rows.
    pub query: Query,
    /// Where it begins.
    pub start: SearchStart,
    /// How many rows it ends with at the latest.
    pub limit: usize,
    /// Of a picture that stands still: its newest `seq` and its time. Nothing newer is read.
    pub until: Option<(u64, Timestamp)>,
}

/// What a search has come to since its last page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsPage {
    /// The search.
    pub id: u64,
    /// Where that began.
    pub start: SearchStart,
    /// Whether it is its first page.
    pub is_first: bool,
    /// The rows, in the direction in which it goes.
    pub rows: Vec<Row>,
    /// Where the page begins: the `seq` below which, or from which on, it looked.
    pub begun: u64,
    /// How far it has come: the lowest `seq` that it looked at, or the one to go on from.
    pub reached: u64,
    /// Whether nothing is left in its direction.
    pub is_end: bool,
    /// Whether it goes on by itself.
    pub goes_on: bool,
    /// How many deliveries and refusals it has looked at.
    pub searched: u64,
    /// How many the journal has.
    pub total: u64,
}

/// A search under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searching {
    /// Its number.
    pub id: u64,
    /// Where it began.
    pub start: SearchStart,
    /// When it was last heard of. It can be lost where too many requests wait; after a while it is
    /// made again.
    pub at: Timestamp,
    /// Whether the first row that comes is to be selected.
    pub selects_first: bool,
}

/// How many rows a search for further ones ends with.
pub const PAGE: usize = 500;

/// How many rows the first search of a query ends with: what is held.
pub const FIRST: usize = MAX_ROWS;
