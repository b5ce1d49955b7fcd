//! The address of a relay: parses its URL and checks whether a plain connection is allowed.

use std::net::IpAddr;

use http::Uri;

use super::super::protocol::SUBSCRIBE_PATH;
use crate::outbound::{Destination, Scheme};
use crate::text::Printable;

/// A relay's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    target: Destination,
    /// Host and port as in a request.
    pub(super) authority: String,
    /// Prefix of the relay's paths, without a slash at its end.
    prefix: String,
}

/// Why a URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0} is no URL of a relay; expected one like wss://relay.example.com")]
    NoRelay(Printable),
    #[error(
        "the relay's URL must hold no user name, password or token: the token comes from DUBWATCH_RELAY_TOKEN or a file"
    )]
    Secret,
    #[error(
        "ws:// to {0} would send the token and every delivery in the clear; use wss://, or allow it with --relay-insecure"
    )]
    InTheClear(Printable),
}

impl Address {
    /// Parses a URL. `ws://` to another machine needs `insecure`.
    pub fn new(url: &str, insecure: bool) -> Result<Self, AddressError> {
        let no_relay = || AddressError::NoRelay(Printable::new(url).cut(80));
        if url.contains('@') {
            return Err(AddressError::Secret);
        }
        let uri: Uri = url.parse().map_err(|_| no_relay())?;
        let tls = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(no_relay()),
        };
        let authority = uri.authority().ok_or_else(no_relay)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || uri.query().is_some() || url.contains('#') {
            return Err(no_relay());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let scheme = if tls { Scheme::Wss } else { Scheme::Ws };
        let address = Self {
            target: Destination { scheme, host, port },
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        };
        if !tls && !insecure && !address.is_loopback() {
            return Err(AddressError::InTheClear(Printable::new(&address.target.host).cut(80)));
        }
        Ok(address)
    }

    /// Returns whether the connection is encrypted or local.
    fn is_loopback(&self) -> bool {
        let host = &self.target.host;
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Returns a short form for the dashboard's header.
    pub fn short(&self) -> String {
        Printable::new(&self.authority).as_str().to_owned()
    }

    /// Returns the URL to subscribe at.
    pub(super) fn subscribe(&self) -> String {
        let scheme = if self.target.scheme.is_tls() { "wss" } else { "ws" };
        format!("{scheme}://{}{}{SUBSCRIBE_PATH}", self.authority, self.prefix)
    }

    /// Returns the target of the connection.
    pub const fn target(&self) -> &Destination {
        &self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let address = Address::new("wss://relay.example/", false).unwrap();
        assert_eq!(address.subscribe(), "wss://relay.example/v1/subscribe");
        assert_eq!(
            (address.target().to_string(), address.short()),
            ("relay.example:443".into(), "relay.example".into())
        );
        let address = Address::new("ws://[::1]:8080/deep", false).unwrap();
        assert_eq!(address.subscribe(), "ws://[::1]:8080/deep/v1/subscribe");
        assert_eq!((address.target().host.as_str(), address.target().port), ("::1", 8080));
        assert_eq!(address.target().to_string(), "[::1]:8080");
    }

    #[test]
    fn what_is_no_relay_or_holds_a_secret_is_refused() {
        for wrong in [
            "",
            "relay.example",
            "https://relay.example",
            "wss://",
            "wss://r?token=x",
            "wss://r/#x",
        ] {
            assert!(matches!(Address::new(wrong, true), Err(AddressError::NoRelay(_))), "{wrong}");
        }
        let error = Address::new("wss://dwr_s3cret@relay.example", true).unwrap_err();
        assert_eq!(error, AddressError::Secret);
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn in_the_clear_goes_to_this_machine_only() {
        for near in ["ws://localhost:1", "ws://127.0.0.1:1", "ws://127.9.9.9", "ws://[::1]:1"] {
            assert!(Address::new(near, false).is_ok(), "{near}");
        }
        for far in ["ws://relay.example", "ws://10.0.0.1", "ws://localhost.example"] {
            assert!(matches!(Address::new(far, false), Err(AddressError::InTheClear(_))), "{far}");
            assert!(Address::new(far, true).is_ok(), "{far}");
        }
    }
}
