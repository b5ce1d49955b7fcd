//! The headers of a request as they are kept: lower-case names, in order of first appearance.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Replaces the value of a secret header.
pub const REDACTED: &str = "[redacted by dubwatch]";

/// The header that carries the signature, in the lower case in which names are kept.
pub const SIGNATURE_HEADER: &str = "x-signature";

/// Headers whose values are never kept.
const SECRET: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// The third part of a value that is not UTF-8, where headers are kept.
const LATIN1: &str = "latin1";

/// Header names and values; repeats of a name are kept, side by side.
///
/// [`Headers::raw`] restores the bytes of every value: each text is marked as UTF-8, or as one byte
/// a character.
///
/// Serialised, as they are kept, as a list of `[name, value]`, and `[name, value, "latin1"]` where the
/// value is not UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(Vec<Header>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    name: String,
    value: String,
    /// Whether the value was not UTF-8: each character stands for one byte.
    is_latin1: bool,
}

impl Headers {
    /// Creates headers from names and raw values.
    ///
    /// Converts names to lower case. Reads a value that is not UTF-8 as ISO 8859-1 (RFC 9110,
    /// section 5.5), so that every byte stays visible. Replaces the values of `authorization`,
    /// `proxy-authorization` and `cookie` by [`REDACTED`].
    pub fn from_raw<'a>(raw: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let headers = raw.into_iter().map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            if SECRET.contains(&name.as_str()) {
                return Header { name, value: REDACTED.to_owned(), is_latin1: false };
            }
            if let Ok(value) = std::str::from_utf8(value) {
                return Header { name, value: value.to_owned(), is_latin1: false };
            }
            let value = value.iter().copied().map(char::from).collect();
            Header { name, value, is_latin1: true }
        });
        Self(headers.collect())
    }

    /// Creates headers from texts and the positions, from 0, of the texts whose characters are one
    /// byte each.
    pub fn from_text(pairs: &[(String, String)], latin1: &[usize]) -> Self {
        let raw: Vec<(&str, Cow<'_, [u8]>)> = pairs
            .iter()
            .enumerate()
            .map(|(at, (name, value))| (name.as_str(), bytes(value, latin1.contains(&at))))
            .collect();
        Self::from_raw(raw.iter().map(|(name, value)| (*name, value.as_ref())))
    }

    /// Returns the names and the bytes of the values, in order.
    pub fn raw(&self) -> impl Iterator<Item = (&str, Cow<'_, [u8]>)> {
        self.0.iter().map(|header| (header.name.as_str(), bytes(&header.value, header.is_latin1)))
    }

    /// Returns the positions, from 0, of the values that are not UTF-8: each of their characters is
    /// one byte.
    pub fn latin1(&self) -> Vec<usize> {
        let marked = self.0.iter().enumerate().filter(|(_, header)| header.is_latin1);
        marked.map(|(at, _)| at).collect()
    }

    /// Returns every value of the header called `name` (in lower case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Returns the beginning of the headers: names and values of at most `bytes` bytes together,
    /// each value cut at an eighth of that.
    #[must_use]
    pub fn sample(mut self, bytes: usize) -> Self {
        let mut left = bytes;
        self.0.retain_mut(|Header { name, value, .. }| {
            cut(value, bytes / 8);
            let size = name.len() + value.len();
            let fits = size <= left;
            left -= if fits { size } else { left };
            fits
        });
        self
    }

    /// Returns the length of names and values together, in bytes.
    pub fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Returns the names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }
}

/// Returns the bytes of a text, one for each character if it is marked so. Ignores the mark if a
/// character does not fit a byte.
fn bytes(text: &str, is_latin1: bool) -> Cow<'_, [u8]> {
    let latin1 = || text.chars().map(|character| u8::try_from(character).ok()).collect();
    match is_latin1.then(latin1).flatten() {
        Some(bytes) => Cow::Owned(bytes),
        None => Cow::Borrowed(text.as_bytes()),
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, value, is_latin1 } = self;
        if *is_latin1 {
            (name, value, LATIN1).serialize(serializer)
        } else {
            (name, value).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name, a value and, where that is not UTF-8, {LATIN1}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Header, A::Error> {
        let missing = |length| de::Error::invalid_length(length, &self);
        let name = parts.next_element()?.ok_or_else(|| missing(0))?;
        let value = parts.next_element()?.ok_or_else(|| missing(1))?;
        let is_latin1 = match parts.next_element::<String>()?.as_deref() {
            None => false,
            Some(LATIN1) => true,
            Some(other) => return Err(de::Error::invalid_value(de::Unexpected::Str(other), &self)),
        };
        Ok(Header { name, value, is_latin1 })
    }
}

/// Cuts text to at most `bytes` bytes, never inside a character.
pub(super) fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sample_is_bounded_and_keeps_the_first() {
        let long = "é".repeat(5000);
        let raw = [("x-signature", b"30".as_slice()), ("x-long", long.as_bytes())];
        let headers = Headers::from_raw(raw.into_iter().chain([("x-more", long.as_bytes()); 20]));
        let sample = headers.sample(8192);
        assert_eq!(sample.iter().next(), Some(("x-signature", "30")));
        let size = sample.size();
        assert!((7000..=8192).contains(&size), "{size}");
    }

    #[test]
    fn secrets_stay_at_the_door_and_everything_else_is_kept() {
        let headers = Headers::from_raw([
            ("X-Signature", b"30".as_slice()),
            ("Authorization", b"Bearer s3cret"),
            ("Cookie", b"session=s3cret"),
            ("X-Signature", b"31"),
            ("X-Latin", b"caf\xe9"),
        ]);
        assert_eq!(headers.all("x-signature").collect::<Vec<_>>(), ["30", "31"]);
        assert_eq!(headers.all("authorization").collect::<Vec<_>>(), [REDACTED]);
        assert_eq!(headers.all("x-latin").collect::<Vec<_>>(), ["café"]);
        assert!(!serde_json::to_string(&headers).unwrap().contains("s3cret"));
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_told_from_one_that_is() {
        let headers = Headers::from_raw([("a", b"caf\xe9".as_slice()), ("a", "café".as_bytes())]);
        assert_eq!(headers.all("a").collect::<Vec<_>>(), ["café", "café"]);
        assert_eq!(headers.latin1(), [0]);
        let kept = serde_json::to_string(&headers).unwrap();
        assert_eq!(kept, r#"[["a","café","latin1"],["a","café"]]"#);
        assert_eq!(serde_json::from_str::<Headers>(&kept).unwrap(), headers);
        for other in [r#"[["a"]]"#, r#"[["a","b","utf-9"]]"#, r#"[["a","b","latin1","c"]]"#] {
            assert!(serde_json::from_str::<Headers>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_mark_at_what_is_no_such_text_counts_for_nothing() {
        let pairs = [("a".to_owned(), "€".to_owned()), ("b".to_owned(), "Ã©".to_owned())];
        let headers = Headers::from_text(&pairs, &[0, 1, 7]);
        let raw: Vec<_> = headers.raw().collect();
        assert_eq!(raw[0], ("a", Cow::from("€".as_bytes())));
        // Bytes that are UTF-8 after all.
        assert_eq!(headers.all("b").collect::<Vec<_>>(), ["é"]);
        assert_eq!(headers.latin1(), [0_usize; 0]);
    }

    proptest! {
        #[test]
        fn bytes_come_back_from_what_is_kept_and_from_what_is_passed_on(
            raw in vec(("[a-z-]{1,8}", value()), 0..8),
        ) {
            let bytes = || raw.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
            let headers = Headers::from_raw(bytes());
            let pairs: Vec<_> =
                headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let kept = serde_json::to_string(&headers).unwrap();
            for again in [
                serde_json::from_str(&kept).unwrap(),
                Headers::from_text(&pairs, &headers.latin1()),
                headers.clone(),
            ] {
                prop_assert!(again.raw().eq(bytes().map(|(name, value)| (name, Cow::from(value)))));
                prop_assert_eq!(&again, &headers);
            }
        }
    }

    /// What HTTP allows in a value: text of all kinds, and bytes that are none.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let bytes = vec(prop_oneof![Just(b'\t'), 0x20..0x7f_u8, 0x80..=0xff_u8], 0..24);
        prop_oneof![bytes, "[ -~£é€😀]{0,12}".prop_map(String::into_bytes)]
    }
}
