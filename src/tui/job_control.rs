//! Stopping and coming back as a shell's job: ^Z, `kill -TSTP`, `fg`. Owns those signals while it
//! lives; the signals that end the program are not its business.

use std::io::{self, Write};
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::timeout;

use super::terminal::{TerminalError, TerminalScreen};

/// How long the end of a stop may take to be noticed. It only passes where stopping had no effect.
const PROMPT: Duration = Duration::from_secs(1);

/// What the shell, or whoever sends signals, wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSignal {
    /// Stop, as for ^Z: [`JobControl::suspend`] is to be called.
    Stop,
    /// We were stopped in a way that cannot be caught, and are back: the terminal is to be taken
    /// over again with [`TerminalScreen::resume`]. The system sends SIGCONT also when the terminal is gone;
    /// then that fails.
    Continued,
}

/// Why the program did not stop.
#[derive(Debug, thiserror::Error)]
pub enum SuspendError {
    /// Stopping would be for good, and callbacks would go unanswered.
    #[error("no shell is here that could bring the dashboard back, so it goes on")]
    Alone,
    /// The system did not let us stop.
    #[error("cannot stop: {0}")]
    Signal(#[source] io::Error),
    /// The terminal could not be taken over again.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
}

/// Listens for SIGTSTP and SIGCONT from its making on. From then on SIGTSTP stops the process only
/// by way of [`JobControl::suspend`].
#[derive(Debug)]
pub struct JobControl {
    stop: unix::Signal,
    cont: unix::Signal,
}

impl JobControl {
    /// Starts to listen; needs a running tokio runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            stop: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            cont: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// Waits for the next one. Nothing is lost when it is dropped before.
    pub async fn next(&mut self) -> JobSignal {
        tokio::select! {
            // A stop that is asked for takes the terminal over anew when it is through.
            biased;
            _ = self.stop.recv() => JobSignal::Stop,
            _ = self.cont.recv() => JobSignal::Continued,
        }
    }

    /// Gives the terminal back, stops, and comes back when the shell says so, with the next frame
    /// to be drawn whole.
    ///
    /// Everything else in the process stops meanwhile, doors included.
    pub async fn suspend<W: Write>(
        &mut self,
        screen: &mut TerminalScreen<W>,
    ) -> Result<(), SuspendError> {
        // A session leader's own group is nobody's job: `xterm -e dubwatch`, `ssh -t`, a container.
        // The system ignores ^Z there too.
        if getsid(None).is_ok_and(|session| session == getpgrp()) {
            return Err(SuspendError::Alone);
        }
        screen.leave();
        let stopped = self.stop().await;
        // In the background this stops again (SIGTTOU), until the shell gives us the terminal.
        screen.resume()?;
        stopped.map_err(SuspendError::Signal)
    }

    async fn stop(&mut self) -> io::Result<()> {
        while self.cont.recv().now_or_never().is_some() {}
        // The whole group, as a real ^Z: a script around us has to stop too, or its shell would
        // wait for us in vain. Not SIGTSTP, as ^Z sends: our own copy would come by our handler,
        // which stops nothing, and stopping ourselves after that could come after the SIGCONT.
        kill_current_process_group(Signal::STOP)?;
        // Other threads run on for a moment after the call. The terminal must not be ours again
        // before we were really stopped and continued.
        let _ = timeout(PROMPT, self.cont.recv()).await;
        Ok(())
    }
}
