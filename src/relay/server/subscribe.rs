//! Owns `GET /v1/subscribe`: the upgrade to a websocket; token, subprotocol and limits.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::{Request, WebSocketUpgrade};
use axum::response::Response;
use http::{HeaderMap, header};
use tokio::sync::watch;

use super::reader::{self, Subscriber};
use super::reader_registry::LimitReached;
use super::{Server, ServerSettings, ServerShared, answer, close, forwarded};
use crate::relay::protocol::{MAX_TEXT, SUBPROTOCOL, message_limit};
use crate::relay::store::{Inbox, InboxState};
use crate::serve::{Peer, WriteProgress};

/// Size of the write buffer, in bytes.
const WRITE_BUFFER: usize = 64 << 10;
/// Size of the read buffer, in bytes: a reader's frames are small.
const READ_BUFFER: usize = 8 << 10;

pub(super) async fn upgrade(server: &Server, mut request: Request) -> Response {
    let shared = &server.0;
    // The token first: without a valid one the answer reveals nothing else.
    let Some((inbox, state, token)) =
        bearer(request.headers()).and_then(|token| opened(shared, token))
    else {
        shared.metrics.unauthorized();
        return answer::unauthorized();
    };
    let Ok(upgrading) = request.extract_parts::<WebSocketUpgrade>().await else {
        return answer::no_websocket();
    };
    if !upgrading.requested_protocols().any(|protocol| protocol == SUBPROTOCOL) {
        return answer::no_websocket();
    }
    if shared.stop.is_cancelled() {
        return answer::unavailable();
    }
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let socket = request.extensions().get::<Peer>().map_or(unknown, |peer| peer.0);
    let base = forwarded::base_url(&shared.settings, socket, request.headers());
    let subscriber = Subscriber {
        callback_url: ServerSettings::callback_url(&base, &inbox.publish_id()),
        peer: shared.settings.proxies.client(socket, request.headers()),
        uptake: request.extensions().get::<WriteProgress>().cloned(),
        inbox,
        state,
        token,
    };
    let limit = message_limit(shared.settings.max_body);
    let server = Arc::clone(shared);
    // Tracked from here on, so that a stop before the upgrade waits for it.
    let tracked = shared.readers.token();
    let number = shared.reader_registry.number();
    upgrading
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // A batch exceeds the write buffer by at most one frame.
        .max_write_buffer_size(WRITE_BUFFER + 2 * limit)
        .max_message_size(MAX_TEXT)
        .max_frame_size(MAX_TEXT)
        .on_upgrade(async move |socket| {
            let _tracked = tracked;
            match server.reader_registry.enter(subscriber.inbox.id, number) {
                Ok(registration) => reader::run(&server, socket, subscriber, registration).await,
                Err(crowded) => {
                    let whose = match crowded {
                        LimitReached::Inbox => "this inbox",
                        LimitReached::Relay => "this relay",
                    };
                    close::turn_away(&server, socket, whose).await;
                }
            }
        })
}

/// Returns the inbox of a token, its state, and the token's number.
///
/// Looks the token up again after reading the number: if it is still valid then, the number is not
/// that of a later token. If the token is replaced from here on, before or after the upgrade, the
/// subscription ends.
fn opened(
    shared: &ServerShared,
    token: &str,
) -> Option<(Arc<Inbox>, watch::Receiver<InboxState>, Option<u64>)> {
    let inbox = shared.log.by_token(token)?;
    let mut state = inbox.state();
    let number = state.borrow_and_update().token;
    let again = shared.log.by_token(token)?;
    (again.id == inbox.id).then_some((inbox, state, number))
}

/// Returns the token of the `Authorization: Bearer` header; `None` unless there is exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
