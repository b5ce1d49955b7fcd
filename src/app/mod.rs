//! The composition root: wires doors, intake, journal and faces, and takes them down in order.

mod dashboard;
mod demo;
mod engine;
mod headless;
mod keys;
mod relay;
mod relaying;
mod run;
mod signals;
mod welcome;

use std::io::Write;
use std::process::ExitCode;

use crate::config::Config;
use crate::output::Format;
use crate::tui::widget::look::Look;

pub use demo::{Program, any_seed, demo};
pub use keys::{dev_key_path, load_dev_key, trusted_keys};
pub use relay::{Relay, relay, relay_admin};

use headless::Headless;
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

/// How a run is shown.
#[derive(Debug, Clone)]
pub enum Form {
    /// As lines on standard output.
    Lines(Format),
    /// As the dashboard, on the terminal of standard input and output.
    Dashboard(Look),
}

/// Receives callbacks until a signal comes, the user quits or something breaks. `say` takes sentences
/// for people; `out` takes what `form` asks for, of the dashboard its last words.
///
/// A journal that another process writes is shown in a dashboard that only reads, and is an error
/// otherwise.
pub fn watch(
    config: &Config,
    form: Form,
    out: impl Write + Send + 'static,
    say: fn(&str),
) -> anyhow::Result<Exit> {
    config.doors()?;
    let keys = trusted_keys(config)?;
    match form {
        Form::Lines(format) => {
            let run = Run::new(config, keys)?;
            let face = Headless::new(&run.engine.journal, format, out, say)?;
            run.until_the_end(face, |_, quit| async move {
                quit.cancelled().await;
                Ok(())
            })
        }
        Form::Dashboard(look) => dashboard::watch(config, keys, look, out, say),
    }
}
