//! Counts the bytes that come on a connection; neither reads nor keeps any of its own accord.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::outbound::AnyStream;

/// A connection's bytes, and how many came.
pub(super) struct Counted {
    stream: AnyStream,
    came: Came,
}

/// How many bytes came so far.
#[derive(Clone, Default)]
pub(super) struct Came(Arc<AtomicU64>);

impl Came {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Counted {
    pub(super) fn new(stream: AnyStream) -> Self {
        Self { stream, came: Came::default() }
    }

    pub(super) fn came(&self) -> Came {
        self.came.clone()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = buf.filled().len().saturating_sub(before);
        self.came.0.fetch_add(read as u64, Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
