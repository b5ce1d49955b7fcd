//! Merges deliveries and refusals into one list. Pure.

use crate::tui::model::row::Row;

/// Returns deliveries and refusals in one list, oldest first. `deliveries` must be in journal
/// order, oldest first, and keep that order; refusals are inserted by time.
pub(super) fn merged(deliveries: Vec<Row>, mut refusals: Vec<Row>) -> Vec<Row> {
    refusals.sort_by_key(Row::at);
    let mut rows = Vec::with_capacity(deliveries.len() + refusals.len());
    let mut refusals = refusals.into_iter().peekable();
    for delivery in deliveries {
        while let Some(refusal) = refusals.next_if(|refusal| refusal.at() < delivery.at()) {
            rows.push(refusal);
        }
        rows.push(delivery);
    }
    rows.extend(refusals);
    rows
}
