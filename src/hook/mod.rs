//! Runs a program of the user when something happens: which programs for what, what they are told, and
//! for how long they may run. Reads no journal.
//!
//! Nothing from a callback gets into a command: its words are those of the setting, no shell reads
//! them, and data is passed in variables and files.

mod command;
mod event_folder;
mod happening;
mod limits;
mod process;
mod runner;
mod trigger;

pub use command::HookCommand;
pub use happening::{Happening, HookFields};
pub use runner::HookRunner;
pub use trigger::{Trigger, Triggers};

/// A program, and what it runs for.
#[derive(Debug, Clone)]
pub struct Hook {
    /// What it runs for.
    pub on: Triggers,
    /// The program.
    pub command: HookCommand,
}
