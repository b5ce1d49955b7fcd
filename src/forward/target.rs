//! The target of a forward: the URL of an app, as a person writes it.

use std::fmt;

use http::Uri;

/// Maximum length of a target's URL, in bytes.
const MAX_URL: usize = 2000;
/// What a target is expected to be, for messages.
const EXPECTED: &str =
    "a port like 3000, a place like localhost:3000/x, or a URL like http://localhost:3000/x";

/// The URL of an app that deliveries are forwarded to. It comes from the settings, never from a
/// delivery.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForwardTarget {
    uri: Uri,
    url: String,
}

impl ForwardTarget {
    /// Reads a target. A port alone means `localhost`, which is both loopback addresses; without a
    /// scheme it is `http://`. The error says what is wrong, and repeats no secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // Before anything repeats the text: it may contain a password.
        if text.contains('@') {
            return Err(
                "a target must not hold a user name or password; put `authorization: …` into a file and name it with -H @file"
                    .to_owned(),
            );
        }
        if text.is_empty() || text.len() > MAX_URL || !is_printable(text) || text.contains('#') {
            return Err(unusable(text));
        }
        let url = with_host(text).ok_or_else(|| unusable(text))?;
        let uri: Uri = url.parse().map_err(|_| unusable(text))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (uri.scheme_str(), uri.authority())
        else {
            return Err(unusable(text));
        };
        let is_port_usable = match authority.as_str().rsplit_once(':') {
            // Inside of the brackets of an IPv6 address.
            Some((_, port)) if port.contains(']') => true,
            Some((_, port)) => port.parse::<u16>().is_ok_and(|port| port > 0),
            None => true,
        };
        if authority.host().is_empty() || !is_port_usable {
            return Err(unusable(text));
        }
        let authority = authority.as_str().to_ascii_lowercase();
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let url = format!("{scheme}://{authority}{path}");
        let uri = url.parse().map_err(|_| unusable(text))?;
        Ok(Self { uri, url })
    }

    /// Returns the URL to send to.
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the URL as a text, which also names the target in the journal and in NDJSON.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for ForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Returns whether a text is printable ASCII without blanks.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns the text with a scheme and a host; `None` if it is no place at all.
fn with_host(text: &str) -> Option<String> {
    if text.contains("://") {
        return Some(text.to_owned());
    }
    let end = text.find(['/', '?']).unwrap_or(text.len());
    let (place, path) = text.split_at(end);
    let port = place.strip_prefix(':').unwrap_or(place);
    if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(format!("http://localhost:{port}{path}"));
    }
    (!place.is_empty() && !place.starts_with(':')).then(|| format!("http://{place}{path}"))
}

fn unusable(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    let shown = shown.escape_debug();
    format!("{shown} is no target to forward to; expected {EXPECTED}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("3000", "http://localhost:3000/")]
    #[case(":3000", "http://localhost:3000/")]
    #[case("3000/hooks?x=1", "http://localhost:3000/hooks?x=1")]
    #[case("localhost:3000/x", "http://localhost:3000/x")]
    #[case("LocalHost:3000", "http://localhost:3000/")]
    #[case("127.0.0.1:3000", "http://127.0.0.1:3000/")]
    #[case("[::1]:3000/x", "http://[::1]:3000/x")]
    #[case("http://app.test/Hooks", "http://app.test/Hooks")]
    #[case("HTTPS://app.test:8443", "https://app.test:8443/")]
    #[case("app.test", "http://app.test/")]
    fn a_target_is_written_in_many_ways(#[case] text: &str, #[case] url: &str) {
        let target = ForwardTarget::parse(text).unwrap();
        assert_eq!(target.url(), url);
        assert_eq!(ForwardTarget::parse(url).unwrap(), target, "reading it back changes nothing");
    }

    #[rstest]
    #[case("")]
    #[case("0")]
    #[case("70000")]
    #[case("localhost:0")]
    #[case("localhost:")]
    #[case("ftp://localhost/")]
    #[case("http://")]
    #[case("/x")]
    #[case("?x")]
    #[case("a b:3000")]
    #[case("http://localhost:3000/#x")]
    #[case("http://localhost:3000/\u{1b}[2J")]
    #[case("http://bücher.example/")]
    fn what_is_no_target_is_refused_with_what_is_one(#[case] text: &str) {
        let why = ForwardTarget::parse(text).unwrap_err();
        assert!(why.contains("localhost:3000/x") && !why.contains('\u{1b}'), "{why}");
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let why = ForwardTarget::parse("http://user:s3cret@localhost:3000/").unwrap_err();
        assert!(why.contains("-H @file") && !why.contains("s3cret"), "{why}");
    }
}
