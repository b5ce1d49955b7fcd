//! What settings take from around the program: environment variables and directories; reads no file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use etcetera::base_strategy::Xdg;

use super::ConfigError;

/// The name of our directory in each of the XDG directories.
const NAME: &str = "dubwatch";
/// What all our variables begin with.
const PREFIX: &str = "DUBWATCH_";

/// The environment variables and directories that settings are read from.
///
/// A value, so that tests state it and never touch the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    variables: BTreeMap<String, OsString>,
    pub(super) working_dir: PathBuf,
    pub(super) config_file: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) state_dir: PathBuf,
}

impl Surroundings {
    /// Those of this process: its `DUBWATCH_*` variables and the XDG directories, on every platform.
    ///
    /// Fails where there is no home directory to put them in.
    pub fn of_process() -> Result<Self, ConfigError> {
        let xdg = Xdg::new().map_err(|_| ConfigError::NoHome)?;
        let state = xdg.state_dir().unwrap_or_else(|| xdg.home_dir().join(".local/state"));
        let ours =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Ok(Self {
            variables: ours.filter(|(name, _)| name.starts_with(PREFIX)).collect(),
            // Without one, relative names stay relative, and opening them says what is wrong.
            working_dir: std::env::current_dir().unwrap_or_default(),
            config_file: xdg.config_dir().join(NAME).join("config.toml"),
            data_dir: xdg.data_dir().join(NAME),
            state_dir: state.join(NAME),
        })
    }

    /// Surroundings without variables, with every directory below `root`; for tests.
    pub fn below(root: &Path) -> Self {
        Self {
            variables: BTreeMap::new(),
            working_dir: root.to_owned(),
            config_file: root.join("config").join(NAME).join("config.toml"),
            data_dir: root.join("data").join(NAME),
            state_dir: root.join("state").join(NAME),
        }
    }

    /// The same with one variable more.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// The text of a variable; an empty one counts as not set.
    pub(super) fn variable(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.variables.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or_else(|| ConfigError::variable(name, "it is not UTF-8"))?;
        Ok(Some(text))
    }
}
