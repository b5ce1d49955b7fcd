//! A demo beside the real thing, in a journal of its own: begun and ended from the dashboard.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::demo::{self, Program};
use super::super::receiver::{Opened, Receiver};
use super::super::supervisor::{Event, Parts as _};
use super::super::worker::Worker;
use super::backend::BackendWorker;
use super::forward::{self, Reports};
use super::{facts, sources_of};
use crate::config::Config;
use crate::signature::PrivateKey;
use crate::simulate::Speed;
use crate::tui::effect::Request;
use crate::tui::model::{Banner, Facts};
use crate::tui::msg::{Msg, Stage};

/// Runs the demo, when one is requested.
pub(in super::super) struct Aside {
    config: Config,
    inbox: mpsc::Sender<Msg>,
    running: Option<Running>,
}

/// A demo that runs.
struct Running {
    receiver: Receiver,
    backend: BackendWorker,
    forwarding: Worker<()>,
    /// `None` once it has ended, and how was said.
    story: Option<Worker<anyhow::Result<()>>>,
}

impl Aside {
    /// No demo yet; one that is begun has these settings, made harmless.
    pub(in super::super) fn new(config: &Config, inbox: mpsc::Sender<Msg>) -> Self {
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
        let Running { receiver, backend, story, .. } = running;
        let over = async {
            let Some(ending) = story else { return std::future::pending().await };
            let ended = ending.ended().await.flatten();
            *story = None;
            match ended {
                // It stays, to be looked at.
                Ok(()) => std::future::pending().await,
                Err(error) => error,
            }
        };
        let failed = async {
            loop {
                if let Event::Over(Err(error)) = receiver.next().await {
                    return error;
                }
            }
        };
        tokio::select! {
            error = over => error,
            error = failed => error,
            error = backend.failed() => error,
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
    let (opened, key) = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate()?;
        let opened = Opened::open(&settings, demo::trusted(&key))?;
        demo::seed(&opened.journal, &key, program, Timestamp::now())?;
        anyhow::Ok((opened, key))
    })
    .await??;
    let sources = sources_of(&opened, Stage::Demo)?;
    let receiver = opened.start(config).await?;
    let bound = *receiver.bound.first().context("a demo without a listener")?;
    let sender = demo::sender(config, bound, key)?;
    // Before anything that is sent of it. Nothing in it is the user's to come and see to.
    let facts = facts::of_receiver(config, &receiver, Some(Banner::Demo));
    let facts = Facts { bell: false, ..facts };
    let _ = inbox.send(Msg::DemoBegan(Box::new(facts))).await;
    let backend = BackendWorker::start(sources, inbox.clone())?;
    let story_over = CancellationToken::new();
    let reports = Reports { status: receiver.status.clone(), story_over: Some(story_over.clone()) };
    let to = inbox.clone();
    let forwarding = Worker::task("status", |stop| async move {
        stop.run_until_cancelled(forward::run(Stage::Demo, reports, None, to)).await;
    });
    let journal = Arc::clone(&receiver.opened.journal);
    let story = Worker::task("demo's sender", |stop| async move {
        demo::perform(program, &sender, &journal, &stop).await?;
        story_over.cancel();
        Ok(())
    });
    Ok(Running { receiver, backend, forwarding, story: Some(story) })
}

impl Running {
    /// As a run is taken down: the sender, the listener, the readers, the journal.
    async fn close(mut self) {
        if let Some(story) = self.story {
            story.stop().await;
        }
        self.receiver.stop().await;
        self.forwarding.stop().await;
        self.backend.stop().await;
        self.receiver.close().await;
    }
}
