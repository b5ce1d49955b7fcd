//! A stand-in for the service's API and its files, on loopback: for `dubwatch demo --api` and for
//! tests. Answers as the service's documentation says, where it says nothing in one of several
//! plausible ways, and misbehaves on request.
//!
//! | file | owns |
//! |---|---|
//! | `world` | the catalogue that is served |
//! | `catalogue` | moves a catalogue along with a story |
//! | `faults` | the ways to misbehave |
//! | `api`, `pages`, `json` | the endpoints, the pages of the list, the fields |
//! | `replies` | sends a reply, right or faulty |
//! | `files`, `video`, `link_signer` | downloads, their bytes and their links |
//! | `paced_body` | bodies that are slow, cut or large |
//! | `request_log` | the requests that came |
//! | `shared` | what all requests share |

mod api;
mod catalogue;
mod faults;
mod files;
mod json;
mod link_signer;
mod paced_body;
mod pages;
mod replies;
mod request_log;
mod shared;
mod video;
mod world;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::serve::{ConnFailure, ServeLimits, serve};
use paced_body::RecordedBody;
use shared::Shared;

pub use catalogue::StoryCatalogue;
pub use faults::{
    Faults, FaultyReply, FieldSpelling, PagingStyle, Resuming, RetryHint, ServiceEndpoint,
    VideoFaults,
};
pub use request_log::RecordedRequest;
pub use video::Video;
pub use world::{NamedBy, Owner, World, WorldAsset, WorldVersion};

/// How long a stop waits for clients that do not read their answers.
const DRAIN: Duration = Duration::from_secs(1);

/// A running stand-in. Dropping it stops it without waiting.
pub struct StandIn {
    shared: Arc<Shared>,
    /// `None` once a caller waits for its end.
    served: Mutex<Option<JoinHandle<()>>>,
}

impl StandIn {
    /// Serves `world` on a free port of 127.0.0.1 to clients with `key`, which is written without
    /// `panjaya-`. Must be called inside a Tokio runtime.
    pub async fn start(key: &str, world: World) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared::new(listener.local_addr()?, key.to_owned(), world));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let limits = ServeLimits { drain: DRAIN, ..ServeLimits::default() };
        let broken = |failure: ConnFailure| {
            tracing::debug!(reason = %failure.reason, "a request to the stand-in broke off");
        };
        let stop = shared.stop.clone();
        let served = tokio::spawn(serve(listener, router, limits, stop, broken));
        Ok(Self { shared, served: Mutex::new(Some(served)) })
    }

    /// Returns the URL, without a path.
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// Returns the API key as a client has it.
    pub fn key(&self) -> String {
        format!("panjaya-{}", self.shared.key)
    }

    /// Changes the catalogue, or reads it. No request is answered meanwhile, and `change` must not
    /// use the stand-in.
    pub fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.shared.world())
    }

    /// Changes the faults, or reads them. No request is answered meanwhile, and `change` must not
    /// use the stand-in.
    pub fn faults<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
        change(&mut self.shared.faults())
    }

    /// Lets all links expire that have been handed out. New ones are good.
    pub fn expire_links(&self) {
        self.shared.links.expire_all();
    }

    /// Returns the newest requests that came, oldest first, also refused ones.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.requests()
    }

    /// Forgets the requests that came so far.
    pub fn forget_requests(&self) {
        self.shared.log.clear();
    }

    /// Stops serving: ends slow and hanging replies, and waits until all connections are closed.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(served) = served {
            // An error would be a panic, which its task has reported.
            let _ = served.await;
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, _body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let open = shared.log.begin(parts.method.to_string(), target);
    let response = if parts.uri.path().starts_with(files::FILES) {
        files::answer(&shared, &parts, open.number())
    } else {
        api::answer(&shared, &parts).await
    };
    open.answered(response.status().as_u16());
    response.map(|body| Body::new(RecordedBody { body, request: Some(open) }))
}
