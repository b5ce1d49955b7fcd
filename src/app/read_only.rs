//! Read-only runs: show a journal that another process writes or that cannot be written. Nothing is
//! received.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use super::Exit;
use super::api_source::api_client;
use super::dashboard::backend::Sources;
use super::dashboard::reporter::Reports;
use super::dashboard::run_info;
use super::frontend::stream::{StreamFrontend, is_closed_pipe};
use super::frontend::tui::{DashboardSource, ExitOutput, TuiFrontend};
use super::parts::{PartEvent, Parts};
use super::signals::Signals;
use super::status;
use super::supervisor::{self, in_runtime, warn};
use super::worker::Worker;
use crate::config::Config;
use crate::journal::{Follower, JournalError};
use crate::output::{Format, Ready, RecordWriter, StreamOutput};
use crate::signature::TrustedKeys;
use crate::sqlite::OpenError;
use crate::status::Status;
use crate::tui::model::Banner;
use crate::tui::widget::theme::Theme;

/// The parts of a read-only run: the task that checks for the process that writes the journal, if
/// there can be one.
pub(super) struct ReadOnly(pub(super) Option<Worker<()>>);

impl Parts for ReadOnly {
    async fn next(&mut self) -> PartEvent {
        std::future::pending().await
    }

    async fn stop(&mut self) {}

    async fn close(self) {
        if let Some(status) = self.0 {
            status.stop().await;
        }
    }
}

/// Writes what another process receives into the journal, and says so on standard error. `in_use`
/// is the error with which opening the journal for writing failed.
pub(super) fn lines(
    config: &Config,
    format: Format,
    out: impl Write + Send + 'static,
    in_use: &anyhow::Error,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    let follower = Follower::open(&config.db)?;
    let is_read = !matches!(format, Format::Quiet);
    let mut stream_output = StreamOutput::new(RecordWriter::new(out, format), follower);
    let pid = match in_use.downcast_ref() {
        Some(JournalError::Open(OpenError::InUse { pid: Some(pid), .. })) => {
            format!(" (process {pid})")
        }
        _ => String::new(),
    };
    print(&format!(
        "read-only: another dubwatch{pid} receives into the journal {}; what it writes is shown here, and nothing is received",
        config.db.display()
    ));
    for caution in &config.cautions {
        print(caution);
    }
    let ready = Ready::read_only(config.db.display().to_string());
    // Text output has no first line: standard error has said it all.
    match stream_output.announce(&ready, "").map_err(anyhow::Error::from) {
        Err(error) if is_closed_pipe(&error) => return Ok(Exit::Done),
        announced => announced?,
    }
    in_runtime(async {
        let signals = Signals::new(false).context("cannot listen for signals")?;
        let (status, worker) = status::of_writer(config.db.clone());
        let stream = StreamFrontend::following(stream_output, is_read, Some(status), print)?;
        supervisor::run(signals, ReadOnly(Some(worker)), stream).await
    })
}

/// Writes new journal entries until a signal arrives, the reader closes standard output, or the
/// journal can no longer be read.
pub fn follow<W: Write + Send + 'static>(stream_output: StreamOutput<W>) -> anyhow::Result<Exit> {
    in_runtime(async {
        let signals = Signals::new(false).context("cannot listen for signals")?;
        // No part of this run sends warnings.
        let stream = StreamFrontend::following(stream_output, true, None, |_| {})?;
        supervisor::run(signals, ReadOnly(None), stream).await
    })
}

/// Shows the journal in a dashboard until the user quits or a signal arrives.
pub(super) fn dashboard(
    config: &Config,
    keys: Arc<TrustedKeys>,
    theme: Theme,
    banner: Banner,
) -> anyhow::Result<Exit> {
    let follower = Follower::open(&config.db)?.of_summaries();
    in_runtime(async {
        let signals = Signals::new(true).context("cannot listen for signals")?;
        let (status, worker) = match banner {
            Banner::ReadOnly => {
                let (status, worker) = status::of_writer(config.db.clone());
                (status, Some(worker))
            }
            // A journal that cannot be written has no writer to wait for.
            _ => (watch::channel(Status::default()).1, None),
        };
        let source = DashboardSource {
            run_info: run_info::of_file(config, &keys, banner),
            sources: Sources {
                follower,
                journal: None,
                keys,
                api: api_client(config)?,
                shows_all: false,
            },
            reports: Reports { status, story_over: None },
        };
        let exit_output = ExitOutput { out: Box::new(std::io::sink()), print: |_| {} };
        let tui = TuiFrontend::start(config, theme, source, exit_output)?;
        for caution in config.cautions.iter().cloned() {
            warn(&tui, caution);
        }
        supervisor::run(signals, ReadOnly(worker), tui).await
    })
}
