//! Connects to a target: TCP, proxy, TLS.

use std::error::Error as _;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::{Service, service_fn};

use super::proxy::{PATIENCE, Proxy, ProxyError, authority};
use super::reach::{self, Reach};
use super::stream::AnyStream;
use super::tls::TlsError;
use super::{Connection, Destination, Outbound, reasons, tunnel};
use crate::text::Printable;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot connect to {to}: {cause}{hint}")]
    Tcp { to: Printable, cause: io::Error, hint: &'static str },
    #[error(
        "{to} is not connected to: its address is not on the public internet, but of this machine or of a private network"
    )]
    NotPublic { to: Printable },
    #[error("{0}")]
    Proxy(ProxyError),
    #[error("cannot speak TLS with {to}: {why}")]
    Tls { to: Printable, why: String },
    #[error("the name {0} cannot be in a certificate; use another one in the URL")]
    Name(Printable),
    #[error("{0}")]
    Setup(TlsError),
    #[error("cannot connect to {to}: no connection within {limit:?}")]
    Late { to: Printable, limit: Duration },
}

impl Outbound {
    /// Connects to a target. Has no time limit.
    pub async fn connect(&self, target: &Destination) -> Result<Connection, ConnectError> {
        let proxy = self.proxies.to(target).map_err(ConnectError::Proxy)?;
        let is_forwarded = proxy.is_some_and(|proxy| proxy.is_forwarding(target));
        let tcp = match proxy {
            None => self.direct(target).await?,
            Some(_) if self.reach == Reach::Public && !reach::may_be_public(&target.host) => {
                return Err(not_public(target));
            }
            Some(proxy) => timeout(PATIENCE, through(proxy, target))
                .await
                .unwrap_or_else(|_| Err(proxy.is_silent(target)))
                .map_err(ConnectError::Proxy)?,
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

    /// Connects without a proxy.
    async fn direct(&self, target: &Destination) -> Result<TcpStream, ConnectError> {
        let failed = |cause| ConnectError::Tcp {
            to: Printable::new(&target.to_string()),
            cause,
            hint: self.proxies.hint(target),
        };
        let (host, port) = (target.host.as_str(), target.port);
        if self.reach == Reach::Any {
            return dial(HttpConnector::new(), host, port).await.map_err(failed);
        }
        let mut found = lookup_host((host, port)).await.map_err(failed)?.peekable();
        if found.peek().is_none() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        let public: Vec<SocketAddr> = found.filter(|at| reach::is_public(at.ip())).collect();
        if public.is_empty() {
            return Err(not_public(target));
        }
        // Resolved once: a second answer could be another one.
        let resolved =
            service_fn(move |_: Name| ready(Ok::<_, io::Error>(public.clone().into_iter())));
        dial(HttpConnector::new_with_resolver(resolved), host, port).await.map_err(failed)
    }

    async fn secure(
        &self,
        target: &Destination,
        tcp: TcpStream,
    ) -> Result<AnyStream, ConnectError> {
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

fn not_public(target: &Destination) -> ConnectError {
    ConnectError::NotPublic { to: Printable::new(&target.to_string()) }
}

/// Connects to a proxy and opens a tunnel, unless the proxy forwards whole requests.
async fn through(proxy: &Proxy, target: &Destination) -> Result<TcpStream, ProxyError> {
    let tcp = dial(HttpConnector::new(), &proxy.host, proxy.port);
    let tcp = tcp.await.map_err(|cause| proxy.is_down(target, cause))?;
    if proxy.is_forwarding(target) { Ok(tcp) } else { tunnel::open(tcp, proxy, target).await }
}

/// Connects to the first address of a host that answers.
async fn dial<R>(mut connector: HttpConnector<R>, host: &str, port: u16) -> io::Result<TcpStream>
where
    HttpConnector<R>: Service<Uri, Response = TokioIo<TcpStream>>,
    <HttpConnector<R> as Service<Uri>>::Error: std::error::Error,
{
    let uri = Uri::builder().scheme("http").authority(authority(host, port)).path_and_query("/");
    let uri = uri.build().map_err(io::Error::other)?;
    // Nagle's algorithm would delay acks.
    connector.set_nodelay(true);
    connector.call(uri).await.map(TokioIo::into_inner).map_err(|error| {
        // The library's error only names the step that failed; the system's has the reason.
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match cause {
            Some(cause) => io::Error::new(cause.kind(), cause.to_string()),
            None => io::Error::other(error.to_string()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::{Proxies, Scheme, Trust};

    /// Time is paused: a connection without an answer times out as soon as all tasks wait.
    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_does_not_answer_is_named() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = silent.local_addr().unwrap().to_string();
        for scheme in ["http", "socks5"] {
            let proxies = Proxies::from_variables(|name| {
                (name == "ALL_PROXY").then(|| format!("{scheme}://{at}"))
            });
            let outbound = Outbound::new(proxies, Trust::System);
            let target =
                Destination { scheme: Scheme::Wss, host: "relay.invalid".into(), port: 443 };
            let error = outbound.connect(&target).await.err().unwrap().to_string();
            for words in [&at, "ALL_PROXY", "no way to relay.invalid:443 within 10 s"] {
                assert!(error.contains(words), "{error}");
            }
        }
    }
}
