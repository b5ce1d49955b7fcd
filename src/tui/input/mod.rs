//! Input from the terminal: keys, pasted text, size changes, answers, hang-up. Reads on a thread of
//! its own, because a read can block in the middle of a sequence.

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

pub use super::chord::{Chord, Key};
use super::hangup;
use super::size::terminal_size;
use parser::Parser;

/// Maximum length of a paste in bytes; the rest of a longer one is dropped.
pub const PASTE_LIMIT: usize = 64 * 1024;

/// How many inputs can wait to be handled. Then the thread stops reading, and the terminal's own
/// buffer fills up.
const WAITING: usize = 256;

/// An input from the user or the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed, or repeats.
    Key(Chord),
    /// Text was pasted, with its original line ends; at most [`PASTE_LIMIT`] bytes of it.
    Paste(String),
    /// The new size of the terminal, in columns and rows.
    Resize(u16, u16),
    /// The terminal answered a query, or reported a change.
    Report(Report),
    /// The terminal is gone, or cannot be read. This is the last input.
    Gone,
}

/// A report of the terminal about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The brightness of its background.
    Background {
        /// Whether black has more contrast with it than white.
        is_light: bool,
    },
    /// It can report physical keys (the kitty keyboard protocol).
    PhysicalKeys,
}

/// Where the reading thread sends its inputs. It outlives a stream, because a read cannot be
/// cancelled without losing what it has already read.
#[derive(Default)]
struct InputQueue {
    is_running: bool,
    sender: Option<mpsc::Sender<Input>>,
}

static INPUT_QUEUE: Mutex<InputQueue> = Mutex::new(InputQueue { is_running: false, sender: None });

/// Returns all input from now on, ending with [`Input::Gone`]. An earlier stream gets no more
/// input.
///
/// The terminal has to be in raw mode. Stopping and continuing the program needs no action. Must be
/// called inside a Tokio runtime.
pub fn stream() -> io::Result<impl Stream<Item = Input> + Send + Unpin> {
    let gone = hangup::gone()?;
    let mut resized = signal(SignalKind::window_change())?;
    let (sender, mut inputs) = mpsc::channel(WAITING);
    let mut queue = INPUT_QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
    queue.sender = Some(sender);
    if !queue.is_running {
        std::thread::Builder::new().name("input".to_owned()).spawn(read_all)?;
        queue.is_running = true;
    }
    let mut gone = Box::pin(gone.cancelled_owned());
    let mut has_ended = false;
    Ok(stream::poll_fn(move |context| {
        if has_ended {
            return Poll::Ready(None);
        }
        // The hang-up goes first: the thread may be waiting for space in the channel.
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

/// Returns the size of the terminal now, or `None` if it is gone.
fn size() -> Option<Input> {
    let size = terminal_size(io::stdout()).ok()?;
    Some(Input::Resize(size.width, size.height))
}

/// Reads until the terminal cannot be read; the receiver then sees a closed channel.
fn read_all() {
    let mut parser = Parser::default();
    let mut bytes = [0; 4096];
    let mut inputs = Vec::new();
    loop {
        match read(&mut bytes, parser.timeout()) {
            Ok(Some(0)) | Err(_) => break,
            Ok(Some(count)) => parser.feed(&bytes[..count], &mut inputs),
            Ok(None) => parser.time_out(&mut inputs),
        }
        for input in inputs.drain(..) {
            let sender = {
                let queue = INPUT_QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
                queue.sender.clone()
            };
            // Without a receiver the input is dropped.
            if let Some(sender) = sender {
                let _ = sender.blocking_send(input);
            }
        }
    }
    *INPUT_QUEUE.lock().unwrap_or_else(PoisonError::into_inner) = InputQueue::default();
}

/// Waits for bytes for at most `timeout`; returns `None` if there were none.
///
/// Reads only what is available: a thread blocked in a read could still take input meant for the
/// shell after ^Z, if the machine is too busy to stop it at once.
fn read(bytes: &mut [u8], timeout: Option<Duration>) -> rustix::io::Result<Option<usize>> {
    let stdin = io::stdin();
    let timeout = timeout.map(Timespec::try_from).transpose().map_err(|_| Errno::INVAL)?;
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Ok(None),
            // Reading shows what happened.
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        }
        match rustix::io::read(&stdin, &mut *bytes) {
            Ok(count) => return Ok(Some(count)),
            // Another process on the same terminal may have made it non-blocking.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error),
        }
    }
}
