//! Where a probe arrives: at a listener of our own, or in the journal of a running dubwatch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use http::StatusCode;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::worker::Worker;
use super::listener::Doors;
use crate::callback::{Headers, SIGNATURE_HEADER};
use crate::config::Config;
use crate::journal::{JournalError, JournalReader};
use crate::serve::{ConnFailure, ServeLimits, serve};

/// How long after the response the probe may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Time between two looks into the journal of a running dubwatch.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The longest body that is read.
const MAX_BODY: usize = 1 << 20;
/// Newest deliveries that are looked at, where signatures are not checked.
const NEWEST: u32 = 100;
/// As many refusals are listed at most.
const REFUSALS: u32 = 10_000;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) method: String,
    /// The path without its query.
    pub(super) path: String,
    pub(super) signatures: Vec<String>,
    pub(super) body: Vec<u8>,
    /// Names of the headers that proxies add.
    pub(super) hops: Vec<String>,
}

/// How a probe is known again: by something in its body or, if that is lost, by its signature.
pub(super) struct ProbeMark {
    pub(super) nonce: String,
    pub(super) signature: String,
}

impl ProbeMark {
    fn is_on(&self, headers: &Headers, body: &[u8]) -> bool {
        let nonce = self.nonce.as_bytes();
        body.windows(nonce.len()).any(|window| window == nonce)
            || headers.all(SIGNATURE_HEADER).any(|value| value == self.signature)
    }
}

/// The place where the probe is awaited.
pub(super) enum Arrivals {
    Listener { requests: mpsc::Receiver<(Headers, Arrived)>, _server: Worker<()> },
    Journal(PathBuf),
}

impl Arrivals {
    /// Begins to listen, or to look into the journal; `None` if nothing can arrive.
    pub(super) fn at(config: &Config, doors: Doors) -> Option<Self> {
        let bound = match doors {
            Doors::None => return None,
            Doors::OfRunning if config.ephemeral => return None,
            Doors::OfRunning => return Some(Self::Journal(config.db.clone())),
            Doors::Ours(bound) => bound,
        };
        let (sender, requests) = mpsc::channel(16);
        let router = Router::new().fallback(move |request: Request| take(sender.clone(), request));
        let server = Worker::task("doctor's listener", |stop| {
            let broken = |failure: ConnFailure| {
                tracing::debug!(reason = %failure.reason, "a request to the doctor broke off");
            };
            serve(bound.sockets, router, ServeLimits::default(), stop, broken)
        });
        Some(Self::Listener { requests, _server: server })
    }

    /// Returns the probe as it arrived; `None` if it does not arrive in time.
    pub(super) async fn wait_for(mut self, mark: &ProbeMark) -> Option<Arrived> {
        let until = Instant::now() + LIMIT;
        loop {
            match &mut self {
                Self::Listener { requests, .. } => {
                    let (headers, arrived) = timeout_at(until, requests.recv()).await.ok()??;
                    if mark.is_on(&headers, &arrived.body) {
                        return Some(arrived);
                    }
                }
                Self::Journal(path) => {
                    if let Ok(Some(arrived)) = in_journal(path, mark) {
                        return Some(arrived);
                    }
                    if Instant::now() >= until {
                        return None;
                    }
                    sleep(LOOK_EVERY).await;
                }
            }
        }
    }
}

/// Takes a request, and answers as a receiver does.
async fn take(sender: mpsc::Sender<(Headers, Arrived)>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE };
    let headers = parts.headers.iter();
    let headers = Headers::from_raw(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let arrived = arrived(method, path, &headers, body.to_vec());
    let _ = sender.try_send((headers, arrived));
    StatusCode::OK
}

/// Looks for the probe among what a running dubwatch refused, or accepted without a check.
fn in_journal(path: &Path, mark: &ProbeMark) -> Result<Option<Arrived>, JournalError> {
    let reader = JournalReader::open(path)?;
    let (refusals, _) = reader.refusals_after(0, REFUSALS)?;
    for refusal in refusals.iter().rev().map(|entry| &entry.refusal) {
        if mark.is_on(&refusal.headers, &refusal.body.bytes) {
            let body = refusal.body.bytes.clone();
            return Ok(Some(arrived(&refusal.method, &refusal.path, &refusal.headers, body)));
        }
    }
    let newest = reader.deliveries_before(reader.head()? + 1, NEWEST)?;
    let request = newest.iter().map(|delivery| &delivery.request);
    let found = request.into_iter().find(|request| mark.is_on(&request.headers, &request.body));
    Ok(found.map(|request| {
        arrived(&request.method, &request.path, &request.headers, request.body.clone())
    }))
}

fn arrived(method: &str, path: &str, headers: &Headers, body: Vec<u8>) -> Arrived {
    let is_hop = |name: &str| {
        name == "via"
            || name == "forwarded"
            || name.starts_with("x-forwarded-")
            || name.starts_with("cf-")
            || name.starts_with("ngrok-")
            || name == "x-real-ip"
    };
    let mut hops: Vec<String> =
        headers.iter().map(|(name, _)| name.to_owned()).filter(|name| is_hop(name)).collect();
    hops.dedup();
    Arrived {
        method: method.to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        signatures: headers.all(SIGNATURE_HEADER).map(str::to_owned).collect(),
        body,
        hops,
    }
}
