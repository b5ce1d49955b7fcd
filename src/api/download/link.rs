//! Which links are followed: https, to the host that they name, without a login.

use std::fmt;

use http::Uri;

use super::super::ApiAddress;
use crate::outbound::{Destination, Scheme, destination};
use crate::text::Printable;

/// A link that may be followed. It grants access, so nothing shows it.
#[derive(Clone)]
pub struct FileLink {
    uri: Uri,
    target: Destination,
    /// Whether the API is on this machine: then its links may lead here.
    is_local: bool,
}

/// Why a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("it is no URL that can be followed")]
    NoUrl,
    #[error("it leads to {0} without https")]
    Insecure(Printable),
    #[error("it holds a user name or a password")]
    Login,
}

impl FileLink {
    /// Checks a link of `api`. `http://` is accepted only for this machine, and only if the API is on
    /// it too.
    pub(super) fn new(text: &str, api: &ApiAddress) -> Result<Self, LinkError> {
        Self::checked(text.parse().map_err(|_| LinkError::NoUrl)?, api.is_loopback())
    }

    /// Checks a redirect.
    pub(super) fn redirect(&self, location: &str) -> Result<Self, LinkError> {
        let uri: Uri = match location.as_bytes() {
            // Relative to the host; `//` begins another host.
            [b'/', rest @ ..] if !matches!(rest, [b'/' | b'\\', ..]) => {
                let mut parts = self.uri.clone().into_parts();
                parts.path_and_query = Some(location.parse().map_err(|_| LinkError::NoUrl)?);
                Uri::from_parts(parts).map_err(|_| LinkError::NoUrl)?
            }
            _ => location.parse().map_err(|_| LinkError::NoUrl)?,
        };
        Self::checked(uri, self.is_local)
    }

    fn checked(uri: Uri, is_local: bool) -> Result<Self, LinkError> {
        let target = destination(&uri).ok_or(LinkError::NoUrl)?;
        if target.host.is_empty() || target.port == 0 {
            return Err(LinkError::NoUrl);
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(LinkError::Login);
        }
        let link = Self { uri, target, is_local };
        if link.target.scheme != Scheme::Https && !(is_local && link.target.is_this_machine()) {
            return Err(LinkError::Insecure(link.host()));
        }
        Ok(link)
    }

    /// Returns the host, with its port if that is not the usual one.
    pub fn host(&self) -> Printable {
        let Destination { scheme, host, port } = &self.target;
        let usual = if scheme.is_tls() { 443 } else { 80 };
        let text = if *port == usual { host.clone() } else { self.target.to_string() };
        Printable::new(&text.to_ascii_lowercase()).cut(80)
    }

    /// Returns the link itself.
    pub(super) const fn reveal(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Debug for FileLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileLink({}, redacted)", self.host())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn link(text: &str, api: &str) -> Result<FileLink, LinkError> {
        FileLink::new(text, &ApiAddress::new(api).unwrap())
    }

    const FAR: &str = "https://api.example";
    const NEAR: &str = "http://127.0.0.1:5";

    #[rstest]
    #[case("https://cdn.example/a?Signature=s3cret", FAR, Some("cdn.example"))]
    #[case("https://CDN.example:8443/a", FAR, Some("cdn.example:8443"))]
    #[case("https://cdn.example:443/a", FAR, Some("cdn.example"))]
    #[case("http://127.0.0.1:7/a", NEAR, Some("127.0.0.1:7"))]
    #[case("https://cdn.example/a", NEAR, Some("cdn.example"))]
    #[case("http://cdn.example/a", FAR, None)]
    #[case("http://cdn.example/a", NEAR, None)]
    #[case("http://127.0.0.1:7/a", FAR, None)]
    #[case("http://localhost.example/a", NEAR, None)]
    #[case("https://user:s3cret@cdn.example/a", FAR, None)]
    #[case("https://api.example@evil.example/a", FAR, None)]
    #[case("ftp://cdn.example/a", FAR, None)]
    #[case("file:///etc/passwd", FAR, None)]
    #[case("javascript:alert(1)", FAR, None)]
    #[case("//cdn.example/a", FAR, None)]
    #[case("/a", FAR, None)]
    #[case("", FAR, None)]
    #[case("https:///a", FAR, None)]
    #[case("https://cdn.example:0/a", FAR, None)]
    #[case("https://cdn.example/a b", FAR, None)]
    #[case("https://cdn.example/\u{1b}", FAR, None)]
    fn links_are_checked(#[case] text: &str, #[case] api: &str, #[case] host: Option<&str>) {
        let found = link(text, api);
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
        assert_eq!(found.ok().map(|link| link.host().to_string()).as_deref(), host);
    }

    #[rstest]
    #[case("https://other.example/b", Some("https://other.example/b"))]
    #[case("/b?c=d", Some("https://cdn.example/b?c=d"))]
    #[case("http://cdn.example/b", None)]
    #[case("http://127.0.0.1/b", None)]
    #[case("//other.example/b", None)]
    #[case("/\\other.example", None)]
    #[case("b", None)]
    #[case("", None)]
    #[case("https://u@other.example/", None)]
    fn redirects_are_checked_alike(#[case] location: &str, #[case] expected: Option<&str>) {
        let first = link("https://cdn.example/a", FAR).unwrap();
        let found = first.redirect(location).ok().map(|link| link.reveal().to_string());
        assert_eq!(found.as_deref(), expected);
    }
}
