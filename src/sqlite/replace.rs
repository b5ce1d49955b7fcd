//! Puts a copy in the place of a database that no process uses, and keeps the one that was there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::copy::{CopyError, copy, with_ending};
use super::open::{OpenError, create_directory_of, lock};
use super::schema::{Schema, harden};
use crate::files;

/// Why a database could not be replaced. Then it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("another dubwatch reads {}", .0.display())]
    Read(PathBuf),
    #[error("cannot put {} aside: {cause}", path.display())]
    Aside { path: PathBuf, cause: io::Error },
}

/// Replaces the database at `path` by a copy of the one that `source` reads. Keeps what is at `path`
/// as `aside`, which must not exist. Returns whether there was anything.
///
/// Returns an error if another process has the database at `path` open: a process that closes the
/// old one would remove the write-ahead log of the new one.
pub fn replace(
    path: &Path,
    source: &Connection,
    aside: &Path,
    schema: Schema,
) -> Result<bool, ReplaceError> {
    // The file itself, not a link to it.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    create_directory_of(path).map_err(|cause| OpenError::Directory {
        what: schema.what,
        path: path.parent().unwrap_or(path).to_owned(),
        cause,
    })?;
    let _lock = lock(path, schema)?;
    let copied = with_ending(path, ".restored");
    // One that a killed process has left is of no use.
    files::remove(&copied).map_err(|cause| CopyError::Write { path: copied.clone(), cause })?;
    copy(source, &copied, false)?;
    let put = || {
        let was_there = path.symlink_metadata().is_ok();
        if was_there {
            merge_log(path)?;
            put_aside(path, aside).map_err(|cause| failed_aside(aside, cause))?;
        }
        // Without another file in between: there is a database at `path` at any moment.
        fs::rename(&copied, path).map_err(|cause| failed_aside(path, cause))?;
        files::sync_name(path).map_err(|cause| failed_aside(path, cause))?;
        Ok(was_there)
    };
    let put = put();
    if put.is_err() {
        let _ = files::remove(&copied);
    }
    put
}

fn failed_aside(path: &Path, cause: io::Error) -> ReplaceError {
    ReplaceError::Aside { path: path.to_owned(), cause }
}

/// Moves the write-ahead log of a database into its file. Returns an error if another process has it
/// open. What is damaged stays as it is.
fn merge_log(path: &Path) -> Result<(), ReplaceError> {
    let mut header = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    if read.is_err() || header != *b"SQLite format 3\0" {
        // SQLite would delete the log, which may be the only thing that can be read.
        return Ok(());
    }
    let merge = || -> rusqlite::Result<()> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        harden(&connection)?;
        connection.busy_timeout(Duration::ZERO)?;
        // Needs the file for itself.
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    };
    match merge() {
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ) =>
        {
            Err(ReplaceError::Read(path.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Gives a database a second name, `aside`, and moves what is left of its log there.
fn put_aside(path: &Path, aside: &Path) -> io::Result<()> {
    if aside.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if fs::hard_link(path, aside).is_err() {
        // A file system without such names.
        fs::rename(path, aside)?;
    }
    for ending in ["-wal", "-shm", "-journal"] {
        match fs::rename(with_ending(path, ending), with_ending(aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Commands, Database, Location};

    const SCHEMA: Schema = Schema {
        what: "journal",
        commands: Commands { make: "start one", beside: "read beside it", read: "" },
        application_id: 0x6475_6277,
        reserve: 0,
        migrations: &["CREATE TABLE one (x INTEGER) STRICT"],
    };

    fn made(path: &Path, x: i64) {
        let (_, connection) = Database::open(&Location::File(path.to_owned()), SCHEMA).unwrap();
        connection.execute("INSERT INTO one VALUES (?1)", [x]).unwrap();
        connection.close().unwrap();
    }

    fn x(path: &Path) -> i64 {
        let connection = Database::open_reader(path, SCHEMA).unwrap();
        connection.query_row("SELECT x FROM one", [], |row| row.get(0)).unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_is_of_one_moment_while_the_source_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let (database, connection) = Database::open(&Location::File(path), SCHEMA).unwrap();
        connection.execute("INSERT INTO one VALUES (1)", []).unwrap();
        let to = dir.path().join("b.db");
        copy(&database.reader().unwrap(), &to, false).unwrap();
        connection.execute("INSERT INTO one VALUES (2)", []).unwrap();
        assert_eq!(x(&to), 1);
        assert!(matches!(
            copy(&database.reader().unwrap(), &to, false).unwrap_err(),
            CopyError::Exists(_)
        ));
        copy(&database.reader().unwrap(), &to, true).unwrap();
        fs::write(dir.path().join("c.db-wal"), "").unwrap();
        let error = copy(&database.reader().unwrap(), &dir.path().join("c.db"), false).unwrap_err();
        assert!(matches!(error, CopyError::Companion(_)), "{error}");
        let left = names(dir.path());
        assert!(!left.iter().any(|name| name.contains(".part")), "{left:?}");
    }

    #[test]
    fn what_was_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (path, from, aside) =
            (dir.path().join("a.db"), dir.path().join("b.db"), dir.path().join("aside.db"));
        made(&path, 1);
        made(&from, 2);
        let source = Database::open_reader(&from, SCHEMA).unwrap();
        assert!(replace(&path, &source, &aside, SCHEMA).unwrap());
        assert_eq!((x(&path), x(&aside)), (2, 1));
        let error = replace(&path, &source, &aside, SCHEMA).unwrap_err();
        assert!(matches!(error, ReplaceError::Aside { .. }), "{error}");
        assert_eq!((x(&path), x(&aside)), (2, 1));
        let new = dir.path().join("new/c.db");
        assert!(!replace(&new, &source, &aside, SCHEMA).unwrap());
        assert_eq!(x(&new), 2);
    }

    #[test]
    fn a_database_in_use_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, from, aside) =
            (dir.path().join("a.db"), dir.path().join("b.db"), dir.path().join("aside.db"));
        made(&from, 2);
        let source = Database::open_reader(&from, SCHEMA).unwrap();
        let (database, connection) = Database::open(&Location::File(path.clone()), SCHEMA).unwrap();
        let error = replace(&path, &source, &aside, SCHEMA).unwrap_err();
        assert!(matches!(error, ReplaceError::Open(OpenError::InUse { .. })), "{error}");
        let reader = database.reader().unwrap();
        reader.query_row("SELECT count(*) FROM one", [], |_| Ok(())).unwrap();
        connection.close().unwrap();
        let error = replace(&path, &source, &aside, SCHEMA).unwrap_err();
        assert!(matches!(error, ReplaceError::Read(_)), "{error}");
        drop(reader);
        assert!(!aside.exists() && !with_ending(&path, ".restored").exists());
        replace(&path, &source, &aside, SCHEMA).unwrap();
    }

    #[test]
    fn a_damaged_database_is_put_aside_with_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let (path, from, aside) =
            (dir.path().join("a.db"), dir.path().join("b.db"), dir.path().join("aside.db"));
        made(&from, 2);
        fs::write(&path, "no database at all, and long enough to be looked at".repeat(99)).unwrap();
        fs::write(with_ending(&path, "-wal"), "its log").unwrap();
        let source = Database::open_reader(&from, SCHEMA).unwrap();
        assert!(replace(&path, &source, &aside, SCHEMA).unwrap());
        assert_eq!(x(&path), 2);
        assert!(fs::read_to_string(&aside).unwrap().starts_with("no database"));
        assert_eq!(fs::read(with_ending(&aside, "-wal")).unwrap(), b"its log");
    }
}
