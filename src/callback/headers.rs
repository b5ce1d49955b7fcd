//! The headers of a request as they are kept: lower-case names, in order of first appearance.

use serde::{Deserialize, Serialize};

/// What stands where the value of a secret header stood.
pub const REDACTED: &str = "[redacted by dubwatch]";

/// The header that carries the signature, in the lower case in which names are kept.
pub const SIGNATURE_HEADER: &str = "x-signature";

/// Headers whose values never get past the door.
const SECRET: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// Header names and values; repeats of a name are kept, side by side.
///
/// Serialised as a list of pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Headers from names and raw values.
    ///
    /// Names are put in lower case. A value that is not UTF-8 is read as ISO 8859-1 (RFC 9110,
    /// section 5.5), so that every byte stays visible. Values of `authorization`,
    /// `proxy-authorization` and `cookie` are replaced by [`REDACTED`].
    pub fn from_raw<'a>(raw: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let pairs = raw.into_iter().map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let value = if SECRET.contains(&name.as_str()) {
                REDACTED.to_owned()
            } else {
                std::str::from_utf8(value)
                    .map_or_else(|_| value.iter().copied().map(char::from).collect(), str::to_owned)
            };
            (name, value)
        });
        Self(pairs.collect())
    }

    /// Every value of the header called `name` (in lower case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The beginning of the headers: names and values of at most `bytes` bytes together, each value
    /// cut at an eighth of that.
    #[must_use]
    pub fn sample(mut self, bytes: usize) -> Self {
        let mut left = bytes;
        self.0.retain_mut(|(name, value)| {
            cut(value, bytes / 8);
            let size = name.len() + value.len();
            let fits = size <= left;
            left -= if fits { size } else { left };
            fits
        });
        self
    }

    /// How long names and values are together, in bytes.
    pub fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
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
}
