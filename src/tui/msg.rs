//! The messages that change a model.

use jiff::Timestamp;

use super::event::BackendEvent;
use super::input::Chord;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The time now.
    Tick(Timestamp),
    /// The backend reported something.
    Event(BackendEvent),
    /// The run behind this demo has received this many requests since the demo started.
    Behind(u64),
    /// A sentence for the user.
    Message(String),
}
