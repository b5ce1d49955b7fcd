//! The status of a version, read leniently.

use super::fields::plain;
use crate::callback::VersionStatus;

/// The status of a version, as an answer has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReadStatus {
    /// One that the documentation knows.
    Known(VersionStatus),
    /// One that is not known, as it is written.
    Unknown(String),
}

impl ReadStatus {
    /// Reads a status; case and separators do not matter.
    pub fn new(text: &str) -> Self {
        let name = plain(text);
        let mut known = VersionStatus::ALL.into_iter();
        known
            .find(|known| plain(known.name()) == name)
            .map_or_else(|| Self::Unknown(text.to_owned()), Self::Known)
    }
}
