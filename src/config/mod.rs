//! Layered settings, merged once into a plain value; does not act on them.
//!
//! A flag wins over a `DUBWATCH_*` variable, that over the configuration file, that over the
//! default. [`SETTINGS`] and, for a relay that runs here, [`RELAY_SETTINGS`] are the tables: a new
//! setting is a new row there, a row in `cli/uses.rs` for each command that it is for, and the use of its
//! value.

mod environment;
mod error;
mod file;
mod flags;
mod header_source;
mod kind;
mod merge;
mod origin;
mod relay;
mod setting;
mod show;
mod shown_value;
mod table;
mod value;
mod zone;

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use error::ConfigError;
pub use flags::{CONFIG_VARIABLE, Flags};
pub use header_source::HeaderSource;
pub use merge::Origins;
pub use origin::Origin;
pub use relay::{RELAY_SETTINGS, RelayKey, RelayLayer, RelaySettings};
pub use setting::{Layer, SETTINGS, SettingKey, WatcherSettings};
pub use show::SettingRecord;
pub use table::Setting;
pub use value::{
    Color, ListenAddress, Output, ProxyNetworks, SignaturePolicy, ThemeChoice, WhenDown,
    span as parse_span,
};
pub use zone::{LocalZone, local_zone};

/// Every setting, decided. Those of the watcher are its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    settings: WatcherSettings,
    /// Those of a relay that runs here.
    pub own_relay: RelaySettings,
    /// The origin of each setting.
    pub origins: Origins,
    /// Warnings about settings that were found and not used.
    pub cautions: Vec<String>,
    data_dir: Option<PathBuf>,
    state_dir: Option<PathBuf>,
}

impl Deref for Config {
    type Target = WatcherSettings;

    fn deref(&self) -> &WatcherSettings {
        &self.settings
    }
}

impl DerefMut for Config {
    fn deref_mut(&mut self) -> &mut WatcherSettings {
        &mut self.settings
    }
}

impl Config {
    /// Merges the flags with the environment, the configuration file and the defaults.
    ///
    /// The file that `--config` or `DUBWATCH_CONFIG` names must exist; the default one need not.
    pub fn load(flags: Flags, environment: &Environment) -> Result<Self, ConfigError> {
        merge::load(flags, environment)
    }

    /// Returns the certificate chain and the private key of a relay that speaks TLS itself. Fails where
    /// only one of them is set.
    pub fn own_relay_tls(&self) -> Result<Option<(&Path, &Path)>, ConfigError> {
        let (cert, key) = (RelayKey::TlsCert, RelayKey::TlsKey);
        let (set, missing) = match (&self.own_relay.tls_cert, &self.own_relay.tls_key) {
            (Some(chain), Some(private)) => return Ok(Some((chain, private))),
            (None, None) => return Ok(None),
            (Some(_), None) => (cert, key),
            (None, Some(_)) => (key, cert),
        };
        let missing = missing.setting();
        Err(ConfigError::Conflict(match self.origins.of_relay(set) {
            Origin::Variable(name) => format!("{name} needs {}", missing.env),
            Origin::File(path) => {
                let (set, path) = (set.setting().name, error::shown(path));
                format!("{set} in {path} needs {}", missing.name)
            }
            Origin::Flag(_) | Origin::Default => {
                format!("{} needs {}", set.setting().flag, missing.flag)
            }
        }))
    }

    /// Returns the directory of the journal and of the files beside it; our own,
    /// `$XDG_DATA_HOME/dubwatch`, when the journal is in memory. `None` where no place is known for
    /// it. It may not exist yet.
    pub fn data_dir(&self) -> Option<&Path> {
        match self.db.parent() {
            Some(parent) if !self.ephemeral => Some(parent),
            _ => self.own_data_dir(),
        }
    }

    /// Returns `$XDG_DATA_HOME/dubwatch`, wherever the journal is; `None` where no place is known for
    /// it. It may not exist yet.
    pub fn own_data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// Returns our directory for logs, `$XDG_STATE_HOME/dubwatch`; `None` where no place is known for
    /// it. It may not exist yet.
    pub fn state_dir(&self) -> Option<&Path> {
        self.state_dir.as_deref()
    }

    /// Fails if the journal's file has no place, for commands that need it.
    pub fn needs_journal(&self) -> Result<(), ConfigError> {
        if self.db.as_os_str().is_empty() {
            let instead = "name its file with --db";
            return Err(ConfigError::NoHome { what: "the journal", instead });
        }
        Ok(())
    }

    /// Returns the URL that the sender must call, given an address that the listener is bound to.
    /// `None` if that is the unspecified address: the sender then needs a name of this machine.
    pub fn callback_url(&self, bound: SocketAddr) -> Option<String> {
        let is_every = bound.ip().to_canonical().is_unspecified();
        self.public_url.clone().or_else(|| (!is_every).then(|| self.local_url(bound)))
    }

    /// Returns the URL at which this machine reaches the listener, given an address that it is
    /// bound to.
    pub fn local_url(&self, bound: SocketAddr) -> String {
        format!("http://{}{}", ListenAddress::from(bound).reachable(), self.path)
    }

    /// Returns a warning if callbacks are received on every address but the shown URL only works on
    /// this machine.
    pub fn unreachable(&self, bound: &[SocketAddr]) -> Option<String> {
        let every = bound.iter().find(|bound| bound.ip().to_canonical().is_unspecified())?;
        (self.public_url.is_none() && self.relay.is_none()).then(|| {
            format!(
                "listening on every address ({every}): the sender needs a URL with this machine's name in it, say which with --public-url; {} works from this machine",
                self.local_url(*every)
            )
        })
    }

    /// Sets the API to ask, and the key for it.
    pub fn ask_api(&mut self, url: String, key: &str) {
        self.ask_no_api();
        self.api_url = url;
        self.api_key = Some(value::Secret::new(key));
    }

    /// Removes the API key, so that the API is not asked.
    pub fn ask_no_api(&mut self) {
        self.api_key = None;
        self.api_key_file = None;
    }

    /// Fails for a run without a source, and for flags that would have no effect.
    pub fn check_sources(&self) -> Result<(), ConfigError> {
        let idle = |keys: &[SettingKey]| {
            let is_flag = |key: &&SettingKey| matches!(self.origins.of(**key), Origin::Flag(_));
            keys.iter().find(is_flag).map(|key| key.setting().flag)
        };
        let of_relay =
            [SettingKey::RelayName, SettingKey::RelayTokenFile, SettingKey::RelayInsecure];
        // The API uses them too.
        let of_both = [SettingKey::Cacert];
        let of_forward = [
            SettingKey::ForwardFilter,
            SettingKey::ForwardWhenDown,
            SettingKey::ForwardSince,
            SettingKey::ForwardHeader,
            SettingKey::ForwardInsecure,
            SettingKey::ForwardConcurrency,
            SettingKey::ForwardTimeout,
            SettingKey::ForwardRetries,
        ];
        let has_api_key = self.api_key.is_some() || self.api_key_file.is_some();
        let of_listener = [SettingKey::Listen, SettingKey::Path, SettingKey::TrustForwardedFor];
        let why = if !self.listens && self.relay.is_none() {
            "--no-listen without --relay would receive nothing: leave it out, or name a relay"
                .to_owned()
        } else if self.relay.is_none()
            && let Some(flag) = idle(&of_relay)
        {
            format!("{flag} does nothing without --relay: leave it out, or name a relay")
        } else if self.forward_to.is_empty()
            && let Some(flag) = idle(&of_forward)
        {
            format!("{flag} does nothing without --forward-to: leave it out, or name a target")
        } else if self.relay.is_none()
            && !has_api_key
            && self.forward_to.is_empty()
            && let Some(flag) = idle(&of_both)
        {
            format!("{flag} does nothing without --relay: leave it out, or name a relay")
        } else if !has_api_key && let Some(flag) = idle(&[SettingKey::ApiUrl]) {
            format!(
                "{flag} does nothing without an API key: leave it out, or set PANJAYA_API_KEY or --api-key-file"
            )
        } else if !self.listens
            && let Some(flag) = idle(&of_listener)
        {
            format!("{flag} does nothing where --no-listen is set: leave one of them out")
        } else {
            return Ok(());
        };
        Err(ConfigError::Conflict(why))
    }

    /// Returns the settings as a configuration file, one line for each, with its origin.
    ///
    /// Reading it back gives the same settings.
    pub fn show(&self) -> String {
        show::show(self)
    }

    /// Returns the settings as records, each with its origin.
    pub fn records(&self) -> impl Iterator<Item = SettingRecord> {
        show::records(self)
    }

    /// Returns whether the command line asks for JSON.
    pub fn is_json_flagged(&self) -> bool {
        self.output == Some(Output::Json)
            && matches!(self.origins.of(SettingKey::Output), Origin::Flag(_))
    }
}

#[cfg(test)]
mod tests;
