//! Puts deliveries and refusals in one order. Pure.

use crate::tui::model::row::Row;

/// Both in the order of their times, deliveries among themselves as they were: in the order of the
/// journal. `deliveries` are oldest first.
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
