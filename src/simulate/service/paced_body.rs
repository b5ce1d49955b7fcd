//! A response body that is made piece by piece: slowly, cut short, without end, or just large.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::request_log::OpenRequest;

/// How long the bytes before a cut have to leave the process.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// Returns the pieces of a body until there are no more.
type Pieces = Box<dyn FnMut() -> Option<Bytes> + Send>;

/// The body.
pub(super) struct PacedBody {
    pieces: Pieces,
    /// Bytes still to come, if that was announced.
    announced: Option<u64>,
    /// Between two pieces.
    pause: Duration,
    paused: Option<Pin<Box<Sleep>>>,
    end: End,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What happens after the last piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    /// The connection will be closed.
    Cut,
    /// The connection is closed after the current pause.
    Cutting,
}

impl PacedBody {
    /// Creates a body of these pieces, which ends early when `stop` is cancelled.
    pub(super) fn new(
        stop: &CancellationToken,
        pieces: impl FnMut() -> Option<Bytes> + Send + 'static,
    ) -> Self {
        Self {
            pieces: Box::new(pieces),
            announced: None,
            pause: Duration::ZERO,
            paused: None,
            end: End::Complete,
            stop: Box::pin(stop.clone().cancelled_owned()),
        }
    }

    /// Announces the length as `Content-Length`.
    pub(super) fn announcing(self, bytes: u64) -> Self {
        Self { announced: Some(bytes), ..self }
    }

    /// Waits between two pieces.
    pub(super) fn pausing(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Closes the connection after the last piece.
    pub(super) fn cut(self) -> Self {
        Self { end: End::Cut, ..self }
    }
}

impl http_body::Body for PacedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        loop {
            if let Some(paused) = &mut self.paused {
                ready!(paused.as_mut().poll(cx));
                self.paused = None;
            }
            if self.end == End::Cutting {
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            }
            if let Some(piece) = (self.pieces)() {
                if let Some(announced) = &mut self.announced {
                    *announced = announced.saturating_sub(piece.len() as u64);
                }
                if !self.pause.is_zero() {
                    self.paused = Some(Box::pin(sleep(self.pause)));
                }
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.end == End::Complete {
                return Poll::Ready(None);
            }
            // An error makes hyper drop what it has not written yet, and it writes while it waits.
            self.end = End::Cutting;
            self.paused = Some(Box::pin(sleep(BEFORE_CUT)));
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }

    fn is_end_stream(&self) -> bool {
        self.announced == Some(0) && self.end == End::Complete
    }
}

/// A body that keeps its request open until it is complete.
pub(super) struct RecordedBody {
    pub(super) body: Body,
    pub(super) request: Option<OpenRequest>,
}

impl http_body::Body for RecordedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Before the last bytes leave, because the client's next request may follow at once.
        if !matches!(frame, Some(Ok(_))) || http_body::Body::is_end_stream(&self.body) {
            self.request = None;
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }
}
