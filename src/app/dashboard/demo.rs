//! The demo that is started from the dashboard: a receiver of its own on a journal in memory, beside
//! the run that is already there.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::demo::{self, DemoOptions};
use super::super::receiver::{PreparedReceiver, Receiver};
use super::super::supervisor::{PartEvent, Parts as _};
use super::super::worker::{Worker, or_never};
use super::backend::BackendWorker;
use super::forward::{self, Reports};
use super::{EVENTS, run_info, sources_of};
use crate::config::Config;
use crate::signature::PrivateKey;
use crate::simulate::Speed;
use crate::tui::model::{Banner, RunInfo};
use crate::tui::run::{DemoCommand, DemoEvent, Run};

/// Starts and ends a demo as commands say, until it is stopped or there will be no more commands;
/// then ends the demo, if one runs. `config` is that of the run that is already there.
pub(in super::super) async fn run(
    config: Config,
    mut commands: mpsc::Receiver<DemoCommand>,
    events: mpsc::Sender<DemoEvent>,
    stop: CancellationToken,
) {
    let config = demo::settings(&config);
    let mut running = None;
    let work = async {
        loop {
            tokio::select! {
                error = or_never(running.as_mut().map(RunningDemo::failed)) => {
                    end(&mut running, Some(error), &events).await;
                }
                command = commands.recv() => match command {
                    Some(DemoCommand::Start) if running.is_none() => {
                        running = start(&config, &events).await;
                    }
                    Some(DemoCommand::Start) => {}
                    Some(DemoCommand::Stop) => end(&mut running, None, &events).await,
                    None => return,
                },
            }
        }
    };
    stop.run_until_cancelled(work).await;
    if let Some(running) = running {
        running.close().await;
    }
}

/// Starts a demo and reports it; `None` where that failed, which is reported as well.
async fn start(config: &Config, events: &mpsc::Sender<DemoEvent>) -> Option<RunningDemo> {
    // Without a dashboard the events are of no use to anybody.
    match RunningDemo::start(config).await {
        Ok((running, run)) => {
            let _ = events.send(DemoEvent::Started(Box::new(run))).await;
            Some(running)
        }
        Err(error) => {
            let _ = events.send(DemoEvent::Ended(Some(format!("{error:#}")))).await;
            None
        }
    }
}

/// Reports the end first: the dashboard does not wait for what it no longer shows.
async fn end(
    running: &mut Option<RunningDemo>,
    why: Option<anyhow::Error>,
    events: &mpsc::Sender<DemoEvent>,
) {
    let _ = events.send(DemoEvent::Ended(why.map(|why| format!("{why:#}")))).await;
    if let Some(running) = running.take() {
        running.close().await;
    }
}

/// The parts of a demo.
struct RunningDemo {
    receiver: Receiver,
    backend: BackendWorker,
    forwarding: Worker<()>,
    /// `None` once it has ended and the end was returned.
    story: Option<Worker<anyhow::Result<()>>>,
}

impl RunningDemo {
    /// Starts all parts; returns them with what the dashboard shows.
    async fn start(config: &Config) -> anyhow::Result<(Self, Run)> {
        let program = DemoOptions { seed: demo::any_seed(), speed: Speed::LIFE, endless: false };
        let settings = config.clone();
        let (prepared, key) = tokio::task::spawn_blocking(move || {
            let key = PrivateKey::generate()?;
            let prepared = PreparedReceiver::open(&settings, demo::trusted(&key))?;
            demo::seed(&prepared.journal, &key, program, Timestamp::now())?;
            anyhow::Ok((prepared, key))
        })
        .await??;
        let sources = sources_of(&prepared)?;
        let receiver = prepared.start(config).await?;
        let bound = *receiver.bound.first().context("a demo without a listener")?;
        let sender = demo::sender(config, bound, key)?;
        // Nothing in a demo is worth calling the user for.
        let run_info = run_info::of_receiver(config, &receiver, Some(Banner::Demo));
        let run_info = RunInfo { bell: false, ..run_info };
        let (to, events) = mpsc::channel(EVENTS);
        let backend = BackendWorker::start(sources, to.clone())?;
        let run = Run { info: run_info, events, requests: backend.requests.clone() };
        let story_over = CancellationToken::new();
        let reports =
            Reports { status: receiver.status.clone(), story_over: Some(story_over.clone()) };
        let forwarding = Worker::task("status", |stop| async move {
            stop.run_until_cancelled(forward::run(reports, None, to)).await;
        });
        let journal = Arc::clone(&receiver.prepared.journal);
        let story = Worker::task("demo's sender", |stop| async move {
            demo::perform(program, &sender, &journal, &stop).await?;
            story_over.cancel();
            Ok(())
        });
        Ok((Self { receiver, backend, forwarding, story: Some(story) }, run))
    }

    /// Waits until a part fails. A story that came to its end stays, to be looked at. Cancel safe.
    async fn failed(&mut self) -> anyhow::Error {
        let Self { receiver, backend, story, .. } = self;
        let story_failed = async {
            if let Some(worker) = story {
                let ended = worker.ended().await.flatten();
                *story = None;
                if let Err(error) = ended {
                    return error;
                }
            }
            std::future::pending().await
        };
        let receiver_failed = async {
            loop {
                if let PartEvent::Over(Err(error)) = receiver.next().await {
                    return error;
                }
            }
        };
        tokio::select! {
            error = story_failed => error,
            error = receiver_failed => error,
            error = backend.failed() => error,
        }
    }

    /// Stops everything in the order of any run: the sender, the listener, the readers, the journal.
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
