//! How far forwarding to each target is, and the kept answers, on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};

use super::rows;
use crate::forward::{BegunAttempt, ForwardAnswer, ForwardAttempt, ForwardBatch, KnownAttempts};

/// The columns of an attempt that has ended, with the URL of its target.
const ENDED: &str =
    "SELECT seq, change, url, attempt, at, is_last, status, took, error, headers, truncated, body
    FROM forward JOIN forward_target ON forward_target.id = forward.target_id";

/// Attempts that have ended, in the order of their ends, above ?1.
pub(super) const AFTER: &str = "change > ?1 ORDER BY change LIMIT ?2";
/// Attempts of a delivery that have ended.
pub(super) const OF_DELIVERY: &str =
    "seq = ?1 AND change IS NOT NULL ORDER BY target_id, attempt LIMIT ?2";

/// What is enough for a mark of the delivery ?1.
pub(super) const MARKS: &str = "SELECT target_id, status, error IS NULL AS is_complete FROM forward
    WHERE seq = ?1 AND change IS NOT NULL ORDER BY target_id, attempt LIMIT ?2";

/// Returns the statement that reads ended attempts.
pub(super) fn ended(which: &str) -> String {
    format!("{ENDED} WHERE {which}")
}

/// Writes a batch. Each attempt that has ended gets the next number after `change`, which is
/// advanced.
pub(super) fn write(
    connection: &Connection,
    batch: &ForwardBatch,
    change: &mut u64,
) -> rusqlite::Result<()> {
    let place = rows::signed(batch.place);
    connection
        .prepare_cached(
            "INSERT INTO forward_target (url, place) VALUES (?1, ?2)
             ON CONFLICT (url) DO UPDATE SET place = max(place, excluded.place)",
        )?
        .execute((&*batch.target, place))?;
    let target: i64 = connection
        .prepare_cached("SELECT id FROM forward_target WHERE url = ?1")?
        .query_row([&*batch.target], |row| row.get(0))?;
    for ForwardAttempt { seq, attempt, at, is_last, answer, .. } in &batch.ended {
        let ForwardAnswer { status, took, error, headers, body, is_truncated } = answer;
        // A delivery that was deleted meanwhile leaves nothing.
        let written = connection
            .prepare_cached(
                "INSERT OR REPLACE INTO forward (seq, target_id, attempt, change, at, is_last, status,
                    took, error, headers, truncated, body)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
                 WHERE EXISTS (SELECT 1 FROM delivery WHERE seq = ?1)",
            )?
            .execute(rusqlite::params![
                rows::signed(*seq),
                target,
                attempt,
                rows::signed(*change + 1),
                at.as_microsecond(),
                is_last,
                status,
                i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
                error,
                rows::to_json(headers)?,
                is_truncated,
                body,
            ])?;
        *change += written as u64;
    }
    for BegunAttempt { seq, attempt, .. } in &batch.withdrawn {
        connection
            .prepare_cached(
                "DELETE FROM forward
                 WHERE seq = ?1 AND target_id = ?2 AND attempt = ?3 AND change IS NULL",
            )?
            .execute((rows::signed(*seq), target, attempt))?;
    }
    for BegunAttempt { seq, attempt, at } in &batch.begun {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO forward (seq, target_id, attempt, at, is_last)
                 SELECT ?1, ?2, ?3, ?4, FALSE
                 WHERE EXISTS (SELECT 1 FROM delivery WHERE seq = ?1)",
            )?
            .execute((rows::signed(*seq), target, attempt, at.as_microsecond()))?;
    }
    Ok(())
}

/// Returns how far forwarding to a target is; `None` if nothing was forwarded to it yet.
pub(super) fn place(connection: &Connection, url: &str) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT place FROM forward_target WHERE url = ?1")?
        .query_row([url], |row| row.get(0).map(rows::unsigned))
        .optional()
}

/// Returns what is known of the deliveries behind the place of a target, by `seq`.
pub(super) fn known(
    connection: &Connection,
    url: &str,
) -> rusqlite::Result<BTreeMap<u64, KnownAttempts>> {
    let mut read = connection.prepare_cached(
        "SELECT seq, attempt, at, is_last, change FROM forward
         JOIN forward_target ON forward_target.id = forward.target_id
         WHERE url = ?1 AND seq > place ORDER BY seq, attempt",
    )?;
    let mut found = read.query([url])?;
    let mut known: BTreeMap<u64, KnownAttempts> = BTreeMap::new();
    while let Some(row) = found.next()? {
        let seq = rows::unsigned(row.get("seq")?);
        let attempt: u32 = row.get("attempt")?;
        let is_open = row.get::<_, Option<i64>>("change")?.is_none();
        let open = if is_open {
            Some(BegunAttempt { seq, attempt, at: rows::time(row, "at")? })
        } else {
            None
        };
        let is_done = row.get("is_last")?;
        known.insert(seq, KnownAttempts { attempts: attempt, is_done, open });
    }
    Ok(known)
}

/// Returns the number of the newest ended attempt; 0 if there is none.
pub(super) fn last_change(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> =
        connection.query_row("SELECT max(change) FROM forward", [], |row| row.get(0))?;
    Ok(last.map_or(0, rows::unsigned))
}

/// Returns an attempt that has ended, and its number.
pub(super) fn attempt(row: &Row<'_>) -> rusqlite::Result<ForwardAttempt> {
    let took: i64 = row.get("took")?;
    Ok(ForwardAttempt {
        seq: rows::unsigned(row.get("seq")?),
        target: Arc::from(row.get::<_, String>("url")?),
        attempt: row.get("attempt")?,
        at: rows::time(row, "at")?,
        is_last: row.get("is_last")?,
        answer: ForwardAnswer {
            status: row.get("status")?,
            took: Duration::from_micros(rows::unsigned(took)),
            error: row.get("error")?,
            headers: rows::json(row, "headers")?,
            body: row.get("body")?,
            is_truncated: row.get("truncated")?,
        },
    })
}

/// Deletes what is kept of the deliveries of an asset.
pub(super) fn forget(connection: &Connection, asset_id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM forward WHERE seq IN (SELECT seq FROM delivery WHERE asset_id = ?1)",
        )?
        .execute([asset_id])
        .map(drop)
}
