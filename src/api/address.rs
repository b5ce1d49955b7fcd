//! The address of the API: parses its URL, and tells its host from every other.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::Authority;

use crate::outbound::{Destination, Scheme, destination};
use crate::text::Printable;

/// The one host that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiAddress {
    target: Destination,
    /// Host and port as in a request.
    authority: Authority,
    /// Prefix of every path, without a slash at its end.
    prefix: String,
}

/// Why a URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiAddressError {
    #[error("{0} is no URL of the API; expected one like https://api.panjaya.ai")]
    NoApi(Printable),
    #[error(
        "the URL of the API must hold no user name or password: the key comes from PANJAYA_API_KEY or a file"
    )]
    Secret,
    #[error(
        "http:// to {0} would send the API key in the clear; use https:// (http:// is for this machine alone)"
    )]
    InTheClear(Printable),
}

impl ApiAddress {
    /// Parses a URL: https, or http to this machine.
    pub fn new(url: &str) -> Result<Self, ApiAddressError> {
        if url.contains('@') {
            return Err(ApiAddressError::Secret);
        }
        let no_api = || ApiAddressError::NoApi(Printable::new(url).cut(80));
        let uri: Uri = url.parse().map_err(|_| no_api())?;
        let target = destination(&uri).filter(|target| !target.host.is_empty());
        let (Some(target), Some(authority)) = (target, uri.authority()) else {
            return Err(no_api());
        };
        if uri.query().is_some() || url.contains('#') || !url.is_ascii() {
            return Err(no_api());
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        if prefix.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(no_api());
        }
        let address = Self { target, authority: authority.clone(), prefix };
        if address.target.scheme != Scheme::Https && !address.is_loopback() {
            return Err(ApiAddressError::InTheClear(Printable::new(&address.target.host).cut(80)));
        }
        Ok(address)
    }

    /// Returns whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = &self.target.host;
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Returns the target of the connection.
    pub const fn target(&self) -> &Destination {
        &self.target
    }

    /// Returns the host and port as messages show them.
    pub fn host(&self) -> Printable {
        Printable::new(self.authority.as_str()).cut(80)
    }

    /// Returns the URL of a path, which begins with `/`, with its query.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, http::Error> {
        let scheme = if self.target.scheme.is_tls() { "https" } else { "http" };
        let path = format!("{}{path}", self.prefix);
        Uri::builder().scheme(scheme).authority(self.authority.clone()).path_and_query(path).build()
    }

    /// Returns the URL of a redirect if it stays on this host, with the same scheme and port.
    pub(super) fn own(&self, location: &str) -> Option<Uri> {
        let uri: Uri = match location.as_bytes() {
            // Relative to the host; `//` would begin another host.
            [b'/', second, ..] if *second != b'/' && *second != b'\\' => {
                let here = self.uri("").ok()?;
                let parts = here.into_parts();
                Uri::builder()
                    .scheme(parts.scheme?)
                    .authority(parts.authority?)
                    .path_and_query(location)
                    .build()
                    .ok()?
            }
            _ => location.parse().ok()?,
        };
        let target = destination(&uri)?;
        let is_here = target.scheme == self.target.scheme
            && target.port == self.target.port
            && target.host.eq_ignore_ascii_case(&self.target.host)
            && !uri.authority()?.as_str().contains('@');
        is_here.then_some(uri)
    }
}

impl fmt::Display for ApiAddress {
    /// Returns the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.target.scheme.is_tls() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let address = ApiAddress::new("https://api.panjaya.ai/").unwrap();
        assert_eq!(address.uri("/v1/assets/").unwrap(), "https://api.panjaya.ai/v1/assets/");
        assert_eq!(address.target().port, 443);
        assert_eq!(address.to_string(), "https://api.panjaya.ai");
        let address = ApiAddress::new("http://[::1]:8080/stage/").unwrap();
        let uri = address.uri("/v1/assets/?page=2").unwrap();
        assert_eq!(uri, "http://[::1]:8080/stage/v1/assets/?page=2");
        assert_eq!(address.target().host, "::1");
    }

    #[test]
    fn the_key_is_sent_in_the_clear_to_this_machine_only() {
        for near in ["http://localhost:1", "http://127.0.0.1", "http://127.9.9.9:2", "http://[::1]"]
        {
            assert!(ApiAddress::new(near).is_ok(), "{near}");
        }
        for far in ["http://api.panjaya.ai", "http://10.0.0.1", "http://localhost.example"] {
            assert!(matches!(ApiAddress::new(far), Err(ApiAddressError::InTheClear(_))), "{far}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "api.panjaya.ai",
            "ftp://api.panjaya.ai",
            "wss://api.panjaya.ai",
            "https://",
            "https://h/?key=1",
            "https://h/#x",
            "https://h/a/../b",
        ] {
            assert!(matches!(ApiAddress::new(wrong), Err(ApiAddressError::NoApi(_))), "{wrong}");
        }
        let error = ApiAddress::new("https://user:s3cret@api.panjaya.ai").unwrap_err();
        assert_eq!(error, ApiAddressError::Secret);
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn a_redirect_stays_on_the_host() {
        let address = ApiAddress::new("https://api.panjaya.ai").unwrap();
        for (location, uri) in [
            ("/v1/assets/a", "https://api.panjaya.ai/v1/assets/a"),
            ("https://API.panjaya.ai/x?y=1", "https://api.panjaya.ai/x?y=1"),
            ("https://api.panjaya.ai:443/x", "https://api.panjaya.ai:443/x"),
        ] {
            assert_eq!(address.own(location).unwrap(), uri, "{location}");
        }
        for location in [
            "",
            "x",
            "//evil.example/x",
            "/\\evil.example",
            "http://api.panjaya.ai/x",
            "https://api.panjaya.ai:444/x",
            "https://api.panjaya.ai.evil.example/x",
            "https://user@api.panjaya.ai/x",
            "https://evil.example/",
            "ftp://api.panjaya.ai/",
        ] {
            assert!(address.own(location).is_none(), "{location}");
        }
    }
}
