//! What an operator gives up of an inbox to make room: what its readers have, and what is old.

use jiff::Timestamp;
use rusqlite::Connection;

use super::books::Books;
use super::directory::InboxId;
use super::places;
use super::schema::{MAX_SEQ, place, unsigned};
use crate::relay::protocol::GapReason;

/// Deliveries up to ?2 that every named reader has acked.
const READ: &str = "SELECT place, size, verified FROM delivery
    WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3";
/// Deliveries up to ?2 that came before ?3.
const OLD: &str = "SELECT place, size, verified FROM delivery
    WHERE place > ?1 AND place <= ?2 AND received_at < ?3 ORDER BY place LIMIT ?4";
const COUNT: &str = "SELECT count(*), coalesce(sum(size), 0) FROM delivery
    WHERE place > ?1 AND place <= ?2 AND received_at < ?3";

/// What was deleted of an inbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Deliveries.
    pub deliveries: u64,
    /// Those of them that a named reader had not acked, or that nobody could have acked.
    pub unread: u64,
    /// Bytes, as the caps count them.
    pub bytes: u64,
}

impl Pruned {
    /// Adds what one more slice deleted.
    pub(super) fn add(&mut self, slice: Self) {
        self.deliveries += slice.deliveries;
        self.unread += slice.unread;
        self.bytes += slice.bytes;
    }
}

/// Counts what slices would delete in all. Changes nothing.
pub(super) fn count(
    connection: &Connection,
    inbox: InboxId,
    before: Option<Timestamp>,
) -> rusqlite::Result<Pruned> {
    let acked = places::slowest(connection, inbox)?.unwrap_or(0);
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
    Ok(Pruned { deliveries: read + unread, unread, bytes: read_bytes + unread_bytes })
}

/// Deletes at most `limit` deliveries: first those that every named reader has acked, then those from
/// before `before`. Their readers are told of the latter as a gap.
pub(super) fn slice(
    connection: &Connection,
    books: &mut Books,
    inbox: InboxId,
    before: Option<Timestamp>,
    limit: u16,
    now: Timestamp,
) -> rusqlite::Result<Pruned> {
    type Row = (i64, u64, bool);
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, unsigned(row.get(1)?), row.get(2)?));
    let acked = places::slowest(connection, inbox)?.unwrap_or(0);
    let mut found: Vec<(Row, GapReason)> = connection
        .prepare_cached(READ)?
        .query_map((place(inbox, 0), place(inbox, acked), limit), row)?
        .map(|row| Ok((row?, GapReason::Read)))
        .collect::<rusqlite::Result<_>>()?;
    let left = i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
    if let Some(before) = before
        && left > 0
    {
        let range = (place(inbox, acked), place(inbox, MAX_SEQ), before.as_microsecond(), left);
        let mut statement = connection.prepare_cached(OLD)?;
        for row in statement.query_map(range, row)? {
            found.push((row?, GapReason::Pruned));
        }
    }
    let mut pruned = Pruned::default();
    for ((place, size, verified), reason) in found {
        books.discard(connection, place, (size, verified), reason, now)?;
        let unread = u64::from(reason == GapReason::Pruned);
        pruned.add(Pruned { deliveries: 1, unread, bytes: size });
    }
    Ok(pruned)
}
