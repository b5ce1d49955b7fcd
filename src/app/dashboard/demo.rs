//! The demo that a dashboard starts on request: a receiver of its own on a journal in memory. The
//! run of the dashboard continues meanwhile.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::demo_parts::DemoParts;
use super::super::demo_story::{self, DemoOptions};
use super::super::parts::{PartEvent, Parts as _};
use super::super::worker::{Worker, or_never};
use super::backend::BackendWorker;
use super::reporter::{self, Reports};
use super::{EVENTS, run_info, sources_of};
use crate::config::Config;
use crate::simulate::Speed;
use crate::tui::model::{Banner, RunInfo};
use crate::tui::run::{DemoCommand, DemoEvent, Run};

/// Starts and stops a demo on command, until `stop` is cancelled or the commands' channel is
/// closed; then stops the demo if one runs. `config` is the configuration of the dashboard's run.
pub(in super::super) async fn run(
    config: Config,
    mut commands: mpsc::Receiver<DemoCommand>,
    events: mpsc::Sender<DemoEvent>,
    stop: CancellationToken,
) {
    let config = demo_story::settings(&config);
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

/// Starts a demo and sends an event with the result. Returns `None` if it could not be started.
async fn start(config: &Config, events: &mpsc::Sender<DemoEvent>) -> Option<RunningDemo> {
    // If the dashboard has ended, the events are not needed.
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

/// Stops the demo. Sends the event first, so that the dashboard does not wait for the shutdown.
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

/// A running demo: its parts, and the backend that the dashboard shows it by.
struct RunningDemo {
    parts: DemoParts,
    backend: BackendWorker,
    forwarding: Worker<()>,
}

impl RunningDemo {
    /// Starts all parts. Returns them with the run for the dashboard to show.
    async fn start(config: &Config) -> anyhow::Result<(Self, Run)> {
        let seed = demo_story::any_seed();
        let program = DemoOptions { seed, speed: Speed::LIFE, endless: false, api: false };
        let settings = config.clone();
        let prepare = move || DemoParts::prepare(&settings, program);
        let (prepared, key) = tokio::task::spawn_blocking(prepare).await??;
        let sources = sources_of(config, &prepared)?;
        let receiver = prepared.start(config).await?;
        // A demo rings no bell.
        let run_info = run_info::of_receiver(config, &receiver, Some(Banner::Demo));
        let run_info = RunInfo { bell: false, ..run_info };
        let status = receiver.status.clone();
        let story_over = CancellationToken::new();
        let parts =
            DemoParts::start(config, receiver, None, key, program, story_over.clone(), true)?;
        let (event_sender, events) = mpsc::channel(EVENTS);
        let backend = BackendWorker::start(sources, event_sender.clone())?;
        let run = Run { info: run_info, events, requests: backend.requests.clone() };
        let reports = Reports { status, story_over: Some(story_over) };
        let forwarding = Worker::task("status", |stop| async move {
            stop.run_until_cancelled(reporter::run(reports, None, event_sender)).await;
        });
        Ok((Self { parts, backend, forwarding }, run))
    }

    /// Waits until a part fails. The end of the story is not a failure: the demo stays open. Cancel
    /// safe.
    async fn failed(&mut self) -> anyhow::Error {
        let Self { parts, backend, .. } = self;
        let part_failed = async {
            loop {
                if let PartEvent::Over(Err(error)) = parts.next().await {
                    return error;
                }
            }
        };
        tokio::select! {
            error = part_failed => error,
            error = backend.failed() => error,
        }
    }

    /// Stops all parts in the same order as every run: the sender, the listener, the readers, the
    /// journal.
    async fn close(mut self) {
        self.parts.stop().await;
        self.forwarding.stop().await;
        self.backend.stop().await;
        self.parts.close().await;
    }
}
