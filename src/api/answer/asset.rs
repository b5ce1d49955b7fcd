//! An asset in an answer.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::fields::{
    AROUND_ASSET, ASSET_ID, ASSET_STATUS, EXTERNAL_ID, Fields, MEDIA_URL, NAME, TITLE, VERSIONS,
    kind, wrong,
};
use super::{AnswerError, VersionAnswer};
use crate::callback::MAX_ID;

/// The longest name that is read, in bytes.
const MAX_NAME: usize = 4096;

/// What an answer says of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetAnswer {
    /// Its id; `None` where the answer does not repeat it.
    pub asset_id: Option<String>,
    /// Its name, if anything in the answer names it.
    pub name: Option<AssetName>,
    /// Its status, as it is written: the values are not known.
    pub status: Option<String>,
    /// Its versions; `None` where the answer has no list of them.
    pub versions: Option<Vec<VersionAnswer>>,
    /// Number of versions in that list that could not be read.
    pub unread_versions: usize,
    /// What could not be read, a sentence each.
    pub cautions: Vec<String>,
}

/// The name of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetName {
    /// The name.
    pub text: String,
    /// The field that it comes from.
    pub field: NameField,
}

/// A field that names an asset, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameField {
    /// `name`
    Name,
    /// `title`
    Title,
    /// `external_id`
    ExternalId,
    /// The file name in `media_url`.
    MediaUrl,
}

impl NameField {
    /// Returns the field as the documentation spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Title => "title",
            Self::ExternalId => "external_id",
            Self::MediaUrl => "media_url",
        }
    }
}

impl AssetAnswer {
    /// Reads the answer to *Get Asset*.
    pub fn read(value: &Value) -> Result<Self, AnswerError> {
        let own = &["assetid", "id", "versions", "dubbings", "mediaurl"];
        Self::of(Fields::of(value, own, AROUND_ASSET, "an asset")?)
    }

    /// Reads an asset in a list of assets.
    pub(super) fn in_list(value: &Value) -> Result<Self, AnswerError> {
        match value {
            Value::Object(map) => Self::of(Fields::new(map)),
            other => Err(AnswerError::Kind { found: kind(other), expected: "an asset" }),
        }
    }

    fn of(fields: Fields<'_>) -> Result<Self, AnswerError> {
        let mut cautions = Vec::new();
        let mut unread_versions = 0;
        let mut read = |value: &Value| match VersionAnswer::in_list(value) {
            Ok(version) => Some(version),
            Err(why) => {
                unread_versions += 1;
                if unread_versions == 1 {
                    cautions.push(format!("a version cannot be read: {why}"));
                }
                None
            }
        };
        let versions = match fields.get(VERSIONS) {
            Some((_, Value::Array(items))) => Some(items.iter().filter_map(&mut read).collect()),
            Some((name, other)) => {
                cautions.push(wrong(name, kind(other), "a list of versions").to_string());
                None
            }
            None => None,
        };
        Ok(Self {
            asset_id: fields.id(ASSET_ID)?,
            name: name(fields, &mut cautions),
            status: fields.text(ASSET_STATUS, MAX_ID, &mut cautions),
            versions,
            unread_versions,
            cautions,
        })
    }
}

/// Returns the first of the fields that name an asset.
fn name(fields: Fields<'_>, cautions: &mut Vec<String>) -> Option<AssetName> {
    let written =
        [(NAME, NameField::Name), (TITLE, NameField::Title), (EXTERNAL_ID, NameField::ExternalId)];
    for (spellings, field) in written {
        if let Some(text) = fields.text(spellings, MAX_NAME, cautions) {
            return Some(AssetName { text: text.trim().to_owned(), field });
        }
    }
    let text = file_name(&fields.url(MEDIA_URL, cautions)?)?;
    Some(AssetName { text, field: NameField::MediaUrl })
}

/// Returns the last segment of a URL's path, decoded, without the query.
fn file_name(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = match path.split_once("://") {
        // Without a path, the last segment would be the host.
        Some((_, rest)) => rest.split_once('/')?.1,
        None => path,
    };
    let last = path.split('/').rfind(|segment| !segment.is_empty())?;
    let last = percent_decode_str(last).decode_utf8_lossy().trim().to_owned();
    (!last.is_empty() && last.len() <= MAX_NAME).then_some(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ReadStatus;
    use super::*;
    use crate::callback::VersionStatus;

    #[test]
    fn versions_are_read_one_by_one() {
        let value = json!({
            "id": "a",
            "status": "InProgress",
            "dubbings": [{"id": "v1", "locale": "es-ES", "status": "NotReady"}, 7, {"id": 1}, {"version_id": "v2"}],
        });
        let read = AssetAnswer::read(&value).unwrap();
        let versions = read.versions.unwrap();
        let ids: Vec<_> = versions.iter().map(|version| version.version_id.as_deref()).collect();
        assert_eq!((ids, read.unread_versions), (vec![Some("v1"), Some("v2")], 2));
        assert_eq!(versions[0].status, Some(ReadStatus::Known(VersionStatus::NotReady)));
        assert_eq!(read.status.as_deref(), Some("InProgress"));
        assert_eq!(read.cautions.len(), 1, "{:?}", read.cautions);
    }

    #[test]
    fn no_list_of_versions_is_not_an_empty_one() {
        let versions = |value| AssetAnswer::read(&value).unwrap().versions;
        assert_eq!(versions(json!({"id": "a"})), None);
        assert_eq!(versions(json!({"id": "a", "versions": null})), None);
        assert_eq!(versions(json!({"id": "a", "versions": []})), Some(Vec::new()));
        let read = AssetAnswer::read(&json!({"id": "a", "versions": 12})).unwrap();
        assert_eq!(read.versions, None);
        assert!(read.cautions[0].contains("versions is a number where a list"), "{read:?}");
    }

    #[test]
    fn the_first_field_with_a_name_names_it() {
        let name =
            |value| AssetAnswer::read(&value).unwrap().name.map(|name| (name.text, name.field));
        let media = "https://user:x@cdn.example/a/Episode%20104.mp4?sig=1#t";
        for (value, text, field) in [
            (json!({"media_url": media, "title": "T", "name": "N"}), "N", NameField::Name),
            (json!({"media_url": media, "title": "T", "name": "  "}), "T", NameField::Title),
            (json!({"externalId": "E", "title": null, "name": 3}), "E", NameField::ExternalId),
            (json!({"media_url": media}), "Episode 104.mp4", NameField::MediaUrl),
            (json!({"media_url": "s3://bucket/x/y.mov/"}), "y.mov", NameField::MediaUrl),
        ] {
            assert_eq!(name(value), Some((text.to_owned(), field)));
        }
        for none in ["https://cdn.example", "https://cdn.example/?name=x", "", "///", "%20"] {
            assert_eq!(name(json!({"id": "a", "media_url": none})), None, "{none}");
        }
    }
}
