//! Changes that proxies and frameworks make to bodies, and what senders sign in place of the body;
//! each a function from the received body to the one that may have been signed. Checks nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde::de::IgnoredAny;

use super::json_fields::{Arranged, arrange};
use super::json_text::{Escapes, Spacing, rewrite};
use crate::callback::decompress;

/// The largest body that a change may produce, in bytes; a change that produces a larger one is
/// skipped.
pub(super) const MAX_CHANGED: usize = 512 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A change: its name, after "body changed on its way: the signature holds for", and the function.
pub(super) type BodyChange = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

/// Changes on the way, likely ones first.
pub(super) const ON_ITS_WAY: &[BodyChange] = &[
    ("the body without its trailing newline", without_newline),
    ("the body with a newline at its end", |body| Some([body, b"\n"].concat())),
    ("the body with CR LF at its end", |body| Some([body, b"\r\n"].concat())),
    ("the body without the whitespace around it", |body| Some(body.trim_ascii().to_vec())),
    ("the body with CR LF for every LF", |body| Some(with_crlf(&with_lf(body)))),
    ("the body with LF for every CR LF", |body| Some(with_lf(body))),
    ("the body without its byte order mark", |body| {
        body.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec)
    }),
    ("the body with a byte order mark before it", |body| Some([BYTE_ORDER_MARK, body].concat())),
    ("what it holds uncompressed: it was compressed after it was signed", |body| {
        decompress(body, MAX_CHANGED)
    }),
    ("the same JSON written compactly", |body| json(body, Spacing::Compact, Escapes::Kept)),
    ("the same JSON with Python's separators (\", \" and \": \")", |body| {
        json(body, Spacing::Python, Escapes::Kept)
    }),
    ("the same JSON with `/` where `\\/` arrived", |body| {
        json(body, Spacing::Kept, Escapes::KeptButSlashes { escaped: false })
    }),
    ("the same JSON with `\\/` where `/` arrived", |body| {
        json(body, Spacing::Kept, Escapes::KeptButSlashes { escaped: true })
    }),
    ("the same JSON as Python's json.dumps writes it", |body| {
        json(body, Spacing::Python, Escapes::Ascii)
    }),
    ("the same JSON as JSON.stringify writes it", |body| {
        json(body, Spacing::Compact, Escapes::Needed)
    }),
    ("the same JSON as PHP's json_encode writes it", |body| {
        json(body, Spacing::Compact, Escapes::Php)
    }),
    ("the same JSON as PHP's json_encode writes it with JSON_UNESCAPED_UNICODE", |body| {
        json(body, Spacing::Compact, Escapes::PhpUnicode)
    }),
    ("the same JSON as Go's json.Marshal writes it", |body| {
        json(body, Spacing::Compact, Escapes::Go)
    }),
    ("the same JSON as .NET's JsonSerializer writes it", |body| {
        json(body, Spacing::Compact, Escapes::DotNet)
    }),
    ("the same JSON with its non-ASCII characters escaped", |body| {
        json(body, Spacing::Kept, Escapes::Ascii)
    }),
    ("the same JSON with its characters not escaped", |body| {
        json(body, Spacing::Kept, Escapes::Needed)
    }),
    ("the same JSON compact, its non-ASCII characters escaped", |body| {
        json(body, Spacing::Compact, Escapes::Ascii)
    }),
    ("the same JSON compact, its non-ASCII characters escaped in capitals (\\u00E9)", |body| {
        json(body, Spacing::Compact, Escapes::AsciiCapitals)
    }),
    ("the same JSON with Python's separators, its characters not escaped", |body| {
        json(body, Spacing::Python, Escapes::Needed)
    }),
    ("the same JSON with its fields in the documented order", |body| {
        fields(body, Spacing::Compact, Arranged::Documented)
    }),
    ("the same JSON with its fields in the documented order and Python's separators", |body| {
        fields(body, Spacing::Python, Arranged::Documented)
    }),
    ("the same JSON with its fields sorted", |body| {
        fields(body, Spacing::Compact, Arranged::Sorted)
    }),
    ("the same JSON with its fields sorted and Python's separators", |body| {
        fields(body, Spacing::Python, Arranged::Sorted)
    }),
    ("the same JSON with version_id and version_locale as null, which were left out", |body| {
        fields(body, Spacing::Compact, Arranged::WithNulls)
    }),
    (
        "the same JSON with version_id and version_locale as null, which were left out, and Python's separators",
        |body| fields(body, Spacing::Python, Arranged::WithNulls),
    ),
    ("the same JSON without its null fields", |body| {
        fields(body, Spacing::Compact, Arranged::WithoutNulls)
    }),
    ("the same JSON without the fields that the contract does not have", |body| {
        fields(body, Spacing::Compact, Arranged::OnlyDocumented)
    }),
    (
        "the same JSON without the fields that the contract does not have, and Python's separators",
        |body| fields(body, Spacing::Python, Arranged::OnlyDocumented),
    ),
    ("the same JSON indented by two", |body| json(body, Spacing::Indented(2), Escapes::Kept)),
    ("the same JSON indented by two, its characters not escaped", |body| {
        json(body, Spacing::Indented(2), Escapes::Needed)
    }),
    ("the same JSON indented by two, its non-ASCII characters escaped", |body| {
        json(body, Spacing::Indented(2), Escapes::Ascii)
    }),
    ("the same JSON indented by four", |body| json(body, Spacing::Indented(4), Escapes::Kept)),
    ("the same JSON indented by four, its non-ASCII characters escaped", |body| {
        json(body, Spacing::Indented(4), Escapes::Ascii)
    }),
    ("the same JSON as PHP's json_encode writes it with JSON_PRETTY_PRINT", |body| {
        json(body, Spacing::Indented(4), Escapes::Php)
    }),
    ("the text inside this JSON string: it was encoded twice", |body| {
        serde_json::from_slice::<String>(body).ok().map(String::into_bytes)
    }),
    ("what this base64 decodes to", |body| STANDARD.decode(body.trim_ascii()).ok()),
    ("the value of its form field: it was sent as a form", form_field),
    ("the same text in UTF-8: it was turned into ISO 8859-1", |body| {
        let text: String = body.iter().copied().map(char::from).collect();
        std::str::from_utf8(body).is_err().then(|| text.into_bytes())
    }),
    ("the same text in UTF-8: it was turned into UTF-16", from_utf16),
    ("the same text encoded in UTF-8 once: it was encoded twice", encoded_once),
];

/// What a sender may have signed instead of the body, after "the signature was made over".
pub(super) const SIGNED_INSTEAD: &[BodyChange] = &[
    ("the SHA-256 of the body, so the body was hashed twice; sign the body itself", |body| {
        Some(digest(&SHA256, body).as_ref().to_vec())
    }),
    ("the hex of the body's SHA-256; sign the body itself", |body| {
        Some(hex::encode(digest(&SHA256, body)).into_bytes())
    }),
    ("the base64 of the body's SHA-256; sign the body itself", |body| {
        Some(STANDARD.encode(digest(&SHA256, body)).into_bytes())
    }),
    ("the base64 of the body; sign the body itself", |body| {
        Some(STANDARD.encode(body).into_bytes())
    }),
    ("nothing (an empty body); sign the body that is sent", |_| Some(Vec::new())),
];

fn without_newline(body: &[u8]) -> Option<Vec<u8>> {
    body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")).map(<[u8]>::to_vec)
}

fn with_lf(body: &[u8]) -> Vec<u8> {
    let mut bytes = body.iter().copied().peekable();
    std::iter::from_fn(|| {
        bytes
            .next()
            .map(|byte| if byte == b'\r' { bytes.next_if_eq(&b'\n').unwrap_or(byte) } else { byte })
    })
    .collect()
}

fn with_crlf(body: &[u8]) -> Vec<u8> {
    body.iter()
        .flat_map(|byte| match byte {
            b'\n' => b"\r\n".as_slice(),
            _ => std::slice::from_ref(byte),
        })
        .copied()
        .collect()
}

/// Returns the text of a body that is JSON, without a byte order mark.
fn json_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Some(text)
}

fn json(body: &[u8], spacing: Spacing, escapes: Escapes) -> Option<Vec<u8>> {
    rewrite(json_text(body)?, spacing, escapes, MAX_CHANGED).map(String::into_bytes)
}

fn fields(body: &[u8], spacing: Spacing, arranged: Arranged) -> Option<Vec<u8>> {
    let text = arrange(json_text(body)?, arranged)?;
    rewrite(&text, spacing, Escapes::Kept, MAX_CHANGED).map(String::into_bytes)
}

/// Returns the value of a body that is one field of an HTML form, like `payload=%7B%7D`.
fn form_field(body: &[u8]) -> Option<Vec<u8>> {
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (body.get(..equals)?, body.get(equals + 1..)?);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || !name.iter().all(is_word) || value.contains(&b'&') {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16));
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            other => *other,
        });
    }
    Some(out)
}

fn from_utf16(body: &[u8]) -> Option<Vec<u8>> {
    let (units, rest) = body.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let (units, is_little) = match units {
        [[0xff, 0xfe], units @ ..] => (units, true),
        [[0xfe, 0xff], units @ ..] => (units, false),
        [[_, 0], ..] => (units, true),
        [[0, _], ..] => (units, false),
        _ => return None,
    };
    let unit = |pair: &[u8; 2]| {
        if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) }
    };
    String::from_utf16(&units.iter().map(unit).collect::<Vec<_>>()).ok().map(String::into_bytes)
}

/// Returns the bytes of UTF-8 that was taken for ISO 8859-1 and encoded in UTF-8 once more.
fn encoded_once(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.is_ascii())?;
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let field =
            |body: &str| form_field(body.as_bytes()).map(|out| String::from_utf8(out).unwrap());
        assert_eq!(field("payload=%7B%22a%22%3A+1%7d").as_deref(), Some("{\"a\": 1}"));
        for body in ["", "=", "a=%7", "a=%zz", "a=1&b=2", "{\"a\":\"b=c\"}"] {
            assert_eq!(field(body), None, "{body}");
        }
    }

    #[test]
    fn text_is_turned_back() {
        assert_eq!(from_utf16(b"\xff\xfe{\0}\0").unwrap(), b"{}");
        assert_eq!(from_utf16(b"\0{\0}").unwrap(), b"{}");
        assert_eq!(from_utf16(b"{}"), None);
        assert_eq!(from_utf16(b"\xff\xfe\x00\xd8"), None, "half a surrogate pair");
        assert_eq!(encoded_once("caf\u{c3}\u{a9}".as_bytes()).unwrap(), "café".as_bytes());
        assert_eq!(encoded_once("漢".as_bytes()), None);
    }

    proptest::proptest! {
        #[test]
        fn any_body_does_no_harm(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            for (_, change) in ON_ITS_WAY.iter().chain(SIGNED_INSTEAD) {
                let _ = change(&body);
            }
        }

        #[test]
        fn any_text_does_no_harm(body in "[\\\\\"u0-9a-f{}\\[\\],:=%& \u{e9}\u{feff}]{0,48}") {
            for (_, change) in ON_ITS_WAY {
                let _ = change(body.as_bytes());
            }
        }
    }
}
