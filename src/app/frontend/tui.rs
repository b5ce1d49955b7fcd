//! Shows a run in the dashboard: a thread for the terminal, a backend that reads the journal, a task
//! that forwards the status, and one that runs a demo beside it.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::Exit;
use super::super::dashboard::backend::{BackendWorker, Sources};
use super::super::dashboard::forward::{self, TimedWarning};
use super::super::dashboard::{EVENTS, demo};
use super::super::signals::HANGUP;
use super::super::worker::Worker;
use super::Frontend;
use crate::config::{Config, ThemeChoice, local_zone};
use crate::status::Counts;
use crate::tui::job_control::JobControl;
use crate::tui::model::RunInfo;
use crate::tui::run::{DemoPorts, ExitReason, Ports, Run};
use crate::tui::shell_terminal::ShellTerminal;
use crate::tui::terminal::{TerminalError, TerminalScreen};
use crate::tui::widget::theme::Theme;
use crate::tui::{self, input};

/// Warnings that may wait. More than that are in the log file.
const WARNINGS: usize = 64;
/// How long the terminal may take to be given back.
const LEAVE: Duration = Duration::from_secs(2);
/// How long its readers may take to end.
const LAST_READS: Duration = Duration::from_secs(5);

/// The dashboard of a run.
pub(in super::super) struct TuiFrontend {
    terminal: TerminalWorker,
    backend: BackendWorker,
    warnings: mpsc::Sender<TimedWarning>,
    /// The tasks that stop at the end.
    tasks: Vec<Worker<()>>,
    exit_output: ExitOutput,
    has_left: bool,
}

/// What a dashboard shows.
pub(in super::super) struct DashboardSource {
    /// What does not change.
    pub(in super::super) run_info: RunInfo,
    /// What the journal's backend works with.
    pub(in super::super) sources: Sources,
    /// What else is passed on.
    pub(in super::super) reports: forward::Reports,
}

/// What is said when the terminal was given back.
pub(in super::super) struct ExitOutput {
    /// Takes the last line.
    pub(in super::super) out: Box<dyn Write + Send>,
    /// Takes sentences for people.
    pub(in super::super) print: fn(&str),
}

impl TuiFrontend {
    /// Takes over the terminal and starts to show. Must be called inside a Tokio runtime.
    pub(in super::super) fn start(
        config: &Config,
        theme: Theme,
        shows: DashboardSource,
        exit_output: ExitOutput,
    ) -> anyhow::Result<Self> {
        let DashboardSource { run_info, sources, reports } = shows;
        let (to, events) = mpsc::channel(EVENTS);
        let backend = BackendWorker::start(sources, to.clone())?;
        let run = Run { info: run_info, events, requests: backend.requests.clone() };
        // One command and one event at a time.
        let (commands, commanded) = mpsc::channel(1);
        let (demo_events, events) = mpsc::channel(1);
        let demo_ports = DemoPorts { commands, events };
        // Of what can fail the last: the terminal is not to be given up halfway.
        let follows_background = config.theme == ThemeChoice::Auto;
        let terminal = TerminalWorker::start(run, theme, follows_background, demo_ports)?;
        let (warnings, waiting) = mpsc::channel(WARNINGS);
        let forwarding = Worker::task("status", |stop| async move {
            let forward = forward::run(reports, Some(waiting), to);
            stop.run_until_cancelled(forward).await;
        });
        let config = config.clone();
        let demo = Worker::task("demo", |stop| demo::run(config, commanded, demo_events, stop));
        let tasks = vec![forwarding, demo];
        let tui = Self { terminal, backend, warnings, tasks, exit_output, has_left: false };
        if let Some(caution) = local_zone().caution {
            tui.warn(caution);
        }
        Ok(tui)
    }
}

impl Frontend for TuiFrontend {
    fn warn(&self, message: String) {
        if self.has_left {
            (self.exit_output.print)(&message);
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
            let out = &mut self.exit_output.out;
            let _ = writeln!(out, "Stopped: {kept} kept, {refused} refused.");
            let _ = out.flush();
        }
    }
}

/// The thread that has the terminal: writing to one can block.
struct TerminalWorker {
    /// Cancelled by a panic anywhere.
    broken: CancellationToken,
    /// `None` once it was stopped.
    worker: Option<Worker<Result<ExitReason, TerminalError>>>,
}

impl TerminalWorker {
    /// Takes over the terminal and starts the loop.
    fn start(
        run: Run,
        theme: Theme,
        follows_background: bool,
        demo: DemoPorts,
    ) -> anyhow::Result<Self> {
        let broken = CancellationToken::new();
        // Before the terminal is ours: from here on a stop gives it back first.
        let job_control = JobControl::new().context("cannot listen for the shell's signals")?;
        let mut screen = TerminalScreen::enter(broken.clone())?;
        // Without colours every ground is the same.
        let follows_background = follows_background && theme.color;
        if follows_background {
            screen.follow_background()?;
        }
        let terminal = ShellTerminal::new(screen, job_control);
        let inputs = input::stream().context("cannot read the terminal")?;
        let clock = Timestamp::now;
        let runtime = Handle::current();
        let worker = Worker::thread("dashboard", move |end| {
            let ports = Ports { terminal, inputs, clock, demo, end, theme, follows_background };
            // When it returns, the terminal was given back.
            runtime.block_on(tui::run::run(run, ports))
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
            Ok(Ok(ExitReason::Quit | ExitReason::Cancelled)) => Ok(Exit::Done),
            // Whichever tells of it first, the terminal or its signal.
            Ok(Ok(ExitReason::Gone)) => Ok(Exit::Signal(HANGUP)),
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
