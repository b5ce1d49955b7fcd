//! Decides each setting from the layers, and remembers which one decided.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::error::shown;
use super::file::{self, FileLayers};
use super::flags::{CONFIG_VARIABLE, Flags};
use super::origin::Origin;
use super::relay::{RelayKey, RelayLayer};
use super::setting::{Layer, WatcherSettings};
use super::table::{Layers, Table};
use super::{Config, ConfigError, Environment, Output, SettingKey};

/// The origin of each setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    pub(super) watcher: Vec<Origin>,
    pub(super) relay: Vec<Origin>,
}

impl Origins {
    /// Returns the origin of a setting.
    pub fn of(&self, key: SettingKey) -> &Origin {
        &self.watcher[key as usize]
    }

    /// Returns whether a setting comes from a stronger source than another.
    pub fn is_stronger(&self, key: SettingKey, than: SettingKey) -> bool {
        self.of(key).rank() < self.of(than).rank()
    }

    /// Returns whether the file sets anything for a relay that runs here.
    pub fn has_relays_table(&self) -> bool {
        self.relay.iter().any(|origin| matches!(origin, Origin::File(_)))
    }

    /// Returns the origin of a setting of a relay that runs here.
    pub fn of_relay(&self, key: RelayKey) -> &Origin {
        &self.relay[key as usize]
    }
}

/// See [`Config::load`].
pub(super) fn load(flags: Flags, environment: &Environment) -> Result<Config, ConfigError> {
    let Flags { mut settings, relay, json, config } = flags;
    if json {
        if settings.output.is_some_and(|output| output != Output::Json) {
            return Err(ConfigError::Conflict(
                "--json is short for --output json and cannot go with another --output: leave one out"
                    .to_owned(),
            ));
        }
        settings.output = Some(Output::Json);
    }
    let (path, file, caution) = read_file(config, environment)?;
    let data_dir = environment.data_dir.as_deref();
    let relay = Layers {
        // A relay's messages name files as its command line does.
        flags: relay,
        variables: RelayLayer::of_variables(environment)?,
        file: file.relay,
        path: path.clone(),
    };
    let (own_relay, relay) = RelayLayer::decide(&relay, data_dir)?;
    let watcher = Layers {
        flags: settings.anchored(&environment.working_dir),
        variables: Layer::of_variables(environment)?,
        file: file.watcher,
        path,
    };
    let (mut settings, watcher) = Layer::decide(&watcher, data_dir)?;
    let mut origins = Origins { watcher, relay };
    if json {
        origins.watcher[SettingKey::Output as usize] = Origin::Flag("--json");
    }
    exclude_memory_or_file(&mut settings, &mut origins)?;
    // Behind a tunnel, every request comes from loopback.
    if settings.public_url.is_some() && origins.of(SettingKey::NoDevKey) == &Origin::Default {
        settings.dev_key = false;
    }
    Ok(Config {
        settings,
        own_relay,
        origins,
        cautions: caution.into_iter().collect(),
        data_dir: environment.data_dir.clone(),
        state_dir: environment.state_dir.clone(),
    })
}

/// Reads the configuration file. Returns its path, its settings, and a warning about how it was
/// read.
fn read_file(
    flag: Option<PathBuf>,
    environment: &Environment,
) -> Result<(PathBuf, FileLayers, Option<String>), ConfigError> {
    let variable = environment.variable(CONFIG_VARIABLE)?.map(PathBuf::from);
    if let Some(path) = flag.or(variable) {
        let path = environment.working_dir.join(path);
        let layer = file::read(&path)?.ok_or_else(|| ConfigError::Read {
            path: shown(&path),
            why: "there is no such file".to_owned(),
        })?;
        return Ok((path, layer, None));
    }
    let Some(path) = environment.config_file.clone() else {
        return Ok((PathBuf::new(), FileLayers::default(), None));
    };
    // This user may not look into the directory, such as `/root` in a container that runs as
    // another user: it is not known whether there is a file, and none was named.
    if let Err(error) = path.symlink_metadata()
        && error.kind() == ErrorKind::PermissionDenied
    {
        let caution = format!(
            "cannot look for the configuration file {}: {error}; went on without one, --config names another",
            shown(&path)
        );
        return Ok((path, FileLayers::default(), Some(caution)));
    }
    let layer = file::read(&path)?.unwrap_or_default();
    Ok((path, layer, None))
}

/// Decides between a journal in memory and one in a file if both are set: the stronger source wins;
/// within one source it is a contradiction.
fn exclude_memory_or_file(
    settings: &mut WatcherSettings,
    origins: &mut Origins,
) -> Result<(), ConfigError> {
    let (asked, named) = (origins.of(SettingKey::Ephemeral), origins.of(SettingKey::Db));
    if !settings.ephemeral || named.rank() > asked.rank() {
        return Ok(());
    }
    if named.rank() < asked.rank() {
        settings.ephemeral = false;
        origins.watcher[SettingKey::Ephemeral as usize] = named.clone();
        return Ok(());
    }
    let (ephemeral, db) = (SettingKey::Ephemeral.setting(), SettingKey::Db.setting());
    let both = match asked {
        Origin::Flag(_) => format!("{} and {}", ephemeral.flag, db.flag),
        Origin::Variable(_) => format!("{} and {}", ephemeral.env, db.env),
        Origin::File(path) => format!("{} and {} in {}", ephemeral.name, db.name, shown(path)),
        Origin::Default => return Ok(()),
    };
    Err(ConfigError::Conflict(format!(
        "{both} exclude each other: a journal in memory has no file; leave one out"
    )))
}
