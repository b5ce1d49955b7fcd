//! Shows a journal that another process writes, or that cannot be written: nothing is received.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use super::Exit;
use super::dashboard::backend::Sources;
use super::dashboard::forward::Reports;
use super::dashboard::run_info;
use super::frontend::stream::{StreamFrontend, is_closed_pipe};
use super::frontend::tui::{DashboardSource, ExitOutput, TuiFrontend};
use super::signals::Signals;
use super::status;
use super::supervisor::{self, PartEvent, Parts, in_runtime, warn};
use super::worker::Worker;
use crate::config::Config;
use crate::journal::{Follower, JournalError};
use crate::output::{Format, Ready, RecordWriter, StreamOutput};
use crate::signature::TrustedKeys;
use crate::sqlite::OpenError;
use crate::status::Status;
use crate::tui::model::Banner;
use crate::tui::widget::theme::Theme;

/// A run that only reads, with what looks whether the process that writes the journal is there.
struct ReadOnly(Option<Worker<()>>);

impl Parts for ReadOnly {
    async fn next(&mut self) -> PartEvent {
        std::future::pending().await
    }

    async fn stop(&mut self) {}

    async fn close(self) {
        if let Some(watch) = self.0 {
            watch.stop().await;
        }
    }
}

/// Follows the journal of another process in place of receiving, and says so on standard error.
/// `in_use` is why nothing can be received.
pub(super) fn lines(
    config: &Config,
    format: Format,
    out: impl Write + Send + 'static,
    in_use: &anyhow::Error,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    let follower = Follower::open(&config.db)?;
    let is_read = !matches!(format, Format::Quiet);
    let mut face = StreamOutput::new(RecordWriter::new(out, format), follower);
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
    // In a text that is all there is to say, and it stands on standard error.
    match face.announce(&ready, "").map_err(anyhow::Error::from) {
        Err(error) if is_closed_pipe(&error) => return Ok(Exit::Done),
        announced => announced?,
    }
    in_runtime(async {
        let signals = Signals::new(false).context("cannot listen for signals")?;
        let (status, worker) = status::of_writer(config.db.clone());
        let stream = StreamFrontend::following(face, is_read, Some(status), print)?;
        supervisor::run(signals, ReadOnly(Some(worker)), stream).await
    })
}

/// Writes what a face follows until a signal comes, its reader has closed standard output, or the
/// journal cannot be read any more.
pub fn follow<W: Write + Send + 'static>(face: StreamOutput<W>) -> anyhow::Result<Exit> {
    in_runtime(async {
        let signals = Signals::new(false).context("cannot listen for signals")?;
        // It has no warnings.
        let stream = StreamFrontend::following(face, true, None, |_| {})?;
        supervisor::run(signals, ReadOnly(None), stream).await
    })
}

/// Shows the journal in a dashboard until the user quits or a signal comes.
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
            // A journal that cannot be written has no writer that could come back.
            _ => (watch::channel(Status::default()).1, None),
        };
        let source = DashboardSource {
            run_info: run_info::of_file(config, &keys, banner),
            sources: Sources { follower, journal: None, keys },
            reports: Reports { status, story_over: None },
        };
        let last_words = ExitOutput { out: Box::new(std::io::sink()), print: |_| {} };
        let tui = TuiFrontend::start(config, theme, source, last_words)?;
        for caution in config.cautions.iter().cloned() {
            warn(&tui, caution);
        }
        supervisor::run(signals, ReadOnly(worker), tui).await
    })
}
