//! The table of gaps: stores why deliveries are missing. Bounded.

use jiff::Timestamp;
use rusqlite::Connection;

use super::registry::InboxId;
use super::schema::signed;
use crate::relay::protocol::GapReason;

/// Maximum number of gaps of an inbox whose reason is stored.
const GAPS: u64 = 1024;

/// Extends the gap that ends just before `seq`, or adds a new one.
pub(super) fn add(
    connection: &Connection,
    inbox: InboxId,
    seq: u64,
    reason: GapReason,
    count: u64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (seq, count, at) = (signed(seq), signed(count), now.as_microsecond());
    // A refused gap may have been sent already: its `seq` must not be part of a longer gap later.
    let longer = if reason == GapReason::Refused {
        0
    } else {
        connection
            .prepare_cached(
                "UPDATE gap SET to_seq = ?2, count = count + ?3, at = ?4
                 WHERE inbox = ?1 AND to_seq = ?2 - 1 AND reason = ?5",
            )?
            .execute((inbox, seq, count, at, reason.name()))?
    };
    if longer == 0 {
        connection
            .prepare_cached("INSERT OR REPLACE INTO gap VALUES (?1, ?2, ?2, ?3, ?4, ?5)")?
            .execute((inbox, seq, reason.name(), count, at))?;
    }
    Ok(())
}

/// Deletes the oldest gaps if there are too many.
pub(super) fn trim(connection: &Connection, inbox: InboxId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM gap WHERE inbox = ?1 AND to_seq <= (
                 SELECT to_seq FROM gap WHERE inbox = ?1 ORDER BY to_seq DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((inbox, signed(GAPS)))
        .map(drop)
}
