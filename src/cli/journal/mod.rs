//! `dubwatch journal`: the journal by hand: where it is, how large it is, copies, deletion.

mod backup;
mod delete;
mod restore;
mod vacuum;

use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::ValueHint;

use super::done_unless;
use crate::app::Exit;
use crate::config::Config;
use crate::journal::{Journal, JournalError, JournalSize};
use crate::sqlite::OpenError;
use crate::text::{Printable, bytes_in_words, count_in_words};

#[derive(Debug, clap::Subcommand)]
pub(super) enum JournalCommand {
    /// Print where the journal is, whether there is one or not
    Path,
    /// Say how much is in the journal, and how much of the disk it takes
    Size,
    /// Copy the journal to a file while dubwatch goes on receiving, and check the copy
    Backup(Backup),
    /// Put a backup in the journal's place; what is there now is kept beside it
    Restore(Restore),
    /// Delete all that is known of one asset: deliveries, states, notes and refusals
    Delete(Delete),
    /// Write the journal anew, so that the space of what was deleted goes back to the disk
    Vacuum,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The copy is of one moment, a single file that no -wal belongs to. It holds everything: deliveries byte for byte, refusals, names, marks, and how far relays were read. It can be looked at like any journal: dubwatch status --db FILE."
)]
pub(super) struct Backup {
    /// The file to write
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "End every dubwatch that uses the journal first. What a relay still has from after the backup is fetched again."
)]
pub(super) struct Restore {
    /// A file that `journal backup` made, or a copy of a journal
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing of the asset is left in the journal's file, so this writes the file anew. Backups and exports are not touched, and a callback that comes later begins the asset anew."
)]
pub(super) struct Delete {
    /// The asset: its whole id, or its local name
    #[arg(long, value_name = "ASSET")]
    asset: String,
    /// Do not ask first; only a terminal is asked
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(config: &Config, command: &JournalCommand) -> anyhow::Result<Exit> {
    config.needs_journal()?;
    match command {
        JournalCommand::Path => path(config),
        JournalCommand::Size => size(config),
        JournalCommand::Backup(args) => backup::run(config, args),
        JournalCommand::Restore(args) => restore::run(config, args),
        JournalCommand::Delete(args) => delete::run(config, args),
        JournalCommand::Vacuum => vacuum::run(config),
    }
}

fn path(config: &Config) -> anyhow::Result<Exit> {
    let mut out = io::stdout();
    let path = config.db.as_os_str();
    // A program gets the bytes of the name, a terminal what it can show.
    let mut line = if out.is_terminal() {
        Printable::new(&path.to_string_lossy()).to_string().into_bytes()
    } else {
        path.as_bytes().to_owned()
    };
    line.push(b'\n');
    done_unless(out.write_all(&line).map_err(Into::into))
}

fn size(config: &Config) -> anyhow::Result<Exit> {
    let JournalSize { file, log, free, deliveries, assets, refusals, gaps } =
        Journal::size(&config.db)?;
    let path = config.db.to_string_lossy();
    let log = match log {
        0 => String::new(),
        log => format!(", and {} in its write-ahead log", bytes_in_words(log)),
    };
    let gaps = match gaps {
        0 => String::new(),
        gaps => format!(", {}", count_in_words(gaps, "gap", "gaps")),
    };
    let unused = match free {
        0 => "No space in it is unused.".to_owned(),
        free => format!(
            "{} of it are unused; `dubwatch journal vacuum` gives them back to the disk.",
            bytes_in_words(free)
        ),
    };
    let text = format!(
        "{}: {}{log}\n{} of {}, {}{gaps}\n{unused}\n",
        Printable::new(&path),
        bytes_in_words(file),
        count_in_words(deliveries, "delivery", "deliveries"),
        count_in_words(assets, "asset", "assets"),
        count_in_words(refusals, "kind of refusal", "kinds of refusals"),
    );
    done_unless(io::stdout().write_all(text.as_bytes()).map_err(Into::into))
}

/// Returns an error that says how to go on if another process has the journal.
fn not_in_use(config: &Config, error: JournalError, what: &str) -> anyhow::Error {
    match error {
        JournalError::Open(OpenError::InUse { pid, .. }) => in_use(config, pid, what),
        error => error.into(),
    }
}

fn in_use(config: &Config, pid: Option<u32>, what: &str) -> anyhow::Error {
    let process = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    anyhow::anyhow!(
        "{} is in use by a running dubwatch{process}; end that one first; nothing was {what}",
        config.db.display()
    )
}
