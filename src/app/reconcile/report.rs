//! An answer as the journal takes it. What cannot be used is left out and said.

use jiff::Timestamp;

use crate::api::{AssetAnswer, ReadStatus, VersionAnswer};
use crate::callback::{AssetReport, ReportedName, VersionReport};
use crate::text::Printable;

/// An answer, and what of it could not be used.
pub(super) struct ReadReport {
    pub(super) report: AssetReport,
    /// Versions whose status the answer does not tell.
    pub(super) untold: Vec<String>,
    /// What could not be used, a sentence each.
    pub(super) cautions: Vec<String>,
}

/// Where an answer came from.
pub(super) struct AnswerOrigin {
    pub(super) host: String,
    pub(super) path: String,
    pub(super) asked_at: Timestamp,
    /// Whether it lists all versions of the asset.
    pub(super) is_whole: bool,
}

/// Returns what an answer says of the asset with this id.
pub(super) fn of_asset(asset_id: String, answer: AssetAnswer, origin: AnswerOrigin) -> ReadReport {
    let AnswerOrigin { host, path, asked_at, is_whole } = origin;
    let AssetAnswer { name, versions, unread_versions, mut cautions, .. } = answer;
    let is_complete = is_whole && versions.is_some() && unread_versions == 0;
    let mut untold = Vec::new();
    let mut reports = Vec::new();
    for version in versions.unwrap_or_default() {
        let Some(version_id) = version.version_id.clone() else { continue };
        match of_version(&asset_id, version_id.clone(), version, &mut cautions) {
            Some(report) => reports.push(report),
            None => untold.push(version_id),
        }
    }
    let name =
        name.map(|name| ReportedName { text: name.text, field: name.field.name().to_owned() });
    let report =
        AssetReport { asset_id, asked_at, host, path, name, is_complete, versions: reports };
    ReadReport { report, untold, cautions }
}

/// Returns what an answer says of a version; `None` if its status is missing or not known.
pub(super) fn of_version(
    asset_id: &str,
    version_id: String,
    answer: VersionAnswer,
    cautions: &mut Vec<String>,
) -> Option<VersionReport> {
    cautions.extend(answer.cautions);
    let status = match answer.status? {
        ReadStatus::Known(status) => status,
        ReadStatus::Unknown(word) => {
            cautions.push(format!(
                "the API reports the status {}, which this dubwatch does not know; such versions keep the state of their last callback",
                Printable::new(&word).cut(40)
            ));
            return None;
        }
    };
    let report =
        VersionReport { asset_id: asset_id.to_owned(), version_id, locale: answer.locale, status };
    if !report.is_usable() {
        cautions.push("the API lists an id of over 512 bytes, which was left out".to_owned());
        return None;
    }
    Some(report)
}
