//! Detects that a file of an open database was removed, moved or replaced.
//!
//! SQLite keeps writing to a file that has lost its name: every commit succeeds, and its rows are
//! lost when the process ends.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::ffi;
use rustix::io::Errno;

/// The files beside a database without which what is committed cannot be found again.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Minimum interval between two checks of files that were in place: a check at each commit would
/// reduce the requests of one connection by a fifth.
const EVERY: Duration = Duration::from_millis(10);

/// Returns the name of a file beside the database: beside the file itself, not beside a link to it.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// The files of an open database, as they were when it was opened.
#[derive(Debug)]
pub(super) struct Files {
    /// The database file by its given name, then those of [`COMPANIONS`] that existed.
    known: Vec<(PathBuf, Identity)>,
    /// When all of them were last in place; `None` if they were not.
    found_at: Cell<Option<Instant>>,
}

/// Device and inode. Both change under a name if the file is removed, so the link count is not
/// needed, and another name for the file (a backup with hard links) is no error.
type Identity = (u64, u64);

impl Files {
    /// Records the files of the database at `path`. SQLite must have opened all of them.
    pub(super) fn of(path: &Path) -> Self {
        let names = COMPANIONS.map(|ending| beside(path, ending));
        let known = std::iter::once(path.to_owned())
            .chain(names)
            .filter_map(|name| Some((identity(&name).ok()??, name)))
            .map(|(identity, name)| (name, identity))
            .collect();
        Self { known, found_at: Cell::new(None) }
    }

    /// Returns an error if one of the files no longer has its name, at the latest after 10 ms.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        if self.found_at.get().is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        self.found_at.set(None);
        for (name, known) in &self.known {
            let became = match identity(name) {
                Ok(Some(found)) if found != *known => "was replaced by another one",
                Ok(None) => "was removed or moved away",
                // Also if it cannot be accessed: writes still reach it.
                Ok(Some(_)) | Err(_) => continue,
            };
            let message = format!(
                "its file {} {became}: put it back, or stop dubwatch and start it again",
                name.display()
            );
            let code = ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED);
            return Err(rusqlite::Error::SqliteFailure(code, Some(message)));
        }
        self.found_at.set(Some(Instant::now()));
        Ok(())
    }
}

/// Returns device and inode of a file; `None` if there is no file.
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether the error is that the file does not exist, including a stale network file
/// handle.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || Errno::from_io_error(error) == Some(Errno::STALE)
}
