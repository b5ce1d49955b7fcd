//! What the fold knows of the assets that were active lately; the rest is on disk until needed.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::rows;
use crate::callback::{Fingerprint, Outcome, Provenance, Subject};
use crate::timeline::{self, Asset, Version};

/// Assets and versions that are held at most. When there are more, all are let go: the next event
/// of each reads its row again. It keeps memory flat whatever the journal holds.
const MAX_HELD: usize = 4096;

/// The fold's states, read and written as they are needed.
#[derive(Debug, Default)]
pub(super) struct Memory {
    assets: HashMap<String, HeldAsset>,
    held: usize,
    /// Assets with something to be written; each once.
    dirty: Vec<String>,
}

#[derive(Debug, Default)]
struct HeldAsset {
    asset: Option<Asset>,
    versions: HashMap<String, HeldVersion>,
    dirty: bool,
}

#[derive(Debug, Default)]
struct HeldVersion {
    version: Option<Version>,
    dirty: bool,
}

impl Memory {
    /// Folds one delivery into the state of its asset and version.
    pub(super) fn fold(
        &mut self,
        connection: &Connection,
        subject: &Subject<'_>,
        at: Timestamp,
        fingerprint: Fingerprint,
        provenance: Provenance,
    ) -> rusqlite::Result<Outcome> {
        let asset_id = subject.asset_id();
        if !self.assets.contains_key(asset_id) {
            let asset = load_asset(connection, asset_id)?;
            self.assets.insert(asset_id.to_owned(), HeldAsset { asset, ..HeldAsset::default() });
            self.held += 1;
        }
        let held = self.assets.entry(asset_id.to_owned()).or_default();
        let outcome = match subject {
            Subject::AssetFailed { .. } => {
                timeline::fold(subject, at, fingerprint, provenance, &mut held.asset, &mut None)
            }
            Subject::Version { version_id, .. } => {
                if !held.versions.contains_key(*version_id) {
                    let version = load_version(connection, asset_id, version_id)?;
                    held.versions
                        .insert((*version_id).to_owned(), HeldVersion { version, dirty: false });
                    self.held += 1;
                }
                let held_version = held.versions.entry((*version_id).to_owned()).or_default();
                held_version.dirty = true;
                let version = &mut held_version.version;
                timeline::fold(subject, at, fingerprint, provenance, &mut held.asset, version)
            }
        };
        if !held.dirty {
            held.dirty = true;
            self.dirty.push(asset_id.to_owned());
        }
        Ok(outcome)
    }

    /// Writes every state that changed, once, however many deliveries changed it.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut put_asset = connection.prepare_cached(
            "INSERT INTO asset (asset_id, last_at, memory) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET last_at = excluded.last_at, memory = excluded.memory",
        )?;
        let mut put_version = connection.prepare_cached(
            "INSERT INTO version (asset_id, version_id, memory) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET memory = excluded.memory",
        )?;
        for asset_id in self.dirty.drain(..) {
            let Some(held) = self.assets.get_mut(&asset_id) else { continue };
            held.dirty = false;
            if let Some(asset) = &held.asset {
                let last_at = asset.last_at.as_microsecond();
                put_asset.execute((&asset_id, last_at, rows::to_json(asset)?))?;
            }
            for (version_id, held) in &mut held.versions {
                if std::mem::take(&mut held.dirty)
                    && let Some(version) = &held.version
                {
                    put_version.execute((&asset_id, version_id, rows::to_json(version)?))?;
                }
            }
        }
        Ok(())
    }

    /// Lets go of everything when it has become too much. Only after a commit.
    pub(super) fn trim(&mut self) {
        if self.held > MAX_HELD {
            self.forget();
        }
    }

    /// Lets go of everything, written or not.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn load_asset(connection: &Connection, asset_id: &str) -> rusqlite::Result<Option<Asset>> {
    connection
        .prepare_cached("SELECT memory FROM asset WHERE asset_id = ?1")?
        .query_row([asset_id], |row| rows::json(row, "memory"))
        .optional()
}

fn load_version(
    connection: &Connection,
    asset_id: &str,
    version_id: &str,
) -> rusqlite::Result<Option<Version>> {
    connection
        .prepare_cached("SELECT memory FROM version WHERE asset_id = ?1 AND version_id = ?2")?
        .query_row([asset_id, version_id], |row| rows::json(row, "memory"))
        .optional()
}
