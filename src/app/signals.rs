//! The signals that end a run.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGINT and SIGTERM from its making on, and for SIGHUP where the terminal is ours.
///
/// Elsewhere SIGHUP is left alone: under `nohup` it is ignored and has to stay so, and otherwise it
/// ends the process at once, which the journal survives.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    pub(super) fn new(on_terminal: bool) -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: on_terminal.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for the next one; gives its number.
    pub(super) async fn next(&mut self) -> u8 {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = hangup => HANGUP,
        }
    }

    /// Waits for somebody who cannot wait; gives its number. A terminal that goes tells of it more
    /// than once, by itself and by its shell, so SIGHUP is not counted.
    pub(super) async fn again(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// SIGHUP: the terminal is gone.
pub(super) const HANGUP: u8 = 1;

#[expect(
    clippy::disallowed_methods,
    reason = "the user asked twice: whatever still runs is to be cut off, the journal survives that"
)]
pub(super) fn at_once(signal: u8) -> ! {
    std::process::exit(128 + i32::from(signal))
}
