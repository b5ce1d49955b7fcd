//! `dubwatch relay`: runs a relay.

use std::path::PathBuf;

use super::inbox::{self, InboxCommand, InboxPruneArgs};
use super::{logging, say};
use crate::app::{self, Exit, RelayOptions};
use crate::config::{Config, ConfigError, Origin, RelayKey, RelayLayer, RelaySettings};
use crate::relay::server::{Rate, ServerSettings};
use crate::relay::store::Caps;
use crate::serve::TrustedProxies;

#[derive(Debug, clap::Args)]
pub(super) struct RelayArgs {
    #[command(subcommand)]
    command: Option<RelayCommand>,
    #[command(flatten)]
    pub(super) settings: RelayLayer,
}

#[derive(Debug, clap::Subcommand)]
enum RelayCommand {
    /// Make, list, rotate, prune and revoke inboxes and forget readers, also beside a running relay
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// The same as `relay inbox prune`
    #[command(hide = true)]
    Prune(InboxPruneArgs),
}

pub(super) fn run(config: &Config, args: RelayArgs) -> anyhow::Result<Exit> {
    let own = &config.own_relay;
    let tls = config.own_relay_tls()?.map(|(chain, key)| (chain.to_owned(), key.to_owned()));
    let relay = RelayOptions {
        listen: own.listen.clone(),
        placed_by: placed_by(config),
        is_placed: is_placed(config),
        db: store(own)?,
        caps: caps(own),
        server: settings(own, tls.is_some()),
        tls,
        public_keys: own.public_keys.clone(),
    };
    match args.command {
        None => {
            logging::to_stderr();
            app::relay(&relay, say)
        }
        Some(RelayCommand::Inbox(command)) => inbox::run(&relay, config, command),
        Some(RelayCommand::Prune(args)) => inbox::run(&relay, config, InboxCommand::Prune(args)),
    }
}

/// The settings of where and how the relay listens.
const PLACE: [RelayKey; 3] = [RelayKey::Listen, RelayKey::TlsCert, RelayKey::TlsKey];

/// Returns the flags for where and how the relay listens. Not variables and file: the relay's own
/// run uses these as well.
fn placed_by(config: &Config) -> Vec<&'static str> {
    let flag = |key| match config.origins.of_relay(key) {
        Origin::Flag(flag) => Some(*flag),
        _ => None,
    };
    PLACE.into_iter().filter_map(flag).collect()
}

/// Returns whether a flag or the file sets where and how the relay listens.
fn is_placed(config: &Config) -> bool {
    let is_said = |key| matches!(config.origins.of_relay(key), Origin::Flag(_) | Origin::File(_));
    PLACE.into_iter().any(is_said)
}

/// Returns the store's file: not beside the configured journal, which is the watcher's.
fn store(own: &RelaySettings) -> Result<PathBuf, ConfigError> {
    if own.db.as_os_str().is_empty() {
        let instead = "name its file with --db";
        return Err(ConfigError::NoHome { what: "the relay's store", instead });
    }
    Ok(own.db.clone())
}

fn caps(own: &RelaySettings) -> Caps {
    Caps {
        count: own.max_count,
        bytes: own.max_bytes,
        relay_bytes: own.max_total,
        age: own.max_age,
        absence: own.max_absence,
        inboxes: own.max_inboxes,
        ..Caps::default()
    }
}

fn settings(own: &RelaySettings, tls: bool) -> ServerSettings {
    let per_second = f64::from(own.max_rate);
    ServerSettings {
        max_body: own.max_body,
        rate: Rate { per_second, burst: 5.0 * per_second },
        connections: own.max_readers,
        proxies: TrustedProxies::new(own.proxies.networks().iter().copied()),
        public_url: own.public_url.clone(),
        tls,
        ..ServerSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Environment, Flags};
    use crate::relay::protocol::callback_url;

    fn config(file: &str) -> Result<Config, ConfigError> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("relay.toml");
        std::fs::write(&path, file).unwrap();
        let flags = Flags { config: Some(path), ..Flags::default() };
        Config::load(flags, &Environment::below(Path::new("/nowhere")))
    }

    #[test]
    fn the_defaults_are_those_of_store_and_server() {
        let own = config("").unwrap().own_relay;
        assert_eq!(caps(&own), Caps::default());
        let (ours, theirs) = (settings(&own, false), ServerSettings::default());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    /// The files that the pages and the unit of a service show are ones that a relay takes.
    #[test]
    fn the_examples_are_right() {
        let unit = include_str!("../../assets/dubwatch-relay.service");
        let unit: String = unit
            .lines()
            .map(|line| line.strip_prefix("#   ").unwrap_or_default().trim())
            .skip_while(|line| *line != "[relay]")
            .take_while(|line| !line.is_empty())
            .flat_map(|line| [line, "\n"])
            .collect();
        let pages = [include_str!("../docs/relay.md"), include_str!("../docs/settings.md")];
        let shown = pages.iter().map(|page| {
            let (_, rest) = page.split_once("```toml\n[relay]\n").expect("an example");
            let (example, _) = rest.split_once("```").expect("an end");
            format!("[relay]\n{example}")
        });
        for example in shown.chain([unit]) {
            let config = config(&example).unwrap();
            assert_eq!(config.own_relay.public_url.as_deref(), Some("https://relay.example"));
            assert_eq!(config.own_relay.db, Path::new("/var/lib/dubwatch-relay/relay.db"));
            assert!(!config.own_relay.proxies.networks().is_empty());
        }
    }

    /// The URL's grammar is the protocol's, which settings know nothing of.
    #[test]
    fn a_public_url_is_one_that_readers_show() {
        for (url, good) in [
            ("https://relay.example", true),
            ("https://relay.example:8443/", true),
            ("http://[::1]:1/deep/er/", true),
            ("HTTPS://relay.example/~x,y=1+2%20", true),
            ("https://relay.example/a&b", false),
            ("https://relay.example/a?b", false),
            ("https://relay.example/(a)", false),
            ("https://rel$ay.example", false),
        ] {
            let shown = callback_url(&ServerSettings::callback_url(url.trim_end_matches('/'), "0"));
            assert_eq!(shown.is_some(), good, "{url}");
            let taken = config(&format!("[relay]\npublic-url = '{url}'"));
            match taken {
                Ok(config) => {
                    assert!(good, "{url}");
                    let own = config.own_relay.public_url.unwrap();
                    assert_eq!(own, url.trim_end_matches('/'));
                }
                Err(error) => assert!(!good, "{error}"),
            }
        }
    }
}
