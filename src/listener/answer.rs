//! The responses of the listener: constants that contain nothing of the request.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// Seconds that a sender should wait before it retries.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

pub(super) fn kept() -> Response {
    text(StatusCode::OK, "kept\n")
}

pub(super) fn healthy() -> Response {
    text(StatusCode::OK, "ok\n")
}

/// Returns the same body for every reason: a forger learns nothing, and the reason is on our screen.
pub(super) fn unauthorized() -> Response {
    text(StatusCode::UNAUTHORIZED, "signature not accepted\n")
}

pub(super) fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "not the callback path\n")
}

pub(super) fn method_not_allowed() -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "callbacks are POST requests\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

pub(super) fn cross_site() -> Response {
    text(StatusCode::FORBIDDEN, "not from a web page\n")
}

pub(super) fn broken() -> Response {
    text(StatusCode::BAD_REQUEST, "the body broke off\n")
}

pub(super) fn too_slow() -> Response {
    text(StatusCode::REQUEST_TIMEOUT, "the body came too slowly\n")
}

pub(super) fn too_large() -> Response {
    text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n")
}

pub(super) fn unavailable() -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "cannot be kept now, try again\n");
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

fn text(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
