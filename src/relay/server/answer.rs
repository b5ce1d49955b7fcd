//! The answers: constants, without any text of the request.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

pub(super) fn kept() -> Response {
    text(StatusCode::OK, "kept\n")
}

pub(super) fn healthy() -> Response {
    text(StatusCode::OK, "ok\n")
}

/// Damage in the store: posts are accepted, but stored deliveries are lost, which monitoring should
/// see.
pub(super) fn damaged() -> Response {
    let words =
        "damaged: posts are taken, but some deliveries in the store cannot be read; see the log\n";
    text(StatusCode::SERVICE_UNAVAILABLE, words)
}

/// The same answer for unknown paths and for unknown, moved or closed inboxes.
pub(super) fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "nothing here\n")
}

/// The same answer for every reason, so that it does not reveal what is wrong with a token.
pub(super) fn unauthorized() -> Response {
    let mut response = text(StatusCode::UNAUTHORIZED, "token not accepted\n");
    let bearer = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    response
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(super) fn no_websocket() -> Response {
    let words = "subscribing takes a websocket of the subprotocol dubwatch.v1\n";
    text(StatusCode::BAD_REQUEST, words)
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

pub(super) fn too_often() -> Response {
    retry(text(StatusCode::TOO_MANY_REQUESTS, "too many requests to this inbox\n"), "1")
}

pub(super) fn full() -> Response {
    retry(text(StatusCode::SERVICE_UNAVAILABLE, "the inbox is full, try again\n"), "60")
}

pub(super) fn unavailable() -> Response {
    retry(text(StatusCode::SERVICE_UNAVAILABLE, "not now, try again\n"), "5")
}

pub(super) fn metrics(words: String) -> Response {
    let mut response = Response::new(Body::from(words));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn retry(mut response: Response, seconds: &'static str) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
