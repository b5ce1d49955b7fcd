//! Deletes old deliveries: always all of a quiet asset, so that the stored states match the
//! remaining deliveries.

use jiff::Timestamp;
use rusqlite::Connection;

use super::schema::{self, Meta};
use super::{forwards, notes, refusals};

/// Approximate number of deliveries that one transaction deletes: few enough that a callback does
/// not have to wait long.
const SLICE: usize = 2000;

/// Number of unused pages that one transaction returns to the disk.
const PAGES: u32 = 2000;

/// The numbers of deleted rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PruneCounts {
    /// Deliveries.
    pub deliveries: usize,
    /// Assets, with all their versions.
    pub assets: usize,
    /// Entries in the log of refusals.
    pub refusals: usize,
}

/// Assets without a delivery since ?1. An unreadable delivery counts as well.
const QUIET: &str = "SELECT asset_id FROM asset WHERE last_at < ?1
    AND NOT EXISTS (
        SELECT 1 FROM delivery AS d WHERE d.asset_id = asset.asset_id AND d.received_at >= ?1)";

/// Deliveries before ?1 that belong to no known asset.
const STRAY: &str = "SELECT seq FROM delivery AS d WHERE effect = 'none' AND received_at < ?1
    AND NOT EXISTS (SELECT 1 FROM asset AS a WHERE a.asset_id = d.asset_id)";

/// Counts the rows that [`all`] would delete. Changes nothing.
pub(super) fn count(connection: &Connection, cutoff: Timestamp) -> rusqlite::Result<PruneCounts> {
    let sql = format!(
        "WITH quiet AS ({QUIET}), stray AS ({STRAY})
         SELECT (SELECT count(*) FROM quiet),
                (SELECT count(*) FROM delivery WHERE asset_id IN (SELECT asset_id FROM quiet))
                    + (SELECT count(*) FROM stray),
                (SELECT count(*) FROM refusal WHERE at < ?1)"
    );
    connection.query_row(&sql, [cutoff.as_microsecond()], |row| {
        let number = |column| row.get::<_, i64>(column).map(|n| usize::try_from(n).unwrap_or(0));
        Ok(PruneCounts { assets: number(0)?, deliveries: number(1)?, refusals: number(2)? })
    })
}

/// The result of one transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) pruned: PruneCounts,
    /// Whether there is more to delete.
    pub(super) more: bool,
}

/// Deletes all assets that were quiet since `cutoff`, and returns the space to the disk.
pub(super) fn all(connection: &mut Connection, cutoff: Timestamp) -> rusqlite::Result<PruneCounts> {
    let mut total = PruneCounts::default();
    loop {
        let transaction = connection.transaction()?;
        let Slice { pruned, more } = slice(&transaction, cutoff)?;
        transaction.commit()?;
        total.deliveries += pruned.deliveries;
        total.assets += pruned.assets;
        total.refusals += pruned.refusals;
        if !more {
            break;
        }
    }
    give_back(connection, 0)?;
    Ok(total)
}

/// Returns at most this many unused pages to the disk; 0: all.
fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query([])?;
    // Each step returns one page.
    while rows.next()?.is_some() {}
    Ok(())
}

/// Deletes an asset with its deliveries, states and notes, inside the caller's transaction.
pub(super) fn asset(connection: &Connection, asset_id: &str) -> rusqlite::Result<PruneCounts> {
    notes::forget(connection, asset_id)?;
    forwards::forget(connection, asset_id)?;
    let delete = |sql: &str| connection.prepare_cached(sql)?.execute([asset_id]);
    let deliveries = delete("DELETE FROM delivery WHERE asset_id = ?1")?;
    delete("DELETE FROM version WHERE asset_id = ?1")?;
    let assets = delete("DELETE FROM asset WHERE asset_id = ?1")?;
    Ok(PruneCounts { deliveries, assets, refusals: 0 })
}

/// Deletes a slice, inside the caller's transaction.
pub(super) fn slice(connection: &Connection, cutoff: Timestamp) -> rusqlite::Result<Slice> {
    // A `seq` is never reused, even if the newest delivery is deleted.
    Meta::Head.write(connection, schema::head(connection)?)?;
    let cutoff = cutoff.as_microsecond();
    let mut pruned = PruneCounts::default();

    let mut quiet = connection.prepare_cached(&format!("{QUIET} ORDER BY last_at LIMIT 500"))?;
    let quiet = quiet
        .query_map([cutoff], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut more = quiet.len() == 500;
    for asset_id in &quiet {
        if pruned.deliveries >= SLICE {
            more = true;
            break;
        }
        let deleted = asset(connection, asset_id)?;
        pruned.deliveries += deleted.deliveries;
        pruned.assets += deleted.assets;
    }

    // Deliveries without a known asset are deleted by their own time.
    let mut stray = 0;
    let limit = i64::try_from(SLICE).unwrap_or(i64::MAX);
    // The same deliveries in both tables; `seq` decides between two of one time.
    for table in ["forward", "delivery"] {
        stray = connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE seq IN ({STRAY} ORDER BY received_at, seq LIMIT ?2)"
            ))?
            .execute([cutoff, limit])?;
    }
    pruned.deliveries += stray;
    more |= stray == SLICE;

    pruned.refusals = connection.execute("DELETE FROM refusal WHERE at < ?1", [cutoff])?;
    if pruned.refusals > 0 {
        refusals::delete_orphans(connection)?;
    }
    if pruned.deliveries > 0 {
        Meta::Pruned.add(connection, pruned.deliveries as u64)?;
    }
    if pruned != PruneCounts::default() {
        give_back(connection, PAGES)?;
    }
    Ok(Slice { pruned, more })
}
