//! Outgoing connections, for the relay client and for `send`: proxies of the environment, trusted
//! certificates, and why a connection could not be made; knows no protocol above TLS.

mod connect;
mod proxy;
mod reasons;
mod stream;
mod tls;
mod tunnel;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use http::HeaderValue;

pub use connect::ConnectError;
pub use proxy::{Proxies, ProxyError};
pub use stream::{AnyStream, SpeaksTls};
pub use tls::Trust;

/// What is spoken to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http://`: an HTTP proxy forwards its requests one by one.
    Http,
    /// `https://`
    Https,
    /// `ws://`: goes through an HTTP proxy by `CONNECT`, as `https://` and `wss://` do.
    Ws,
    /// `wss://`
    Wss,
}

impl Scheme {
    /// Whether TLS protects the connection.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    /// The beginning of a URL that does the same without TLS.
    const fn plain(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "http://",
            Self::Ws | Self::Wss => "ws://",
        }
    }
}

/// Where a connection is to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What is spoken there.
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Destination {
    /// Whether it is this machine, which no proxy leads to.
    fn is_this_machine(&self) -> bool {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
    }
}

/// Host and port, as `CONNECT` names them.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        proxy::authority(&self.host, self.port).fmt(f)
    }
}

/// How connections are made: through which proxies, and whose certificates are trusted.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    proxies: Proxies,
    trust: Trust,
}

/// A connection that was made.
pub struct Connection {
    /// Its bytes, inside TLS where the target speaks it.
    pub stream: AnyStream,
    /// Whether an HTTP proxy expects whole URLs in the requests.
    pub is_forwarded: bool,
}

impl Outbound {
    /// Connections through `proxies` to whom `trust` names.
    pub const fn new(proxies: Proxies, trust: Trust) -> Self {
        Self { proxies, trust }
    }

    /// Checks that the proxy on the way to a target can be used, if there is one.
    pub fn check(&self, target: &Destination) -> Result<(), ProxyError> {
        self.proxies.to(target).map(drop)
    }

    /// The `Proxy-Authorization` of requests that a proxy forwards.
    pub fn authorization(&self, target: &Destination) -> Option<HeaderValue> {
        let proxy = self.proxies.to(target).ok()??;
        proxy.is_forwarding(target).then(|| proxy.authorization()).flatten()
    }

    /// Explains a 407 to a request that a proxy forwards; `None` if no proxy is on the way.
    pub fn refused(&self, target: &Destination, headers: &http::HeaderMap) -> Option<ProxyError> {
        let proxy = self.proxies.to(target).ok()??;
        let offers = headers.get_all(http::header::PROXY_AUTHENTICATE).iter();
        let offers = offers.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        proxy.is_forwarding(target).then(|| proxy.wants_login(offers))
    }

    /// The file that replaces the system's certificates.
    fn cacert(&self) -> Option<&Path> {
        self.trust.file()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        let here = |host: &str| {
            Destination { scheme: Scheme::Http, host: host.to_owned(), port: 1 }.is_this_machine()
        };
        for host in ["localhost", "LocalHost.", "a.localhost", "127.9.9.9", "::1", "0.0.0.0", "::"]
        {
            assert!(here(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "notlocalhost", "2001:db8::1"] {
            assert!(!here(host), "{host}");
        }
    }
}
