//! What is found, how bad it is, and what to do.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// As it should be.
    Ok,
    /// Works, and might surprise.
    Note,
    /// Does not work.
    Bad,
}

/// A finding. One that is not as it should be says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word.
    pub about: &'static str,
    /// How bad it is.
    pub level: FindingLevel,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub todo: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self { about, level: FindingLevel::Ok, what: what.into(), todo: None }
    }

    pub(super) fn note(
        about: &'static str,
        what: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { about, level: FindingLevel::Note, what: what.into(), todo: Some(todo.into()) }
    }

    pub(super) fn bad(
        about: &'static str,
        what: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { about, level: FindingLevel::Bad, what: what.into(), todo: Some(todo.into()) }
    }
}
