//! What comes from the terminal: keys, pasted text, its size, its answers, its end. Reads it on a
//! thread of its own, because a read can block in the middle of a sequence; knows nothing of what it
//! does.

mod parser;

use std::future::Future as _;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

pub use super::chord::{Chord, Key, NoSuchKey};
use super::hangup;
use super::terminal::measured;
use parser::Parser;

/// The longest paste that is passed on, in bytes; the rest of a longer one is dropped.
pub const PASTE_LIMIT: usize = 64 * 1024;

/// How much may wait to be handled. Then the thread stops reading, and the terminal's own buffer
/// fills up.
const WAITING: usize = 256;

/// Something that the user or the terminal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed, or repeats.
    Key(Chord),
    /// Text was pasted, with its line ends as they came; at most [`PASTE_LIMIT`] bytes of it.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The terminal answered, or told of a change by itself.
    Report(Report),
    /// The terminal is gone, or cannot be read. Nothing comes after it.
    Gone,
}

/// What a terminal says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Whether its ground is light.
    Background {
        /// Black is read better on it than white.
        is_light: bool,
    },
    /// It can tell which physical key was pressed (the kitty keyboard protocol).
    PhysicalKeys,
}

/// Where the reading thread puts what it reads. It outlives a stream: a read cannot be called off
/// without losing what it had read already.
#[derive(Default)]
struct InputQueue {
    is_running: bool,
    taker: Option<mpsc::Sender<Input>>,
}

static READING: Mutex<InputQueue> = Mutex::new(InputQueue { is_running: false, taker: None });

/// Everything that comes from the terminal from now on, ended by [`Input::Gone`]. A stream that
/// was made before gets nothing more.
///
/// The terminal has to be in raw mode. Nothing is to be done about it when the program is stopped
/// and continued. Needs a running tokio runtime.
pub fn stream() -> io::Result<impl Stream<Item = Input> + Send + Unpin> {
    let gone = hangup::gone()?;
    let mut resized = signal(SignalKind::window_change())?;
    let (taker, mut inputs) = mpsc::channel(WAITING);
    let mut reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
    reading.taker = Some(taker);
    if !reading.is_running {
        std::thread::Builder::new().name("input".to_owned()).spawn(read_all)?;
        reading.is_running = true;
    }
    let mut gone = Box::pin(gone.cancelled_owned());
    let mut has_ended = false;
    Ok(stream::poll_fn(move |context| {
        if has_ended {
            return Poll::Ready(None);
        }
        // The hang-up comes first: the thread may be waiting for a place to put what it read.
        let next = match gone.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => match resized.poll_recv(context) {
                Poll::Ready(_) => Poll::Ready(size()),
                Poll::Pending => inputs.poll_recv(context),
            },
        };
        next.map(|next| {
            let input = next.unwrap_or(Input::Gone);
            has_ended = input == Input::Gone;
            Some(input)
        })
    }))
}

/// The size of the terminal now; `None` where it has gone meanwhile.
fn size() -> Option<Input> {
    let size = measured(io::stdout()).ok()?;
    Some(Input::Resize(size.width, size.height))
}

/// Reads until the terminal cannot be read; then whoever takes sees the end of the channel.
fn read_all() {
    let mut parser = Parser::default();
    let mut bytes = [0; 4096];
    let mut inputs = Vec::new();
    loop {
        match read(&mut bytes, parser.patience()) {
            Ok(Some(0)) | Err(_) => break,
            Ok(Some(count)) => parser.feed(&bytes[..count], &mut inputs),
            Ok(None) => parser.give_up(&mut inputs),
        }
        for input in inputs.drain(..) {
            let taker = {
                let reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
                reading.taker.clone()
            };
            // Without a taker it is dropped, as a key is that nobody waits for.
            if let Some(taker) = taker {
                let _ = taker.blocking_send(input);
            }
        }
    }
    *READING.lock().unwrap_or_else(PoisonError::into_inner) = InputQueue::default();
}

/// Waits for bytes, at most for `patience`; `None` when none came within it.
///
/// Reads only what is there already: a thread that is blocked in a read can still take what the
/// shell should get after ^Z, on a machine too busy to stop it at once.
fn read(bytes: &mut [u8], patience: Option<Duration>) -> rustix::io::Result<Option<usize>> {
    let stdin = io::stdin();
    let patience = patience.map(Timespec::try_from).transpose().map_err(|_| Errno::INVAL)?;
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], patience.as_ref()) {
            Ok(0) => return Ok(None),
            // The rest is found out by reading.
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        }
        match rustix::io::read(&stdin, &mut *bytes) {
            Ok(count) => return Ok(Some(count)),
            // Somebody else, who has the same terminal, may have made it non-blocking.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error),
        }
    }
}
