//! The fold's state for many assets, in memory; stores nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Asset, Version, fold, fold_report};
use crate::callback::{Callback, Fingerprint, Outcome, Provenance, Subject, VersionReport};

/// Assets and their versions, in order of their ids.
///
/// Unbounded: it never forgets an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    assets: BTreeMap<String, AssetSlots>,
}

/// The slots of an asset; each is filled by the first delivery that is folded into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct AssetSlots {
    asset: Option<Asset>,
    versions: BTreeMap<String, Option<Version>>,
}

impl Timeline {
    /// Folds in a delivery that was received `at`. Returns its outcome: [`Outcome::NONE`] if it is
    /// unreadable. Deliveries must come in `seq` order.
    pub fn apply(
        &mut self,
        callback: &Callback,
        at: Timestamp,
        fingerprint: Fingerprint,
        provenance: Provenance,
    ) -> Outcome {
        let Some(subject) = callback.subject() else {
            return Outcome::NONE;
        };
        let entry = self.assets.entry(subject.asset_id().to_owned()).or_default();
        let mut no_version = None;
        let version = match subject {
            Subject::AssetFailed { .. } => &mut no_version,
            Subject::Version { version_id, .. } => {
                entry.versions.entry(version_id.to_owned()).or_default()
            }
        };
        fold(&subject, at, fingerprint, provenance, &mut entry.asset, version)
    }

    /// Folds in what the API says of a version. Returns the outcome, and whether anything changed.
    pub fn report(&mut self, report: &VersionReport, asked_at: Timestamp) -> (Outcome, bool) {
        let entry = self.assets.entry(report.asset_id.clone()).or_default();
        let version = entry.versions.entry(report.version_id.clone()).or_default();
        fold_report(report, asked_at, &mut entry.asset, version)
    }

    /// Returns the asset with this id, if it is known.
    pub fn asset(&self, asset_id: &str) -> Option<&Asset> {
        self.assets.get(asset_id)?.asset.as_ref()
    }

    /// Returns the version with this id of this asset, if it is known.
    pub fn version(&self, asset_id: &str, version_id: &str) -> Option<&Version> {
        self.assets.get(asset_id)?.versions.get(version_id)?.as_ref()
    }

    /// Returns every asset with its id.
    pub fn assets(&self) -> impl Iterator<Item = (&str, &Asset)> {
        self.assets.iter().filter_map(|(id, entry)| Some((id.as_str(), entry.asset.as_ref()?)))
    }

    /// Returns every version of an asset with its id; none for an unknown asset.
    pub fn versions(&self, asset_id: &str) -> impl Iterator<Item = (&str, &Version)> {
        let versions = self.assets.get(asset_id).into_iter().flat_map(|entry| &entry.versions);
        versions.filter_map(|(id, version)| Some((id.as_str(), version.as_ref()?)))
    }
}
