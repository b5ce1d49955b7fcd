//! Deletes everything about one asset: its deliveries, states and notes, and the refusals that claim
//! it.

use rusqlite::Connection;

use super::schema::{self, Meta};
use super::{prune, refusals, rows};
use crate::callback::{Callback, RefusalEntry};

/// What a journal holds about one asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssetTraces {
    /// Deliveries, and answers of the service's API.
    pub deliveries: usize,
    /// Versions.
    pub versions: usize,
    /// Entries in the log of refusals that claim it.
    pub refusals: usize,
    /// Whether it has a name, a mark or an expectation.
    pub has_notes: bool,
}

impl AssetTraces {
    /// Returns whether nothing is known of the asset.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Deliveries of an asset, and unreadable ones in which its id stands as a JSON string: the id of a
/// body that is no callback is not in its column.
const DELIVERIES: &str = "asset_id = ?1
    OR effect = 'none' AND asset_id IS NULL AND instr(body, CAST(?2 AS BLOB)) > 0";

/// The tables with a row for each asset that has notes of a kind.
const NOTES: [&str; 4] = ["asset_name", "acknowledgement", "asset_expectation", "listing"];

/// Counts what is known of an asset.
pub(super) fn traces(connection: &Connection, asset_id: &str) -> rusqlite::Result<AssetTraces> {
    let quoted = rows::to_json(&asset_id)?;
    let count = |sql: &str| {
        let count = connection.query_row(sql, [asset_id], |row| row.get::<_, i64>(0))?;
        Ok::<_, rusqlite::Error>(usize::try_from(count).unwrap_or(0))
    };
    let deliveries: i64 = connection.query_row(
        &format!("SELECT count(*) FROM delivery WHERE {DELIVERIES}"),
        [asset_id, &quoted],
        |row| row.get(0),
    )?;
    let mut has_notes = false;
    for table in NOTES {
        has_notes |= count(&format!("SELECT count(*) FROM {table} WHERE asset_id = ?1"))? > 0;
    }
    Ok(AssetTraces {
        deliveries: usize::try_from(deliveries).unwrap_or(0),
        versions: count("SELECT count(*) FROM version WHERE asset_id = ?1")?,
        refusals: claiming(connection, asset_id)?.len(),
        has_notes,
    })
}

/// Deletes it, in one transaction. The freed space is overwritten.
pub(super) fn erase(connection: &mut Connection, asset_id: &str) -> rusqlite::Result<AssetTraces> {
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction()?;
    let found = traces(&transaction, asset_id)?;
    // A `seq` is never reused, even if the newest delivery is deleted.
    Meta::Head.write(&transaction, schema::head(&transaction)?)?;
    for id in claiming(&transaction, asset_id)? {
        transaction.execute("DELETE FROM refusal WHERE id = ?1", [rows::signed(id)])?;
    }
    refusals::delete_orphans(&transaction)?;
    let quoted = rows::to_json(&asset_id)?;
    transaction
        .execute(&format!("DELETE FROM delivery WHERE {DELIVERIES}"), [asset_id, &quoted])?;
    prune::asset(&transaction, asset_id)?;
    Meta::Pruned.add(&transaction, found.deliveries as u64)?;
    Meta::Notes.add(&transaction, 1)?;
    transaction.commit()?;
    Ok(found)
}

/// Returns the ids of the refusals with a body that claims an asset, or in which its id stands as a
/// JSON string: a body that was cut claims nothing.
fn claiming(connection: &Connection, asset_id: &str) -> rusqlite::Result<Vec<u64>> {
    let quoted = rows::to_json(&asset_id)?;
    let is_of = |body: &[u8], claim: &Callback| {
        claim.asset_id.as_deref() == Some(asset_id) || contains(body, quoted.as_bytes())
    };
    let mut read = connection.prepare(&format!("SELECT {} FROM refusal", rows::REFUSAL))?;
    let listed = read.query_map([], rows::refusal)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for RefusalEntry { id, refusal, .. } in listed {
        let body = &refusal.body.bytes;
        if is_of(body, &Callback::claimed(body))
            || refusals::earlier(connection, id)?
                .iter()
                .any(|earlier| is_of(&earlier.body.bytes, &earlier.claim))
        {
            found.push(id);
        }
    }
    Ok(found)
}

fn contains(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}
