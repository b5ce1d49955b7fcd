//! The files of a database in use, to notice that one was removed, moved away or replaced.
//!
//! SQLite goes on writing to a file that has lost its name: every commit succeeds, and what it wrote
//! is gone when the process ends.

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

/// Minimum interval between two looks at files that were found in their place: a look at each commit
/// would cost a fifth of the requests that one connection can make.
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
    /// The database file by the name that was given for it, then those of [`COMPANIONS`] that were
    /// there.
    known: Vec<(PathBuf, Identity)>,
    /// When all of them were last found in their place; `None` where they were not.
    found_at: Cell<Option<Instant>>,
}

/// Device and inode. A file that was removed keeps neither under its name, so its link count need
/// not be asked for, and another name for it (a backup of hard links) is no reason to stop.
type Identity = (u64, u64);

impl Files {
    /// Notes which files those of the database at `path` are. SQLite must have opened all of them.
    pub(super) fn of(path: &Path) -> Self {
        let names = COMPANIONS.map(|ending| beside(path, ending));
        let known = std::iter::once(path.to_owned())
            .chain(names)
            .filter_map(|name| Some((identity(&name).ok()??, name)))
            .map(|(identity, name)| (name, identity))
            .collect();
        Self { known, found_at: Cell::new(None) }
    }

    /// Fails where one of the files is not under its name any more, at the latest 10 ms after that.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        if self.found_at.get().is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        self.found_at.set(None);
        for (name, known) in &self.known {
            let became = match identity(name) {
                Ok(Some(found)) if found != *known => "was replaced by another one",
                Ok(None) => "was removed or moved away",
                // Also where it cannot be looked at: what is written still arrives in it.
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

/// Returns what tells a file from another one of the same name; `None` where there is none.
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is no such file, also where a server of files says so of one that is open.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || Errno::from_io_error(error) == Some(Errno::STALE)
}
