//! The API of a demo: a stand-in for the service's, which moves along with the demo's story.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use super::receiver::PreparedReceiver;
use crate::callback::VersionStatus;
use crate::config::Config;
use crate::simulate::service::{StandIn, StoryCatalogue, World, WorldVersion};
use crate::simulate::{Scene, Speed, Story};

/// The API key of every demo. Grants nothing: the stand-in is on loopback and has only made-up data.
const KEY: &str = "demo";
/// The rate of a download, so that its progress can be seen.
const BYTES_PER_SECOND: u64 = 6 << 20;

/// Time in the story between two passes over the list, and its minimum in real time.
const LIST_EVERY: Duration = Duration::from_secs(20);
const MIN_LIST_EVERY: Duration = Duration::from_secs(2);

/// A running stand-in and the catalogue that it serves.
pub(super) struct DemoApi {
    stand_in: StandIn,
    catalogue: Mutex<StoryCatalogue>,
}

impl DemoApi {
    /// Starts the stand-in with the catalogue as it is at the beginning of the first story. Must be
    /// called inside a Tokio runtime.
    pub(super) async fn start(first: &Story) -> anyhow::Result<Self> {
        let (mut catalogue, mut world) = (StoryCatalogue::default(), World::default());
        catalogue.begin(first, &mut world);
        let stand_in = StandIn::start(KEY, world).await.context("cannot start the demo's API")?;
        stand_in.faults(|faults| faults.video.bytes_per_second = Some(BYTES_PER_SECOND));
        tracing::info!(url = stand_in.url(), "the demo's API");
        Ok(Self { stand_in, catalogue: Mutex::new(catalogue) })
    }

    /// Returns the URL of the API, without a path.
    pub(super) fn url(&self) -> String {
        self.stand_in.url()
    }

    /// Returns the key of the API.
    pub(super) fn key(&self) -> String {
        self.stand_in.key()
    }

    /// Adds messages for the user: the URL and the key, and a command that downloads a video.
    pub(super) fn announce(&self, prepared: &mut PreparedReceiver) {
        prepared.cautions.push(format!(
            "DEMO: a stand-in for the service's API is at {} (API key {}, good for nothing else)",
            self.url(),
            self.key()
        ));
        if let Some(asset_id) = self.downloadable() {
            prepared.cautions.push(format!(
                "DEMO: download a dub from it: PANJAYA_API_KEY={} dubwatch download --api-url {} --asset {asset_id} --to .",
                self.key(),
                self.url(),
            ));
        }
    }

    /// Returns an asset with a video from the beginning on.
    fn downloadable(&self) -> Option<String> {
        let is_generated = |version: &WorldVersion| version.status == VersionStatus::Completed;
        self.stand_in.world(|world| {
            let asset = world.listed().find(|asset| asset.versions.iter().any(is_generated))?;
            Some(asset.asset_id.clone())
        })
    }

    /// Lets a receiver ask this API. Its list is asked for as often as the story needs it, which takes
    /// minutes for what takes hours in life.
    pub(super) fn set_up(
        &self,
        config: &mut Config,
        prepared: &mut PreparedReceiver,
        speed: Speed,
    ) {
        config.ask_api(self.url(), &self.key());
        prepared.list_every = Some(speed.pace(LIST_EVERY).max(MIN_LIST_EVERY));
    }

    /// Adds the assets of a further story.
    pub(super) fn begin(&self, story: &Story) {
        let mut catalogue = self.catalogue.lock().unwrap_or_else(PoisonError::into_inner);
        self.stand_in.world(|world| catalogue.begin(story, world));
    }

    /// Lets the events of a scene happen at the service.
    pub(super) fn advance(&self, scene: &Scene) {
        self.stand_in.world(|world| StoryCatalogue::advance(scene, world));
    }

    /// Stops the stand-in and waits for its connections.
    pub(super) async fn stop(&self) {
        self.stand_in.stop().await;
    }
}
