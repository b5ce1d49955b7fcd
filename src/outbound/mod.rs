//! Outgoing connections, for the relay client, `send`, the service's API and forwarding: proxies from the
//! environment, trusted certificates, reasons for failures, and when to try again. Implements no
//! protocol above TLS.

mod chance;
mod connect;
mod connector;
mod failure;
mod proxy;
mod reach;
mod reasons;
mod sleep_detector;
mod stream;
mod tls;
mod tunnel;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use http::HeaderValue;

pub use chance::chance;
pub use connect::ConnectError;
pub use connector::{ClientStream, Connector, destination};
pub use failure::ExchangeFailure;
pub use proxy::{Proxies, ProxyError};
use reach::Reach;
pub use sleep_detector::{LOOK_EVERY, SleepDetector};
pub use stream::{AnyStream, SpeaksTls};
pub use tls::Trust;

/// The protocol of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http://`: an HTTP proxy forwards its requests one by one.
    Http,
    /// `https://`
    Https,
    /// `ws://`: uses `CONNECT` through an HTTP proxy, like `https://` and `wss://`.
    Ws,
    /// `wss://`
    Wss,
}

impl Scheme {
    /// Returns whether the connection uses TLS.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    /// Returns the URL scheme of the same protocol without TLS.
    const fn plain(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "http://",
            Self::Ws | Self::Wss => "ws://",
        }
    }
}

/// The target of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its protocol.
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Destination {
    /// Returns whether it is this machine, which is never reached through a proxy.
    pub fn is_this_machine(&self) -> bool {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
    }
}

/// Returns host and port, in the format of `CONNECT`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        proxy::authority(&self.host, self.port).fmt(f)
    }
}

/// Makes connections with given proxies and trusted certificates.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    proxies: Proxies,
    trust: Trust,
    reach: Reach,
}

/// An open connection.
pub struct Connection {
    /// Its stream, inside TLS if the target uses it.
    pub stream: AnyStream,
    /// Whether requests must have whole URLs, for an HTTP proxy.
    pub is_forwarded: bool,
}

impl Outbound {
    /// Creates it from proxies and trusted certificates.
    pub const fn new(proxies: Proxies, trust: Trust) -> Self {
        Self { proxies, trust, reach: Reach::Any }
    }

    /// Returns the same, limited to targets on the public internet: for addresses that another
    /// program chose. What is checked is the address that a name resolves to and that is connected
    /// to. A proxy resolves names itself, so of its targets only what is written as an address is
    /// checked.
    #[must_use]
    pub const fn public_only(mut self) -> Self {
        self.reach = Reach::Public;
        self
    }

    /// Checks the proxy for a target. Returns an error if there is one that cannot be used.
    pub fn check(&self, target: &Destination) -> Result<(), ProxyError> {
        self.proxies.to(target).map(drop)
    }

    /// Returns the `Proxy-Authorization` of requests that a proxy forwards.
    pub fn authorization(&self, target: &Destination) -> Option<HeaderValue> {
        let proxy = self.proxies.to(target).ok()??;
        proxy.is_forwarding(target).then(|| proxy.authorization()).flatten()
    }

    /// Explains a 407 to a request that a proxy forwards; `None` without a proxy.
    pub fn refused(&self, target: &Destination, headers: &http::HeaderMap) -> Option<ProxyError> {
        let proxy = self.proxies.to(target).ok()??;
        let offers = headers.get_all(http::header::PROXY_AUTHENTICATE).iter();
        let offers = offers.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        proxy.is_forwarding(target).then(|| proxy.wants_login(offers))
    }

    /// Returns the file that replaces the system's certificates, if any.
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
