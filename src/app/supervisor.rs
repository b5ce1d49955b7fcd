//! The supervisor: runs the parts of a run and its frontend until one of them ends or a signal
//! arrives, then stops them in order.

use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::Exit;
use super::frontend::Frontend;
use super::parts::{PartEvent, Parts};
use super::signals::{Signals, at_once};

/// Runs until a signal arrives, the frontend ends, or a part is over; then stops everything and
/// returns why. A second signal ends the process at once.
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
    // Warnings that were queued before the end are still shown.
    while let Some(message) = parts.waiting_warning() {
        warn(&frontend, message);
    }
    let graceful = async {
        // First: the user gets the terminal back at once, however long the writes take.
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

/// Sends a warning to the log file and the frontend.
pub(super) fn warn(frontend: &impl Frontend, message: String) {
    tracing::warn!("{message}");
    frontend.warn(message);
}

/// Runs a future to its end on a new runtime.
pub(super) fn in_runtime(run: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = runtime()?;
    let exit = runtime.block_on(run);
    // A thread that hangs in a write to standard output must not keep the process alive.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit
}

pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
