//! Answers of the service's API about versions and assets: how they are named, stored and compared.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body::MAX_ID;
use super::{Callback, Event, State};

/// The status of a version in the service's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VersionStatus {
    /// Being dubbed.
    NotReady,
    /// Ready for the quality check: `version_ready`.
    ReadyToEdit,
    /// The final video is being made: `version_generating`.
    Generating,
    /// The final video exists: `version_generated`.
    Completed,
    /// `version_failed` or `version_generate_failed`; the API does not say which.
    Failed,
}

impl VersionStatus {
    /// Every status, in the order of the lifecycle.
    pub const ALL: [Self; 5] =
        [Self::NotReady, Self::ReadyToEdit, Self::Generating, Self::Completed, Self::Failed];

    /// Returns the status as the service writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotReady => "NotReady",
            Self::ReadyToEdit => "ReadyToEdit",
            Self::Generating => "Generating",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        }
    }

    /// Returns the status that the service calls `name`; `None` for one that the documentation does
    /// not know (yet).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Returns the status of a version in this state.
    pub const fn of(state: State) -> Self {
        match state {
            State::NotReady => Self::NotReady,
            State::Ready => Self::ReadyToEdit,
            State::Generating => Self::Generating,
            State::Generated => Self::Completed,
            State::Failed | State::GenerateFailed => Self::Failed,
        }
    }

    /// Returns the state that it reports of a version whose last known state is `known`.
    ///
    /// A failure is that of the step which `known` was in: generating, or dubbing before it.
    pub fn state(self, known: Option<State>) -> State {
        match self {
            Self::NotReady => State::NotReady,
            Self::ReadyToEdit => State::Ready,
            Self::Generating => State::Generating,
            Self::Completed => State::Generated,
            Self::Failed if known.is_some_and(|known| known.rank() > State::Ready.rank()) => {
                State::GenerateFailed
            }
            Self::Failed => State::Failed,
        }
    }
}

/// What the state of a version, or a step to it, rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A callback.
    #[default]
    Callback,
    /// An answer of the API; no callback has arrived.
    Api,
    /// A callback and an answer of the API.
    Both,
}

impl Basis {
    /// Returns the name used in NDJSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Api => "api",
            Self::Both => "both",
        }
    }

    /// Returns whether it is a callback alone, as everything is without an API key.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub const fn is_callback(&self) -> bool {
        matches!(self, Self::Callback)
    }

    /// Returns the basis of something that `other` confirms.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }
}

/// What the API says of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionReport {
    /// The asset that it belongs to.
    pub asset_id: String,
    /// The version.
    pub version_id: String,
    /// Its locale, if the answer names one.
    #[serde(rename = "version_locale")]
    pub locale: Option<String>,
    /// Its status.
    pub status: VersionStatus,
}

impl VersionReport {
    /// Returns the body of its row in the journal. It holds nothing else of the answer: links in it
    /// grant access, and expire.
    pub fn write(&self) -> Vec<u8> {
        // Strings and names as keys: cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the body of a row; `None` if it is not one that [`VersionReport::write`] made.
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Returns whether the fold can use its ids: present, and no longer than those of a callback.
    pub fn is_usable(&self) -> bool {
        let fits = |id: &str| !id.is_empty() && id.len() <= MAX_ID;
        fits(&self.asset_id)
            && fits(&self.version_id)
            && self.locale.as_deref().is_none_or(|locale| locale.len() <= MAX_ID)
    }

    /// Returns the callback that would have reported the same, for lists and filters.
    pub fn callback(&self, state: State) -> Callback {
        Callback {
            event: Some(Event::Version(state).name().to_owned()),
            asset_id: Some(self.asset_id.clone()),
            version_id: Some(self.version_id.clone()),
            version_locale: self.locale.clone(),
            unreadable: None,
        }
    }
}

/// What the API says of an asset and its versions, in one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetReport {
    /// The asset.
    pub asset_id: String,
    /// When it was asked for. The answer is at least as new.
    pub asked_at: Timestamp,
    /// The host that answered, for showing.
    pub host: String,
    /// The path that was asked for.
    pub path: String,
    /// Its name, if the answer has one.
    pub name: Option<ReportedName>,
    /// Whether `versions` are all versions of the asset.
    pub is_complete: bool,
    /// Its versions.
    pub versions: Vec<VersionReport>,
}

impl AssetReport {
    /// Returns its approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        let of_version = |report: &VersionReport| {
            report.version_id.len() + report.locale.as_ref().map_or(0, String::len)
        };
        self.asset_id.len() + self.versions.iter().map(of_version).sum::<usize>()
    }
}

/// A name that the API gives an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedName {
    /// The name.
    pub text: String,
    /// The field of the answer that it was taken from.
    pub field: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_back_from_its_row() {
        let report = VersionReport {
            asset_id: "ast_1".into(),
            version_id: "ver_1".into(),
            locale: Some("es-ES".into()),
            status: VersionStatus::Completed,
        };
        let body = report.write();
        let text = r#"{"asset_id":"ast_1","version_id":"ver_1","version_locale":"es-ES","status":"Completed"}"#;
        assert_eq!(String::from_utf8_lossy(&body), text);
        assert_eq!(VersionReport::read(&body), Some(report));
        assert_eq!(VersionReport::read(b"{}"), None);
    }

    #[test]
    fn a_failure_is_that_of_the_last_known_step() {
        let failed = |known| VersionStatus::Failed.state(known);
        assert_eq!(failed(None), State::Failed);
        for (known, is) in [
            (State::NotReady, State::Failed),
            (State::Ready, State::Failed),
            (State::Failed, State::Failed),
            (State::Generating, State::GenerateFailed),
            (State::Generated, State::GenerateFailed),
            (State::GenerateFailed, State::GenerateFailed),
        ] {
            assert_eq!(failed(Some(known)), is, "{known:?}");
        }
        for status in VersionStatus::ALL {
            assert_eq!(VersionStatus::from_name(status.name()), Some(status));
            assert_eq!(VersionStatus::of(status.state(None)), status);
        }
        assert_eq!(VersionStatus::from_name("Archived"), None);
    }
}
