//! The endpoints that are asked: their paths, and the ids in them.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::NextPage;
use crate::callback::MAX_ID;
use crate::text::Printable;

/// What an id of a path is written with: everything but unreserved characters is encoded (RFC 3986,
/// section 2.3), so that no id can leave its endpoint.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A question that the API answers.
#[derive(Debug, Clone, Copy)]
pub enum Endpoint<'a> {
    /// The version with this id.
    Version(&'a str),
    /// The asset with this id.
    Asset(&'a str),
    /// A page of the list of assets; `None` is the first one.
    Assets(Option<&'a NextPage>),
}

impl Endpoint<'_> {
    /// Returns the path, with its query; `None` for an id that cannot be in a path.
    pub fn path(&self) -> Option<String> {
        match self {
            Self::Version(id) => Some(format!("/v1/versions/{}", segment(id)?)),
            Self::Asset(id) => Some(format!("/v1/assets/{}", segment(id)?)),
            Self::Assets(None) => Some("/v1/assets/".to_owned()),
            Self::Assets(Some(page)) => Some(format!("/v1/assets/?{}", page.query())),
        }
    }
}

impl fmt::Display for Endpoint<'_> {
    /// Returns what is asked for, as messages call it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(id) => write!(f, "version {}", Printable::new(id).cut(80)),
            Self::Asset(id) => write!(f, "asset {}", Printable::new(id).cut(80)),
            Self::Assets(_) => f.write_str("the list of assets"),
        }
    }
}

/// Returns an id as one segment of a path. Dots alone would be resolved as a path, and without
/// characters there would be another endpoint.
fn segment(id: &str) -> Option<String> {
    let fits = !id.is_empty() && id.len() <= MAX_ID && id.bytes().any(|byte| byte != b'.');
    fits.then(|| utf8_percent_encode(id, ENCODED).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_id_leaves_its_endpoint() {
        for (id, path) in [
            ("ver_1-a.b~", "/v1/versions/ver_1-a.b~"),
            ("../assets?x=1#y", "/v1/versions/..%2Fassets%3Fx%3D1%23y"),
            ("a b\r\n\u{e9}%2f\\", "/v1/versions/a%20b%0D%0A%C3%A9%252f%5C"),
        ] {
            assert_eq!(Endpoint::Version(id).path().unwrap(), path);
        }
        for id in ["", ".", "..", "...", &"x".repeat(MAX_ID + 1)] {
            assert_eq!(Endpoint::Asset(id).path(), None, "{id:?}");
        }
    }

    proptest! {
        #[test]
        fn every_id_is_one_segment(id: String) {
            if let Some(path) = Endpoint::Asset(&id).path() {
                let segment = path.strip_prefix("/v1/assets/").unwrap();
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
                prop_assert!(segment.chars().all(is_plain) && !matches!(segment, "" | "." | ".."));
                let back = percent_encoding::percent_decode_str(segment).decode_utf8().unwrap();
                prop_assert_eq!(back, id);
            }
        }
    }
}
