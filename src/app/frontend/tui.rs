//! The dashboard frontend: a thread for the terminal, a backend that reads the journal, a task that
//! forwards the status, and a task that runs a demo on request.

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
use super::super::dashboard::reporter::{self, TimedWarning};
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

/// Maximum number of queued warnings. Further ones are only in the log file.
const WARNINGS: usize = 64;
/// Time limit for restoring the terminal.
const LEAVE: Duration = Duration::from_secs(2);
/// Time limit for stopping the journal's readers.
const LAST_READS: Duration = Duration::from_secs(5);

/// The dashboard of a run.
pub(in super::super) struct TuiFrontend {
    terminal: TerminalWorker,
    backend: BackendWorker,
    warnings: mpsc::Sender<TimedWarning>,
    /// The tasks to stop at the end.
    tasks: Vec<Worker<()>>,
    exit_output: ExitOutput,
    has_left: bool,
}

/// The inputs of a dashboard.
pub(in super::super) struct DashboardSource {
    /// The facts that do not change during the run.
    pub(in super::super) run_info: RunInfo,
    /// The journal, for the backend.
    pub(in super::super) sources: Sources,
    /// The status and other reports to forward.
    pub(in super::super) reports: reporter::Reports,
}

/// The outputs that are used once the terminal is restored.
pub(in super::super) struct ExitOutput {
    /// Receives the last line.
    pub(in super::super) out: Box<dyn Write + Send>,
    /// Receives messages for the user.
    pub(in super::super) print: fn(&str),
}

impl TuiFrontend {
    /// Takes over the terminal and starts the dashboard. Must be called inside a Tokio runtime.
    /// Returns an error, and leaves the terminal as it was, if a part cannot be started.
    pub(in super::super) fn start(
        config: &Config,
        theme: Theme,
        source: DashboardSource,
        exit_output: ExitOutput,
    ) -> anyhow::Result<Self> {
        let DashboardSource { run_info, sources, reports } = source;
        let (event_sender, events) = mpsc::channel(EVENTS);
        let backend = BackendWorker::start(sources, event_sender.clone())?;
        let run = Run { info: run_info, events, requests: backend.requests.clone() };
        // One command and one event at a time.
        let (commands, received_commands) = mpsc::channel(1);
        let (demo_events, events) = mpsc::channel(1);
        let demo_ports = DemoPorts { commands, events };
        // The last step that can fail, so that no error has to restore the terminal.
        let follows_background = config.theme == ThemeChoice::Auto;
        let terminal = TerminalWorker::start(run, theme, follows_background, demo_ports)?;
        let (warnings, waiting) = mpsc::channel(WARNINGS);
        let forwarding = Worker::task("status", |stop| async move {
            let forward = reporter::run(reports, Some(waiting), event_sender);
            stop.run_until_cancelled(forward).await;
        });
        let config = config.clone();
        let demo =
            Worker::task("demo", |stop| demo::run(config, received_commands, demo_events, stop));
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
        // Not on standard error, which is usually the same terminal.
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
            tracing::warn!("the dashboard's readers did not end in time");
        }
        if let Some(counts) = counts {
            // A failed write is no error: the terminal may be gone.
            let (kept, refused) = (counts.accepted(), counts.refusals());
            let out = &mut self.exit_output.out;
            let _ = writeln!(out, "Stopped: {kept} kept, {refused} refused.");
            let _ = out.flush();
        }
    }
}

/// The thread that draws on the terminal. A thread, because writing to a terminal can block.
struct TerminalWorker {
    /// Cancelled by a panic in any thread.
    panicked: CancellationToken,
    /// `None` once it has been stopped.
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
        let panicked = CancellationToken::new();
        // Before the terminal is taken over: from here on a suspension restores it first.
        let job_control = JobControl::new().context("cannot listen for the shell's signals")?;
        let mut screen = TerminalScreen::enter(panicked.clone())?;
        // Without colours the background makes no difference.
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
            // Restores the terminal before it returns.
            runtime.block_on(tui::run::run(run, ports))
        })?;
        Ok(Self { panicked, worker: Some(worker) })
    }

    /// Waits for the end of the loop. Returns an error if it failed or any thread panicked.
    async fn ended(&mut self) -> anyhow::Result<Exit> {
        let Some(worker) = &mut self.worker else { return std::future::pending().await };
        let ended = tokio::select! {
            biased;
            ended = worker.ended() => ended,
            () = self.panicked.cancelled() => {
                return Err(anyhow::anyhow!("a part of dubwatch panicked; the message above says where"));
            }
        };
        match ended {
            Ok(Ok(ExitReason::Quit | ExitReason::Cancelled)) => Ok(Exit::Done),
            // The same exit as by SIGHUP, whichever is noticed first.
            Ok(Ok(ExitReason::Gone)) => Ok(Exit::Signal(HANGUP)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(anyhow::anyhow!("the dashboard panicked; the message above says where")),
        }
    }

    /// Ends the loop and waits until the terminal is restored.
    async fn leave(&mut self) {
        if let Some(worker) = self.worker.take() {
            // Limited: a write to a blocked terminal may never return.
            let _ = timeout(LEAVE, worker.stop()).await;
        }
    }
}
