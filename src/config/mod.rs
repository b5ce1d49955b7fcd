//! Layered settings, merged once into a plain value; acts on none of them.
//!
//! A flag wins over a `DUBWATCH_*` variable, that over the configuration file, that over the
//! default. [`SETTINGS`] is the one table of them.

mod error;
mod file;
mod layer;
mod merge;
mod setting;
mod show;
mod surroundings;
mod value;
mod zone;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

pub use error::ConfigError;
pub use layer::{Flags, Layer};
pub use merge::{Origin, Origins};
pub use setting::{Key, SETTINGS, Setting};
pub use surroundings::Surroundings;
pub use value::{
    Color, ListenAddress, Output, Proxies, Secret, SignaturePolicy, Theme, size as parse_size,
    span as parse_span,
};
pub use zone::{LocalZone, local_zone};

/// Every setting, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// Where the listener binds, at least one address; port 0 takes a free one.
    pub listen: Vec<ListenAddress>,
    /// The path that callbacks come to; begins with `/`.
    pub path: String,
    /// The whole URL that the sender calls, where it is not the listener's own.
    pub public_url: Option<String>,
    /// PEM files of keys trusted beside the vendor's.
    pub public_keys: Vec<PathBuf>,
    /// Whether a listener on loopback trusts the development key.
    pub dev_key: bool,
    /// What becomes of deliveries whose signature does not hold.
    pub signature: SignaturePolicy,
    /// The journal's file; of no meaning when `ephemeral`.
    pub db: PathBuf,
    /// Whether the journal is kept in memory only.
    pub ephemeral: bool,
    /// How a run is shown; `None` leaves it to what stdin and stdout are.
    pub output: Option<Output>,
    /// When output is coloured.
    pub color: Color,
    /// The ground that the dashboard is drawn on.
    pub theme: Theme,
    /// Whether the dashboard is drawn in ASCII alone; `None` leaves it to the locale.
    pub ascii: Option<bool>,
    /// Whether the dashboard rings when something failed or is done.
    pub bell: bool,
    /// Whether the user is asked before `q` ends what receives.
    pub confirm_quit: bool,
    /// The longest body that is taken, in bytes.
    pub max_body: usize,
    /// How long a version may generate before it is overdue.
    pub overdue: SignedDuration,
    /// How long deliveries are kept; `None` keeps all.
    pub keep: Option<SignedDuration>,
    /// The URL of the relay that callbacks are taken from, where there is one.
    pub relay: Option<String>,
    /// The name of this reader's place at the relay; `None` takes the host's.
    pub relay_name: Option<String>,
    /// The token that opens the inbox at the relay, where it is not in a file.
    pub relay_token: Option<Secret>,
    /// The file of that token; `None` takes the one beside the journal.
    pub relay_token_file: Option<PathBuf>,
    /// Whether a relay on another machine may be spoken to in the clear.
    pub relay_insecure: bool,
    /// Certificates that `wss://` trusts in place of the system's.
    pub cacert: Option<PathBuf>,
    /// Whether there is a listener.
    pub listens: bool,
    /// The proxies whose word about the client is believed.
    pub proxies: Proxies,
    /// Where each setting came from.
    pub origins: Origins,
    data_dir: PathBuf,
    state_dir: PathBuf,
}

impl Config {
    /// Merges the flags with the environment, the configuration file and the defaults.
    ///
    /// The file that `--config` or `DUBWATCH_CONFIG` names has to exist; the default one need not.
    pub fn load(flags: Flags, surroundings: &Surroundings) -> Result<Self, ConfigError> {
        merge::load(flags, surroundings)
    }

    /// The directory of the journal and what stands beside it; our own, `$XDG_DATA_HOME/dubwatch`,
    /// when the journal is in memory. It may not exist yet.
    pub fn data_dir(&self) -> &Path {
        match self.db.parent() {
            Some(parent) if !self.ephemeral => parent,
            _ => &self.data_dir,
        }
    }

    /// Our directory for logs, `$XDG_STATE_HOME/dubwatch`; it may not exist yet.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The URL that the sender has to call, given the address that the listener got.
    pub fn callback_url(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{bound}{}", self.path))
    }

    /// What is wrong with a run that would receive nothing.
    pub fn doors(&self) -> Result<(), ConfigError> {
        if self.listens || self.relay.is_some() {
            return Ok(());
        }
        Err(ConfigError::Conflict(
            "--no-listen without --relay would receive nothing: leave it out, or name a relay"
                .to_owned(),
        ))
    }

    /// The settings as a configuration file, a line a setting, each with where it came from.
    ///
    /// Reading it back gives the same settings.
    pub fn show(&self) -> String {
        show::show(self)
    }
}

#[cfg(test)]
mod tests;
