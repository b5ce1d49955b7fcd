//! The fields of an answer by their spellings.

use serde_json::{Map, Value};

use super::AnswerError;
use crate::callback::MAX_ID;
use crate::text::Printable;

/// The longest URL that is read, in bytes.
const MAX_URL: usize = 16 << 10;

/// The spellings of a field, the most telling first, in the form of [`plain`].
pub(super) type Spellings = &'static [&'static str];

pub(super) const VERSION_ID: Spellings = &["versionid", "id", "dubbingid", "uuid"];
pub(super) const ASSET_ID: Spellings = &["assetid", "id", "uuid"];
pub(super) const ASSET_OF_VERSION: Spellings = &["assetid", "asset"];
pub(super) const LOCALE: Spellings = &[
    "versionlocale",
    "locale",
    "targetlocale",
    "language",
    "targetlanguage",
    "languagecode",
    "lang",
];
pub(super) const VERSION_STATUS: Spellings = &["status", "versionstatus", "state"];
pub(super) const ASSET_STATUS: Spellings = &["status", "assetstatus", "state"];
pub(super) const STUDIO_URL: Spellings = &["studiourl", "studiolink", "workspaceurl", "editorurl"];
pub(super) const RESULT_URL: Spellings = &[
    "resulturl",
    "resultlink",
    "resultvideourl",
    "downloadurl",
    "downloadlink",
    "outputurl",
    "videourl",
];
pub(super) const VERSIONS: Spellings = &["versions", "dubbings", "dubs", "assetversions"];
pub(super) const NAME: Spellings = &["name"];
pub(super) const TITLE: Spellings = &["title"];
pub(super) const EXTERNAL_ID: Spellings = &["externalid", "externalref"];
pub(super) const MEDIA_URL: Spellings = &["mediaurl", "sourceurl"];
/// Where an answer may hold a version in an object of its own.
pub(super) const AROUND_VERSION: Spellings = &["version", "data", "result", "item"];
/// Where an answer may hold an asset in an object of its own.
pub(super) const AROUND_ASSET: Spellings = &["asset", "data", "result", "item"];

/// Returns a name without case and separators: `assetId`, `asset_id` and `Asset-ID` are one.
pub fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns whether a field, in the form of [`plain`], holds the link of the video.
pub fn is_result_url(name: &str) -> bool {
    RESULT_URL.contains(&name) || name.starts_with("result") && name.contains("url")
}

/// Returns what a value is, for a message.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The fields of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) const fn new(map: &'a Map<String, Value>) -> Self {
        Self(map)
    }

    /// Returns the fields of `value` if it has one of `own`, else those of the object around which it
    /// is a wrapper.
    pub(super) fn of(
        value: &'a Value,
        own: Spellings,
        around: Spellings,
        expected: &'static str,
    ) -> Result<Self, AnswerError> {
        let Value::Object(map) = value else {
            return Err(AnswerError::Kind { found: kind(value), expected });
        };
        let outer = Self(map);
        let is_itself =
            own.iter().any(|name| outer.raw(name).is_some_and(|(_, value)| !value.is_object()));
        let inner = around.iter().find_map(|name| match outer.raw(name)?.1 {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        });
        Ok(if is_itself { outer } else { inner.unwrap_or(outer) })
    }

    /// Returns the field of one spelling, with its name as the service writes it; a null counts as
    /// missing.
    fn raw(self, spelling: &str) -> Option<(&'a str, &'a Value)> {
        let mut found =
            self.0.iter().filter(|(name, value)| !value.is_null() && plain(name) == spelling);
        found.next().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the first field of these spellings that is not null.
    pub(super) fn get(self, spellings: Spellings) -> Option<(&'a str, &'a Value)> {
        spellings.iter().find_map(|spelling| self.raw(spelling))
    }

    /// Returns a text that identifies something: no text, and one that is too long, is an error; an
    /// empty one is missing.
    pub(super) fn id(self, spellings: Spellings) -> Result<Option<String>, AnswerError> {
        let Some((name, value)) = self.get(spellings) else { return Ok(None) };
        match value {
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) if text.len() <= MAX_ID => Ok(Some(text.clone())),
            Value::String(_) => Err(wrong(name, "a text of over 512 bytes", "a short one")),
            other => Err(wrong(name, kind(other), "a text")),
        }
    }

    /// Returns a text that is not needed; adds a caution if it is none or too long.
    pub(super) fn text(
        self,
        spellings: Spellings,
        max: usize,
        cautions: &mut Vec<String>,
    ) -> Option<String> {
        let (name, value) = self.get(spellings)?;
        let why = match value {
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) if text.len() <= max => return Some(text.clone()),
            Value::String(_) => wrong(name, "too long", "a shorter text"),
            other => wrong(name, kind(other), "a text"),
        };
        cautions.push(why.to_string());
        None
    }

    /// Returns a URL, as it is written.
    pub(super) fn url(self, spellings: Spellings, cautions: &mut Vec<String>) -> Option<String> {
        self.text(spellings, MAX_URL, cautions)
    }

    /// Returns a whole number, also one in a text.
    pub(super) fn number(self, spellings: Spellings) -> Option<u64> {
        match self.get(spellings)?.1 {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns the object of a field.
    pub(super) fn object(self, spellings: Spellings) -> Option<Self> {
        match self.get(spellings)?.1 {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }
}

/// Returns the error about a field of another type.
pub(super) fn wrong(name: &str, found: &'static str, expected: &'static str) -> AnswerError {
    AnswerError::Field { field: Printable::new(name).cut(40), found, expected }
}
