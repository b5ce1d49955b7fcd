//! What comes from the terminal: keys, pasted text, its size, its end. Reads it on a thread of its
//! own, because a read can block in the middle of a sequence; knows nothing of what it does.

use std::future::Future as _;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crossterm::event::{self, Event, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::mpsc;

pub use super::chord::{Chord, Key, NoSuchKey};
use super::hangup;

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
    /// The mouse, where [`set_mouse`](super::terminal::Screen::set_mouse) asked for it.
    Mouse {
        /// What was done.
        what: Mouse,
        /// The column it was done in, from 0.
        column: u16,
        /// The row, from 0.
        row: u16,
    },
    /// The terminal is gone, or cannot be read. Nothing comes after it.
    Gone,
}

/// What was done with the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// The first button was pressed.
    Click,
    /// The wheel was turned away.
    ScrollUp,
    /// The wheel was turned towards the user.
    ScrollDown,
}

/// Where the reading thread puts what it reads. It outlives a stream: a read cannot be called off
/// without losing what it had read already.
#[derive(Default)]
struct Reading {
    is_running: bool,
    taker: Option<mpsc::Sender<Input>>,
}

static READING: Mutex<Reading> = Mutex::new(Reading { is_running: false, taker: None });

/// Everything that comes from the terminal from now on, ended by [`Input::Gone`]. A stream that
/// was made before gets nothing more.
///
/// The terminal has to be in raw mode. Nothing is to be done about it when the program is stopped
/// and continued.
pub fn stream() -> io::Result<impl Stream<Item = Input> + Send + Unpin> {
    let gone = hangup::gone()?;
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
        // The hang-up comes first: the thread may be reading nothing over and over.
        let next = match gone.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => inputs.poll_recv(context),
        };
        next.map(|next| {
            let input = next.unwrap_or(Input::Gone);
            has_ended = input == Input::Gone;
            Some(input)
        })
    }))
}

/// Reads until the terminal cannot be read; then whoever takes sees the end of the channel.
fn read_all() {
    while let Ok(event) = event::read() {
        let Some(input) = understood(event) else { continue };
        let taker = {
            let reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
            reading.taker.clone()
        };
        // Without a taker it is dropped, as a key is that nobody waits for.
        if let Some(taker) = taker {
            let _ = taker.blocking_send(input);
        }
    }
    *READING.lock().unwrap_or_else(PoisonError::into_inner) = Reading::default();
}

/// What an event means here; `None` for what nothing is done about.
fn understood(event: Event) -> Option<Input> {
    match event {
        // Terminals that tell of a release would have every key act twice.
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) => Chord::read(key).map(Input::Key),
        Event::Paste(mut text) => {
            let mut end = text.len().min(PASTE_LIMIT);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            Some(Input::Paste(text))
        }
        Event::Resize(columns, rows) => Some(Input::Resize(columns, rows)),
        Event::Mouse(mouse) => {
            let what = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Mouse::Click,
                MouseEventKind::ScrollUp => Mouse::ScrollUp,
                MouseEventKind::ScrollDown => Mouse::ScrollDown,
                _ => return None,
            };
            Some(Input::Mouse { what, column: mouse.column, row: mouse.row })
        }
        Event::FocusGained | Event::FocusLost => None,
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;

    #[test]
    fn a_key_acts_when_pressed_and_held_and_not_when_let_go() {
        let key = |kind| {
            let key = KeyEvent::new_with_kind(KeyCode::Char('n'), KeyModifiers::NONE, kind);
            understood(Event::Key(key))
        };
        assert_eq!(key(KeyEventKind::Press), Some(Input::Key(Chord::char('n'))));
        assert_eq!(key(KeyEventKind::Repeat), Some(Input::Key(Chord::char('n'))));
        assert_eq!(key(KeyEventKind::Release), None);
    }

    #[test]
    fn a_paste_is_cut_between_characters() {
        let text = "é".repeat(PASTE_LIMIT);
        let Some(Input::Paste(odd)) = understood(Event::Paste(format!("x{text}"))) else {
            panic!("no paste");
        };
        assert_eq!(odd.len(), PASTE_LIMIT - 1);
        assert_eq!(understood(Event::Paste("a\r\nb".into())), Some(Input::Paste("a\r\nb".into())));
    }
}
