//! The catalogue that the stand-in serves: assets with their versions. A value without a clock and
//! without a network; a story or a test changes it while it is served.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use crate::callback::{Event, State, VersionStatus};

/// The size of a made-up video, unless a version has another, in bytes.
const VIDEO_BYTES: u64 = 3 << 20;

/// Returns the status after the event that reports `state`. A callback that was overtaken on its way
/// changes nothing: a version that generates cannot be revised, and one that is finished generates
/// again only after it was revised.
const fn status_after(status: VersionStatus, state: State) -> VersionStatus {
    match (status, state) {
        (VersionStatus::Generating, State::Ready) => VersionStatus::Generating,
        (VersionStatus::Completed | VersionStatus::Failed, State::Generating) => status,
        (_, State::NotReady) => VersionStatus::NotReady,
        (_, State::Ready) => VersionStatus::ReadyToEdit,
        (_, State::Generating) => VersionStatus::Generating,
        (_, State::Generated) => VersionStatus::Completed,
        (_, State::Failed | State::GenerateFailed) => VersionStatus::Failed,
    }
}

/// The field of an asset that holds its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    /// `name`.
    Name(String),
    /// `title`.
    Title(String),
    /// `external_id`.
    ExternalId(String),
    /// None; the name is only the last part of the media's URL.
    MediaUrl,
}

/// The account of an asset, and how the API answers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The account of the API key.
    Us,
    /// Another account: 404, as if the asset did not exist.
    Hidden,
    /// Another account: 403.
    Forbidden,
}

/// One version of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldVersion {
    /// The id, unique among all assets.
    pub version_id: String,
    /// The language that it is dubbed into.
    pub locale: String,
    /// The status; [`WorldVersion::set`] changes it.
    pub status: VersionStatus,
    /// The length of its video, in bytes.
    pub video_bytes: u64,
    /// How often it has been completed: each time makes another video.
    pub cycle: u64,
}

impl WorldVersion {
    /// Creates a version as an upload makes it: not ready yet.
    pub fn new(version_id: impl Into<String>, locale: impl Into<String>) -> Self {
        Self {
            version_id: version_id.into(),
            locale: locale.into(),
            status: VersionStatus::NotReady,
            video_bytes: VIDEO_BYTES,
            cycle: 0,
        }
    }

    /// Sets the status. A version that is completed gets a new video.
    pub fn set(&mut self, status: VersionStatus) {
        if status == VersionStatus::Completed && self.status != status {
            self.cycle += 1;
        }
        self.status = status;
    }
}

/// One asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldAsset {
    /// The id.
    pub asset_id: String,
    /// The name, in one of several fields.
    pub name: NamedBy,
    /// The URL of the source video.
    pub media_url: String,
    /// Whether processing it failed as a whole.
    pub failed: bool,
    /// The account.
    pub owner: Owner,
    /// The versions, also those that are not ready.
    pub versions: Vec<WorldVersion>,
}

impl WorldAsset {
    /// Creates an asset of this account without versions.
    pub fn new(asset_id: impl Into<String>, name: NamedBy) -> Self {
        let asset_id = asset_id.into();
        Self {
            media_url: format!("https://media.example/uploads/{asset_id}.mov?Signature=c2VjcmV0"),
            asset_id,
            name,
            failed: false,
            owner: Owner::Us,
            versions: Vec::new(),
        }
    }

    /// Returns the asset with one more version.
    #[must_use]
    pub fn with(mut self, version: WorldVersion) -> Self {
        self.versions.push(version);
        self
    }
}

/// All assets of the service, also those of other accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    assets: HashMap<String, WorldAsset>,
    /// The asset of each version.
    owners: HashMap<String, String>,
    /// The ids in the order of the list, newest first.
    order: VecDeque<String>,
}

impl World {
    /// Adds an asset in front of the list. Replaces one with the same id.
    pub fn add(&mut self, asset: WorldAsset) {
        self.forget(&asset.asset_id);
        for version in &asset.versions {
            self.owners.insert(version.version_id.clone(), asset.asset_id.clone());
        }
        self.order.push_front(asset.asset_id.clone());
        self.assets.insert(asset.asset_id.clone(), asset);
    }

    /// Removes the oldest assets until at most `count` are left.
    pub fn keep_newest(&mut self, count: usize) {
        while self.order.len() > count {
            let Some(oldest) = self.order.back().cloned() else { return };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, asset_id: &str) {
        let Some(asset) = self.assets.remove(asset_id) else { return };
        for version in &asset.versions {
            self.owners.remove(&version.version_id);
        }
        // The oldest is the last, so that the common search ends at once.
        if let Some(place) = self.order.iter().rposition(|id| id == asset_id) {
            self.order.remove(place);
        }
    }

    /// Returns an asset.
    pub fn asset(&self, asset_id: &str) -> Option<&WorldAsset> {
        self.assets.get(asset_id)
    }

    /// Returns an asset, to change it. Its versions must keep their ids.
    pub fn asset_mut(&mut self, asset_id: &str) -> Option<&mut WorldAsset> {
        self.assets.get_mut(asset_id)
    }

    /// Returns a version and its asset.
    pub fn version(&self, version_id: &str) -> Option<(&WorldAsset, &WorldVersion)> {
        let asset = self.assets.get(self.owners.get(version_id)?)?;
        let version = asset.versions.iter().find(|version| version.version_id == version_id)?;
        Some((asset, version))
    }

    /// Returns a version, to change it.
    pub fn version_mut(&mut self, version_id: &str) -> Option<&mut WorldVersion> {
        let asset = self.assets.get_mut(self.owners.get(version_id)?)?;
        asset.versions.iter_mut().find(|version| version.version_id == version_id)
    }

    /// Returns the assets of the account, in the order of the list.
    pub fn listed(&self) -> impl Iterator<Item = &WorldAsset> {
        self.order
            .iter()
            .filter_map(|id| self.assets.get(id))
            .filter(|asset| asset.owner == Owner::Us)
    }

    /// Moves the last asset of the list to its front, as a change of it does where the newest
    /// change is listed first.
    pub fn shift(&mut self) {
        self.order.rotate_right(usize::from(!self.order.is_empty()));
    }

    /// Advances the version or the asset that an event is about. Ignores events that the contract
    /// does not know, and assets and versions that do not exist.
    pub fn advance(&mut self, event: &str, asset_id: &str, version_id: Option<&str>) {
        match (Event::from_name(event), version_id) {
            (Some(Event::Version(state)), Some(version_id)) => {
                if let Some(version) = self.version_mut(version_id) {
                    version.set(status_after(version.status, state));
                }
            }
            (Some(Event::AssetFailed), _) => {
                if let Some(asset) = self.asset_mut(asset_id) {
                    asset.failed = true;
                }
            }
            _ => {}
        }
    }
}
