//! Owns the relay's public host: accepts and stores posts, streams them to readers. Does not look
//! into a body.
//!
//! | file | owns |
//! |---|---|
//! | `publish` | `POST /in/…` |
//! | `subscribe` | the upgrade to a websocket: token, subprotocol, limits |
//! | `reader` | one subscription from hello to close |
//! | `close` | how a subscription is closed |
//! | `socket_writer` | the task that writes to one reader |
//! | `pages` | reading pages for a reader, and the memory that they may take |
//! | `reader_registry` | the connected readers; a new connection replaces one of the same name |
//! | `copies` | the callbacks that were seen before |
//! | `rate` | how many requests and bytes an inbox accepts |
//! | `unverified_quota` | the part of the write queue for unverified posts |
//! | `metrics` | counters for Prometheus |
//! | `broken_log` | why connections ended without a whole request |
//! | `answer` | constant answers |
//! | `forwarded` | the URL that was called, behind a trusted proxy |

mod answer;
mod broken_log;
mod close;
mod copies;
mod forwarded;
mod metrics;
mod pages;
mod publish;
mod rate;
mod reader;
mod reader_registry;
mod socket_writer;
mod subscribe;
mod unverified_quota;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::protocol::{DeliveryFrame, PUBLISH_PREFIX, SUBSCRIBE_PATH};
use super::store::{Log, WriterLimits as Queue};
use crate::serve::{ConnFailure, MemoryBudget, ServeLimits, TrustedProxies};
use crate::signature::TrustedKeys;

use broken_log::BrokenLog;
use copies::Copies;
use metrics::Metrics;
use pages::ReadBudget;
use rate::Rates;
use reader_registry::ReaderRegistry;
use unverified_quota::UnverifiedQuota;

pub use rate::Rate;

/// Connections besides those of readers, if the system allows that many.
const SENDERS: usize = 1024;

/// Settings of a relay's server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Maximum size of a body, in bytes.
    pub max_body: usize,
    /// Time limit for receiving a body.
    pub body_timeout: Duration,
    /// Rate limit of posts to one inbox.
    pub rate: Rate,
    /// Maximum number of readers of one inbox.
    pub connections_per_inbox: usize,
    /// Maximum number of readers of all inboxes; fewer if the process may not open that many files.
    /// The remaining connections are for senders.
    pub connections: usize,
    /// The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted.
    pub proxies: TrustedProxies,
    /// The URL of the relay, without a slash at its end; `None`: the URL that readers connected to.
    pub public_url: Option<String>,
    /// Whether the relay itself speaks TLS.
    pub tls: bool,
    /// Delay before readers should reconnect after the relay stops, in seconds.
    pub retry_after: u32,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_body: 1 << 20,
            body_timeout: Duration::from_secs(15),
            rate: Rate::default(),
            connections_per_inbox: 64,
            connections: 8192,
            proxies: TrustedProxies::default(),
            public_url: None,
            tls: false,
            retry_after: 2,
        }
    }
}

impl ServerSettings {
    /// Returns limits for [`crate::serve`]: a head that always fits in a delivery's header, and
    /// connections for senders besides all readers.
    pub fn serve_limits(&self) -> ServeLimits {
        ServeLimits {
            max_head: DeliveryFrame::MAX_HEAD,
            max_connections: self.connections.saturating_add(SENDERS),
            ..ServeLimits::default()
        }
    }

    /// Returns how many readers may connect, of `room` connections: a quarter of them, at least 32
    /// and at most 1024, is reserved for senders.
    fn max_readers(&self, room: usize) -> usize {
        let senders = (room / 4).clamp(32, SENDERS);
        self.connections.min(room.saturating_sub(senders)).max(1)
    }

    /// Returns the URL that senders post to, for a publish id and a base URL.
    pub fn callback_url(base: &str, publish_id: &str) -> String {
        format!("{base}{PUBLISH_PREFIX}{publish_id}")
    }
}

/// The server: shared by all of its connections.
#[derive(Clone)]
pub struct Server(Arc<ServerShared>);

struct ServerShared {
    settings: ServerSettings,
    log: Arc<dyn Log>,
    keys: TrustedKeys,
    budget: MemoryBudget,
    read_budget: ReadBudget,
    copies: Copies,
    rates: Rates,
    /// The part of the write queue for unverified posts.
    unverified: UnverifiedQuota,
    reader_registry: ReaderRegistry,
    metrics: Metrics,
    broken: BrokenLog,
    /// Cancelled to close all subscriptions.
    stop: CancellationToken,
    readers: TaskTracker,
}

impl Server {
    /// Creates a server for `log`. `keys` only decide which deliveries are dropped first when space
    /// is needed.
    pub fn new(settings: ServerSettings, log: Arc<dyn Log>, keys: TrustedKeys) -> Self {
        let max_readers = settings.max_readers(settings.serve_limits().room());
        let reader_registry = ReaderRegistry::new(settings.connections_per_inbox, max_readers);
        Self(Arc::new(ServerShared {
            copies: Copies::default(),
            rates: Rates::new(settings.rate, settings.max_body),
            unverified: UnverifiedQuota::of(&Queue::default()),
            read_budget: ReadBudget::new(settings.max_body),
            settings,
            log,
            keys,
            budget: MemoryBudget::default(),
            reader_registry,
            metrics: Metrics::default(),
            broken: BrokenLog::default(),
            stop: CancellationToken::new(),
            readers: TaskTracker::new(),
        }))
    }

    /// Returns the router of all requests.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Sets when the served certificate expires, for the metrics.
    pub fn note_certificate(&self, expires: Option<Timestamp>) {
        self.0.metrics.certificate(expires);
    }

    /// Closes all subscriptions with "draining" and waits until they have ended, each for no longer
    /// than its close takes.
    pub async fn drain(&self) {
        self.0.stop.cancel();
        self.0.readers.close();
        self.0.readers.wait().await;
    }

    /// Counts a connection that ended without a whole request, and logs why.
    pub fn broken(&self, broken: &ConnFailure) {
        self.0.metrics.broken();
        self.0.broken.log(broken, Instant::now());
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let shared = &server.0;
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/healthz" if asks => {
            if !shared.log.is_writing() {
                answer::unavailable()
            } else if shared.log.is_damaged() {
                answer::damaged()
            } else {
                answer::healthy()
            }
        }
        "/metrics" if asks => {
            answer::metrics(shared.metrics.text(&*shared.log, &shared.reader_registry))
        }
        SUBSCRIBE_PATH if *request.method() == Method::GET => {
            subscribe::upgrade(&server, request).await
        }
        SUBSCRIBE_PATH => answer::method_not_allowed("GET"),
        path if path.starts_with(PUBLISH_PREFIX) => {
            let response = publish::post(shared, request).await;
            shared.metrics.answered(response.status().as_u16());
            response
        }
        _ => answer::not_found(),
    }
}

#[cfg(test)]
mod tests;
