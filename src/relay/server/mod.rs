//! The relay's server: takes what senders post, keeps it, streams it to readers; verifies nothing
//! for anybody and never looks into a body.
//!
//! | file | owns |
//! |---|---|
//! | `door` | `POST /in/…` |
//! | `subscribe` | the upgrade to a websocket: token, subprotocol, limits |
//! | `reader` | one subscription from hello to close |
//! | `goodbye` | how a subscription is closed |
//! | `outlet` | writing to one reader, beside everything else |
//! | `pages` | what is read for a reader, and how much memory that takes |
//! | `presence` | who is connected; a newer connection of a name takes over |
//! | `copies` | which callbacks came before |
//! | `rate` | how often an inbox may be posted to, and how much |
//! | `part` | how much of what waits for the disk may be what does not count |
//! | `figures` | counters, as Prometheus reads them |
//! | `broken_log` | why connections ended without a whole request |
//! | `answer`, `origin` | constant answers; the URL that was called |

mod answer;
mod broken_log;
mod copies;
mod door;
mod figures;
mod goodbye;
mod origin;
mod outlet;
mod pages;
mod part;
mod presence;
mod rate;
mod reader;
mod subscribe;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::protocol::{Delivery, PUBLISH_PREFIX, SUBSCRIBE_PATH};
use super::store::{Limits as Queue, Log};
use crate::serve::{Broken, Budget, Limits, TrustedProxies};
use crate::signature::TrustedKeys;

use broken_log::BrokenLog;
use copies::Copies;
use figures::Figures;
use pages::Memory;
use part::Part;
use presence::Presence;
use rate::Rates;

pub use rate::Rate;

/// Connections beside all readers', where the system allows as many.
const SENDERS: usize = 1024;

/// What a relay's server is told by its settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest body that is taken, in bytes.
    pub max_body: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How often one inbox may be posted to.
    pub rate: Rate,
    /// Connections that read one inbox.
    pub connections_per_inbox: usize,
    /// Connections that read, together; fewer where the process may not open that many files. The
    /// rest of the places is for senders.
    pub connections: usize,
    /// The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub proxies: TrustedProxies,
    /// The URL at which the relay is reached, without a slash at its end; `None` takes what readers
    /// dialled.
    pub public_url: Option<String>,
    /// Whether the relay itself speaks TLS.
    pub tls: bool,
    /// When a reader should dial again after the relay stops, in seconds.
    pub retry_after: u32,
}

impl Default for Settings {
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

impl Settings {
    /// Limits for [`crate::serve`] that fit: a head that is sure to fit in a delivery's header, and
    /// places for senders beside all readers.
    pub fn serve_limits(&self) -> Limits {
        Limits {
            max_head: Delivery::MAX_HEAD,
            max_connections: self.connections.saturating_add(SENDERS),
            ..Limits::default()
        }
    }

    /// Connections that may read, where `room` connections may be open: a quarter of them, but no
    /// fewer than 32 and no more than 1024, are kept for senders.
    fn seats(&self, room: usize) -> usize {
        let senders = (room / 4).clamp(32, SENDERS);
        self.connections.min(room.saturating_sub(senders)).max(1)
    }

    /// Where senders post to, for a publish id, at a base URL.
    pub fn callback_url(base: &str, publish_id: &str) -> String {
        format!("{base}{PUBLISH_PREFIX}{publish_id}")
    }
}

/// The server: shared by all of its connections.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    settings: Settings,
    log: Arc<dyn Log>,
    keys: TrustedKeys,
    budget: Budget,
    memory: Memory,
    copies: Copies,
    rates: Rates,
    /// What posts may have of the write queue whose signature does not hold.
    unverified: Part,
    presence: Presence,
    figures: Figures,
    broken: BrokenLog,
    /// Cancelled when readers are to be sent away.
    stop: CancellationToken,
    readers: TaskTracker,
}

impl Server {
    /// A server before a log. `keys` only decide who goes first when room runs out.
    pub fn new(settings: Settings, log: Arc<dyn Log>, keys: TrustedKeys) -> Self {
        let seats = settings.seats(settings.serve_limits().room());
        let presence = Presence::new(settings.connections_per_inbox, seats);
        Self(Arc::new(Shared {
            copies: Copies::default(),
            rates: Rates::new(settings.rate, settings.max_body),
            unverified: Part::of(&Queue::default()),
            memory: Memory::new(settings.max_body),
            settings,
            log,
            keys,
            budget: Budget::default(),
            presence,
            figures: Figures::default(),
            broken: BrokenLog::default(),
            stop: CancellationToken::new(),
            readers: TaskTracker::new(),
        }))
    }

    /// Everything that the relay answers.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Notes when the certificate that is served ends, for the metrics.
    pub fn note_certificate(&self, expires: Option<Timestamp>) {
        self.0.figures.certificate(expires);
    }

    /// Tells readers to dial again later and waits until they are gone, each for no longer than its
    /// close takes.
    pub async fn drain(&self) {
        self.0.stop.cancel();
        self.0.readers.close();
        self.0.readers.wait().await;
    }

    /// Counts a connection that ended without a whole request, and logs why.
    pub fn broken(&self, broken: &Broken) {
        self.0.figures.broken();
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
        "/metrics" if asks => answer::figures(shared.figures.text(&*shared.log, &shared.presence)),
        SUBSCRIBE_PATH if *request.method() == Method::GET => {
            subscribe::upgrade(&server, request).await
        }
        SUBSCRIBE_PATH => answer::method_not_allowed("GET"),
        path if path.starts_with(PUBLISH_PREFIX) => {
            let response = door::post(shared, request).await;
            shared.figures.answered(response.status().as_u16());
            response
        }
        _ => answer::not_found(),
    }
}

#[cfg(test)]
mod tests;
