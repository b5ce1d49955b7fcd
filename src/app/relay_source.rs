//! The relay as a source of deliveries: builds the relay client from the settings and runs it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::outbound::outbound_to;
use super::worker::Worker;
use crate::config::{Config, ConfigError, Origin, SettingKey};
use crate::intake::Intake;
use crate::relay::client::{self, Address, Client, LinkReports, SubscribeToken, TokenPlace};
use crate::relay::protocol::ReaderName;
use crate::status::Link;

/// A running relay client.
pub(super) struct RelaySource {
    worker: Worker<()>,
    reports: LinkReports,
}

impl RelaySource {
    /// Starts the client of the configured relay; returns `None` if no relay is configured. Must be
    /// called inside a Tokio runtime.
    pub(super) fn start(config: &Config, intake: &Arc<Intake>) -> anyhow::Result<Option<Self>> {
        let Some(settings) = settings(config)? else { return Ok(None) };
        let mut reports = None;
        let worker = Worker::task("relay client", |stop| {
            let (client, link_reports) = Client::new(settings, Arc::clone(intake), stop);
            reports = Some(link_reports);
            client.run()
        });
        Ok(reports.map(|reports| Self { worker, reports }))
    }

    /// Returns a receiver of the link's state.
    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.reports.link.clone()
    }

    /// Waits for the next warning. Waits forever once the client has ended. Cancel safe.
    pub(super) async fn warning(&mut self) -> String {
        let warnings: &mut mpsc::Receiver<String> = &mut self.reports.warnings;
        match warnings.recv().await {
            Some(warning) => warning,
            None => std::future::pending().await,
        }
    }

    /// Returns the next warning that is already queued, if any.
    pub(super) fn waiting_warning(&mut self) -> Option<String> {
        self.reports.warnings.try_recv().ok()
    }

    /// Stops receiving. Deliveries that are being written are still committed and acked.
    pub(super) async fn stop(self) {
        self.worker.stop().await;
    }
}

/// Returns the client's settings; `None` if no relay is configured. Checks all of them, so that a
/// mistake is an error at the start and not a failed connection later.
pub(super) fn settings(config: &Config) -> anyhow::Result<Option<client::ClientSettings>> {
    let Some(url) = &config.relay else { return Ok(None) };
    let unusable = |why: String| ConfigError::Conflict(why);
    let address =
        Address::new(url, config.relay_insecure).map_err(|error| unusable(error.to_string()))?;
    let file = token_file(config);
    let found = match (&config.relay_token, &file) {
        (Some(token), _) => {
            let name = token_setting(config);
            Some((SubscribeToken::new(token.reveal(), &name), TokenPlace::Setting(name.into())))
        }
        (None, Some(file)) => SubscribeToken::from_file(file)
            .transpose()
            .map(|token| (token, TokenPlace::File(file.clone()))),
        (None, None) => None,
    };
    let (token, token_place) = found.ok_or_else(|| {
        let place = file.map_or_else(
            || "a file (chmod 600) that --relay-token-file names".to_owned(),
            |file| format!("{} (chmod 600)", file.display()),
        );
        unusable(format!(
            "there is no token for the relay {}: put the one that `dubwatch relay inbox create` printed into {place}, or into DUBWATCH_RELAY_TOKEN",
            address.short(),
        ))
    })?;
    let token = token.map_err(|error| unusable(error.to_string()))?;
    let outbound = outbound_to(config, address.target())?;
    Ok(Some(client::ClientSettings {
        address,
        token,
        token_place,
        reader: (!config.ephemeral).then(|| reader(config)),
        outbound,
        max_body: config.max_body,
    }))
}

/// Returns the path of the token file; `None` if none is set and no data directory is known.
fn token_file(config: &Config) -> Option<PathBuf> {
    let named = config.relay_token_file.clone();
    named.or_else(|| config.data_dir().map(SubscribeToken::default_file))
}

/// Returns the name of the setting that holds the token, for error messages.
fn token_setting(config: &Config) -> String {
    match config.origins.of(SettingKey::RelayToken) {
        Origin::File(_) => format!("relay-token in {}", config.origins.of(SettingKey::RelayToken)),
        origin => origin.to_string(),
    }
}

/// Returns the name under which the relay remembers our position: `--relay-name` or the host name.
fn reader(config: &Config) -> ReaderName {
    match &config.relay_name {
        Some(name) => name.parse().unwrap_or_else(|_| ReaderName::near(name)),
        None => ReaderName::near(&rustix::system::uname().nodename().to_string_lossy()),
    }
}
