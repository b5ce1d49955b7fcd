//! The bounded log of refusals, on disk.

use rusqlite::Connection;

use super::rows;
use crate::callback::Listed;

/// How many refusals are kept: the newest of each kind, so that a flood of one kind cannot push
/// out the rare reason that a developer is looking for.
pub const MAX_REFUSALS: usize = 1000;

pub(super) fn write(connection: &Connection, change: u64, listed: &Listed) -> rusqlite::Result<()> {
    let Listed { id, refusal } = listed;
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
        ])
        .map(drop)
}

/// Deletes what is too much: the oldest entries of whichever kind has the most.
pub(super) fn trim(connection: &Connection) -> rusqlite::Result<()> {
    loop {
        let count: usize = connection
            .query_row("SELECT count(*) FROM refusal", [], |row| row.get::<_, u32>(0))?
            as usize;
        if count <= MAX_REFUSALS {
            return Ok(());
        }
        // At most half of the largest kind at once, so that kinds of like size take turns.
        connection.execute(
            "WITH largest AS (
                SELECT kind, count(*) AS n FROM refusal GROUP BY kind ORDER BY n DESC LIMIT 1)
             DELETE FROM refusal WHERE id IN (
                SELECT id FROM refusal WHERE kind = (SELECT kind FROM largest)
                ORDER BY at, id LIMIT min(?1, max(1, (SELECT n FROM largest) / 2)))",
            [i64::try_from(count - MAX_REFUSALS).unwrap_or(i64::MAX)],
        )?;
    }
}
