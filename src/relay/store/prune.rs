//! Deletes deliveries of an inbox on the operator's command: those that all readers have, and old
//! ones.

use jiff::Timestamp;
use rusqlite::Connection;

use super::damage::Piece;
use super::queries;
use super::registry::InboxId;
use super::schema::{MAX_SEQ, place, unsigned};
use super::usage::Usages;
use crate::relay::protocol::GapReason;

/// Deliveries up to ?2 that every named reader has acked.
const READ: &str = "SELECT place, size FROM delivery
    WHERE place > ?1 AND place <= ?2 ORDER BY place";
/// Deliveries up to ?2 that were received before ?3.
const OLD: &str = "SELECT place, size FROM delivery
    WHERE place > ?1 AND place <= ?2 AND received_at < ?3 ORDER BY place";
const COUNT: &str = "SELECT count(*), coalesce(sum(size), 0) FROM delivery
    WHERE place > ?1 AND place <= ?2 AND received_at < ?3";

/// The number and size of deleted deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InboxPruneCounts {
    /// Deliveries.
    pub deliveries: u64,
    /// Those of them that a named reader had not acked, or all if the inbox has no named reader.
    pub unread: u64,
    /// Bytes, as the caps count them.
    pub bytes: u64,
}

impl InboxPruneCounts {
    /// Adds the result of another slice.
    pub(super) fn add(&mut self, slice: Self) {
        self.deliveries += slice.deliveries;
        self.unread += slice.unread;
        self.bytes += slice.bytes;
    }
}

/// Counts the deliveries that all slices together would delete. Changes nothing.
pub(super) fn count(
    connection: &Connection,
    inbox: InboxId,
    before: Option<Timestamp>,
) -> rusqlite::Result<InboxPruneCounts> {
    let acked = queries::slowest(connection, inbox)?.unwrap_or(0);
    let count = |from: u64, to: u64, before: i64| {
        connection
            .prepare_cached(COUNT)?
            .query_row((place(inbox, from), place(inbox, to), before), |row| {
                Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
            })
    };
    let (read, read_bytes) = count(0, acked, i64::MAX)?;
    let (unread, unread_bytes) = match before {
        Some(before) => count(acked, MAX_SEQ, before.as_microsecond())?,
        None => (0, 0),
    };
    Ok(InboxPruneCounts { deliveries: read + unread, unread, bytes: read_bytes + unread_bytes })
}

/// Deletes at most `limit` deliveries: first those that every named reader has acked, then those
/// received before `before`, which readers get as a gap. Returns whether there may be more.
pub(super) fn slice(
    connection: &Connection,
    usages: &mut Usages,
    inbox: InboxId,
    before: Option<Timestamp>,
    limit: u16,
    now: Timestamp,
) -> rusqlite::Result<(InboxPruneCounts, bool)> {
    let limit = usize::from(limit);
    let is_passed = |place: i64| usages.passed.has(Piece::Delivery(place));
    let can_go = |found: &rusqlite::Result<(i64, u64)>| {
        found.as_ref().map_or(true, |(place, _)| !is_passed(*place))
    };
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, unsigned(row.get(1)?)));
    let acked = queries::slowest(connection, inbox)?.unwrap_or(0);
    let read: Vec<(i64, u64)> = connection
        .prepare_cached(READ)?
        .query_map((place(inbox, 0), place(inbox, acked)), row)?
        .filter(can_go)
        .take(limit)
        .collect::<rusqlite::Result<_>>()?;
    let old: Vec<(i64, u64)> = match before {
        Some(before) => connection
            .prepare_cached(OLD)?
            .query_map((place(inbox, acked), place(inbox, MAX_SEQ), before.as_microsecond()), row)?
            .filter(can_go)
            .take(limit - read.len())
            .collect::<rusqlite::Result<_>>()?,
        None => Vec::new(),
    };
    let more = read.len() + old.len() == limit;
    let mut pruned = InboxPruneCounts::default();
    for (found, reason) in [(read, GapReason::Read), (old, GapReason::Pruned)] {
        let unread = u64::from(reason == GapReason::Pruned);
        for (place, bytes) in found {
            if usages.discard(connection, place, reason, now)? {
                pruned.add(InboxPruneCounts { deliveries: 1, unread, bytes });
            }
        }
    }
    Ok((pruned, more))
}
