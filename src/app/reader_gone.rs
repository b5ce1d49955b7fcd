//! Notices that whoever read standard output has closed it, also while nothing is written there.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

static GONE: Mutex<Option<CancellationToken>> = Mutex::new(None);

/// Returns the token that is cancelled when the reader of standard output has closed it; one that
/// never is, where standard output is no pipe or socket.
///
/// One thread for the whole process waits for that. It asks for no event, so only the hang-up wakes
/// it, and it may be left waiting when the program ends.
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
            // The next write fails all the same.
            tracing::warn!("cannot watch standard output for its reader: {error}");
        }
    }
    gone.insert(token).clone()
}

/// Whether standard output has another end that can be closed. A terminal that goes sends SIGHUP.
fn is_pipe() -> io::Result<bool> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let kind = file.metadata()?.file_type();
    Ok(kind.is_fifo() || kind.is_socket())
}

/// Waits for the hang-up; returns `false` where it cannot be waited for.
fn wait() -> bool {
    let stdout = io::stdout();
    loop {
        let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut ends, None) {
            // A signal, or a stop and its end.
            Err(Errno::INTR) | Ok(0) => {}
            Ok(_) => return ends[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(_) => return false,
        }
    }
}
