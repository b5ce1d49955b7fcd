//! A version in an answer.

use std::fmt;

use http::Uri;
use serde_json::Value;

use super::fields::{
    AROUND_VERSION, ASSET_ID, ASSET_OF_VERSION, Fields, LOCALE, RESULT_URL, STUDIO_URL, VERSION_ID,
    VERSION_STATUS, kind, wrong,
};
use super::{AnswerError, ReadStatus};
use crate::callback::MAX_ID;

/// What an answer says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionAnswer {
    /// Its id; `None` where the answer does not repeat it.
    pub version_id: Option<String>,
    /// The asset that it belongs to.
    pub asset_id: Option<String>,
    /// Its target language.
    pub locale: Option<String>,
    /// Its status.
    pub status: Option<ReadStatus>,
    /// Where it is edited. Asks for a login, so it is no secret.
    pub studio_url: Option<String>,
    /// Where its video can be had.
    pub result_url: Option<ResultUrl>,
    /// What could not be read, a sentence each.
    pub cautions: Vec<String>,
}

/// The link of a video. It grants access, so neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ResultUrl(String);

impl ResultUrl {
    /// Returns the link itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the host of the link; `None` if it is no URL.
    pub fn host(&self) -> Option<String> {
        self.0.parse::<Uri>().ok()?.host().map(str::to_owned)
    }
}

impl fmt::Debug for ResultUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultUrl(redacted)")
    }
}

impl VersionAnswer {
    /// Reads the answer to *Get Version*.
    pub fn read(value: &Value) -> Result<Self, AnswerError> {
        let own = &["versionid", "id", "status", "state"];
        Self::of(Fields::of(value, own, AROUND_VERSION, "a version")?)
    }

    /// Reads a version in the list of an asset's versions.
    pub(super) fn in_list(value: &Value) -> Result<Self, AnswerError> {
        match value {
            Value::Object(map) => Self::of(Fields::new(map)),
            other => Err(AnswerError::Kind { found: kind(other), expected: "a version" }),
        }
    }

    fn of(fields: Fields<'_>) -> Result<Self, AnswerError> {
        let mut cautions = Vec::new();
        let status = fields.id(VERSION_STATUS)?.map(|text| ReadStatus::new(&text));
        Ok(Self {
            version_id: fields.id(VERSION_ID)?,
            asset_id: asset_id(fields)?,
            locale: locale(fields, &mut cautions),
            status,
            studio_url: fields.url(STUDIO_URL, &mut cautions),
            result_url: fields.url(RESULT_URL, &mut cautions).map(ResultUrl),
            cautions,
        })
    }
}

/// Returns the id of a version's asset: a text, or in an object.
fn asset_id(fields: Fields<'_>) -> Result<Option<String>, AnswerError> {
    match fields.get(ASSET_OF_VERSION) {
        Some((_, Value::Object(asset))) => Fields::new(asset).id(ASSET_ID),
        _ => fields.id(ASSET_OF_VERSION),
    }
}

/// Returns the locale of a version: a text, or in an object like `{"code": "es-ES"}`.
fn locale(fields: Fields<'_>, cautions: &mut Vec<String>) -> Option<String> {
    match fields.get(LOCALE)? {
        (_, Value::String(_)) => fields.text(LOCALE, MAX_ID, cautions),
        (name, Value::Object(language)) => {
            const CODE: super::fields::Spellings = &["code", "locale", "tag", "id"];
            let code = Fields::new(language).text(CODE, MAX_ID, cautions);
            if code.is_none() {
                cautions
                    .push(wrong(name, "an object without a code", "a language tag").to_string());
            }
            code
        }
        (name, other) => {
            cautions.push(wrong(name, kind(other), "a language tag").to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::callback::VersionStatus;

    #[test]
    fn a_version_is_read_by_any_spelling() {
        for (value, locale) in [
            (
                json!({"version_id": "v", "asset_id": "a", "locale": "es-ES", "status": "Completed"}),
                true,
            ),
            (
                json!({"id": "v", "assetId": "a", "targetLocale": "es-ES", "state": "completed"}),
                true,
            ),
            (
                json!({"data": {"id": "v", "asset": {"id": "a"}, "language": {"code": "es-ES"}, "status": "COMPLETED"}}),
                true,
            ),
            (
                json!({"version": {"versionId": "v", "asset": "a", "status": "Completed"}, "extra": [1]}),
                false,
            ),
        ] {
            let read = VersionAnswer::read(&value).unwrap();
            assert_eq!(read.version_id.as_deref(), Some("v"), "{value}");
            assert_eq!(read.asset_id.as_deref(), Some("a"), "{value}");
            assert_eq!(read.locale.as_deref(), locale.then_some("es-ES"), "{value}");
            assert_eq!(read.status, Some(ReadStatus::Known(VersionStatus::Completed)), "{value}");
            assert_eq!(read.cautions, Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn what_is_missing_is_none_and_what_is_unknown_stays() {
        let read = VersionAnswer::read(&json!({"result_url": null, "status": "Paused"})).unwrap();
        assert_eq!(read.status, Some(ReadStatus::Unknown("Paused".to_owned())));
        assert_eq!((read.version_id, read.result_url, read.locale), (None, None, None));
        assert_eq!(VersionAnswer::read(&json!({})).unwrap().status, None);
    }

    #[test]
    fn a_wrong_type_is_an_error_or_a_caution() {
        for (value, words) in [
            (json!([]), "it is a list where a version was expected"),
            (json!("x"), "it is a text where"),
            (json!({"status": 3}), "its status is a number where a text was expected"),
            (json!({"id": ["v"]}), "its id is a list"),
            (json!({"id": "v".repeat(513)}), "its id is a text of over 512 bytes"),
        ] {
            let error = VersionAnswer::read(&value).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let value = json!({"id": "v", "locale": 1, "studio_url": [], "result_url": true});
        let read = VersionAnswer::read(&value).unwrap();
        assert_eq!(read.cautions.len(), 3, "{:?}", read.cautions);
    }

    #[test]
    fn the_link_of_the_video_is_not_shown() {
        let value = json!({"result_url": "https://cdn.example/s3cret?sig=s3cret"});
        let read = VersionAnswer::read(&value).unwrap();
        assert!(!format!("{read:?}").contains("s3cret"));
        let link = read.result_url.unwrap();
        assert_eq!(link.host().as_deref(), Some("cdn.example"));
        assert!(link.reveal().ends_with("sig=s3cret"));
    }
}
