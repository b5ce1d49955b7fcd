//! The user's notes on disk: names of assets, what is expected of them, and marks of seen failures.
//! Independent of the fold.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{MAX_NAME, listings, rows};
use crate::timeline::{Expectation, Notes};

/// The version id that stands for the asset as a whole; no real id is empty.
const WHOLE: &str = "";

/// Returns a name as it is stored: trimmed and cut; `None` if it is blank.
fn tidy(name: &str) -> Option<String> {
    let kept: String = name.trim().chars().take(MAX_NAME).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Writes an asset's name; removes it if it is `None` or blank.
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

/// Writes what is expected of an asset; removes it if it is `None`.
pub(super) fn expect(
    connection: &Connection,
    asset_id: &str,
    expected: Option<&Expectation>,
) -> rusqlite::Result<()> {
    match expected {
        // Only if the asset exists, as for marks.
        Some(expected) => connection
            .prepare_cached(
                "INSERT OR REPLACE INTO asset_expectation (asset_id, expected)
                 SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM asset WHERE asset_id = ?1)",
            )?
            .execute([asset_id, &expected.to_string()]),
        None => connection
            .prepare_cached("DELETE FROM asset_expectation WHERE asset_id = ?1")?
            .execute([asset_id]),
    }
    .map(drop)
}

/// Writes or removes the mark of a seen failure.
pub(super) fn acknowledge(
    connection: &Connection,
    asset_id: &str,
    version_id: Option<&str>,
    at: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let version_id = version_id.unwrap_or(WHOLE);
    match at {
        // Only if the asset exists: for one that was pruned while its screen was open, the row
        // would never be deleted. Rounded up, so that the mark covers the failure.
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

/// A change of a local name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameChange {
    /// The asset.
    pub asset_id: String,
    /// Its name; `None` removes it.
    pub name: Option<String>,
}

/// The results of [`NameChange`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NamingCounts {
    /// Number of assets with a new or changed name.
    pub named: usize,
    /// Number of assets whose name was removed.
    pub removed: usize,
    /// Number of assets that had the name already.
    pub unchanged: usize,
    /// Number of named assets that nothing was received of yet.
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

/// Deletes all notes of an asset.
pub(super) fn forget(connection: &Connection, asset_id: &str) -> rusqlite::Result<()> {
    name(connection, asset_id, None)?;
    listings::forget(connection, asset_id)?;
    expect(connection, asset_id, None)?;
    connection
        .prepare_cached("DELETE FROM acknowledgement WHERE asset_id = ?1")?
        .execute([asset_id])
        .map(drop)
}

/// Returns the name of an asset.
pub(super) fn name_of(connection: &Connection, asset_id: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT name FROM asset_name WHERE asset_id = ?1")?
        .query_row([asset_id], |row| row.get("name"))
        .optional()
}

/// Returns the name of an asset to show, as [`Notes::shown_name`] does.
pub(super) fn shown_name_of(
    connection: &Connection,
    asset_id: &str,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT name FROM asset_name WHERE asset_id = ?1),
                (SELECT name FROM listing WHERE asset_id = ?1))",
        )?
        .query_row([asset_id], |row| row.get(0))
}

/// Returns what the user expects of an asset.
fn expectation_of(
    connection: &Connection,
    asset_id: &str,
) -> rusqlite::Result<Option<Arc<Expectation>>> {
    connection
        .prepare_cached("SELECT asset_id, expected FROM asset_expectation WHERE asset_id = ?1")?
        .query_row([asset_id], expectation)
        .optional()
        .map(Option::flatten)
}

/// Returns the expectation of a row; `None`, with a warning, if it cannot be read.
fn expectation(row: &Row<'_>) -> rusqlite::Result<Option<Arc<Expectation>>> {
    let text: String = row.get("expected")?;
    let read = Expectation::parse(&text).map(Arc::new);
    if let Err(why) = &read {
        let asset_id: String = row.get("asset_id")?;
        tracing::warn!(asset_id, why, "what is expected of an asset cannot be read");
    }
    Ok(read.ok())
}

/// Returns all notes of an asset.
pub(super) fn of(connection: &Connection, asset_id: &str) -> rusqlite::Result<Notes> {
    let name = name_of(connection, asset_id)?;
    let acknowledged = connection
        .prepare_cached("SELECT version_id, at FROM acknowledgement WHERE asset_id = ?1")?
        .query_map([asset_id], |row| Ok((version(row)?, rows::time(row, "at")?)))?
        .collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
    Ok(Notes {
        name,
        expected: expectation_of(connection, asset_id)?,
        acknowledged,
        listing: listings::of(connection, asset_id)?,
    })
}

/// Returns all notes by asset.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Notes>> {
    let mut all = BTreeMap::<String, Notes>::new();
    let mut read = connection.prepare_cached("SELECT asset_id, name FROM asset_name")?;
    let mut names = read.query([])?;
    while let Some(row) = names.next()? {
        all.entry(row.get("asset_id")?).or_default().name = row.get("name")?;
    }
    let mut read = connection.prepare_cached("SELECT asset_id, expected FROM asset_expectation")?;
    let mut expectations = read.query([])?;
    while let Some(row) = expectations.next()? {
        if let Some(expected) = expectation(row)? {
            all.entry(row.get("asset_id")?).or_default().expected = Some(expected);
        }
    }
    let mut read =
        connection.prepare_cached("SELECT asset_id, version_id, at FROM acknowledgement")?;
    let mut marks = read.query([])?;
    while let Some(row) = marks.next()? {
        let notes = all.entry(row.get("asset_id")?).or_default();
        notes.acknowledged.insert(version(row)?, rows::time(row, "at")?);
    }
    listings::for_each(connection, |asset_id, listing| {
        all.entry(asset_id).or_default().listing = listing;
    })?;
    Ok(all)
}

/// Returns the version of a mark; `None`: the asset as a whole.
fn version(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    let version_id: String = row.get("version_id")?;
    Ok((version_id != WHOLE).then_some(version_id))
}
