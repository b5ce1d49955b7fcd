//! Listening sockets with or without TLS, and the streams that they accept.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::conn_state::ConnState;

/// Maximum number of unsent bytes in the kernel. Unacknowledged bytes do not count, so a fast line
/// keeps its speed.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// One or several listening sockets, with TLS if there is an acceptor.
pub struct ListeningSockets {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) tls: Option<TlsAcceptor>,
}

impl ListeningSockets {
    /// Returns the same sockets with TLS. The handshake counts as part of the first request's head:
    /// [`super::ServeLimits::head_timeout`] limits both, and a connection in its handshake is
    /// evicted first.
    #[must_use]
    pub fn with_tls(self, acceptor: TlsAcceptor) -> Self {
        Self { tls: Some(acceptor), ..self }
    }
}

impl From<TcpListener> for ListeningSockets {
    fn from(listener: TcpListener) -> Self {
        vec![listener].into()
    }
}

impl From<Vec<TcpListener>> for ListeningSockets {
    fn from(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, tls: None }
    }
}

/// Accepts a connection on any socket. `turn` selects the socket that is polled first, so that a
/// busy one cannot starve the others. Waits forever without sockets.
pub(super) async fn accept(
    listeners: &[TcpListener],
    turn: u64,
) -> io::Result<(TcpStream, SocketAddr)> {
    let first = usize::try_from(turn).unwrap_or(0) % listeners.len().max(1);
    poll_fn(|cx| {
        let (before, after) = listeners.split_at(first);
        for listener in after.iter().chain(before) {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// An accepted connection.
pub(super) enum AcceptedStream {
    Plain(MonitoredSocket),
    Tls(Box<TlsStream<MonitoredSocket>>),
}

impl AcceptedStream {
    /// Runs the TLS handshake if there is an acceptor. If the client speaks plain HTTP, skips it
    /// and records that in the state, so that the client can still be answered.
    pub(super) async fn open(
        socket: TcpStream,
        tls: Option<TlsAcceptor>,
        conn: Arc<ConnState>,
    ) -> io::Result<Self> {
        prepare(&socket);
        let mut first = [0];
        // A client that has closed sends nothing: the handshake reports that.
        if tls.is_some() && socket.peek(&mut first).await? > 0 && first[0].is_ascii_alphabetic() {
            conn.lacks_tls();
            return Ok(Self::Plain(MonitoredSocket { socket, conn, full: false }));
        }
        let stream = MonitoredSocket { socket, conn, full: false };
        match tls {
            None => Ok(Self::Plain(stream)),
            Some(acceptor) => acceptor.accept(stream).await.map(|tls| Self::Tls(Box::new(tls))),
        }
    }
}

impl AsyncRead for AcceptedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for AcceptedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

fn prepare(socket: &TcpStream) {
    // Answers are small and complete: Nagle's algorithm could only delay them.
    let _ = socket.set_nodelay(true);
    // Otherwise Linux buffers megabytes for a slow client, and reports room only when a third of it
    // has been sent: on a slow line the client would seem not to read for a minute.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(socket).set_tcp_notsent_lowat(UNSENT);
}

/// A TCP socket that records in its [`ConnState`] when it is full and when the client makes room.
///
/// It is below TLS, which has a buffer of its own: above TLS, a write succeeds while the flush
/// after it waits for the client, and so may a handshake and a close.
///
/// Accepted bytes are not a sign of life: the socket accepts them while it has room, even if the
/// client is gone. Only the client can make room in a full socket.
pub(super) struct MonitoredSocket {
    socket: TcpStream,
    conn: Arc<ConnState>,
    full: bool,
}

impl MonitoredSocket {
    fn wrote(&mut self, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.full != done.is_pending() {
            self.full = done.is_pending();
            self.conn.stall(self.full);
            if matches!(done, Poll::Ready(Ok(_))) {
                self.conn.makes_room();
            }
        }
        done
    }
}

impl AsyncRead for MonitoredSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for MonitoredSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wrote(done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.wrote(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
