//! The settings of a relay, and the URL that follows from them.

use std::path::PathBuf;

use super::super::welcome::host_name;
use crate::config::ListenAddress;
use crate::relay::server::ServerSettings;
use crate::relay::store::Caps;

/// The settings of a relay.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// The addresses to listen on.
    pub listen: Vec<ListenAddress>,
    /// The flags on the command line that set the address or TLS. An operator's command rejects
    /// them if the relay is running, because then they have no effect.
    pub placed_by: Vec<&'static str>,
    /// Whether a flag or the configuration file sets the address or TLS.
    pub is_placed: bool,
    /// The path of the store.
    pub db: PathBuf,
    /// How much the store keeps.
    pub caps: Caps,
    /// The settings of the server.
    pub server: ServerSettings,
    /// PEM files of the certificate chain and its key; `None` for plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// PEM files of the keys that are trusted besides the vendor's.
    pub public_keys: Vec<PathBuf>,
}

impl RelayOptions {
    /// Returns the URL at which clients reach the relay: `--public-url`, or a guess from the
    /// address.
    pub(super) fn base_url(&self, bound: Option<ListenAddress>) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let here = || match bound {
            Some(ListenAddress::Socket(every)) if every.ip().to_canonical().is_unspecified() => {
                let host = host_name().unwrap_or_else(|| "localhost".to_owned());
                format!("{scheme}://{host}:{}", every.port())
            }
            Some(bound) => format!("{scheme}://{}", bound.reachable()),
            None => format!("{scheme}://localhost"),
        };
        self.server.public_url.clone().unwrap_or_else(here)
    }

    /// Returns whether the URL comes from a flag or setting and is not only a default.
    pub(super) fn sets_base_url(&self) -> bool {
        self.server.public_url.is_some() || self.is_placed
    }
}
