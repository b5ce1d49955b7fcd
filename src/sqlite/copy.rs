//! Copies a database into a file of its own while another process writes it, and checks the copy
//! (<https://sqlite.org/backup.html>).

use std::ffi::c_int;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::reserve::is_full;
use super::schema::harden;
use crate::files;

/// Pages in one step of a copy.
const STEP: c_int = 1024;

/// The files that SQLite would take for a part of the copy.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Why a database could not be copied. Then there is no copy, and whatever was at its place is
/// unchanged.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    #[error("{} would be taken for the newest part of the copy", .0.display())]
    Companion(PathBuf),
    #[error("another process writes {}", .0.display())]
    Busy(PathBuf),
    #[error("there is not enough space for {}", .0.display())]
    Full(PathBuf),
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error("cannot copy into {}: {cause}", path.display())]
    Sql { path: PathBuf, cause: rusqlite::Error },
    #[error("the copy is damaged: {0}")]
    Damaged(String),
}

impl CopyError {
    fn write(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            io::ErrorKind::AlreadyExists => Self::Exists(path),
            _ => Self::Write { path, cause },
        }
    }

    fn sql(path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if is_full(&cause) { Self::Full(path) } else { Self::Sql { path, cause } }
    }
}

/// Copies the database that `source` reads, as it is at one moment, to the file `to`, which may
/// exist only if `replaces`. Returns the size of the copy in bytes.
///
/// The copy is written under another name, checked, synced, and then renamed. It is a single file
/// that belongs to the user alone.
pub fn copy(source: &Connection, to: &Path, replaces: bool) -> Result<u64, CopyError> {
    for companion in COMPANIONS.map(|ending| with_ending(to, ending)) {
        if companion.symlink_metadata().is_ok() {
            return Err(CopyError::Companion(companion));
        }
    }
    if !replaces && to.symlink_metadata().is_ok() {
        return Err(CopyError::Exists(to.to_owned()));
    }
    let part = Part::create(with_ending(to, ".part"))?;
    fill(source, &part.path)?;
    check(&part.path)?;
    let size = part.finish(to, replaces)?;
    Ok(size)
}

pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

/// An unfinished copy. Removed with this, unless it was finished.
struct Part {
    path: PathBuf,
    /// Locked, so that two copies are not written to one file. Closed after SQLite has closed the
    /// file: closing it earlier would release SQLite's own locks (POSIX, fcntl).
    file: File,
    is_finished: bool,
}

impl Part {
    /// Creates the file, or empties one that a killed process has left.
    fn create(path: PathBuf) -> Result<Self, CopyError> {
        let failed = |cause| CopyError::write(&path, cause);
        let mut how = OpenOptions::new();
        how.read(true).write(true).create(true).truncate(false);
        let file = files::open_own(&mut how, &path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CopyError::Busy(path)),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        file.set_len(0).map_err(failed)?;
        for ending in COMPANIONS {
            files::remove(&with_ending(&path, ending)).map_err(failed)?;
        }
        Ok(Self { path, file, is_finished: false })
    }

    fn finish(mut self, to: &Path, replaces: bool) -> Result<u64, CopyError> {
        let finish = || -> io::Result<u64> {
            self.file.sync_all()?;
            let size = self.file.metadata()?.len();
            files::put_in_place(&self.path, to, replaces)?;
            Ok(size)
        };
        let size = finish().map_err(|cause| CopyError::write(to, cause))?;
        self.is_finished = true;
        files::sync_name(to).map_err(|cause| CopyError::write(to, cause))?;
        Ok(size)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            for ending in ["", "-journal"] {
                let _ = files::remove(&with_ending(&self.path, ending));
            }
        }
    }
}

/// Copies all pages.
fn fill(source: &Connection, to: &Path) -> Result<(), CopyError> {
    let copy = || -> rusqlite::Result<()> {
        let mut target = open(to)?;
        // The file counts for nothing before it is complete and synced.
        target.pragma_update(None, "journal_mode", "OFF")?;
        target.pragma_update(None, "synchronous", "OFF")?;
        // One read transaction for all steps: otherwise each commit of the writer would have the
        // copy begin anew. A reader does not hold up the writer.
        let reading = source.unchecked_transaction()?;
        reading.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let backup = Backup::new(&reading, &mut target)?;
        loop {
            match backup.step(STEP)? {
                StepResult::Done => break,
                StepResult::More => {}
                // Both files are open for this connection alone, one of them for reading.
                other => {
                    let why = format!("SQLite is waiting for a lock ({other:?})");
                    return Err(rusqlite::Error::InvalidParameterName(why));
                }
            }
        }
        drop(backup);
        target.close().map_err(|(_, error)| error)
    };
    copy().map_err(|cause| CopyError::sql(to, cause))
}

/// Makes the copy a single file, which needs no write-ahead log to be read, and checks every page
/// and index.
fn check(path: &Path) -> Result<(), CopyError> {
    let check = || -> rusqlite::Result<String> {
        let connection = open(path)?;
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        let found = integrity(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(found)
    };
    match check() {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(CopyError::Damaged(found)),
        Err(cause) => Err(CopyError::sql(path, cause)),
    }
}

/// Returns `ok`, or the first fault that SQLite finds in a database.
pub(super) fn integrity(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, access)?;
    harden(&connection)?;
    Ok(connection)
}
