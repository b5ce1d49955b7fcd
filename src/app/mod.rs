//! The composition root: wires doors, intake, journal and faces, and takes them down in order.

mod certificate;
mod dashboard;
mod demo;
mod engine;
mod follow;
mod headless;
mod keys;
mod listen;
mod reader_gone;
mod relay;
mod relaying;
mod run;
mod signals;
mod welcome;
mod worker;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use crate::config::Config;
use crate::journal::JournalError;
use crate::output::Format;
use crate::sqlite::OpenError;
use crate::tui::widget::look::Look;

pub use demo::{Program, any_seed, demo};
pub use follow::{follow, is_closed_pipe};
pub use keys::{DevKeyError, dev_key_path, load_dev_key, trusted_keys};
pub use reader_gone::reader_gone;
pub use relay::{Relay, relay, relay_admin};

use headless::Headless;
use keys::named_keys;
use run::Run;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Done,
    /// It failed; a sentence on standard error says how.
    Failed,
    /// A signal with this number ended it, after draining.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Signal(number) => Self::from(128 + number),
        }
    }
}

/// Whether an error says that another process writes the journal.
fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(JournalError::Open(OpenError::InUse { .. })))
}

/// Whether an error says that the journal can be read at best: it is on read-only media, or somebody
/// else's.
fn is_unwritable(error: &anyhow::Error) -> bool {
    let Some(JournalError::Open(error)) = error.downcast_ref() else { return false };
    let (OpenError::File { cause, .. } | OpenError::Lock { cause, .. }) = error else {
        return false;
    };
    matches!(cause.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// How a run is shown.
#[derive(Debug, Clone)]
pub enum Form {
    /// As lines on standard output.
    Lines(Format),
    /// As the dashboard, on the terminal of standard input and output.
    Dashboard(Look),
}

impl Form {
    /// Whether it is lines of text for people.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Lines(Format::Text(_)))
    }
}

/// Receives callbacks until a signal comes, the user quits or something breaks. `say` takes sentences
/// for people; `out` takes what `form` asks for, of the dashboard its last words.
///
/// A journal that another process writes is only read: in a dashboard that says so, or as lines of
/// what that process writes.
pub fn watch(
    config: &Config,
    form: Form,
    out: impl Write + Send + 'static,
    say: fn(&str),
) -> anyhow::Result<Exit> {
    config.doors()?;
    if !config.ephemeral {
        config.needs_journal()?;
    }
    match form {
        Form::Lines(format) => {
            let run = match Run::new(config, named_keys(config)?) {
                Ok(run) => run,
                Err(error) if is_in_use(&error) => {
                    return follow::read_only(config, format, out, &error, say);
                }
                Err(error) => return Err(error),
            };
            let face = Headless::new(&run.engine.journal, format, out, say)?;
            run.until_the_end(face, |_, quit| async move {
                quit.cancelled().await;
                Ok(())
            })
        }
        Form::Dashboard(look) => dashboard::watch(config, look, out, say),
    }
}
