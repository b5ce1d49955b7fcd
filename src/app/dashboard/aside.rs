//! A demo beside the real thing, in a journal of its own: begun and ended from the dashboard.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::demo::{self, Program};
use super::super::engine::{Engine, Serving};
use super::super::listen::{Bound, bind};
use super::backend::BackendWorker;
use super::{facts, sources_of, tell_counts, until};
use crate::config::Config;
use crate::signature::PrivateKey;
use crate::simulate::Speed;
use crate::tui::effect::Request;
use crate::tui::model::{Banner, Facts};
use crate::tui::msg::{Msg, Stage, Told};

/// Whoever runs the demo, when one is asked for.
pub(super) struct Aside {
    config: Config,
    inbox: mpsc::Sender<Msg>,
    running: Option<Running>,
}

/// A demo that runs.
struct Running {
    engine: Engine,
    serving: Serving,
    backend: BackendWorker,
    stop: CancellationToken,
    counting: JoinHandle<()>,
    /// `None` once it was told how it ended.
    story: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Aside {
    /// No demo yet; one that is begun has these settings, made harmless.
    pub(super) fn new(config: &Config, inbox: mpsc::Sender<Msg>) -> Self {
        Self { config: demo::settings(config), inbox, running: None }
    }

    /// Begins a demo and tells of it; does nothing where one runs.
    pub(super) async fn begin(&mut self) {
        if self.running.is_some() {
            return;
        }
        match begin(&self.config, &self.inbox).await {
            Ok(running) => self.running = Some(running),
            Err(error) => self.tell(Msg::DemoEnded(Some(format!("{error:#}")))).await,
        }
    }

    /// Ends it and tells so, with what was wrong where something was.
    pub(super) async fn end(&mut self, why: Option<anyhow::Error>) {
        // Told first: nobody is to wait for what nobody looks at any more.
        self.tell(Msg::DemoEnded(why.map(|why| format!("{why:#}")))).await;
        self.close().await;
    }

    /// Ends it without a word.
    pub(super) async fn close(&mut self) {
        if let Some(running) = self.running.take() {
            running.close().await;
        }
    }

    /// Has a request to its journal answered.
    pub(super) async fn ask(&self, request: Request) {
        if let Some(running) = &self.running {
            // Its end is told elsewhere.
            let _ = running.backend.requests.send(request).await;
        }
    }

    /// Waits until something is wrong with it.
    pub(super) async fn broken(&mut self) -> anyhow::Error {
        let Some(running) = &mut self.running else { std::future::pending().await };
        let story = async {
            let Some(story) = &mut running.story else { std::future::pending().await };
            let ended = story.await;
            running.story = None;
            match ended.map_err(anyhow::Error::from).flatten() {
                // It stays, to be looked at.
                Ok(()) => std::future::pending().await,
                Err(error) => error,
            }
        };
        tokio::select! {
            error = story => error,
            error = running.serving.broken() => error,
            error = running.backend.failed() => error,
        }
    }

    async fn tell(&self, msg: Msg) {
        // Without a dashboard nobody needs to know.
        let _ = self.inbox.send(msg).await;
    }
}

async fn begin(config: &Config, inbox: &mpsc::Sender<Msg>) -> anyhow::Result<Running> {
    let program = Program { seed: demo::any_seed(), speed: Speed::LIFE, endless: false };
    let settings = config.clone();
    let (engine, key) = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate()?;
        let engine = Engine::open(&settings, demo::trusted(&key))?;
        demo::seed(&engine.journal, &key, program, Timestamp::now())?;
        anyhow::Ok((engine, key))
    })
    .await??;
    let Bound { sockets, addresses } = bind(&config.listen).await?;
    let bound = *addresses.first().context("a demo without a listener")?;
    let serving = engine.serve(config, sockets);
    let stop = CancellationToken::new();
    let sender = demo::sender(config, bound, key)?;
    let sources = sources_of(&engine, Stage::Demo)?;
    // Before anything that is told of it.
    let facts = facts::of_engine(config, &engine, &addresses, Some(Banner::Demo));
    // Nothing in it is the user's to come and see to.
    let facts = Facts { bell: false, ..facts };
    let _ = inbox.send(Msg::DemoBegan(Box::new(facts))).await;
    let backend = BackendWorker::start(sources, inbox.clone())?;
    let counts = tell_counts(Stage::Demo, Arc::clone(&engine.intake), inbox.clone());
    let counting = until(&stop, counts);
    let (journal, quit) = (Arc::clone(&engine.journal), stop.clone());
    let end = inbox.clone();
    let story = tokio::spawn(async move {
        demo::perform(program, &sender, &journal, &quit).await?;
        let _ = end.send(Msg::Told(Stage::Demo, Told::StoryOver)).await;
        Ok(())
    });
    Ok(Running { engine, serving, backend, stop, counting, story: Some(story) })
}

impl Running {
    /// As a run is taken down: the sender, the door, the readers, the journal.
    async fn close(self) {
        self.stop.cancel();
        if let Some(story) = self.story {
            let _ = story.await;
        }
        self.serving.close().await;
        self.engine.close_intake().await;
        let _ = self.counting.await;
        self.backend.stop().await;
        self.engine.close_journal().await;
    }
}
