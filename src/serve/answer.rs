//! One request on its way through the router: marks in the slot what of it has arrived; answers
//! nothing itself.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body as AnyBody, Bytes};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use axum::routing::future::RouteFuture;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::Service as _;

use super::slot::Slot;
use super::trouble::Trouble;

/// The client's address: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// How the client takes what it is sent: an extension of every request, of use to a handler that
/// keeps the connection.
#[derive(Debug, Clone)]
pub struct Uptake(Arc<Slot>);

impl Uptake {
    /// When the client last made room in a socket that was full: bytes on their way, and a sign of
    /// life, also amid a message that takes minutes. `None` where it was never full.
    pub fn last(&self) -> Option<Instant> {
        self.0.made_room_at()
    }
}

/// What answers plain HTTP on a port that speaks TLS: never the router itself, to which the request
/// would look as if TLS had protected it.
pub(super) fn speaks_tls() -> Router {
    Router::new().fallback(async || {
        let close = [(CONNECTION, HeaderValue::from_static("close"))];
        (StatusCode::BAD_REQUEST, close, format!("{}\n", Trouble::Plain))
    })
}

/// The router as hyper calls it, for one connection.
pub(super) struct Routed {
    router: Router,
    slot: Arc<Slot>,
}

impl Routed {
    pub(super) fn new(router: Router, slot: Arc<Slot>) -> Self {
        Self { router, slot }
    }
}

impl hyper::service::Service<Request<Incoming>> for Routed {
    type Response = Response<AnyBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        let slot = if request.body().is_end_stream() {
            self.slot.request_complete();
            None
        } else {
            self.slot.head_complete();
            Some(Arc::clone(&self.slot))
        };
        request.extensions_mut().insert(Peer(self.slot.peer));
        request.extensions_mut().insert(Uptake(Arc::clone(&self.slot)));
        let request = request.map(|body| Arriving { body, slot });
        // The router is always ready (axum 0.8, `Router::poll_ready`), and a clone is one count.
        Answer { routed: self.router.clone().call(request), slot: Arc::clone(&self.slot) }
    }
}

/// The router's answer to come.
pub(super) struct Answer {
    routed: RouteFuture<Infallible>,
    slot: Arc<Slot>,
}

impl Future for Answer {
    type Output = Result<Response<AnyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut response) = ready!(Pin::new(&mut self.routed).poll(cx));
        // Answered before the body was read: hyper gives up the connection, and says so only if
        // we do (RFC 9112, section 9.6).
        if !self.slot.whole() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// A request's body, which tells the slot when it is complete.
struct Arriving {
    body: Incoming,
    /// Gone once told: by then the connection may be at another request.
    slot: Option<Arc<Slot>>,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let complete = match &frame {
            None => true,
            Some(Ok(_)) => self.body.is_end_stream(),
            Some(Err(_)) => false,
        };
        if complete && let Some(slot) = self.slot.take() {
            slot.request_complete();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
