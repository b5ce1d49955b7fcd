//! What receives: the journal, the way into it, and the door before that. Shows nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::keys::with_dev_key;
use super::worker::Worker;
use crate::config::{Config, SignaturePolicy};
use crate::intake::{Intake, Policy};
use crate::journal::{Journal, Place};
use crate::listener::{self, Listener};
use crate::serve::{self, TrustedProxies, serve};
use crate::signature::TrustedKeys;

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// An open journal and the way into it.
pub(super) struct Engine {
    pub(super) journal: Arc<Journal>,
    pub(super) intake: Arc<Intake>,
    pub(super) keys: Arc<TrustedKeys>,
    /// What a person should know of how it was opened.
    pub(super) cautions: Vec<String>,
}

impl Engine {
    /// Opens both as the settings say. The development key comes on top of `keys`.
    pub(super) fn open(config: &Config, keys: TrustedKeys) -> anyhow::Result<Self> {
        // Before the listener counts how many connections it may have.
        serve::raise_open_files();
        let place = if config.ephemeral { Place::Memory } else { Place::File(config.db.clone()) };
        let journal = Arc::new(Journal::open(&place, config.keep)?);
        // After the journal: where both cannot be written, the journal is what was asked for.
        let (keys, caution) = with_dev_key(config, keys)?;
        let keys = Arc::new(keys);
        let policy = match config.signature {
            SignaturePolicy::Required => Policy::Required,
            SignaturePolicy::Off => Policy::Off,
        };
        let first_refusal = journal.next_refusal_id()?;
        let trusted = Arc::clone(&keys);
        let intake = Intake::new(trusted, policy, Arc::clone(&journal) as _, first_refusal)
            .context("cannot start the refusals thread")?;
        let cautions = config.cautions.iter().cloned().chain(caution).collect();
        Ok(Self { journal, intake: Arc::new(intake), keys, cautions })
    }

    /// Receives what comes to these sockets.
    pub(super) fn serve(&self, config: &Config, sockets: Vec<TcpListener>) -> Serving {
        let proxies = TrustedProxies::new(config.proxies.networks().iter().copied());
        let door = Listener::behind(
            proxies,
            listener::Settings {
                path: config.path.clone(),
                max_body: config.max_body,
                body_timeout: BODY_TIMEOUT,
            },
            Arc::clone(&self.intake),
        );
        let router = door.router();
        let broken = move |broken| door.broken(&broken);
        Serving(Worker::task("listener", |stop| {
            serve(sockets, router, serve::Limits::default(), stop, broken)
        }))
    }

    /// Writes the refusals that are not in the log yet. Nothing may be received any more.
    pub(super) async fn close_intake(&self) {
        let intake = Arc::clone(&self.intake);
        let _ = tokio::task::spawn_blocking(move || intake.close()).await;
    }

    /// Writes the rest and closes the journal. Its readers have to be gone by then: the last one to
    /// close an SQLite file has to be the writer, so that no write-ahead log is left behind.
    pub(super) async fn close_journal(&self) {
        let journal = Arc::clone(&self.journal);
        let _ = tokio::task::spawn_blocking(move || journal.close()).await;
    }
}

/// A listener that receives.
pub(super) struct Serving(Worker<()>);

impl Serving {
    /// Waits until it ends, which it does not by itself: says what happened.
    pub(super) async fn broken(&mut self) -> anyhow::Error {
        match self.0.ended().await {
            Ok(()) => anyhow::anyhow!("the listener ended unexpectedly"),
            Err(error) => error,
        }
    }

    /// Stops taking requests; waits for those that are under way.
    pub(super) async fn close(self) {
        self.0.stop().await;
    }
}
