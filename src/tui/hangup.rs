//! Detects a terminal that is gone without SIGHUP (or with SIGHUP ignored), even while input is
//! still waiting to be handled. Never reads from the terminal.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

static GONE: Mutex<Option<CancellationToken>> = Mutex::new(None);

/// Returns a token that is cancelled when the terminal of standard input or output is gone.
///
/// One thread per process waits for that. It polls for no event, so only a hang-up wakes it, and it
/// may still be waiting when the program ends.
pub(super) fn gone() -> io::Result<CancellationToken> {
    let mut gone = GONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = gone.as_ref() {
        return Ok(token.clone());
    }
    let token = CancellationToken::new();
    let to_cancel = token.clone();
    std::thread::Builder::new().name("hangup".to_owned()).spawn(move || {
        wait();
        to_cancel.cancel();
    })?;
    Ok(gone.insert(token).clone())
}

fn wait() {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    loop {
        let mut ends =
            [PollFd::new(&stdin, PollFlags::empty()), PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut ends, None) {
            // A signal, or a stop and its continuation.
            Err(Errno::INTR) | Ok(0) => {}
            // Whatever the reason, there is no terminal to watch any more.
            Ok(_) | Err(_) => return,
        }
    }
}
