//! Copies of a journal: backing it up beside the process that writes it, and putting a backup in its
//! place.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{JournalError, schema};
use crate::sqlite::{CopyError, Database, OpenError, ReplaceError, copy, replace};

/// Why a journal was not backed up or restored. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Open(#[from] JournalError),
    /// The backup itself is not usable.
    #[error(transparent)]
    Source(OpenError),
    #[error("{} is the journal itself", .0.display())]
    Same(PathBuf),
    #[error(transparent)]
    Copy(CopyError),
    #[error(transparent)]
    Replace(ReplaceError),
}

/// A copy of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopySummary {
    /// The number of deliveries in it.
    pub deliveries: u64,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Copies the journal at `path` to the file `to`, which may exist only if `replaces`.
pub(super) fn back_up(path: &Path, to: &Path, replaces: bool) -> Result<CopySummary, BackupError> {
    if is_same(path, to) {
        return Err(BackupError::Same(to.to_owned()));
    }
    let (connection, _) = open(path).map_err(JournalError::Open)?;
    let bytes = copy(&connection, to, replaces).map_err(BackupError::Copy)?;
    Ok(CopySummary { deliveries: deliveries(to)?, bytes })
}

/// Puts a copy of the journal `from` at `path`. Keeps what is there as `aside`. Returns what the
/// copy holds, and whether there was anything before.
pub(super) fn restore(
    path: &Path,
    from: &Path,
    aside: &Path,
) -> Result<(CopySummary, bool), BackupError> {
    if is_same(path, from) {
        return Err(BackupError::Same(from.to_owned()));
    }
    let (connection, _) = open(from).map_err(BackupError::Source)?;
    let had_one =
        replace(path, &connection, aside, schema::SCHEMA).map_err(BackupError::Replace)?;
    let bytes = path.metadata().map_or(0, |found| found.len());
    Ok((CopySummary { deliveries: deliveries(path)?, bytes }, had_one))
}

fn open(path: &Path) -> Result<(rusqlite::Connection, bool), OpenError> {
    Database::open_reader_of_any_age(path, schema::SCHEMA)
}

/// Returns whether two names are of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

fn deliveries(path: &Path) -> Result<u64, JournalError> {
    let (connection, _) = open(path)?;
    super::size::deliveries(&connection)
        .map_err(|cause| JournalError::Read { path: path.to_owned(), cause })
}
