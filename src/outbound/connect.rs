//! From a target to a stream: TCP, proxy, TLS.

use std::error::Error as _;
use std::io;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::Service as _;

use super::proxy::{ProxyError, authority};
use super::stream::AnyStream;
use super::tls::TlsError;
use super::{Connection, Outbound, Target, reasons, tunnel};
use crate::text::Printable;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ConnectError {
    #[error("cannot connect to {to}: {cause}")]
    Tcp { to: Printable, cause: io::Error },
    #[error("{0}")]
    Proxy(ProxyError),
    #[error("cannot speak TLS with {to}: {why}")]
    Tls { to: Printable, why: String },
    #[error("the name {0} cannot be in a certificate; use another one in the URL")]
    Name(Printable),
    #[error("{0}")]
    Setup(TlsError),
}

impl Outbound {
    /// Connects to a target. Sets no limit on the time that it takes.
    pub async fn connect(&self, target: &Target) -> Result<Connection, ConnectError> {
        let proxy = self.proxies.to(target).map_err(ConnectError::Proxy)?;
        let tcp = match proxy {
            None => tcp(&target.host, target.port).await.map_err(|cause| ConnectError::Tcp {
                to: Printable::new(&target.to_string()),
                cause,
            })?,
            Some(proxy) => {
                let tcp = tcp(&proxy.host, proxy.port).await;
                tcp.map_err(|cause| ConnectError::Proxy(proxy.is_down(target, cause)))?
            }
        };
        let is_forwarded = proxy.is_some_and(|proxy| proxy.is_forwarding(target));
        let tcp = match proxy {
            Some(proxy) if !is_forwarded => {
                tunnel::open(tcp, proxy, target).await.map_err(ConnectError::Proxy)?
            }
            _ => tcp,
        };
        let stream = if target.scheme.is_tls() {
            self.secure(target, tcp).await?
        } else if is_forwarded {
            AnyStream::new(tcp)
        } else {
            AnyStream::plain(tcp)
        };
        Ok(Connection { stream, is_forwarded })
    }

    async fn secure(&self, target: &Target, tcp: TcpStream) -> Result<AnyStream, ConnectError> {
        let connector = self.trust.connector().await.map_err(ConnectError::Setup)?;
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| ConnectError::Name(Printable::new(&target.host)))?;
        match connector.connect(name, tcp).await {
            Ok(secured) => Ok(AnyStream::new(secured)),
            Err(cause) => Err(ConnectError::Tls {
                to: Printable::new(&target.to_string()),
                why: reasons::handshake(target, self.cacert(), &cause),
            }),
        }
    }
}

/// Connects to a host by whichever of its addresses answers.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let uri = Uri::builder().scheme("http").authority(authority(host, port)).path_and_query("/");
    let uri = uri.build().map_err(io::Error::other)?;
    let mut connector = HttpConnector::new();
    // With Nagle's algorithm acks wait for each other.
    connector.set_nodelay(true);
    connector.call(uri).await.map(TokioIo::into_inner).map_err(|error| {
        // The library's error says only at what it failed; the system's says why.
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match cause {
            Some(cause) => io::Error::new(cause.kind(), cause.to_string()),
            None => io::Error::other(error.to_string()),
        }
    })
}
