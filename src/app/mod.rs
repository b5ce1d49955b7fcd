//! The composition root: builds the parts of a run and has the supervisor run them.
//!
//! | file | owns |
//! |---|---|
//! | `watch`, `read_only`, `demo`, `relay` | one kind of run each: build the parts, call the supervisor |
//! | `capture` | a capture in a read-only dashboard |
//! | `demo_parts`, `demo_story`, `demo_api` | a demo: what it runs, what it plays, and the API beside it |
//! | `hooks` | the user's programs that are run when something happens |
//! | `show` | starts a receiver with its frontend |
//! | `receiver` | journal, intake, listener, relay client |
//! | `status` | the status of a run: counts, journal health, link |
//! | `doctor` | looks at everything that a run depends on |
//! | `forward` | forwards deliveries to apps, and keeps their answers |
//! | `api_source` | the settings of the service's API: host, key, way |
//! | `parts` | what the supervisor runs beside the frontend |
//! | `supervisor` | runs parts and frontend until the end, stops them in order |
//! | `frontend` | lines on standard output; the dashboard's terminal |
//! | `dashboard` | the dashboard's backend: reads the journal, answers requests |
//! | `wait` | waits for versions: attaches to a journal or receives |
//! | `worker` | a task or thread with a result |

mod api_source;
mod capture;
mod dashboard;
mod demo;
mod demo_api;
mod demo_parts;
mod demo_story;
mod doctor;
mod forward;
mod frontend;
mod hooks;
mod keys;
mod listen;
mod outbound;
mod parts;
mod read_only;
mod reader_gone;
mod receiver;
mod reconcile;
mod relay;
mod relay_source;
mod show;
mod signals;
mod status;
mod supervisor;
mod wait;
mod watch;
mod welcome;
mod worker;

use std::io::ErrorKind;
use std::process::ExitCode;

use crate::journal::JournalError;
use crate::output::Format;
use crate::sqlite::OpenError;
use crate::tui::widget::theme::Theme;

pub use api_source::api_settings;
pub use capture::open_capture;
pub use demo::demo;
pub use demo_story::{DemoOptions, any_seed};
pub use doctor::{Finding, FindingLevel, doctor};
pub use frontend::stream::is_closed_pipe;
pub use keys::{DevKeyError, load_dev_key, trusted_keys};
pub use read_only::follow;
pub use reader_gone::reader_gone;
pub use relay::{RelayOptions, relay, relay_admin};
pub use wait::{WaitAfter, WaitOptions, WaitOutput, WaitSource, wait};
pub use watch::watch;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Done,
    /// It failed; a message on standard error says why.
    Failed,
    /// The answer to a question, as a status of the command's own; its help says what it means.
    Answer(u8),
    /// A signal with this number ended it, in order.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Answer(status) => Self::from(status),
            Exit::Signal(number) => Self::from(128 + number),
        }
    }
}

/// Returns whether the error is that another process writes the journal.
fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(JournalError::Open(OpenError::InUse { .. })))
}

/// Returns whether the error is that the journal cannot be written: it is on read-only media, or
/// belongs to another user.
fn is_unwritable(error: &anyhow::Error) -> bool {
    let Some(JournalError::Open(error)) = error.downcast_ref() else { return false };
    let (OpenError::File { cause, .. } | OpenError::Lock { cause, .. }) = error else {
        return false;
    };
    matches!(cause.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// How the output of a run looks.
#[derive(Debug, Clone)]
pub enum Form {
    /// As lines on standard output.
    Lines(Format),
    /// As the dashboard, on the terminal of standard input and output.
    Dashboard(Theme),
}

impl Form {
    /// Returns whether it is lines of text for people.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Lines(Format::Text(_)))
    }
}
