//! One run: an engine that receives, a face that shows it, signals that end it; takes them down in
//! order.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Exit;
use super::engine::{Engine, Serving};
use super::listen::bind;
use super::relaying::Relaying;
use super::signals::{Signals, at_once};
use crate::config::Config;
use crate::journal::{Health, Unwritten};
use crate::signature::TrustedKeys;
use crate::vitals::{Counts, Link, Store};

/// What is to show a run.
pub(super) trait Face {
    /// The same while it shows.
    type Shown: Shown;
    /// Whether it has the terminal, so that the run ends when that hangs up.
    const ON_TERMINAL: bool;

    /// Starts to show. The socket accepts by then.
    fn start(self, run: &Run<'_>, doors: Doors) -> anyhow::Result<Self::Shown>;
}

/// The ways in of a run.
pub(super) struct Doors {
    /// The addresses that are listened on; none where nothing is.
    pub(super) bound: Vec<SocketAddr>,
    /// The state of the link to a relay, where there is one.
    pub(super) link: Option<watch::Receiver<Link>>,
}

/// What shows a run.
pub(super) trait Shown {
    /// Passes on a sentence that a person should know.
    fn warn(&self, message: String);

    /// Passes on whether the journal can be written.
    fn store(&self, store: Store);

    /// Waits until it shows nothing any more: the user had enough, or it cannot go on.
    async fn over(&mut self) -> anyhow::Result<Exit>;

    /// Gives the terminal back, where it has that.
    async fn leave(&mut self);

    /// Shows the last of it and lets go of the journal.
    async fn finish(self, counts: Counts);
}

/// One run of the listener.
pub(super) struct Run<'a> {
    pub(super) config: &'a Config,
    pub(super) engine: Engine,
}

impl<'a> Run<'a> {
    /// Opens the journal and the way into it.
    pub(super) fn new(config: &'a Config, keys: TrustedKeys) -> anyhow::Result<Self> {
        Ok(Self { config, engine: Engine::open(config, keys)? })
    }

    /// Receives until a signal comes, something breaks, the face is over or `beside` is done.
    ///
    /// `beside` is told the address that was bound, if any, and runs from then on. It has to end soon once
    /// its token is cancelled.
    pub(super) fn until_the_end<B: Future<Output = anyhow::Result<()>> + Send + 'static>(
        self,
        face: impl Face,
        beside: impl FnOnce(Option<SocketAddr>, CancellationToken) -> B,
    ) -> anyhow::Result<Exit> {
        in_runtime(self.receive(face, beside))
    }

    async fn receive<F: Face, B: Future<Output = anyhow::Result<()>> + Send + 'static>(
        self,
        face: F,
        beside: impl FnOnce(Option<SocketAddr>, CancellationToken) -> B,
    ) -> anyhow::Result<Exit> {
        // Before anything is announced: a signal that comes at once has to drain as well.
        let mut signals = Signals::new(F::ON_TERMINAL).context("cannot listen for signals")?;
        let (mut serving, bound) = self.listen().await?;
        let mut relaying = Relaying::start(self.config, &self.engine.intake)?;
        let link = relaying.as_ref().map(Relaying::link);
        let first = bound.first().copied();
        let unreachable = self.config.unreachable(&bound);
        let mut shown = face.start(&self, Doors { bound, link })?;
        for caution in self.engine.cautions.iter().cloned().chain(unreachable) {
            warn(&shown, caution);
        }
        let mut health = self.engine.journal.health();
        let quit = CancellationToken::new();
        let mut beside = tokio::spawn(beside(first, quit.clone()));

        let exit = loop {
            tokio::select! {
                signal = signals.next() => break Ok(Exit::Signal(signal)),
                over = shown.over() => break over,
                changed = health.changed() => match changed {
                    Ok(()) => tell_health(&mut health, &shown),
                    Err(_) => break Err(anyhow::anyhow!("the journal's thread ended unexpectedly")),
                },
                trouble = self.engine.intake.trouble() => self.tell_trouble(&trouble, &shown),
                ended = &mut beside => break ended
                    .map_err(anyhow::Error::from)
                    .flatten()
                    .map(|()| Exit::Done),
                broken = broken(&mut serving) => break Err(broken),
                warning = warning(&mut relaying) => shown.warn(warning),
            }
        };
        // What was to be said before the end still is.
        while let Some(warning) = relaying.as_mut().and_then(Relaying::next_warning) {
            shown.warn(warning);
        }
        let graceful = async {
            // The user has the terminal back at once, whatever there is still to be written.
            shown.leave().await;
            // Whoever posts to the listener stops before it does.
            quit.cancel();
            if !beside.is_finished() {
                let _ = beside.await;
            }
            if let Some(relaying) = relaying {
                relaying.close().await;
            }
            if let Some(serving) = serving {
                serving.close().await;
            }
            self.engine.close_intake().await;
            shown.finish(self.engine.intake.counts()).await;
            self.engine.close_journal().await;
        };
        tokio::select! {
            () = graceful => exit,
            signal = signals.again() => at_once(signal),
        }
    }

    /// Listens, where that is wanted.
    async fn listen(&self) -> anyhow::Result<(Option<Serving>, Vec<SocketAddr>)> {
        if !self.config.listens {
            return Ok((None, Vec::new()));
        }
        let bound = bind(&self.config.listen).await?;
        Ok((Some(self.engine.serve(self.config, bound.sockets)), bound.addresses))
    }

    /// A disk that hangs reports no error: all that shows is that callbacks are turned away.
    fn tell_trouble(&self, trouble: &Unwritten, shown: &impl Shown) {
        if *self.engine.journal.health().borrow() == Health::Writing {
            warn(shown, format!("callbacks are answered 503: {trouble}"));
        }
    }
}

async fn broken(serving: &mut Option<Serving>) -> anyhow::Error {
    match serving {
        Some(serving) => serving.broken().await,
        None => std::future::pending().await,
    }
}

async fn warning(relaying: &mut Option<Relaying>) -> String {
    match relaying {
        Some(relaying) => relaying.warning().await,
        None => std::future::pending().await,
    }
}

/// Runs to the end on a runtime of its own.
pub(super) fn in_runtime(run: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let exit = runtime.block_on(run);
    // A thread that hangs in a write to standard output must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit
}

fn tell_health(health: &mut watch::Receiver<Health>, shown: &impl Shown) {
    let (store, message) = match &*health.borrow_and_update() {
        Health::Writing => (Store::Writing, "the journal can be written again".to_owned()),
        Health::Failing { why } => (
            Store::Failing { why: (**why).to_owned() },
            format!(
                "the journal cannot be written ({why}); callbacks are answered 503 until it can"
            ),
        ),
    };
    shown.store(store);
    warn(shown, message);
}

fn warn(shown: &impl Shown, message: String) {
    tracing::warn!("{message}");
    shown.warn(message);
}
