//! A cache of the fold's states of recently active assets; the others are read from disk on demand.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::rows;
use crate::callback::{Fingerprint, Outcome, Provenance, State, Subject, VersionReport};
use crate::timeline::{self, Asset, Version};

/// Maximum number of cached assets and versions. Beyond it the cache is cleared, and the next event of
/// each reads its row again. So memory does not grow with the journal.
const MAX_HELD: usize = 4096;

/// The result of folding an answer of the service's API.
pub(super) struct Folded {
    pub(super) outcome: Outcome,
    /// The state of the version now.
    pub(super) state: State,
    pub(super) has_changed: bool,
}

/// The fold's states of assets and versions.
#[derive(Debug, Default)]
pub(super) struct StateCache {
    assets: HashMap<String, HeldAsset>,
    held: usize,
    /// Assets with unwritten changes, each once.
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

impl StateCache {
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
        self.load(connection, asset_id, subject.version_id())?;
        let held = self.assets.entry(asset_id.to_owned()).or_default();
        let outcome = match subject {
            Subject::AssetFailed { .. } => {
                timeline::fold(subject, at, fingerprint, provenance, &mut held.asset, &mut None)
            }
            Subject::Version { version_id, .. } => {
                let held_version = held.versions.entry((*version_id).to_owned()).or_default();
                held_version.dirty = true;
                let version = &mut held_version.version;
                timeline::fold(subject, at, fingerprint, provenance, &mut held.asset, version)
            }
        };
        self.mark(asset_id);
        Ok(outcome)
    }

    /// Folds what the service's API says of a version into its state and that of its asset.
    pub(super) fn fold_report(
        &mut self,
        connection: &Connection,
        report: &VersionReport,
        asked_at: Timestamp,
    ) -> rusqlite::Result<Folded> {
        let VersionReport { asset_id, version_id, .. } = report;
        self.load(connection, asset_id, Some(version_id))?;
        let held = self.assets.entry(asset_id.clone()).or_default();
        let held_version = held.versions.entry(version_id.clone()).or_default();
        let version = &mut held_version.version;
        let (outcome, has_changed) =
            timeline::fold_report(report, asked_at, &mut held.asset, version);
        let state = version.as_ref().map_or(State::NotReady, Version::state);
        if has_changed {
            held_version.dirty = true;
            self.mark(asset_id);
        }
        Ok(Folded { outcome, state, has_changed })
    }

    /// Reads an asset, and one of its versions, unless they are held.
    fn load(
        &mut self,
        connection: &Connection,
        asset_id: &str,
        version_id: Option<&str>,
    ) -> rusqlite::Result<()> {
        if !self.assets.contains_key(asset_id) {
            let asset = load_asset(connection, asset_id)?;
            self.assets.insert(asset_id.to_owned(), HeldAsset { asset, ..HeldAsset::default() });
            self.held += 1;
        }
        let held = self.assets.entry(asset_id.to_owned()).or_default();
        if let Some(version_id) = version_id
            && !held.versions.contains_key(version_id)
        {
            let version = load_version(connection, asset_id, version_id)?;
            held.versions.insert(version_id.to_owned(), HeldVersion { version, dirty: false });
            self.held += 1;
        }
        Ok(())
    }

    /// Notes that an asset has unwritten changes.
    fn mark(&mut self, asset_id: &str) {
        if let Some(held) = self.assets.get_mut(asset_id)
            && !held.dirty
        {
            held.dirty = true;
            self.dirty.push(asset_id.to_owned());
        }
    }

    /// Writes every changed state, once, however many deliveries changed it.
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

    /// Clears the cache if it has become too large. Must only be called after a commit.
    pub(super) fn trim(&mut self) {
        if self.held > MAX_HELD {
            self.forget();
        }
    }

    /// Clears the cache, written or not.
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
