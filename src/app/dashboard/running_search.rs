//! A search of the journal between two batches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::callback::Callback;
use crate::filter::DeliveryFacts;
use crate::tui::model::row::Row;
use crate::tui::model::search::Search;

/// A search in progress.
pub(super) struct RunningSearch {
    pub(super) search: Search,
    /// The names of assets, if the filter needs them.
    pub(super) names: BTreeMap<String, String>,
    /// The `seq` below which (downwards) or from which on (upwards) the next batch scans.
    pub(super) next: u64,
    /// The time up to which refusals have been searched; the next batch continues there. `None`:
    /// from the newest (downwards) or the oldest refusal (upwards).
    pub(super) edge: Option<Timestamp>,
    /// Maximum number of further rows.
    pub(super) remaining: usize,
    pub(super) searched: u64,
    pub(super) is_first: bool,
    /// The `seq` at which the next page begins.
    pub(super) page_start: u64,
    pub(super) sent_at: Instant,
}

impl RunningSearch {
    /// Returns whether the search lists a delivery.
    pub(super) fn lists(&self, delivery: &DeliveryFacts<'_>) -> bool {
        let name = delivery.asset_id.and_then(|id| self.names.get(id));
        self.search.query.lists_facts(delivery, name.map(String::as_str))
    }

    /// Returns whether the search lists a row.
    pub(super) fn lists_row(&self, row: &Row) -> bool {
        let Callback { asset_id, .. } = row.callback();
        let name = asset_id.as_ref().and_then(|id| self.names.get(id));
        self.search.query.lists(row, name.map(String::as_str))
    }
}
