//! Owns the small queries of the store: heads, epochs, readers, lists.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::InboxSummary;
use super::registry::InboxId;
use super::schema::{signed, unsigned};
use crate::relay::protocol::Epoch;

// With >=, not >: SQLite would read the page of the delivery before as well.
pub(super) const OLDEST: &str =
    "SELECT place FROM delivery WHERE place >= ?1 AND place <= ?2 ORDER BY place LIMIT 1";
// An index answers these two, even if a page of the table cannot be read.
pub(super) const OLDEST_UNVERIFIED: &str = "
    SELECT place FROM delivery WHERE verified = 0 AND place > ?1 AND place <= ?2
    ORDER BY place";
pub(super) const OLDER_THAN: &str =
    "SELECT place FROM delivery WHERE received_at < ?1 ORDER BY received_at";
pub(super) const SLOWEST: &str = "SELECT min(acked) FROM reader WHERE inbox = ?1";
pub(super) const OLD_PUBLISH_IDS: &str = "DELETE FROM old_publish_id WHERE until < ?1";
pub(super) const ABSENT: &str = "DELETE FROM reader WHERE seen_at < ?1";

/// Maximum number of older publish ids of an inbox; the oldest is dropped first.
const MAX_OLD: u32 = 16;

/// Keeps the current publish id of an inbox valid until a given time, before another replaces it.
pub(super) fn keep_publish_id(
    connection: &Connection,
    inbox: InboxId,
    until: Timestamp,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO old_publish_id
         SELECT publish_id, id, ?2 FROM inbox WHERE id = ?1 AND revoked_at IS NULL",
        (inbox, until.as_microsecond()),
    )?;
    connection
        .execute(
            "DELETE FROM old_publish_id WHERE publish_id IN (
                 SELECT publish_id FROM old_publish_id WHERE inbox = ?1
                 ORDER BY until DESC LIMIT -1 OFFSET ?2)",
            (inbox, MAX_OLD),
        )
        .map(drop)
}

/// Returns the highest `seq` that was ever assigned in an open inbox.
pub(super) fn head(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT head FROM inbox WHERE id = ?1 AND revoked_at IS NULL")?
        .query_row([inbox], |row| row.get(0))
        .optional()
        .map(|head| head.map(unsigned))
}

/// Returns the position of the slowest named reader; `None` if there is none.
pub(super) fn slowest(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Option<u64>> {
    let acked: Option<i64> =
        connection.prepare_cached(SLOWEST)?.query_row([inbox], |row| row.get(0))?;
    Ok(acked.map(unsigned))
}

pub(super) fn readers(connection: &Connection, inbox: InboxId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM reader WHERE inbox = ?1")?
        .query_row([inbox], |row| row.get(0))
        .map(unsigned)
}

pub(super) fn note_reader(
    connection: &Connection,
    inbox: InboxId,
    name: &str,
    acked: u64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO reader VALUES (?1, ?2, ?3, ?4)")?
        .execute((inbox, name, signed(acked), now.as_microsecond()))
        .map(drop)
}

/// Stores a reader's position. Returns `false` if the reader was forgotten.
pub(super) fn ack(
    connection: &Connection,
    inbox: InboxId,
    name: &str,
    acked: u64,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "UPDATE reader SET acked = ?3, seen_at = ?4 WHERE inbox = ?1 AND name = ?2",
        )?
        .execute((inbox, name, signed(acked), now.as_microsecond()))
        .map(|changed| changed > 0)
}

/// Stores that a reader is connected. Returns `false` if the reader was forgotten.
pub(super) fn touch(
    connection: &Connection,
    inbox: InboxId,
    name: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("UPDATE reader SET seen_at = ?3 WHERE inbox = ?1 AND name = ?2")?
        .execute((inbox, name, now.as_microsecond()))
        .map(|changed| changed > 0)
}

/// Forgets a reader. Returns whether it existed.
pub(super) fn forget(
    connection: &Connection,
    inbox: InboxId,
    name: &str,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("DELETE FROM reader WHERE inbox = ?1 AND name = ?2")?
        .execute((inbox, name))
        .map(|changed| changed > 0)
}

/// Returns the position of a named reader; `None` if it has none.
pub(super) fn acked(
    connection: &Connection,
    inbox: InboxId,
    name: &str,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT acked FROM reader WHERE inbox = ?1 AND name = ?2")?
        .query_row((inbox, name), |row| row.get(0))
        .optional()
        .map(|acked| acked.map(unsigned))
}

pub(super) fn oldest_epoch(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Epoch> {
    let epoch: Option<i64> = connection
        .prepare_cached(
            "SELECT epoch FROM label WHERE inbox = ?1 ORDER BY first_seq, turn LIMIT 1",
        )?
        .query_row([inbox], |row| row.get(0))
        .optional()?;
    Ok(Epoch(epoch.unwrap_or(0).cast_unsigned()))
}

pub(super) fn next_epoch_after(
    connection: &Connection,
    inbox: InboxId,
    from: u64,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(
            "SELECT first_seq FROM label WHERE inbox = ?1 AND first_seq > ?2
             ORDER BY first_seq LIMIT 1",
        )?
        .query_row((inbox, signed(from)), |row| row.get(0))
        .optional()
        .map(|seq| seq.map(unsigned))
}

/// Returns every inbox with its readers, ordered by name.
pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<InboxSummary>> {
    let time = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut readers = connection
        .prepare_cached("SELECT name, acked, seen_at FROM reader WHERE inbox = ?1 ORDER BY name")?;
    let mut old = connection.prepare_cached(
        "SELECT publish_id, until FROM old_publish_id WHERE inbox = ?1 AND until > ?2 ORDER BY until",
    )?;
    let mut inboxes = connection.prepare_cached(
        "SELECT id, name, publish_id, created_at, rotated_at, revoked_at, count, bytes, head
         FROM inbox ORDER BY name",
    )?;
    let mut rows = inboxes.query([])?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        let readers = readers
            .query_map([row.get::<_, i64>(0)?], |row| {
                Ok((row.get(0)?, unsigned(row.get(1)?), time(row.get(2)?)))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let old = old
            .query_map((row.get::<_, i64>(0)?, Timestamp::now().as_microsecond()), |row| {
                Ok((row.get(0)?, time(row.get(1)?)))
            })?
            .collect::<rusqlite::Result<_>>()?;
        listed.push(InboxSummary {
            old,
            name: row.get(1)?,
            publish_id: row.get(2)?,
            created_at: time(row.get(3)?),
            rotated_at: row.get::<_, Option<i64>>(4)?.map(time),
            revoked_at: row.get::<_, Option<i64>>(5)?.map(time),
            count: unsigned(row.get(6)?),
            bytes: unsigned(row.get(7)?),
            head: unsigned(row.get(8)?),
            readers,
        });
    }
    Ok(listed)
}
