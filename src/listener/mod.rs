//! The HTTP listener: receives callbacks and passes them to [`crate::intake`].

mod answer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use jiff::Timestamp;

use crate::callback::{BODY_SAMPLE, BodySample, Headers, Received, Refusal, RefusalKind, Source};
use crate::intake::{Decision, Intake};
use crate::serve::{BodyError, ConnFailure, MemoryBudget, Peer, TrustedProxies, read_body};
use crate::text::Printable;

/// The settings of the listener.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// The callback path; begins with `/`.
    pub path: String,
    /// Maximum length of a body, in bytes.
    pub max_body: usize,
    /// Time limit for a body.
    pub body_timeout: Duration,
}

/// The listener, shared by all of its connections.
#[derive(Clone)]
pub struct Listener(Arc<Inner>);

struct Inner {
    settings: ListenerSettings,
    proxies: TrustedProxies,
    intake: Arc<Intake>,
    budget: MemoryBudget,
}

impl Listener {
    /// Creates a listener that passes requests to `intake`.
    pub fn new(settings: ListenerSettings, intake: Arc<Intake>) -> Self {
        Self::behind(TrustedProxies::default(), settings, intake)
    }

    /// Creates a listener behind proxies, whose headers about the client it trusts.
    pub fn behind(
        proxies: TrustedProxies,
        settings: ListenerSettings,
        intake: Arc<Intake>,
    ) -> Self {
        Self(Arc::new(Inner { settings, proxies, intake, budget: MemoryBudget::default() }))
    }

    /// Returns the router: answers the callback path and `/healthz`, and refuses everything else.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Logs a connection that ended without a complete request as a refusal.
    pub fn broken(&self, failure: &ConnFailure) {
        self.0.intake.refuse(Refusal {
            at: Timestamp::now(),
            kind: RefusalKind::Broken,
            status: failure.status.unwrap_or(400),
            why: failure.reason.to_string(),
            count: 1,
            method: String::new(),
            path: String::new(),
            peer: failure.peer.to_string(),
            headers: Headers::default(),
            body: BodySample::default(),
        });
    }
}

async fn answer(State(listener): State<Listener>, request: Request) -> Response {
    // A callback posted to `/healthz` is as wrong as on any other path, and is listed like it.
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    if asks && request.uri().path() == "/healthz" {
        let open = listener.0.intake.is_open();
        return if open { answer::healthy() } else { answer::unavailable() };
    }
    let received_at = Timestamp::now();
    let (parts, body) = request.into_parts();
    let exchange = Exchange { inner: &listener.0, received_at, parts };
    exchange.answer(body).await
}

/// A request before its body is read.
struct Exchange<'a> {
    inner: &'a Inner,
    received_at: Timestamp,
    parts: Parts,
}

impl Exchange<'_> {
    async fn answer(self, body: Body) -> Response {
        let ListenerSettings { path, max_body, body_timeout } = &self.inner.settings;
        if !is_path(self.parts.uri.path(), path) {
            let why = format!("{}: the path is {path}", self.request_line());
            self.refuse(RefusalKind::WrongPath, 404, why, BodySample::default());
            return answer::not_found();
        }
        if self.parts.method != Method::POST {
            let why = format!("{}: callbacks are POST requests", self.request_line());
            self.refuse(RefusalKind::WrongMethod, 405, why, BodySample::default());
            return answer::method_not_allowed();
        }
        if self.inner.intake.is_unchecked()
            && let Some(why) = cross_site(&self.parts.headers)
        {
            self.refuse(RefusalKind::CrossSite, 403, why.to_owned(), BodySample::default());
            return answer::cross_site();
        }
        let announced = content_length(&self.parts);
        let budget = &self.inner.budget;
        let read = read_body(body, announced, *max_body, *body_timeout, budget).await;
        let (body, _permit) = match read {
            Ok(read) => read,
            Err(BodyError::TooLarge { read, size }) => {
                let why = format!("body of {size} bytes, limit {max_body} (--max-body)");
                self.refuse(RefusalKind::TooLarge, 413, why, part(read));
                return answer::too_large();
            }
            Err(BodyError::TooSlow { read }) => {
                let limit = body_timeout.as_secs_f32();
                let came = read.len();
                let why = format!("body not complete after {limit} s, {came} bytes had come");
                self.refuse(RefusalKind::TooSlow, 408, why, part(read));
                return answer::too_slow();
            }
            Err(BodyError::Broken { read, error }) => {
                let error = Printable::new(&error).cut(120);
                let came = read.len();
                let why = format!("the body broke off after {came} bytes: {error}");
                self.refuse(RefusalKind::Broken, 400, why, part(read));
                return answer::broken();
            }
            Err(BodyError::NoRoom) => {
                self.inner.intake.turn_away();
                return answer::unavailable();
            }
        };
        match self.inner.intake.accept(self.received(body)).await {
            Decision::Kept(_) => answer::kept(),
            Decision::Refused => answer::unauthorized(),
            Decision::Unavailable(_) => answer::unavailable(),
        }
    }

    fn received(self, body: Vec<u8>) -> Received {
        Received {
            received_at: self.received_at,
            source: Source::Direct,
            peer: self.peer(),
            method: self.parts.method.to_string(),
            path: self.path_and_query(),
            headers: headers(&self.parts),
            body,
        }
    }

    fn refuse(&self, kind: RefusalKind, status: u16, why: String, body: BodySample) {
        self.inner.intake.refuse(Refusal {
            at: self.received_at,
            kind,
            status,
            why,
            count: 1,
            method: self.parts.method.to_string(),
            path: self.path_and_query(),
            peer: self.peer(),
            headers: headers(&self.parts),
            body,
        });
    }

    fn peer(&self) -> String {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let peer = self.parts.extensions.get::<Peer>().map_or(unknown, |peer| peer.0);
        self.inner.proxies.client(peer, &self.parts.headers)
    }

    fn path_and_query(&self) -> String {
        self.parts
            .uri
            .path_and_query()
            .map_or_else(|| self.parts.uri.to_string(), ToString::to_string)
    }

    /// Returns the method and path, cut so that a reason stays a sentence.
    fn request_line(&self) -> Printable {
        Printable::new(&format!("{} {}", self.parts.method, self.parts.uri.path())).cut(80)
    }
}

/// Returns why a request may come from a web page, if it may: browsers let any page post to any
/// address, and only a signature shows that it is from a sender. Senders of callbacks set neither
/// header.
fn cross_site(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(header::ORIGIN) {
        return Some(
            "it has an Origin header, as the requests of web pages have; with --signature off such requests are refused, because nothing else tells a page from a sender",
        );
    }
    let mut sites = headers.get_all("sec-fetch-site").iter();
    sites.any(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site")).then_some(
        "it has a Sec-Fetch-Site header of another site, as the requests of web pages have; with --signature off such requests are refused, because nothing else tells a page from a sender",
    )
}

/// Returns whether a request's path is the callback path, with or without a trailing slash.
fn is_path(found: &str, wanted: &str) -> bool {
    found == wanted
        || found.strip_suffix('/') == Some(wanted)
        || wanted.strip_suffix('/') == Some(found)
}

fn headers(parts: &Parts) -> Headers {
    Headers::from_raw(parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}

/// Returns a sample of an incomplete body.
fn part(mut bytes: Vec<u8>) -> BodySample {
    bytes.truncate(BODY_SAMPLE);
    bytes.shrink_to_fit();
    BodySample { bytes, truncated: true }
}

fn content_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
