//! Judges an asset: has it what is waited for, can it still come?

use jiff::Timestamp;

use super::standing;
use super::{MAX_FOUND, WaitCondition, WaitSubject, WaitVerdict};
use crate::timeline::{AssetExpectation, AssetRow, Expectation, Notes, Progress, VersionRow};

impl WaitCondition {
    /// Judges an asset as it is now.
    pub fn judge(&mut self, row: &AssetRow, notes: &Notes, now: Timestamp) -> WaitVerdict {
        if let WaitSubject::Version { asset_id: None, version_id } = &self.subject
            && row.versions.iter().any(|version| version.version_id == *version_id)
            && !self.found_in.contains(&row.asset_id)
            && self.found_in.len() < MAX_FOUND
        {
            self.found_in.push(row.asset_id.clone());
        }
        let versions = self.versions(row, notes, now);
        match &self.subject {
            WaitSubject::Version { .. } => self.any_of(row, &versions).unwrap_or_else(|| {
                let name = self.name();
                WaitVerdict::Pending(format!("nothing that counts was received of {name}"))
            }),
            WaitSubject::Fitting(filter) => {
                let whole = standing::facts(row, notes, None, now, self.overdue);
                if versions.is_empty() && !filter.matches_version(&whole) {
                    return WaitVerdict::Pending("no version that counts fits the filter".into());
                }
                self.any_of(row, &versions).unwrap_or_else(|| {
                    WaitVerdict::Pending("no version that counts fits the filter".into())
                })
            }
            WaitSubject::Asset { .. } => self.all_of(row, notes, &versions),
        }
    }

    /// Returns what is waited for before anything of it was received.
    pub fn unseen(&self) -> String {
        match &self.subject {
            WaitSubject::Fitting(_) => "no version that counts fits the filter".to_owned(),
            _ => format!("nothing that counts was received of {}", self.name()),
        }
    }

    fn name(&self) -> String {
        match &self.subject {
            WaitSubject::Version { version_id, .. } => {
                format!("version {}", standing::id(version_id))
            }
            WaitSubject::Asset { asset_id, .. } => format!("asset {}", standing::id(asset_id)),
            WaitSubject::Fitting(_) => "the filter".to_owned(),
        }
    }

    /// Judges versions of which one is enough. `None` without any.
    fn any_of(&self, row: &AssetRow, versions: &[&VersionRow]) -> Option<WaitVerdict> {
        let goal = self.goal.state();
        if versions.iter().any(|version| version.version.state().has_reached(goal)) {
            return Some(WaitVerdict::Met);
        }
        let failing = versions.iter().find(|version| version.version.state().is_failure());
        if let Some(failing) = failing {
            return Some(WaitVerdict::Failed(standing::version(row, failing)));
        }
        // The failure of the asset is newer than anything that is known of its versions.
        if self.has_failed_last(row) {
            return Some(WaitVerdict::Failed(standing::failed(row)));
        }
        let version = versions.last()?;
        Some(WaitVerdict::Pending(standing::version(row, version)))
    }

    /// Judges all expected versions of an asset.
    fn all_of(&self, row: &AssetRow, notes: &Notes, versions: &[&VersionRow]) -> WaitVerdict {
        let Some(expectation) = self.expectation(row, notes) else {
            return WaitVerdict::Pending(format!(
                "nothing says which versions {} will have",
                standing::id(&row.asset_id)
            ));
        };
        let counting: Vec<VersionRow> = versions.iter().copied().cloned().collect();
        let progress = Progress::towards(self.goal.state(), &counting, &expectation);
        if progress.is_complete() {
            return WaitVerdict::Met;
        }
        if let Some(failing) = expectation.failing(&counting) {
            return WaitVerdict::Failed(standing::version(row, failing));
        }
        if self.has_failed_last(row) {
            return WaitVerdict::Failed(standing::failed(row));
        }
        WaitVerdict::Pending(standing::progress(&row.asset_id, &progress))
    }

    /// Returns what is expected of the asset: what the command says, else what is known of it.
    fn expectation(&self, row: &AssetRow, notes: &Notes) -> Option<std::sync::Arc<Expectation>> {
        if let WaitSubject::Asset { expected: Some(expected), .. } = &self.subject {
            return Some(expected.clone());
        }
        let known = AssetExpectation::of(row, notes, self.setting.as_ref())?;
        Some(known.expectation)
    }

    /// Returns whether anything says which versions are waited for. Only an asset needs that.
    pub fn knows_its_versions(&self, asset: Option<(&AssetRow, &Notes)>) -> bool {
        match &self.subject {
            WaitSubject::Asset { expected: None, .. } => match asset {
                Some((row, notes)) => self.expectation(row, notes).is_some(),
                None => self.setting.is_some(),
            },
            _ => true,
        }
    }

    /// Returns whether the failure of an asset as a whole is worth a line.
    pub fn minds_failure(&self, row: &AssetRow) -> bool {
        let is_own = match &self.subject {
            WaitSubject::Version { asset_id: None, .. } => self.found_in.contains(&row.asset_id),
            WaitSubject::Version { .. } | WaitSubject::Asset { .. } => true,
            WaitSubject::Fitting(_) => false,
        };
        is_own && self.counts(&row.asset_id, None)
    }

    /// Returns whether the asset failed as a whole and nothing came of its versions since.
    fn has_failed_last(&self, row: &AssetRow) -> bool {
        self.counts(&row.asset_id, None)
            && row.asset.failure.as_ref().is_some_and(|failure| failure.events_since == 0)
    }
}
