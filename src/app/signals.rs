//! The signals that end a run.

use std::future::poll_fn;
use std::task::Poll;

use rustix::process::Signal as Name;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that end every run.
const ALWAYS: [Name; 2] = [Name::INT, Name::TERM];

/// Further signals that end a run with a dashboard, so that it can restore the terminal: all that
/// terminate a process by default and can be caught. Except those that a faulty instruction raises,
/// because a handler would return to it, and SIGPIPE, which Rust ignores.
const ON_TERMINAL: [Name; 10] = [
    Name::HUP,
    Name::QUIT,
    Name::ABORT,
    Name::USR1,
    Name::USR2,
    Name::ALARM,
    Name::VTALARM,
    Name::PROF,
    Name::XCPU,
    Name::XFSZ,
];

/// Receives SIGINT and SIGTERM and, if the run has a dashboard, every other signal that would end
/// the process.
///
/// Without a dashboard the others keep their default: under `nohup` SIGHUP must stay ignored, and
/// otherwise they end the process at once, which the journal survives.
pub(super) struct Signals {
    always: Vec<(u8, Signal)>,
    on_terminal: Vec<(u8, Signal)>,
}

impl Signals {
    /// Starts to listen. Must be called inside a Tokio runtime.
    pub(super) fn new(on_terminal: bool) -> std::io::Result<Self> {
        let others: &[Name] = if on_terminal { &ON_TERMINAL } else { &[] };
        Ok(Self { always: listen(&ALWAYS)?, on_terminal: listen(others)? })
    }

    /// Waits for the next signal and returns its number.
    pub(super) async fn next(&mut self) -> u8 {
        poll_fn(|context| {
            for (number, signal) in self.always.iter_mut().chain(&mut self.on_terminal) {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Waits for SIGINT or SIGTERM during the shutdown and returns its number. Not for SIGHUP: a
    /// terminal that closes sends it more than once, from the kernel and from the shell.
    pub(super) async fn again(&mut self) -> u8 {
        poll_fn(|context| {
            for (number, signal) in &mut self.always {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn listen(names: &[Name]) -> std::io::Result<Vec<(u8, Signal)>> {
    let listen = |name: &Name| {
        let number = name.as_raw();
        Ok((u8::try_from(number).unwrap_or_default(), signal(SignalKind::from_raw(number))?))
    };
    names.iter().map(listen).collect()
}

/// The number of SIGHUP: the terminal is gone.
pub(super) const HANGUP: u8 = 1;

/// Ends the process at once with the exit code of a signal.
#[expect(
    clippy::disallowed_methods,
    reason = "a second signal ends the process at once; the journal survives that"
)]
pub(super) fn at_once(signal: u8) -> ! {
    std::process::exit(128 + i32::from(signal))
}
