//! What the user said of assets, on disk; it changes nothing that the fold knows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::rows;
use crate::timeline::Notes;

/// How long a local name can be, in characters.
pub const MAX_NAME: usize = 200;

/// What stands for the asset as a whole where a version's id stands; no id is empty.
const WHOLE: &str = "";

/// A name as it is kept: without blanks around it, cut; `None` where nothing is left.
fn tidy(name: &str) -> Option<String> {
    let kept: String = name.trim().chars().take(MAX_NAME).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Writes an asset's name, or takes it away where there is none or a blank one.
pub(super) fn name(
    connection: &Connection,
    asset_id: &str,
    name: Option<&str>,
) -> rusqlite::Result<()> {
    match name.and_then(tidy) {
        Some(name) => connection
            .prepare_cached("INSERT OR REPLACE INTO asset_name (asset_id, name) VALUES (?1, ?2)")?
            .execute([asset_id, &name]),
        None => connection
            .prepare_cached("DELETE FROM asset_name WHERE asset_id = ?1")?
            .execute([asset_id]),
    }
    .map(drop)
}

/// Writes that a failure was seen, or takes that back.
pub(super) fn acknowledge(
    connection: &Connection,
    asset_id: &str,
    version_id: Option<&str>,
    at: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let version_id = version_id.unwrap_or(WHOLE);
    match at {
        // Only where there is such an asset: one that was pruned while its screen was open would
        // leave a row that nothing takes away. Rounded up, so that it covers the failure.
        Some(at) => connection
            .prepare_cached(
                "INSERT OR REPLACE INTO acknowledgement (asset_id, version_id, at)
                 SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM asset WHERE asset_id = ?1)",
            )?
            .execute((asset_id, version_id, rows::not_before(at))),
        None => connection
            .prepare_cached("DELETE FROM acknowledgement WHERE asset_id = ?1 AND version_id = ?2")?
            .execute([asset_id, version_id]),
    }
    .map(drop)
}

/// A local name that is to be given, or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameChange {
    /// The asset.
    pub asset_id: String,
    /// Its name; `None` takes away the one it has.
    pub name: Option<String>,
}

/// What became of [`NameChange`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NamingCounts {
    /// Assets that have another name now, or one for the first time.
    pub named: usize,
    /// Assets that have none any more.
    pub removed: usize,
    /// Assets that were named so already.
    pub unchanged: usize,
    /// Of the assets that have a name now, those that nothing was received of yet.
    pub unknown: usize,
}

/// Writes many names.
pub(super) fn change_names(
    connection: &Connection,
    changes: &[NameChange],
) -> rusqlite::Result<NamingCounts> {
    let mut named = NamingCounts::default();
    for NameChange { asset_id, name: wanted } in changes {
        let wanted = wanted.as_deref().and_then(tidy);
        let is_known = connection
            .prepare_cached("SELECT 1 FROM asset WHERE asset_id = ?1")?
            .exists([asset_id])?;
        named.unknown += usize::from(wanted.is_some() && !is_known);
        if name_of(connection, asset_id)? == wanted {
            named.unchanged += 1;
            continue;
        }
        name(connection, asset_id, wanted.as_deref())?;
        match wanted {
            Some(_) => named.named += 1,
            None => named.removed += 1,
        }
    }
    Ok(named)
}

/// Takes away everything that was said of an asset.
pub(super) fn forget(connection: &Connection, asset_id: &str) -> rusqlite::Result<()> {
    name(connection, asset_id, None)?;
    connection
        .prepare_cached("DELETE FROM acknowledgement WHERE asset_id = ?1")?
        .execute([asset_id])
        .map(drop)
}

/// The name of an asset.
pub(super) fn name_of(connection: &Connection, asset_id: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT name FROM asset_name WHERE asset_id = ?1")?
        .query_row([asset_id], |row| row.get("name"))
        .optional()
}

/// Everything that was said of an asset.
pub(super) fn of(connection: &Connection, asset_id: &str) -> rusqlite::Result<Notes> {
    let name = name_of(connection, asset_id)?;
    let acknowledged = connection
        .prepare_cached("SELECT version_id, at FROM acknowledgement WHERE asset_id = ?1")?
        .query_map([asset_id], |row| Ok((version(row)?, rows::time(row, "at")?)))?
        .collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
    Ok(Notes { name, acknowledged })
}

/// Everything that was said, by asset.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Notes>> {
    let mut all = BTreeMap::<String, Notes>::new();
    let mut read = connection.prepare_cached("SELECT asset_id, name FROM asset_name")?;
    let mut names = read.query([])?;
    while let Some(row) = names.next()? {
        all.entry(row.get("asset_id")?).or_default().name = row.get("name")?;
    }
    let mut read =
        connection.prepare_cached("SELECT asset_id, version_id, at FROM acknowledgement")?;
    let mut marks = read.query([])?;
    while let Some(row) = marks.next()? {
        let notes = all.entry(row.get("asset_id")?).or_default();
        notes.acknowledged.insert(version(row)?, rows::time(row, "at")?);
    }
    Ok(all)
}

/// Which version a mark is of; `None`: the asset as a whole.
fn version(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    let version_id: String = row.get("version_id")?;
    Ok((version_id != WHOLE).then_some(version_id))
}
