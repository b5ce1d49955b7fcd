//! Job control: ^Z, `kill -TSTP`, `fg`. Owns SIGTSTP and SIGCONT while it exists; the signals that
//! end the program are handled elsewhere.

use std::io::{self, Write};
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::timeout;

use super::terminal::{TerminalError, TerminalScreen};

/// How long to wait for SIGCONT after a stop. This time passes only if stopping had no effect.
const PROMPT: Duration = Duration::from_secs(1);

/// A request from the shell, or from another process, by signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSignal {
    /// Stop, as for ^Z: call [`JobControl::suspend`].
    Stop,
    /// The process was stopped in a way that cannot be caught, and continues: take the terminal
    /// over again with [`TerminalScreen::resume`]. The system also sends SIGCONT when the terminal
    /// is gone; `resume` fails then.
    Continued,
}

/// Why the program did not stop.
#[derive(Debug, thiserror::Error)]
pub enum SuspendError {
    /// There is no shell to continue the process, so callbacks would go unanswered for good.
    #[error("not suspended: there is no shell that could resume the dashboard")]
    Alone,
    /// The system call failed.
    #[error("cannot suspend: {0}")]
    Signal(#[source] io::Error),
    /// The terminal could not be taken over again.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
}

/// Listens for SIGTSTP and SIGCONT from its creation on. From then on, SIGTSTP stops the process
/// only through [`JobControl::suspend`].
#[derive(Debug)]
pub struct JobControl {
    stop: unix::Signal,
    cont: unix::Signal,
}

impl JobControl {
    /// Starts listening. Must be called inside a Tokio runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            stop: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            cont: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    pub async fn next(&mut self) -> JobSignal {
        tokio::select! {
            // A requested stop also takes the terminal over again afterwards, so it goes first.
            biased;
            _ = self.stop.recv() => JobSignal::Stop,
            _ = self.cont.recv() => JobSignal::Continued,
        }
    }

    /// Returns the terminal to the shell, stops the process, and takes the terminal over when it
    /// continues; the next frame redraws the whole screen.
    ///
    /// Every thread of the process stops meanwhile, including the listener and the relay client.
    pub async fn suspend<W: Write>(
        &mut self,
        screen: &mut TerminalScreen<W>,
    ) -> Result<(), SuspendError> {
        // The process group of a session leader is not a job of any shell: `xterm -e dubwatch`,
        // `ssh -t`, a container. The system ignores ^Z there too.
        if getsid(None).is_ok_and(|session| session == getpgrp()) {
            return Err(SuspendError::Alone);
        }
        screen.leave();
        let stopped = self.stop().await;
        // In the background this stops again (SIGTTOU) until the shell hands over the terminal.
        screen.resume()?;
        stopped.map_err(SuspendError::Signal)
    }

    async fn stop(&mut self) -> io::Result<()> {
        while self.cont.recv().now_or_never().is_some() {}
        // Stop the whole group, as a real ^Z does: a script that started us has to stop too, or its
        // shell would wait in vain. Not with SIGTSTP: our own copy would reach our handler, which
        // stops nothing, and stopping ourselves after that could happen after the SIGCONT.
        kill_current_process_group(Signal::STOP)?;
        // Other threads keep running for a moment after the call. Wait, so that the terminal is not
        // taken over before the process was really stopped and continued.
        let _ = timeout(PROMPT, self.cont.recv()).await;
        Ok(())
    }
}
