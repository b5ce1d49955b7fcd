//! The messages that change a model.

use jiff::Timestamp;

use super::event::BackendEvent;
use super::input::Chord;

/// A message.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// The new size of the terminal, in columns and rows.
    Resize(u16, u16),
    /// The current time.
    Tick(Timestamp),
    /// The backend sent an event.
    Event(BackendEvent),
    /// How many requests the real receiver got since this demo started.
    ReceivedBehind(u64),
    /// A status message to show.
    Message(String),
}
