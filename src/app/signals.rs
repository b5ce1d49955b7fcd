//! The signals that end a run.

use std::future::poll_fn;
use std::task::Poll;

use rustix::process::Signal as Name;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that end a run everywhere.
const ALWAYS: [Name; 2] = [Name::INT, Name::TERM];

/// Further signals that end a run that has the terminal, which would stay as it is otherwise: all
/// that end a process by default and can be caught. What a broken instruction or access raises is
/// left alone, because a handler would return to it, and so is SIGPIPE, which Rust ignores.
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

/// Listens for SIGINT and SIGTERM from its making on, and for every other signal that would end the
/// process where the terminal is ours.
///
/// Elsewhere those are left alone: under `nohup` SIGHUP is ignored and has to stay so, and otherwise
/// they end the process at once, which the journal survives.
pub(super) struct Signals {
    always: Vec<(u8, Signal)>,
    on_terminal: Vec<(u8, Signal)>,
}

impl Signals {
    pub(super) fn new(on_terminal: bool) -> std::io::Result<Self> {
        let others: &[Name] = if on_terminal { &ON_TERMINAL } else { &[] };
        Ok(Self { always: listen(&ALWAYS)?, on_terminal: listen(others)? })
    }

    /// Waits for the next one; gives its number.
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

    /// Waits for somebody who cannot wait; gives its number. A terminal that goes tells of it more
    /// than once, by itself and by its shell, so SIGHUP is not counted.
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

/// SIGHUP: the terminal is gone.
pub(super) const HANGUP: u8 = 1;

#[expect(
    clippy::disallowed_methods,
    reason = "the user asked twice: whatever still runs is to be cut off, the journal survives that"
)]
pub(super) fn at_once(signal: u8) -> ! {
    std::process::exit(128 + i32::from(signal))
}
