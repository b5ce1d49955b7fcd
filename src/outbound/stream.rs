//! The stream of a connection. Detects TLS from a target that should speak plain text.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream in both directions.
trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Both for S {}

/// Any stream.
pub struct AnyStream {
    stream: Box<dyn Both>,
    /// Whether to check the first bytes for TLS.
    is_awaiting: bool,
}

/// The error of a plain stream that receives a TLS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side speaks TLS")]
pub struct SpeaksTls;

impl AnyStream {
    /// Wraps a stream without a check.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), is_awaiting: false }
    }

    /// Wraps a stream of a target that should not use TLS.
    pub(super) fn plain(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { is_awaiting: true, ..Self::new(stream) }
    }
}

/// Returns whether these are the first bytes of a TLS alert or handshake (RFC 8446, section 5.1).
/// An HTTP answer never begins with them.
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16] | [0x15 | 0x16, 3, ..])
}

impl AsyncRead for AnyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = &buffer.filled()[before..];
        if self.is_awaiting && !read.is_empty() {
            self.is_awaiting = false;
            if is_tls(read) {
                // After an error no bytes count as read.
                buffer.set_filled(before);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, SpeaksTls)));
            }
        }
        done
    }
}

impl AsyncWrite for AnyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn tls_in_place_of_an_answer_is_recognised_at_the_beginning_only() {
        for (bytes, is_tls) in [
            (&[0x15, 3, 3, 0, 2, 2, 22][..], true),
            (b"HTTP/1.1 200 OK", false),
            (b"\x15HTTP", false),
        ] {
            let (ours, mut theirs) = tokio::io::duplex(100);
            theirs.write_all(bytes).await.unwrap();
            drop(theirs);
            let mut stream = AnyStream::plain(ours);
            let mut read = Vec::new();
            let error = stream.read_to_end(&mut read).await.err();
            assert_eq!(error.is_some(), is_tls, "{bytes:?}: {error:?}");
        }
        let (ours, mut theirs) = tokio::io::duplex(100);
        let mut stream = AnyStream::plain(ours);
        theirs.write_all(b"H").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        theirs.write_all(&[0x15, 3]).await.unwrap();
        assert_eq!(stream.read_u16().await.unwrap(), 0x1503);
    }
}
