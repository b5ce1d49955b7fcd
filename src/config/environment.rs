//! The environment of the settings: variables and directories; reads no file.

use std::collections::BTreeMap;
use std::ffi::OsString;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;

use super::ConfigError;
use crate::text::Printable;

/// The name of our directory in each of the XDG directories.
const NAME: &str = "dubwatch";
/// The variable of the service's key, which has the service's prefix.
const SERVICE_KEY: &str = "PANJAYA_API_KEY";
/// Variables with our prefix that are not a mistake, without the prefix: those that an orchestrator
/// sets for a service of our name, and those that our tests read.
const NOT_OURS: [&str; 7] =
    ["SERVICE_HOST", "SERVICE_PORT", "PORT_", "TEST_", "WRITE_", "RELAY_LONG", "RELAY_SEED"];

/// Returns whether a variable has our prefix, ignoring case, or is that of the service's key.
fn is_ours(name: &str) -> bool {
    name == SERVICE_KEY
        || name.split_once('_').is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case(NAME))
}

/// The environment variables and directories that settings are read from.
///
/// A value, so that tests can create one and never change the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    pub(super) working_dir: PathBuf,
    // Without a home directory there may be no place for these; an error only where one is needed.
    pub(super) config_file: Option<PathBuf>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) state_dir: Option<PathBuf>,
}

impl Environment {
    /// Returns the environment of this process: its `DUBWATCH_*` variables, the key of the
    /// service's API, and the XDG directories, on every platform.
    ///
    /// A directory is absent if neither its variable nor a home directory gives it a place.
    pub fn of_process() -> Self {
        let home = etcetera::home_dir().ok();
        // Relative paths must be ignored (XDG Base Directory Specification, "Basics").
        let directory = |variable: &str, below_home: &str| {
            let named = std::env::var_os(variable).map(PathBuf::from);
            let named = named.filter(|named| named.is_absolute());
            let home = home.as_ref().filter(|home| home.is_absolute());
            let base = named.or_else(|| Some(home?.join(below_home)))?;
            Some(base.join(NAME))
        };
        let ours =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self {
            variables: ours.filter(|(name, _)| is_ours(name)).collect(),
            // Without one, relative names stay relative, and opening them reports the error.
            working_dir: std::env::current_dir().unwrap_or_default(),
            config_file: directory("XDG_CONFIG_HOME", ".config")
                .map(|directory| directory.join("config.toml")),
            data_dir: directory("XDG_DATA_HOME", ".local/share"),
            state_dir: directory("XDG_STATE_HOME", ".local/state"),
        }
    }

    /// Returns the environment with those variables alone that `keeps` accepts by name.
    #[must_use]
    pub fn retaining(mut self, keeps: impl Fn(&str) -> bool) -> Self {
        self.variables.retain(|name, _| keeps(name));
        self
    }

    /// Returns whether a variable is set; an empty one counts as not set.
    pub fn has_variable(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|value| !value.is_empty())
    }

    /// Returns the variables with our prefix that are not in `known`, by name and as they are
    /// shown. Does not return their values, which may be secret.
    pub fn unknown_variables<'a>(
        &'a self,
        known: &'a [String],
    ) -> impl Iterator<Item = (&'a str, Printable)> {
        self.variables
            .iter()
            .filter(|(name, _)| !known.contains(name))
            .filter(|(name, value)| {
                let tail = name.split_once('_').map_or(&***name, |(_, tail)| tail);
                let link =
                    tail == "PORT" && value.to_str().is_some_and(|value| value.contains("://"));
                !link && !NOT_OURS.iter().any(|not_ours| tail.starts_with(not_ours))
            })
            .map(|(name, _)| (name.as_str(), Printable::new(name).cut(80)))
    }

    /// Returns the text of a variable; an empty one counts as not set.
    pub(super) fn variable(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.variables.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or_else(|| ConfigError::named(name, "it is not UTF-8"))?;
        Ok(Some(text))
    }
}

#[cfg(test)]
impl Environment {
    /// Returns an environment without variables, with every directory below `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            variables: BTreeMap::new(),
            working_dir: root.to_owned(),
            config_file: Some(root.join("config").join(NAME).join("config.toml")),
            data_dir: Some(root.join("data").join(NAME)),
            state_dir: Some(root.join("state").join(NAME)),
        }
    }

    /// Removes every directory.
    #[must_use]
    pub fn without_home(self) -> Self {
        Self { config_file: None, data_dir: None, state_dir: None, ..self }
    }

    /// Adds a variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }
}
