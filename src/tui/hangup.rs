//! Notices a terminal that is gone without a word (no SIGHUP, or an ignored one), also while what was
//! read waits to be handled. Never reads itself.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

static GONE: Mutex<Option<CancellationToken>> = Mutex::new(None);

/// The token that is cancelled when the terminal of standard input or output is gone.
///
/// One thread for the whole process waits for that. It asks for no event, so only the hang-up
/// wakes it, and it may be left waiting when the program ends.
pub(super) fn gone() -> io::Result<CancellationToken> {
    let mut gone = GONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = gone.as_ref() {
        return Ok(token.clone());
    }
    let token = CancellationToken::new();
    let told = token.clone();
    std::thread::Builder::new().name("hangup".to_owned()).spawn(move || {
        wait();
        told.cancel();
    })?;
    Ok(gone.insert(token).clone())
}

fn wait() {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    loop {
        let mut ends =
            [PollFd::new(&stdin, PollFlags::empty()), PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut ends, None) {
            // A signal, or a stop and its end.
            Err(Errno::INTR) | Ok(0) => {}
            // Whatever else it is, there is no terminal to watch any more.
            Ok(_) | Err(_) => return,
        }
    }
}
