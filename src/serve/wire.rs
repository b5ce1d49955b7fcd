//! A connection's socket: tells its slot what comes and goes, and closes so that the last answer
//! arrives; knows no HTTP.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::slot::Slot;
use super::socket::Stream;

/// How long a client may take to notice that we closed.
const LINGER: Duration = Duration::from_secs(1);
/// How much of an unwanted body is read after the answer, in bytes. Time is the limit that matters;
/// this one spares the work on a fast line.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// A socket under hyper.
pub(super) struct Wire {
    stream: Stream,
    slot: Arc<Slot>,
    /// Dropped with the socket: the connection's task waits for that when a handler has it.
    _held: oneshot::Sender<()>,
    /// Whether nothing more will come: the client closed its side, or the connection broke.
    ended: bool,
    linger: Option<Linger>,
}

/// A close in progress: our side is shut, theirs is read until they have seen it. Closing a socket
/// with unread bytes resets the connection, and the client may lose the answer that it has not
/// read yet (RFC 9112, section 9.6).
struct Linger {
    left: usize,
    /// Armed once there is a reason to wait.
    until: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(stream: Stream, slot: Arc<Slot>, held: oneshot::Sender<()>) -> Self {
        Self { stream, slot, _held: held, ended: false, linger: None }
    }
}

impl Linger {
    /// Reads and discards until the client closes, a limit is reached, or, where nothing is
    /// outstanding, there is nothing to read.
    fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 16 * 1024];
        loop {
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                    if self.left == 0 {
                        return Poll::Ready(());
                    }
                    self.until.get_or_insert_with(|| Box::pin(sleep(LINGER)));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {
                    return self
                        .until
                        .as_mut()
                        .map_or(Poll::Ready(()), |until| until.as_mut().poll(cx));
                }
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &done {
            Poll::Pending => self.slot.starved(),
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.slot.received(&buffer.filled()[before..]);
            }
            Poll::Ready(_) => self.ended = true,
        }
        done
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Never fails: a client that is gone already has nothing left to miss, and an error here would
    /// take the place of hyper's, which says what was wrong with the request.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, slot, ended, linger, .. } = self.get_mut();
        if linger.is_none() {
            let shut = ready!(Pin::new(&mut *stream).poll_shutdown(cx));
            if *ended || shut.is_err() {
                return Poll::Ready(Ok(()));
            }
            let until = (!slot.whole()).then(|| Box::pin(sleep(LINGER)));
            slot.closing();
            *linger = Some(Linger { left: LINGER_BYTES, until });
        }
        linger.as_mut().map_or(Poll::Ready(()), |linger| linger.poll(stream, cx)).map(Ok)
    }
}
