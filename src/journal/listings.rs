//! What the service's API lists about assets, on disk. Independent of the fold.

use rusqlite::{Connection, OptionalExtension, Row};

use super::MAX_NAME;
use crate::callback::{AssetReport, ReportedName};
use crate::timeline::AssetListing;

/// Records what a report says about its asset. Returns whether that is new.
///
/// A report without a name, or without all versions, leaves what an earlier one said.
pub(super) fn note(connection: &Connection, report: &AssetReport) -> rusqlite::Result<bool> {
    let before = of(connection, &report.asset_id)?;
    let cut = |name: &ReportedName| ReportedName {
        text: name.text.chars().take(MAX_NAME).collect(),
        field: name.field.chars().take(MAX_NAME).collect(),
    };
    let now = AssetListing {
        name: report.name.as_ref().map(cut).or_else(|| before.name.clone()),
        is_complete: report.is_complete || before.is_complete,
        is_foreign: false,
    };
    replace(connection, &report.asset_id, &before, &now)
}

/// Records whether the API does not know an asset. Returns whether that is new.
pub(super) fn set_foreign(
    connection: &Connection,
    asset_id: &str,
    is_foreign: bool,
) -> rusqlite::Result<bool> {
    let before = of(connection, asset_id)?;
    let now = AssetListing { is_foreign, ..before.clone() };
    replace(connection, asset_id, &before, &now)
}

fn replace(
    connection: &Connection,
    asset_id: &str,
    before: &AssetListing,
    now: &AssetListing,
) -> rusqlite::Result<bool> {
    if before == now {
        return Ok(false);
    }
    let (name, field) = now.name.as_ref().map(|name| (&name.text, &name.field)).unzip();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO listing (asset_id, name, name_field, is_complete, is_foreign)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((asset_id, name, field, now.is_complete, now.is_foreign))?;
    Ok(true)
}

/// Deletes what is listed about an asset.
pub(super) fn forget(connection: &Connection, asset_id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM listing WHERE asset_id = ?1")?
        .execute([asset_id])
        .map(drop)
}

/// Returns what is listed about an asset.
pub(super) fn of(connection: &Connection, asset_id: &str) -> rusqlite::Result<AssetListing> {
    let found = connection
        .prepare_cached("SELECT * FROM listing WHERE asset_id = ?1")?
        .query_row([asset_id], listing)
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Calls `each` with what is listed about every asset.
pub(super) fn for_each(
    connection: &Connection,
    mut each: impl FnMut(String, AssetListing),
) -> rusqlite::Result<()> {
    let mut read = connection.prepare_cached("SELECT * FROM listing")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get("asset_id")?, listing(row)?);
    }
    Ok(())
}

fn listing(row: &Row<'_>) -> rusqlite::Result<AssetListing> {
    let (text, field): (Option<String>, Option<String>) =
        (row.get("name")?, row.get("name_field")?);
    Ok(AssetListing {
        name: text.map(|text| ReportedName { text, field: field.unwrap_or_default() }),
        is_complete: row.get("is_complete")?,
        is_foreign: row.get("is_foreign")?,
    })
}
