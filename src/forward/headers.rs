//! Which headers of a kept delivery go to another receiver: all but those of the connection that it
//! came by.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::callback::{Headers, REDACTED};

/// Headers that are about one connection (RFC 9110, section 7.6.1), and those that the new request
/// has of its own. `Expect` would make the body wait for an answer.
const OF_THE_CONNECTION: [HeaderName; 10] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HOST,
    CONTENT_LENGTH,
    EXPECT,
];
/// The same without a name of its own in the library.
const OTHERS: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Returns the headers to send with the body again: in their order, repeats included, byte for byte.
///
/// Leaves out what is about the connection, what `Connection` names, and secrets whose values were
/// not kept.
pub fn forwarded_headers(kept: &Headers) -> HeaderMap {
    let named: Vec<String> = kept
        .all(CONNECTION.as_str())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut headers = HeaderMap::new();
    for (name, value) in kept.raw() {
        let of_the_connection = OF_THE_CONNECTION.iter().any(|own| own.as_str() == name)
            || OTHERS.contains(&name)
            || named.iter().any(|own| own == name);
        if of_the_connection || *value == *REDACTED.as_bytes() {
            continue;
        }
        // What was received once can be sent: only a journal that was edited has anything else.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_connection_stays_behind() {
        let kept = Headers::from_raw([
            ("Host", b"old.example".as_slice()),
            ("X-Signature", b"3045"),
            ("X-Twice", b"1"),
            ("Connection", b"close, X-Hop"),
            ("X-Hop", b"gone"),
            ("X-Twice", b"2"),
            ("X-Latin", b"caf\xe9"),
            ("Transfer-Encoding", b"chunked"),
            ("Content-Length", b"7"),
            ("Keep-Alive", b"timeout=5"),
            ("Expect", b"100-continue"),
            ("Authorization", b"Bearer s3cret"),
            ("Proxy-Connection", b"keep-alive"),
        ]);
        let sent = forwarded_headers(&kept);
        let sent: Vec<_> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let expected = [
            ("x-signature", b"3045".as_slice()),
            ("x-twice", b"1"),
            ("x-twice", b"2"),
            ("x-latin", b"caf\xe9"),
        ];
        assert_eq!(sent, expected);
    }
}
