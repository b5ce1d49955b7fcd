//! The refusal log on disk. Bounded.

use rusqlite::Connection;

use super::rows;
use crate::callback::{BodySample, EarlierBody, MAX_BODIES, RefusalEntry};

/// Maximum number of stored refusals. The largest kind is trimmed first, so that a flood of one
/// kind cannot displace the rare reason that a developer is looking for.
pub const MAX_REFUSALS: usize = 1000;

/// Maximum number of bytes of earlier bodies, of all entries together.
const MAX_BODY_BYTES: u64 = 8 << 20;

pub(super) fn write(
    connection: &Connection,
    change: u64,
    listed: &RefusalEntry,
) -> rusqlite::Result<()> {
    let RefusalEntry { id, refusal, earlier } = listed;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO refusal (id, change, at, kind, status, why, count, method, path,
                peer, headers, truncated, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(rusqlite::params![
            rows::signed(*id),
            rows::signed(change),
            refusal.at.as_microsecond(),
            refusal.kind.name(),
            refusal.status,
            refusal.why,
            rows::signed(refusal.count),
            refusal.method,
            refusal.path,
            refusal.peer,
            rows::to_json(&refusal.headers)?,
            refusal.body.truncated,
            refusal.body.bytes,
        ])?;
    if earlier.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO refusal_body (refusal_id, at, peer, truncated, size, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for EarlierBody { at, peer, body, .. } in earlier.iter().rev() {
        let size = body.bytes.len() as u64;
        let (id, size) = (rows::signed(*id), rows::signed(size));
        insert.execute((id, at.as_microsecond(), peer, body.truncated, size, &body.bytes))?;
    }
    connection
        .prepare_cached(
            "DELETE FROM refusal_body WHERE refusal_id = ?1 AND id NOT IN (
                SELECT id FROM refusal_body WHERE refusal_id = ?1 ORDER BY id DESC LIMIT ?2)",
        )?
        .execute((rows::signed(*id), count(MAX_BODIES - 1)))
        .map(drop)
}

/// Returns the bodies of an entry before its last one, newest first.
pub(super) fn earlier(connection: &Connection, id: u64) -> rusqlite::Result<Vec<EarlierBody>> {
    connection
        .prepare_cached(
            "SELECT at, peer, truncated, body FROM refusal_body WHERE refusal_id = ?1
             ORDER BY id DESC",
        )?
        .query_map([rows::signed(id)], |row| {
            let body = BodySample { bytes: row.get("body")?, truncated: row.get("truncated")? };
            Ok(EarlierBody::new(rows::time(row, "at")?, row.get("peer")?, body))
        })?
        .collect()
}

/// Deletes the bodies of deleted entries.
pub(super) fn delete_orphans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM refusal_body WHERE refusal_id NOT IN (SELECT id FROM refusal)",
        )?
        .execute([])
        .map(drop)
}

/// Deletes bodies until the limit holds: the oldest of every entry, so that a flood of one reason
/// does not displace the few bodies of another.
fn trim_bodies(connection: &Connection) -> rusqlite::Result<()> {
    let mut keep = MAX_BODIES - 1;
    loop {
        let bytes: i64 = connection
            .prepare_cached("SELECT coalesce(sum(size), 0) FROM refusal_body")?
            .query_row([], |row| row.get(0))?;
        if rows::unsigned(bytes) <= MAX_BODY_BYTES || keep == 0 {
            return Ok(());
        }
        keep /= 2;
        connection.execute(
            "DELETE FROM refusal_body WHERE id IN (
                SELECT id FROM (
                    SELECT id, row_number() OVER (PARTITION BY refusal_id ORDER BY id DESC) AS place
                    FROM refusal_body)
                WHERE place > ?1)",
            [count(keep)],
        )?;
    }
}

/// Returns a small number for a statement.
fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Deletes entries until the limit holds: the oldest of the kind that has the most.
pub(super) fn trim(connection: &Connection) -> rusqlite::Result<()> {
    if trim_entries(connection)? {
        delete_orphans(connection)?;
    }
    trim_bodies(connection)
}

/// Returns whether any entry was deleted.
fn trim_entries(connection: &Connection) -> rusqlite::Result<bool> {
    let mut deleted = false;
    loop {
        let count: usize = connection
            .query_row("SELECT count(*) FROM refusal", [], |row| row.get::<_, u32>(0))?
            as usize;
        if count <= MAX_REFUSALS {
            return Ok(deleted);
        }
        deleted = true;
        // At most half of the largest kind at once, so that kinds of like size take turns.
        connection.execute(
            "WITH largest AS (
                SELECT kind, count(*) AS n FROM refusal GROUP BY kind ORDER BY n DESC LIMIT 1)
             DELETE FROM refusal WHERE id IN (
                SELECT id FROM refusal WHERE kind = (SELECT kind FROM largest)
                ORDER BY at, id LIMIT min(?1, max(1, (SELECT n FROM largest) / 2)))",
            [self::count(count - MAX_REFUSALS)],
        )?;
    }
}
