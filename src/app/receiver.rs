//! The receiver: the journal, the intake that writes to it, and the sources of deliveries: a
//! listener, a relay client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::forward::ForwardSource;
use super::hooks::HookSource;
use super::keys::with_dev_key;
use super::listen::{Bound, bind};
use super::parts::{PartEvent, Parts};
use super::reconcile::ApiSource;
use super::relay_source::RelaySource;
use super::status::{self, StatusSources};
use super::welcome::callback_url;
use super::worker::{Worker, or_never};
use crate::config::{Config, SignaturePolicy};
use crate::hook::Hook;
use crate::intake::{Intake, Policy};
use crate::journal::{Follower, Health, Journal, Location, WriteError};
use crate::listener::{self, Listener};
use crate::serve::{self, TrustedProxies, serve};
use crate::signature::TrustedKeys;
use crate::status::{Counts, Status};

/// Maximum time for a request's body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// An open journal and its intake. Nothing is received yet.
pub(super) struct PreparedReceiver {
    pub(super) journal: Arc<Journal>,
    pub(super) intake: Arc<Intake>,
    pub(super) keys: Arc<TrustedKeys>,
    /// Warnings about the settings and the keys, to show to the user.
    pub(super) cautions: Vec<String>,
    /// Time between two passes over the API's list, where the usual one is too long.
    pub(super) list_every: Option<Duration>,
    /// The user's programs, and a follower for them.
    hooks: Option<(Vec<Hook>, Follower)>,
}

/// A running receiver.
pub(super) struct Receiver {
    pub(super) prepared: PreparedReceiver,
    /// The addresses of the listener; empty if there is none.
    pub(super) bound: Vec<SocketAddr>,
    pub(super) status: watch::Receiver<Status>,
    status_worker: Option<Worker<()>>,
    listener: Option<Worker<()>>,
    relay: Option<RelaySource>,
    api: Option<ApiSource>,
    forward: Option<ForwardSource>,
    hooks: Option<HookSource>,
    health: watch::Receiver<Health>,
}

impl PreparedReceiver {
    /// Opens the journal and starts the intake. Trusts `keys` and, if the settings allow it, the
    /// development key.
    pub(super) fn open(config: &Config, keys: TrustedKeys) -> anyhow::Result<Self> {
        // First: the listener derives its number of connections from this limit.
        serve::raise_open_files();
        let place =
            if config.ephemeral { Location::Memory } else { Location::File(config.db.clone()) };
        let journal = Arc::new(Journal::open(&place, config.keep)?);
        // After the journal: if neither can be written, the error should be about the journal.
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
        let intake = Arc::new(intake);
        Ok(Self { journal, intake, keys, cautions, list_every: None, hooks: None })
    }

    /// Has the run start these programs, for everything from the first delivery on.
    pub(super) fn running(mut self, hooks: Vec<Hook>) -> anyhow::Result<Self> {
        if !hooks.is_empty() {
            self.hooks = Some((hooks, self.follower()?));
        }
        Ok(self)
    }

    /// Returns a follower of the journal that begins with the next commit.
    pub(super) fn follower(&self) -> anyhow::Result<Follower> {
        Ok(Follower::of_feed(self.journal.reader()?, self.journal.feed()))
    }

    /// Starts the configured sources. Must be called inside a Tokio runtime.
    pub(super) async fn start(mut self, config: &Config) -> anyhow::Result<Receiver> {
        let (sockets, bound) = if config.listens {
            let Bound { sockets, addresses } = bind(&config.listen).await?;
            (Some(sockets), addresses)
        } else {
            (None, Vec::new())
        };
        // Before anything is received: a new target begins with the first delivery.
        let forward = ForwardSource::start(config, &self.journal, &bound).await?;
        let listener = sockets.map(|sockets| listen(config, sockets, &self.intake));
        let relay = RelaySource::start(config, &self.intake)?;
        let url = callback_url(config, &bound);
        let api = ApiSource::start(config, &self.journal, url, self.list_every)?;
        let hooks = match self.hooks.take() {
            Some((hooks, follower)) => {
                let journal = self.journal.path().display().to_string();
                Some(HookSource::start(config, hooks, follower, &journal)?)
            }
            None => None,
        };
        let sources = StatusSources {
            link: relay.as_ref().map(RelaySource::link),
            api: api.as_ref().map(ApiSource::status),
            forwards: forward.as_ref().map(ForwardSource::status),
        };
        let (status, status_worker) =
            status::of_receiver(&self.journal, Arc::clone(&self.intake), sources);
        let health = self.journal.health();
        let status_worker = Some(status_worker);
        Ok(Receiver {
            prepared: self,
            bound,
            status,
            status_worker,
            listener,
            relay,
            api,
            forward,
            hooks,
            health,
        })
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
    /// Returns a warning about rejected callbacks; `None` if the journal's health says why already.
    /// A disk that hangs reports no error, so the health does not show it.
    fn outage_warning(&self, error: &WriteError) -> Option<String> {
        (*self.prepared.journal.health().borrow() == Health::Writing)
            .then(|| format!("callbacks are answered 503: {error}"))
    }
}

impl Parts for Receiver {
    async fn next(&mut self) -> PartEvent {
        loop {
            let Self { prepared, listener, relay, api, forward, hooks, health, .. } = self;
            let error = tokio::select! {
                changed = health.changed() => {
                    return match changed {
                        Ok(()) => PartEvent::Warning(health_warning(&health.borrow_and_update())),
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
                warning = or_never(api.as_mut().map(ApiSource::warning)) => {
                    return PartEvent::Warning(warning);
                }
                warning = or_never(forward.as_mut().map(ForwardSource::warning)) => {
                    return PartEvent::Warning(warning);
                }
                warning = or_never(hooks.as_mut().map(HookSource::warning)) => {
                    return PartEvent::Warning(warning);
                }
                error = prepared.intake.outage() => error,
            };
            if let Some(warning) = self.outage_warning(&error) {
                return PartEvent::Warning(warning);
            }
        }
    }

    fn waiting_warning(&mut self) -> Option<String> {
        let relay = self.relay.as_mut().and_then(RelaySource::waiting_warning);
        relay
            .or_else(|| self.api.as_mut().and_then(ApiSource::waiting_warning))
            .or_else(|| self.forward.as_mut().and_then(ForwardSource::waiting_warning))
            .or_else(|| self.hooks.as_mut().and_then(HookSource::waiting_warning))
    }

    async fn stop(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop().await;
        }
        if let Some(listener) = self.listener.take() {
            listener.stop().await;
        }
        if let Some(api) = self.api.take() {
            api.stop().await;
        }
        if let Some(forward) = self.forward.take() {
            forward.stop().await;
        }
        let intake = Arc::clone(&self.prepared.intake);
        let _ = tokio::task::spawn_blocking(move || intake.close()).await;
        // After everything was written, so that the programs are told of it.
        if let Some(hooks) = self.hooks.take() {
            hooks.stop().await;
        }
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

fn health_warning(health: &Health) -> String {
    match health {
        Health::Writing => "the journal can be written again".to_owned(),
        Health::Failing { why } => {
            format!(
                "the journal cannot be written ({why}); callbacks are answered 503 until it can"
            )
        }
    }
}
