//! The I/O of a connection under hyper: records received bytes in the [`ConnState`], and closes in
//! a way that lets the last answer arrive.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::conn_state::ConnState;
use super::socket::AcceptedStream;

/// Time that a client has to notice the close.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of an unwanted body that are read after the answer. [`LINGER`] is the limit that matters;
/// this one saves work on a fast line.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// The stream that hyper reads and writes.
pub(super) struct ConnIo {
    stream: AcceptedStream,
    conn: Arc<ConnState>,
    /// Dropped with the socket: the connection's task waits for that if a handler owns the socket.
    _held: oneshot::Sender<()>,
    /// Whether the client closed its side or the connection broke.
    ended: bool,
    linger: Option<Linger>,
}

/// A close in progress: our side is shut, theirs is read until they have seen it. Closing a socket
/// with unread bytes resets the connection, and the client may lose the answer that it has not
/// read yet (RFC 9112, section 9.6).
struct Linger {
    left: usize,
    /// Set once there is a reason to wait.
    until: Option<Pin<Box<Sleep>>>,
}

impl ConnIo {
    pub(super) fn new(
        stream: AcceptedStream,
        conn: Arc<ConnState>,
        held: oneshot::Sender<()>,
    ) -> Self {
        Self { stream, conn, _held: held, ended: false, linger: None }
    }
}

impl Linger {
    /// Reads and discards until the client closes, a limit is reached, or there is nothing to read
    /// and nothing is outstanding.
    fn poll(&mut self, stream: &mut AcceptedStream, cx: &mut Context<'_>) -> Poll<()> {
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

impl AsyncRead for ConnIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &done {
            Poll::Pending => self.conn.starved(),
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.conn.received(&buffer.filled()[before..]);
            }
            Poll::Ready(_) => self.ended = true,
        }
        done
    }
}

impl AsyncWrite for ConnIo {
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

    /// Never fails: a client that is gone misses nothing, and an error here would replace hyper's,
    /// which explains what was wrong with the request.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, conn, ended, linger, .. } = self.get_mut();
        if linger.is_none() {
            let shut = ready!(Pin::new(&mut *stream).poll_shutdown(cx));
            if *ended || shut.is_err() {
                return Poll::Ready(Ok(()));
            }
            let until = (!conn.whole()).then(|| Box::pin(sleep(LINGER)));
            conn.closing();
            *linger = Some(Linger { left: LINGER_BYTES, until });
        }
        linger.as_mut().map_or(Poll::Ready(()), |linger| linger.poll(stream, cx)).map(Ok)
    }
}
