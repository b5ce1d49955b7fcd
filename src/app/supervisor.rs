//! Runs the parts of a run and its frontend until one of them or a signal ends it, and stops them in
//! order.

use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::Exit;
use super::frontend::Frontend;
use super::signals::{Signals, at_once};
use crate::status::Counts;

/// What happened in a part of a run.
pub(super) enum PartEvent {
    /// Something that a person should know.
    Warning(String),
    /// The run is over: a part did all that it had to do, or failed.
    Over(anyhow::Result<()>),
}

/// The parts of a run behind its frontend.
pub(super) trait Parts {
    /// Waits for the next event. Cancel safe.
    async fn next(&mut self) -> PartEvent;

    /// Returns a warning that waits, if there is one.
    fn waiting_warning(&mut self) -> Option<String> {
        None
    }

    /// Stops whatever receives, and waits until what it received is committed.
    async fn stop(&mut self);

    /// Returns what became of the requests; `None` where nothing is received.
    fn counts(&self) -> Option<Counts> {
        None
    }

    /// Closes the journal. Its readers must be closed by then: the last one to close an SQLite file
    /// has to be the writer, so that no write-ahead log is left behind.
    async fn close(self);
}

/// Runs until a signal comes, the frontend has ended, or a part is over. A second signal ends the
/// process at once.
pub(super) async fn run(
    mut signals: Signals,
    mut parts: impl Parts,
    mut frontend: impl Frontend,
) -> anyhow::Result<Exit> {
    let exit = loop {
        tokio::select! {
            signal = signals.next() => break Ok(Exit::Signal(signal)),
            ended = frontend.ended() => break ended,
            event = parts.next() => match event {
                PartEvent::Warning(message) => warn(&frontend, message),
                PartEvent::Over(result) => break result.map(|()| Exit::Done),
            },
        }
    };
    tracing::info!("stopping");
    // What was to be said before the end still is.
    while let Some(message) = parts.waiting_warning() {
        warn(&frontend, message);
    }
    let graceful = async {
        // The user has the terminal back at once, whatever there is still to be written.
        frontend.leave().await;
        parts.stop().await;
        frontend.finish(parts.counts()).await;
        parts.close().await;
    };
    tokio::select! {
        () = graceful => exit,
        signal = signals.again() => at_once(signal),
    }
}

/// Passes a warning to the log file and the frontend.
pub(super) fn warn(frontend: &impl Frontend, message: String) {
    tracing::warn!("{message}");
    frontend.warn(message);
}

/// Runs to the end on a runtime of its own.
pub(super) fn in_runtime(run: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = runtime()?;
    let exit = runtime.block_on(run);
    // A thread that hangs in a write to standard output must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit
}

pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
