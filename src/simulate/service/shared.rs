//! What all requests to the stand-in share: catalogue, faults, the log of requests, and the keys.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::sync::CancellationToken;

use super::faults::Faults;
use super::link_signer::LinkSigner;
use super::request_log::RequestLog;
use super::world::{World, WorldVersion};

/// Characters of an id that are written with a percent sign in a link.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-');

/// The state of a stand-in.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pub(super) links: LinkSigner,
    pub(super) log: Arc<RequestLog>,
    pub(super) stop: CancellationToken,
    world: Mutex<World>,
    faults: Mutex<Faults>,
}

impl Shared {
    pub(super) fn new(address: SocketAddr, key: String, world: World) -> Self {
        Self {
            address,
            links: LinkSigner::new(&key),
            key,
            log: Arc::default(),
            stop: CancellationToken::new(),
            world: Mutex::new(world),
            faults: Mutex::default(),
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the URL without a path.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a signed link to the video of a version.
    pub(super) fn link(&self, version: &WorldVersion, expired: bool) -> String {
        let path = file_path(version);
        format!("{}{path}?{}", self.url(), self.links.query(&path, expired))
    }
}

/// Returns the path of a version's video. Each cycle has its own.
pub(super) fn file_path(version: &WorldVersion) -> String {
    let id = utf8_percent_encode(&version.version_id, IN_PATH);
    format!("/files/{id}/{}.mp4", version.cycle)
}
