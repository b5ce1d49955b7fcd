//! What receives: the journal, the intake before it, and the sources that feed that: a listener, a
//! relay client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::keys::with_dev_key;
use super::listen::bind;
use super::relay_source::RelaySource;
use super::status;
use super::supervisor::{PartEvent, Parts};
use super::worker::{Worker, or_never};
use crate::config::{Config, SignaturePolicy};
use crate::intake::{Intake, Policy};
use crate::journal::{Follower, Health, Journal, Location, WriteError};
use crate::listener::{self, Listener};
use crate::serve::{self, TrustedProxies, serve};
use crate::signature::TrustedKeys;
use crate::status::{Counts, Status};

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// An open journal and the intake before it; nothing is received yet.
pub(super) struct PreparedReceiver {
    pub(super) journal: Arc<Journal>,
    pub(super) intake: Arc<Intake>,
    pub(super) keys: Arc<TrustedKeys>,
    /// What a person should know of the settings and of how the journal was opened.
    pub(super) cautions: Vec<String>,
}

/// A receiver that runs.
pub(super) struct Receiver {
    pub(super) prepared: PreparedReceiver,
    /// The addresses that are listened on; none where nothing is.
    pub(super) bound: Vec<SocketAddr>,
    pub(super) status: watch::Receiver<Status>,
    status_worker: Option<Worker<()>>,
    listener: Option<Worker<()>>,
    relay: Option<RelaySource>,
    health: watch::Receiver<Health>,
}

impl PreparedReceiver {
    /// Opens both as the settings say. The development key comes on top of `keys`.
    pub(super) fn open(config: &Config, keys: TrustedKeys) -> anyhow::Result<Self> {
        // Before the listener counts how many connections it may have.
        serve::raise_open_files();
        let place =
            if config.ephemeral { Location::Memory } else { Location::File(config.db.clone()) };
        let journal = Arc::new(Journal::open(&place, config.keep)?);
        // After the journal: where both cannot be written, the journal is what was asked for.
        let (keys, caution) = with_dev_key(config, keys)?;
        let keys = Arc::new(keys);
        let policy = match config.signature {
            SignaturePolicy::Required => Policy::Required,
            SignaturePolicy::Off => Policy::Off,
        };
        let first_refusal = journal.next_refusal_id()?;
        let intake = Intake::new(Arc::clone(&keys), policy, Arc::clone(&journal), first_refusal)
            .context("cannot start the refusals thread")?;
        let cautions = config.cautions.iter().cloned().chain(caution).collect();
        Ok(Self { journal, intake: Arc::new(intake), keys, cautions })
    }

    /// Returns a follower of the journal. It begins with what is committed from now on.
    pub(super) fn follower(&self) -> anyhow::Result<Follower> {
        Ok(Follower::of_feed(self.journal.reader()?, self.journal.feed()))
    }

    /// Starts the sources that the settings name. Must be called inside a Tokio runtime.
    pub(super) async fn start(self, config: &Config) -> anyhow::Result<Receiver> {
        let (listener, bound) = if config.listens {
            let bound = bind(&config.listen).await?;
            (Some(listen(config, bound.sockets, &self.intake)), bound.addresses)
        } else {
            (None, Vec::new())
        };
        let relay = RelaySource::start(config, &self.intake)?;
        let link = relay.as_ref().map(RelaySource::link);
        let (status, status_worker) =
            status::of_receiver(&self.journal, Arc::clone(&self.intake), link);
        let health = self.journal.health();
        let status_worker = Some(status_worker);
        Ok(Receiver { prepared: self, bound, status, status_worker, listener, relay, health })
    }
}

/// Serves the callback path on these sockets.
fn listen(config: &Config, sockets: Vec<TcpListener>, intake: &Arc<Intake>) -> Worker<()> {
    let proxies = TrustedProxies::new(config.proxies.networks().iter().copied());
    let listener = Listener::behind(
        proxies,
        listener::ListenerSettings {
            path: config.path.clone(),
            max_body: config.max_body,
            body_timeout: BODY_TIMEOUT,
        },
        Arc::clone(intake),
    );
    let router = listener.router();
    let broken = move |broken| listener.broken(&broken);
    Worker::task("listener", |stop| {
        serve(sockets, router, serve::ServeLimits::default(), stop, broken)
    })
}

impl Receiver {
    /// A disk that hangs reports no error: all that shows is that callbacks are turned away.
    fn trouble(&self, trouble: &WriteError) -> Option<String> {
        (*self.prepared.journal.health().borrow() == Health::Writing)
            .then(|| format!("callbacks are answered 503: {trouble}"))
    }
}

impl Parts for Receiver {
    async fn next(&mut self) -> PartEvent {
        loop {
            let Self { prepared, listener, relay, health, .. } = self;
            let trouble = tokio::select! {
                changed = health.changed() => {
                    return match changed {
                        Ok(()) => PartEvent::Warning(sentence(&health.borrow_and_update())),
                        Err(_) => PartEvent::Over(Err(anyhow::anyhow!(
                            "the journal's thread ended unexpectedly"
                        ))),
                    };
                }
                error = or_never(listener.as_mut().map(Worker::failed)) => {
                    return PartEvent::Over(Err(error));
                }
                warning = or_never(relay.as_mut().map(RelaySource::warning)) => {
                    return PartEvent::Warning(warning);
                }
                trouble = prepared.intake.outage() => trouble,
            };
            if let Some(warning) = self.trouble(&trouble) {
                return PartEvent::Warning(warning);
            }
        }
    }

    fn waiting_warning(&mut self) -> Option<String> {
        self.relay.as_mut().and_then(RelaySource::waiting_warning)
    }

    async fn stop(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop().await;
        }
        if let Some(listener) = self.listener.take() {
            listener.stop().await;
        }
        let intake = Arc::clone(&self.prepared.intake);
        let _ = tokio::task::spawn_blocking(move || intake.close()).await;
        if let Some(status) = self.status_worker.take() {
            status.stop().await;
        }
    }

    fn counts(&self) -> Option<Counts> {
        Some(self.prepared.intake.counts())
    }

    async fn close(self) {
        let journal = self.prepared.journal;
        let _ = tokio::task::spawn_blocking(move || journal.close()).await;
    }
}

fn sentence(health: &Health) -> String {
    match health {
        Health::Writing => "the journal can be written again".to_owned(),
        Health::Failing { why } => {
            format!(
                "the journal cannot be written ({why}); callbacks are answered 503 until it can"
            )
        }
    }
}
