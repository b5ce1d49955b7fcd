//! Detects that the reader of standard output has closed it, even while nothing is written.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

static GONE: Mutex<Option<CancellationToken>> = Mutex::new(None);

/// Returns a token that is cancelled when the reader closes standard output. If standard output is
/// not a pipe or socket, the token is never cancelled.
///
/// One thread waits for the whole process. It polls for no event, so that only a hang-up wakes it;
/// it may still be waiting when the program ends.
pub fn reader_gone() -> CancellationToken {
    let mut gone = GONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = gone.as_ref() {
        return token.clone();
    }
    let token = CancellationToken::new();
    if is_pipe().unwrap_or(false) {
        let cancelled = token.clone();
        let started = std::thread::Builder::new().name("reader-gone".to_owned()).spawn(move || {
            if wait() {
                cancelled.cancel();
            }
        });
        if let Err(error) = started {
            // The next write then fails instead.
            tracing::warn!("cannot watch standard output for its reader: {error}");
        }
    }
    gone.insert(token).clone()
}

/// Returns whether standard output has a reader that can close it. A terminal sends SIGHUP instead.
fn is_pipe() -> io::Result<bool> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let kind = file.metadata()?.file_type();
    Ok(kind.is_fifo() || kind.is_socket())
}

/// Waits for the hang-up. Returns `false` if polling fails.
fn wait() -> bool {
    let stdout = io::stdout();
    loop {
        let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut ends, None) {
            // A signal, or the process was suspended and continued.
            Err(Errno::INTR) | Ok(0) => {}
            Ok(_) => return ends[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(_) => return false,
        }
    }
}
