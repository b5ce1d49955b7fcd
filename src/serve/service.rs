//! Passes the requests of one connection to the router, and records in its [`ConnState`] how much
//! of each has arrived.

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

use super::conn_failure::FailureReason;
use super::conn_state::ConnState;

/// The client's address: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Shows whether the client still reads: an extension of every request, for handlers that keep the
/// connection.
#[derive(Debug, Clone)]
pub struct WriteProgress(Arc<ConnState>);

impl WriteProgress {
    /// Returns when the client last made room in a full socket: a sign of life, also in the middle
    /// of a message that takes minutes. `None` if the socket was never full.
    pub fn last(&self) -> Option<Instant> {
        self.0.made_room_at()
    }
}

/// Returns the router that answers plain HTTP on a TLS port. The actual router must not see such a
/// request: to it, the request would look as if TLS had protected it.
pub(super) fn reject_plain_http() -> Router {
    Router::new().fallback(async || {
        let close = [(CONNECTION, HeaderValue::from_static("close"))];
        (StatusCode::BAD_REQUEST, close, format!("{}\n", FailureReason::Plain))
    })
}

/// The hyper service of one connection: calls the router.
pub(super) struct RouterService {
    router: Router,
    conn: Arc<ConnState>,
}

impl RouterService {
    pub(super) fn new(router: Router, conn: Arc<ConnState>) -> Self {
        Self { router, conn }
    }
}

impl hyper::service::Service<Request<Incoming>> for RouterService {
    type Response = Response<AnyBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, mut request: Request<Incoming>) -> ResponseFuture {
        let conn = if request.body().is_end_stream() {
            self.conn.request_complete();
            None
        } else {
            self.conn.head_complete();
            Some(Arc::clone(&self.conn))
        };
        request.extensions_mut().insert(Peer(self.conn.peer));
        request.extensions_mut().insert(WriteProgress(Arc::clone(&self.conn)));
        let request = request.map(|body| TrackedBody { body, conn });
        // The router is always ready (axum 0.8, `Router::poll_ready`), and a clone is one count.
        ResponseFuture { routed: self.router.clone().call(request), conn: Arc::clone(&self.conn) }
    }
}

/// The response of the router to one request.
pub(super) struct ResponseFuture {
    routed: RouteFuture<Infallible>,
    conn: Arc<ConnState>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<AnyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut response) = ready!(Pin::new(&mut self.routed).poll(cx));
        // Answered before the body was read: hyper closes the connection, and announces that only
        // if the response does (RFC 9112, section 9.6).
        if !self.conn.whole() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// The body of a request; records in the connection's state when it is complete.
struct TrackedBody {
    body: Incoming,
    /// `None` once recorded: the connection may be at another request by then.
    conn: Option<Arc<ConnState>>,
}

impl Body for TrackedBody {
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
        if complete && let Some(conn) = self.conn.take() {
            conn.request_complete();
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
