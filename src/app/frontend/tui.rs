//! Shows a run in the dashboard: a thread that has the terminal, a backend that reads the journal for
//! it, and a task that passes the status on.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::Exit;
use super::super::dashboard::aside::Aside;
use super::super::dashboard::backend::{BackendWorker, Sources};
use super::super::dashboard::forward::{self, Warning};
use super::super::dashboard::route::route;
use super::super::signals::HANGUP;
use super::super::worker::Worker;
use super::Frontend;
use crate::config::{Config, Theme, local_zone};
use crate::tui::display::Console;
use crate::tui::effect::Request;
use crate::tui::input;
use crate::tui::jobs::Jobs;
use crate::tui::model::Facts;
use crate::tui::msg::{Msg, Stage};
use crate::tui::run::{Edges, Left, run};
use crate::tui::terminal::{Screen, TerminalError};
use crate::tui::widget::look::Look;
use crate::vitals::Counts;

/// Messages that may wait for the dashboard. Whoever has one more waits until there is room.
const INBOX: usize = 64;
/// Requests of the dashboard that may wait.
const REQUESTS: usize = 64;
/// Warnings that may wait. More than that are in the log file.
const WARNINGS: usize = 64;
/// How long the terminal may take to be given back.
const LEAVE: Duration = Duration::from_secs(2);
/// How long its readers may take to end.
const LAST_READS: Duration = Duration::from_secs(5);

/// The dashboard of a run.
pub(in super::super) struct Tui {
    terminal: Terminal,
    backend: BackendWorker,
    warnings: mpsc::Sender<Warning>,
    /// The tasks that stop at the end.
    tasks: Vec<Worker<()>>,
    last_words: LastWords,
    has_left: bool,
}

/// What a dashboard shows.
pub(in super::super) struct Shows {
    /// What does not change.
    pub(in super::super) facts: Facts,
    /// What the journal's backend works with.
    pub(in super::super) sources: Sources,
    /// What else is passed on.
    pub(in super::super) reports: forward::Reports,
}

/// What is said when the terminal was given back.
pub(in super::super) struct LastWords {
    /// Takes the last line.
    pub(in super::super) out: Box<dyn Write + Send>,
    /// Takes sentences for people.
    pub(in super::super) say: fn(&str),
}

impl Tui {
    /// Takes over the terminal and starts to show. Must be called inside a Tokio runtime.
    pub(in super::super) fn start(
        config: &Config,
        look: Look,
        shows: Shows,
        last_words: LastWords,
    ) -> anyhow::Result<Self> {
        let Shows { facts, sources, reports } = shows;
        let (inbox, messages) = mpsc::channel(INBOX);
        let (requests, requested) = mpsc::channel(REQUESTS);
        let backend = BackendWorker::start(sources, inbox.clone())?;
        // Of what can fail the last: the terminal is not to be given up halfway.
        let follows_ground = config.theme == Theme::Auto;
        let terminal = Terminal::start(facts, look, follows_ground, messages, requests)?;
        let (warnings, waiting) = mpsc::channel(WARNINGS);
        let to = inbox.clone();
        let forwarding = Worker::task("status", |stop| async move {
            let forward = forward::run(Stage::Real, reports, Some(waiting), to);
            stop.run_until_cancelled(forward).await;
        });
        let (real, aside) = (backend.requests.clone(), Aside::new(config, inbox));
        let routing = Worker::task("requests", |stop| route(requested, real, aside, stop));
        let tasks = vec![forwarding, routing];
        let tui = Self { terminal, backend, warnings, tasks, last_words, has_left: false };
        if let Some(caution) = local_zone().caution {
            tui.warn(caution);
        }
        Ok(tui)
    }
}

impl Frontend for Tui {
    fn warn(&self, message: String) {
        if self.has_left {
            (self.last_words.say)(&message);
            return;
        }
        // Standard error is most likely the terminal that is drawn on.
        let _ = self.warnings.try_send((Timestamp::now(), message));
    }

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        tokio::select! {
            ended = self.terminal.ended() => ended,
            error = self.backend.failed() => Err(error.context("stopped receiving")),
        }
    }

    async fn leave(&mut self) {
        self.terminal.leave().await;
        self.has_left = true;
    }

    async fn finish(mut self, counts: Option<Counts>) {
        let stop = async {
            for task in self.tasks {
                task.stop().await;
            }
            self.backend.stop().await;
        };
        if timeout(LAST_READS, stop).await.is_err() {
            tracing::warn!("what reads for the dashboard did not end in time");
        }
        if let Some(counts) = counts {
            // That nobody reads it is no failure: the terminal may be gone.
            let (kept, refused) = (counts.accepted(), counts.refusals());
            let out = &mut self.last_words.out;
            let _ = writeln!(out, "Stopped: {kept} kept, {refused} refused.");
            let _ = out.flush();
        }
    }
}

/// The thread that has the terminal: writing to one can block.
struct Terminal {
    /// Cancelled by a panic anywhere.
    broken: CancellationToken,
    /// `None` once it was stopped.
    worker: Option<Worker<Result<Left, TerminalError>>>,
}

impl Terminal {
    /// Takes over the terminal and starts the loop.
    fn start(
        facts: Facts,
        look: Look,
        follows_ground: bool,
        inbox: mpsc::Receiver<Msg>,
        requests: mpsc::Sender<(Stage, Request)>,
    ) -> anyhow::Result<Self> {
        let broken = CancellationToken::new();
        // Before the terminal is ours: from here on a stop gives it back first.
        let jobs = Jobs::new().context("cannot listen for the shell's signals")?;
        let mut screen = Screen::enter(broken.clone())?;
        // Without colours every ground is the same.
        let follows_ground = follows_ground && look.color;
        if follows_ground {
            screen.follow_ground()?;
        }
        let display = Console::new(screen, jobs);
        let inputs = input::stream().context("cannot read the terminal")?;
        let clock = Timestamp::now;
        let runtime = Handle::current();
        let worker = Worker::thread("dashboard", move |end| {
            let edges =
                Edges { display, inputs, clock, inbox, requests, end, look, follows_ground };
            // When it returns, the terminal was given back.
            runtime.block_on(run(facts, edges))
        })?;
        Ok(Self { broken, worker: Some(worker) })
    }

    /// Waits until nothing is drawn any more.
    async fn ended(&mut self) -> anyhow::Result<Exit> {
        let Some(worker) = &mut self.worker else { return std::future::pending().await };
        let left = tokio::select! {
            biased;
            left = worker.ended() => left,
            () = self.broken.cancelled() => {
                return Err(anyhow::anyhow!("a part of it broke down, as said above"));
            }
        };
        match left {
            Ok(Ok(Left::Quit | Left::Told)) => Ok(Exit::Done),
            // Whichever tells of it first, the terminal or its signal.
            Ok(Ok(Left::Gone)) => Ok(Exit::Signal(HANGUP)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(anyhow::anyhow!("the dashboard broke down, as said above")),
        }
    }

    /// Ends the loop and waits until the terminal was given back.
    async fn leave(&mut self) {
        if let Some(worker) = self.worker.take() {
            // A terminal that takes nothing keeps it for as long as it likes.
            let _ = timeout(LEAVE, worker.stop()).await;
        }
    }
}
