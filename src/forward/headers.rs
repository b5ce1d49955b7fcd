//! Which headers are forwarded: the original ones without those of the connection, and those that
//! the user adds.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::callback::{Headers, REDACTED, SIGNATURE_HEADER};
use crate::text::Printable;

/// Headers about one connection, or about the body's way over it (RFC 9110, section 7.6.1). The
/// client writes its own.
const OF_CONNECTION: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
];

/// Headers whose values the journal does not keep.
const NOT_KEPT: [&str; 2] = ["authorization", "cookie"];

/// The prefix of all headers of the signature.
const SIGNATURE: &str = SIGNATURE_HEADER;

/// A header that the user adds to every forwarded delivery. `Debug` does not show the value, which
/// may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ForwardHeader {
    name: HeaderName,
    value: HeaderValue,
}

impl std::fmt::Debug for ForwardHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ForwardHeader({})", self.name)
    }
}

impl ForwardHeader {
    /// Reads `name: value`. The error says what is wrong, and does not repeat the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            "expected name:value, or @ and the name of a file with one such line for each";
        let Some((name, value)) = text.split_once(':') else {
            return Err(format!("there is no colon in it; {expected}"));
        };
        let shown = Printable::new(name).cut(40);
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| format!("{shown} is no name of a header; {expected}"))?;
        if name.as_str().starts_with(SIGNATURE) {
            return Err(format!(
                "{name} cannot be set: the signature is forwarded as it came, so that it still holds"
            ));
        }
        if name != http::header::HOST && OF_CONNECTION.contains(&name.as_str()) {
            return Err(format!("{name} cannot be set: it is about the connection to the target"));
        }
        let value = HeaderValue::from_str(value.trim())
            .or_else(|_| HeaderValue::from_bytes(value.trim().as_bytes()))
            .map_err(|_| {
                format!("the value of {name} holds what no header can, like a control character")
            })?;
        Ok(Self { name, value })
    }

    /// Reads the lines of a file. Ignores blank lines and those that begin with `#`.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        lines
            .map(|(at, line)| Self::parse(line).map_err(|why| format!("line {}: {why}", at + 1)))
            .collect()
    }
}

/// Returns the headers of a forwarded delivery. An added header replaces all of its name.
pub fn forwarded_headers(kept: &Headers, added: &[ForwardHeader]) -> HeaderMap {
    let of_connection: Vec<String> = kept
        .all("connection")
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_forwarded = |name: &str| {
        // Even if the connection claims it: without its signature a delivery proves nothing.
        name.starts_with(SIGNATURE)
            || !(OF_CONNECTION.contains(&name)
                || NOT_KEPT.contains(&name)
                || of_connection.iter().any(|other| other == name)
                || added.iter().any(|header| header.name == name))
    };
    let mut headers = HeaderMap::new();
    // A secret whose value the journal does not keep is no value to send.
    let is_kept = |value: &[u8]| *value != *REDACTED.as_bytes();
    for (name, value) in kept.raw().filter(|(name, value)| is_forwarded(name) && is_kept(value)) {
        // The listener accepted them, so both can be written again.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    for ForwardHeader { name, value } in added {
        headers.append(name, value.clone());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn headers_of_the_connection_are_left_out_and_the_rest_is_the_same() {
        let kept = Headers::from_raw([
            ("Host", b"hooks.example".as_slice()),
            ("Connection", b"close, X-Hop"),
            ("X-Hop", b"1"),
            ("Transfer-Encoding", b"chunked"),
            ("Content-Length", b"9"),
            ("Content-Type", b"application/json"),
            ("Authorization", b"Bearer s3cret"),
            ("Cookie", b"a=b"),
            ("X-Signature", b"3045"),
            ("X-Signature-Algorithm", b"ES256"),
            ("X-Twice", b"1"),
            ("X-Twice", b"2"),
            ("X-Latin", b"caf\xe9"),
        ]);
        let headers = forwarded_headers(&kept, &[]);
        assert_eq!(
            names(&headers),
            ["content-type", "x-signature", "x-signature-algorithm", "x-twice", "x-latin"]
        );
        let twice: Vec<_> = headers.get_all("x-twice").iter().collect();
        assert_eq!(twice, ["1", "2"]);
        assert_eq!(headers["x-latin"].as_bytes(), b"caf\xe9");
    }

    #[test]
    fn a_signature_is_forwarded_even_where_the_connection_claims_it() {
        let raw = [("Connection", b"x-signature".as_slice()), ("X-Signature", b"3045")];
        assert_eq!(names(&forwarded_headers(&Headers::from_raw(raw), &[])), ["x-signature"]);
    }

    #[test]
    fn an_added_header_replaces_the_original() {
        let kept = Headers::from_raw([("X-Stage", b"live".as_slice()), ("x-stage", b"blue")]);
        let added =
            ForwardHeader::parse_lines("# of the app\nX-Stage: dev\n\nAuthorization:Bearer x\n");
        let headers = forwarded_headers(&kept, &added.unwrap());
        assert_eq!(headers.get_all("x-stage").iter().collect::<Vec<_>>(), ["dev"]);
        assert_eq!(headers["authorization"], "Bearer x");
    }

    #[test]
    fn what_cannot_be_added_is_told_without_its_value() {
        for text in [
            "x-signature: s3cret",
            "X-Signature-Algorithm:s3cret",
            "content-length: s3cret",
            "Connection: s3cret",
            "no colon s3cret",
            "bad name: s3cret",
            "x-control: s3\u{7}cret",
        ] {
            let why = ForwardHeader::parse(text).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
        let why = ForwardHeader::parse_lines("a: b\nx-signature: 1").unwrap_err();
        assert!(why.starts_with("line 2: x-signature cannot be set"), "{why}");
        assert!(ForwardHeader::parse("host: app.test").is_ok());
        let header = ForwardHeader::parse("authorization: s3cret").unwrap();
        assert_eq!(format!("{header:?}"), "ForwardHeader(authorization)");
    }
}
