//! Sends a reply of the API, right or faulty.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::faults::{FaultyReply, RetryHint};
use super::paced_body::PacedBody;

/// The content type of the API's replies.
const JSON: &str = "application/json";
/// The page of a proxy, or of a login, in place of an answer.
pub(super) const PAGE: &str = "<!doctype html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n";
/// The size of the pieces of a large body.
const PIECE: usize = 64 << 10;

/// A reply before it is sent.
pub(super) struct Reply {
    status: StatusCode,
    body: Value,
}

impl Reply {
    pub(super) const fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    /// Returns an error in the form of the service.
    pub(super) fn error(status: StatusCode, detail: &str) -> Self {
        Self { status, body: json!({"detail": detail}) }
    }

    /// Sends it without faults.
    pub(super) fn send(self) -> Response {
        let response = respond(self.status, JSON, Body::from(self.body.to_string()));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            return with(response, ALLOW, "GET");
        }
        response
    }

    /// Sends it with a fault. `target` is what was asked for.
    pub(super) async fn send_faulty(
        self,
        fault: FaultyReply,
        target: &str,
        stop: &CancellationToken,
    ) -> Response {
        let bytes = Bytes::from(self.body.to_string());
        let status = self.status;
        match fault {
            FaultyReply::Forbidden(hint) => {
                let reply = Self::error(StatusCode::FORBIDDEN, "account limitations");
                hinted(reply.send(), hint)
            }
            FaultyReply::TooMany(hint) => {
                let detail = "Request was throttled.";
                hinted(Self::error(StatusCode::TOO_MANY_REQUESTS, detail).send(), hint)
            }
            FaultyReply::Status(status) => {
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::error(status, "Something went wrong.").send()
            }
            FaultyReply::SlowBody(pause) => {
                let body = PacedBody::new(stop, pieces(bytes.clone(), 1));
                let body = body.announcing(bytes.len() as u64).pausing(pause);
                respond(status, JSON, Body::new(body))
            }
            FaultyReply::Hangs => {
                stop.cancelled().await;
                Self::error(StatusCode::SERVICE_UNAVAILABLE, "Shutting down.").send()
            }
            FaultyReply::ContentType(content_type) => {
                let mut response = respond(status, content_type, Body::from(bytes));
                if content_type.is_empty() {
                    response.headers_mut().remove(CONTENT_TYPE);
                }
                response
            }
            FaultyReply::Html => respond(StatusCode::OK, "text/html", Body::from(PAGE)),
            FaultyReply::Huge { bytes, announced } => huge(bytes, announced, stop),
            FaultyReply::Deep(depth) => {
                let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
                respond(StatusCode::OK, JSON, Body::from(body))
            }
            FaultyReply::Redirect(location) => redirect(&location),
            FaultyReply::RedirectToItself => redirect(target),
            FaultyReply::Cut => {
                let half = bytes.slice(..bytes.len() / 2);
                let body = PacedBody::new(stop, pieces(half, PIECE)).cut();
                respond(status, JSON, Body::new(body.announcing(bytes.len() as u64)))
            }
            FaultyReply::CutAtOnce => {
                let body = PacedBody::new(stop, || None).cut();
                respond(status, JSON, Body::new(body.announcing(bytes.len() as u64)))
            }
            FaultyReply::Body(body) => respond(StatusCode::OK, JSON, Body::from(body)),
        }
    }
}

/// Cuts bytes into pieces.
fn pieces(mut bytes: Bytes, size: usize) -> impl FnMut() -> Option<Bytes> + Send {
    move || {
        let piece = bytes.split_to(size.min(bytes.len()));
        (!piece.is_empty()).then_some(piece)
    }
}

/// Returns a JSON document of so many bytes: one object with one long text.
fn huge(bytes: usize, announced: bool, stop: &CancellationToken) -> Response {
    let (head, tail) = ("{\"detail\":\"", "\"}");
    let mut filler = bytes.saturating_sub(head.len() + tail.len());
    let total = head.len() + filler + tail.len();
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let mut ends = [Some(head), Some(tail)];
    let next = move || {
        if let Some(head) = ends[0].take() {
            return Some(Bytes::from_static(head.as_bytes()));
        }
        if filler > 0 {
            let part = piece.slice(..PIECE.min(filler));
            filler -= part.len();
            return Some(part);
        }
        ends[1].take().map(|tail| Bytes::from_static(tail.as_bytes()))
    };
    let body = PacedBody::new(stop, next);
    let body = if announced { body.announcing(total as u64) } else { body };
    respond(StatusCode::OK, JSON, Body::new(body))
}

fn redirect(location: &str) -> Response {
    let response = respond(StatusCode::TEMPORARY_REDIRECT, "text/plain", Body::empty());
    with(response, LOCATION, location)
}

fn hinted(response: Response, hint: RetryHint) -> Response {
    let text = match hint {
        RetryHint::None => return response,
        RetryHint::Seconds(seconds) => seconds.to_string(),
        RetryHint::Date(seconds) => http_date(Duration::from_secs(seconds)),
        RetryHint::Nonsense => "soon".to_owned(),
    };
    with(response, RETRY_AFTER, &text)
}

/// Returns the moment that is so far away, as HTTP writes it.
fn http_date(later: Duration) -> String {
    let later = SignedDuration::try_from(later).unwrap_or_default();
    let at = Timestamp::now().checked_add(later).unwrap_or(Timestamp::MAX);
    // Only fails for years that four digits cannot hold.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

/// Returns a response with a body of this type.
pub(super) fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Returns the response with a header. Leaves out a value that no header can have.
pub(super) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    debug_assert!(name != CONTENT_LENGTH, "the body announces its length");
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
