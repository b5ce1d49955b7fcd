//! Which source a setting came from.

use std::fmt;
use std::path::PathBuf;

use super::error::shown;

/// Where a setting came from; the strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
    /// This configuration file.
    File(PathBuf),
    /// Not set: the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", shown(path)),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Origin {
    /// Returns its rank among the sources; the strongest has 0.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Variable(_) => 1,
            Self::File(_) => 2,
            Self::Default => 3,
        }
    }
}
