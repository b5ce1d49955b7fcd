//! Connects hyper's client through an [`Outbound`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower::Service;

use super::{AnyStream, ConnectError, Destination, Outbound, Scheme};
use crate::text::Printable;

/// Returns the target of a URL; `None` if it is neither `http://` nor `https://`.
pub fn destination(to: &Uri) -> Option<Destination> {
    let (scheme, port) = match to.scheme_str()? {
        "http" => (Scheme::Http, 80),
        "https" => (Scheme::Https, 443),
        _ => return None,
    };
    let host = to.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Destination { scheme, host, port: to.port_u16().unwrap_or(port) })
}

/// Makes the connections of a client.
#[derive(Clone)]
pub struct Connector(Outbound);

impl Connector {
    /// Creates one that connects through `outbound`.
    pub const fn new(outbound: Outbound) -> Self {
        Self(outbound)
    }
}

impl Service<Uri> for Connector {
    type Response = ClientStream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<ClientStream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let outbound = self.0.clone();
        Box::pin(async move {
            let no_url = || ConnectError::Name(Printable::new(&to.to_string()));
            let target = destination(&to).ok_or_else(no_url)?;
            let made = outbound.connect(&target).await?;
            Ok(ClientStream { io: TokioIo::new(made.stream), is_forwarded: made.is_forwarded })
        })
    }
}

/// A connection as the client uses it.
pub struct ClientStream {
    io: TokioIo<AnyStream>,
    is_forwarded: bool,
}

impl Connection for ClientStream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_forwarded)
    }
}

impl Read for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
