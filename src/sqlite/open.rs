//! Opens a database file: permissions, the lock of the single writer, modes, migrations.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::files::{Files, beside};
use super::reserve::{self, Reserve};
use super::schema::{self, Commands, Schema};
use crate::files;

/// Time that a connection waits for another one's lock before it reports the database busy.
const BUSY: Duration = Duration::from_secs(5);

/// Where a database is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a file, with its write-ahead log and its lock in the same directory.
    File(PathBuf),
    /// In this process's memory; gone with the last connection. At most 1 GiB, then it is full.
    Memory,
}

/// Why a database could not be opened. Every message is a sentence that says what to do.
///
/// The message contains the cause, so no cause is a `source`: a chain of errors would print it
/// twice.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create the directory {} for the {what}: {cause}; choose another place with --db", path.display())]
    Directory { what: &'static str, path: PathBuf, cause: io::Error },
    #[error("cannot open the {what} {}: {cause}; check its permissions or choose another with --db", path.display())]
    File { what: &'static str, path: PathBuf, cause: io::Error },
    #[error("cannot open the {what} {}: its lock {} cannot be written: {cause}; make its directory writable or choose another with --db{read}", path.display(), lock.display())]
    Lock { what: &'static str, path: PathBuf, lock: PathBuf, cause: io::Error, read: &'static str },
    #[error("the {what} {} cannot be read where it is: what was written last is still in {}, which can be read only where its directory can be written; copy both files to a directory of yours and name the copy with --db", path.display(), log.display())]
    Unmerged { what: &'static str, path: PathBuf, log: PathBuf },
    #[error("there is no {what} at {} yet; {make}, --db names another", path.display())]
    Missing { what: &'static str, path: PathBuf, make: &'static str },
    #[error("the {what} {} is in use by another dubwatch{}; stop that one or choose another with --db ({beside})", path.display(), holder(*pid))]
    InUse { what: &'static str, path: PathBuf, pid: Option<u32>, beside: &'static str },
    #[error("cannot open the {what} {}: it is {kind}, and a file was expected; name one with --db", path.display())]
    NoFile { what: &'static str, path: PathBuf, kind: &'static str },
    #[error("the {what}'s file {} belongs to another user and every user can change it (mode {mode:03o}), so nothing in it can be relied on; have its owner `chmod 600` it, or choose another with --db", path.display())]
    Open { what: &'static str, path: PathBuf, mode: u32 },
    #[error("{} is not a {what} of dubwatch: {why}; it was left as it is, choose another file with --db", path.display())]
    Foreign { what: &'static str, path: PathBuf, why: &'static str },
    #[error("{} is not a {what} as dubwatch makes it: {difference}; it was left as it is, choose another file with --db", path.display())]
    Changed { what: &'static str, path: PathBuf, difference: String },
    #[error("the {what} {} was written by an older dubwatch; start `dubwatch` once to bring it up to date", path.display())]
    Older { what: &'static str, path: PathBuf },
    #[error("the {what} {} has schema {found}, this dubwatch knows schemas up to {known}; use a newer dubwatch", path.display())]
    Newer { what: &'static str, path: PathBuf, found: usize, known: usize },
    #[error("the {what} {} is damaged ({cause}); it was left as it is: move it away to begin a new one, or restore a copy", path.display())]
    Damaged { what: &'static str, path: PathBuf, cause: rusqlite::Error },
    #[error("cannot use the {what} {}: {cause}", path.display())]
    Sql { what: &'static str, path: PathBuf, cause: rusqlite::Error },
}

impl OpenError {
    /// Returns whether the disk had no space for opening.
    fn is_full(&self) -> bool {
        match self {
            Self::Directory { cause, .. } | Self::File { cause, .. } | Self::Lock { cause, .. } => {
                matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Sql { cause, .. } => reserve::is_full(cause),
            _ => false,
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

/// An open database: hands out reading connections.
#[derive(Debug)]
pub struct Database {
    schema: Schema,
    /// The file, or the URI of the memory database.
    name: PathBuf,
    memory: bool,
}

/// The single writing connection, with the lock that keeps it the only one.
#[derive(Debug)]
pub struct WriteConnection {
    what: &'static str,
    // Dropped in this order: the lock is released after the file is closed.
    connection: Connection,
    /// `None` for a database in memory.
    files: Option<Files>,
    reserve: Option<Reserve>,
    /// The system releases it even if this process is killed.
    _lock: Option<File>,
}

impl WriteConnection {
    /// Returns the name of the database in messages.
    pub(super) const fn what(&self) -> &'static str {
        self.what
    }

    /// Closes the file, then releases the lock.
    pub fn close(self) -> rusqlite::Result<()> {
        self.connection.close().map_err(|(_, error)| error)
    }

    /// Returns an error if the database's files were removed, moved or replaced since it was
    /// opened: then new rows would be lost.
    pub(super) fn check_files(&self) -> rusqlite::Result<()> {
        self.files.as_ref().map_or(Ok(()), Files::check)
    }

    /// Returns the reserve for a full disk.
    pub(super) const fn reserve(&self) -> Option<&Reserve> {
        self.reserve.as_ref()
    }

    /// Returns whether the database has files, which can be removed.
    pub(super) const fn has_files(&self) -> bool {
        self.files.is_some()
    }
}

impl Deref for WriteConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for WriteConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Database {
    /// Opens the database at `location` for writing. Creates and migrates it as needed.
    ///
    /// Returns the database and its one writing connection.
    pub fn open(location: &Location, schema: Schema) -> Result<(Self, WriteConnection), OpenError> {
        match location {
            Location::Memory => Self::open_at(location, schema),
            Location::File(path) => with_room(path, schema, || Self::open_at(location, schema)),
        }
    }

    fn open_at(location: &Location, schema: Schema) -> Result<(Self, WriteConnection), OpenError> {
        let what = schema.what;
        let (database, lock) = match location {
            Location::Memory => (Self { schema, name: memory_name(), memory: true }, None),
            Location::File(path) => {
                is_there_as_a_file(path, what)?;
                create_directory_of(path).map_err(|cause| OpenError::Directory {
                    what,
                    path: path.parent().unwrap_or(path).to_owned(),
                    cause,
                })?;
                create_private(path).map_err(|cause| OpenError::File {
                    what,
                    path: path.clone(),
                    cause,
                })?;
                let lock = lock(path, schema)?;
                check_owners(path, what)?;
                (Self { schema, name: path.clone(), memory: false }, Some(lock))
            }
        };
        let mut connection = database.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.prepare(&mut connection)?;
        let files = (!database.memory).then(|| {
            make_private(&database.name);
            Files::of(&database.name)
        });
        let reserve = match &files {
            Some(_) => Reserve::of(&database.name, schema.reserve),
            None => None,
        };
        if let Some(reserve) = &reserve {
            reserve.keep();
        }
        Ok((database, WriteConnection { what, connection, files, reserve, _lock: lock }))
    }

    /// Opens an existing file for writing. Creates none: a mistyped name leaves no file, and an
    /// empty file stays empty.
    pub fn open_existing(
        path: &Path,
        schema: Schema,
    ) -> Result<(Self, WriteConnection), OpenError> {
        match with_room(path, schema, || Self::open_reader(path, schema)) {
            // Opening it migrates it.
            Ok(_) | Err(OpenError::Older { .. }) => {
                Self::open(&Location::File(path.to_owned()), schema)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens an existing file for reading, even while another process writes it.
    pub fn open_reader(path: &Path, schema: Schema) -> Result<Connection, OpenError> {
        match Self::open_reader_of_any_age(path, schema)? {
            (connection, true) => Ok(connection),
            _ => Err(OpenError::Older { what: schema.what, path: path.to_owned() }),
        }
    }

    /// Does the same for a file of an older schema, too. Returns also whether the schema is the
    /// newest.
    pub fn open_reader_of_any_age(
        path: &Path,
        schema: Schema,
    ) -> Result<(Connection, bool), OpenError> {
        let (what, make) = (schema.what, schema.commands.make);
        if !is_there_as_a_file(path, what)? {
            return Err(OpenError::Missing { what, path: path.to_owned(), make });
        }
        let database = Self { schema, name: path.to_owned(), memory: false };
        let read = || -> Result<_, OpenError> {
            let connection = database.reader()?;
            let version = database.check_kind(&connection)?;
            Ok((connection, version))
        };
        let (connection, version) = match read() {
            Err(OpenError::Sql { cause, .. }) if needs_to_write(&cause) => {
                let connection = database.immutable_reader()?;
                let version = database.check_kind(&connection)?;
                (connection, version)
            }
            read => read?,
        };
        if version == 0 {
            let path = path.to_owned();
            return Err(OpenError::Foreign { what: schema.what, path, why: "it is empty" });
        }
        Ok((connection, version == schema.migrations.len()))
    }

    /// Opens an existing file of the newest schema for a short write while its writer runs.
    ///
    /// Takes no writer's lock: SQLite makes the two wait for each other, and this one gives up
    /// after five seconds. Only for rows that the writer does not cache.
    pub fn open_beside(path: &Path, schema: Schema) -> Result<Connection, OpenError> {
        // As for a reader: the file must exist, be ours and have the newest schema.
        drop(Self::open_reader(path, schema)?);
        let database = Self { schema, name: path.to_owned(), memory: false };
        let connection = database.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let set_modes = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "fullfsync", true)?;
            // The writer does the checkpoints.
            connection.pragma_update(None, "wal_autocheckpoint", 0)
        };
        set_modes().map_err(|error| database.error(error))?;
        Ok(connection)
    }

    /// Returns another connection, for reading.
    pub fn reader(&self) -> Result<Connection, OpenError> {
        // A connection with write permission, so that the last one to close removes the write-ahead
        // log; a read-only one if the file's permissions allow no more.
        let connection = self
            .connect(OpenFlags::SQLITE_OPEN_READ_WRITE)
            .or_else(|_| self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY))?;
        connection.pragma_update(None, "query_only", true).map_err(|error| self.error(error))?;
        // Opens all files now: later they could have been moved.
        connection
            .pragma_query_value(None, "user_version", |_| Ok(()))
            .map_err(|error| self.error(error))?;
        Ok(connection)
    }

    /// Returns a connection for reading a file that no process can write: on read-only media, or in
    /// a directory without write permission, where SQLite cannot create the files that coordinate
    /// readers and the writer.
    fn immutable_reader(&self) -> Result<Connection, OpenError> {
        let path = &self.name;
        let (what, log) = (self.schema.what, beside(path, "-wal"));
        // An empty log does not matter. An inaccessible one might contain commits.
        match fs::metadata(&log) {
            Ok(log_file) if log_file.len() == 0 => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Err(OpenError::Unmerged { what, path: path.clone(), log }),
        }
        tracing::info!(path = %path.display(), "opened as a file that does not change");
        let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let uri = immutable_uri(path);
        let connection = Connection::open_with_flags(uri, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| self.error(error))?;
        schema::harden(&connection).map_err(|error| self.error(error))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// Returns the path, or a name for a memory database, for messages.
    pub fn path(&self) -> &Path {
        if self.memory { Path::new("memory") } else { &self.name }
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, OpenError> {
        let create = if self.memory {
            OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI
        } else {
            OpenFlags::empty()
        };
        let connection = Connection::open_with_flags(
            &self.name,
            access | create | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| self.error(error))?;
        connection.busy_timeout(BUSY).map_err(|error| self.error(error))?;
        schema::harden(&connection).map_err(|error| self.error(error))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// Sets the modes of the writing connection and migrates the schema.
    fn prepare(&self, connection: &mut Connection) -> Result<(), OpenError> {
        let mut version = self.check_kind(connection)?;
        self.set_modes(connection, version == 0).map_err(|error| self.error(error))?;
        while let Some(step) = self.schema.migrations.get(version) {
            version += 1;
            self.migrate(connection, step, version).map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    fn migrate(&self, connection: &mut Connection, step: &str, to: usize) -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", to.to_string())?;
        transaction.pragma_update(None, "application_id", self.schema.application_id)?;
        transaction.commit()
    }

    /// Returns the schema version of the file, or an error if it is not ours or too new.
    fn check_kind(&self, connection: &Connection) -> Result<usize, OpenError> {
        let read =
            |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let application_id = read("application_id").map_err(|error| self.error(error))?;
        let version = read("user_version").map_err(|error| self.error(error))?;
        let tables = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
            .map_err(|error| self.error(error))?;
        let foreign =
            |why| OpenError::Foreign { what: self.schema.what, path: self.name.clone(), why };
        if application_id != i64::from(self.schema.application_id)
            && (tables > 0 || application_id != 0)
        {
            return Err(foreign("it is another program's SQLite database"));
        }
        let found =
            usize::try_from(version).map_err(|_| foreign("its schema version is negative"))?;
        let known = self.schema.migrations.len();
        if found > known {
            return Err(OpenError::Newer {
                what: self.schema.what,
                path: self.name.clone(),
                found,
                known,
            });
        }
        match schema::difference(connection, &self.schema, found) {
            Ok(None) => Ok(found),
            Ok(Some(difference)) => Err(OpenError::Changed {
                what: self.schema.what,
                path: self.name.clone(),
                difference,
            }),
            Err(error) => Err(self.error(error)),
        }
    }

    fn set_modes(&self, connection: &Connection, new: bool) -> rusqlite::Result<()> {
        if new {
            // Must be set before the first table: pruning needs it to return pages to the disk.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        if !self.memory {
            let mode: String =
                connection
                    .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
            if mode != "wal" {
                return Err(rusqlite::Error::InvalidParameterName(format!(
                    "its file system does not support write-ahead logging (mode {mode})"
                )));
            }
        }
        // FULL: an fsync before each commit returns. NORMAL would answer before any sync.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On macOS an fsync does not reach the disk; F_FULLFSYNC does. Elsewhere no difference.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // About 32 MiB of log between checkpoints: a checkpoint syncs both files, so it should be
        // rare enough not to show in the answer times.
        connection.pragma_update(None, "wal_autocheckpoint", 8000)?;
        connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        // 8 MiB of pages: mostly the newest rows and the states of active assets.
        connection.pragma_update(None, "cache_size", -8192)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(())
    }

    fn error(&self, cause: rusqlite::Error) -> OpenError {
        let (what, path) = (self.schema.what, self.name.clone());
        match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                OpenError::Foreign { what, path, why: "it is no SQLite database, or a damaged one" }
            }
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { what, path, cause },
            _ => OpenError::Sql { what, path, cause },
        }
    }
}

/// Opens the database. If the disk is full, releases some of the reserve and tries again.
fn with_room<T>(
    path: &Path,
    schema: Schema,
    open: impl Fn() -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    match open() {
        Err(error) if error.is_full() => match Reserve::of(path, schema.reserve) {
            Some(reserve) if reserve.lend(reserve::TO_OPEN) > 0 => open(),
            _ => Err(error),
        },
        opened => opened,
    }
}

/// Returns whether there is a file at `path`. Returns an error for anything else: SQLite reports an
/// I/O error for a directory, blocks on a pipe, and treats a device as an empty file.
fn is_there_as_a_file(path: &Path, what: &'static str) -> Result<bool, OpenError> {
    let kind = match fs::metadata(path) {
        Ok(found) => found.file_type(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(OpenError::File { what, path: path.to_owned(), cause }),
    };
    let Some(kind) = files::kind(kind) else { return Ok(true) };
    Err(OpenError::NoFile { what, path: path.to_owned(), kind })
}

/// Returns whether a read-only connection failed because SQLite would have to create other files.
fn needs_to_write(cause: &rusqlite::Error) -> bool {
    matches!(
        cause.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// Returns the URI of a file that does not change (<https://sqlite.org/uri.html>).
fn immutable_uri(path: &Path) -> OsString {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(*byte),
            // Writing to a vector cannot fail.
            other => drop(write!(uri, "%{other:02X}")),
        }
    }
    uri.extend(b"?immutable=1");
    OsString::from_vec(uri)
}

/// A name that no other memory database of this process has.
fn memory_name() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    PathBuf::from(format!("file:/dubwatch-{}?vfs=memdb", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Creates the directory of `path` if it is missing, for its owner only (0700).
///
/// Does not change an existing directory: its mode is its owner's choice.
pub fn create_directory_of(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty() && !d.is_dir()) else {
        return Ok(());
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // The umask may have removed the owner's permissions.
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

/// Creates `path` as an empty file with mode 0600 if it is missing, and syncs its name to disk.
///
/// SQLite creates its companion files with the same mode.
fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.sync_all()?;
            let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path).map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Returns the existing files of a database: itself, with links resolved, and its companions.
fn present(path: &Path) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
    ["", "-wal", "-shm"].into_iter().filter_map(|ending| {
        let name = beside(path, ending);
        let found = fs::symlink_metadata(&name).ok()?;
        Some((name, found))
    })
}

/// Returns an error if SQLite would follow a link next to the database, or read a file that any
/// user can have put there.
fn check_owners(path: &Path, what: &'static str) -> Result<(), OpenError> {
    for (name, found) in present(path) {
        if let Some(kind) = files::kind(found.file_type()) {
            return Err(OpenError::NoFile { what, path: name, kind });
        }
        match files::open_to_all(&found) {
            Some(mode) if !files::is_ours(&found) => {
                return Err(OpenError::Open { what, path: name, mode });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes the permissions of other users from a database that is ours, and from its companions:
/// SQLite creates those with the mode of the database, but does not change existing ones.
///
/// Ignores errors, because some file systems have no modes.
fn make_private(path: &Path) {
    for (name, found) in present(path) {
        let mode = found.mode() & 0o777;
        if mode.trailing_zeros() >= 6 {
            continue;
        }
        match fs::set_permissions(&name, Permissions::from_mode(mode & 0o700)) {
            Ok(()) => {
                tracing::info!(path = ?name, "was open to others (mode {mode:03o}) and is private now");
            }
            Err(error) => {
                tracing::warn!(path = ?name, %error, "stays open to others (mode {mode:03o})");
            }
        }
    }
}

/// Returns whether the process that writes the file at `path` still runs, as far as is known: also
/// `true` where the lock does not say.
pub fn has_writer(path: &Path) -> bool {
    writer_runs(path).unwrap_or(true)
}

/// Returns whether the lock of the file at `path` names a process that runs.
pub fn names_writer(path: &Path) -> bool {
    writer_runs(path).unwrap_or(false)
}

/// Returns whether the process that the lock names still runs; `None` where the lock does not say.
///
/// Tries the lock only if that process is not visible, as from another container: trying can briefly
/// block a new writer.
fn writer_runs(path: &Path) -> Option<bool> {
    let mut lock = open_lock(&lock_name(path), OpenOptions::new().read(true)).ok()?;
    let pid = read_pid(&mut lock)?;
    Some(test_kill_process(pid) != Err(Errno::SRCH) || lock.try_lock_shared().is_err())
}

/// Opens the lock's file. Returns an error for a link or another kind of file, because the lock is
/// overwritten.
fn open_lock(name: &Path, how: &mut OpenOptions) -> io::Result<File> {
    if let Ok(found) = fs::symlink_metadata(name)
        && let Some(kind) = files::kind(found.file_type())
    {
        return Err(not_a_lock(kind));
    }
    // Tries again if the file was created between the two.
    let file = how.custom_flags(files::NO_LINK).open(name)?;
    let found = file.metadata()?;
    match files::kind(found.file_type()) {
        Some(kind) => Err(not_a_lock(kind)),
        None if found.nlink() > 1 => Err(not_a_lock("a file that has another name too")),
        None => Ok(file),
    }
}

fn not_a_lock(kind: &str) -> io::Error {
    io::Error::other(format!("it is {kind}, which is left as it is and has to go"))
}

/// Returns the process that a lock names, for information only: a lock without one is still a lock.
fn read_pid(lock: &mut File) -> Option<Pid> {
    let mut pid = String::new();
    lock.take(20).read_to_string(&mut pid).ok()?;
    Pid::from_raw(pid.trim().parse().ok()?)
}

/// Returns the path of the lock's file. Links are resolved: two names of one file are one database.
fn lock_name(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

/// Takes the writer's lock, in a file next to `path` that also names the process.
pub(super) fn lock(path: &Path, schema: Schema) -> Result<File, OpenError> {
    let name = lock_name(path);
    let (what, Commands { beside, read, .. }) = (schema.what, schema.commands);
    let failed =
        |cause| OpenError::Lock { what, path: path.to_owned(), lock: name.clone(), cause, read };
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = open_lock(&name, &mut how).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = read_pid(&mut file).map(|pid| pid.as_raw_pid().cast_unsigned());
            return Err(OpenError::InUse { what, path: path.to_owned(), pid, beside });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let write_pid = || {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    // A full disk must not prevent opening: the lock works without the pid.
    match { write_pid }() {
        Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(failed(error)),
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema {
        what: "journal",
        commands: Commands { make: "start one", beside: "read beside it", read: "" },
        application_id: 0x6475_6277,
        reserve: 0,
        migrations: &["CREATE TABLE one (x INTEGER) STRICT", "ALTER TABLE one ADD COLUMN y TEXT"],
    };

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_a_clean_end_leaves_no_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/deep/journal.db");
        let (database, connection) = Database::open(&Location::File(path.clone()), SCHEMA).unwrap();
        connection.execute("INSERT INTO one VALUES (1, 'y')", []).unwrap();
        let wal = path.with_extension("db-wal");
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        for file in [&path, &wal, &path.with_extension("db-shm"), &path.with_extension("db.lock")] {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        let reader = database.reader().unwrap();
        assert_eq!(reader.query_row("SELECT x FROM one", [], |r| r.get::<_, i64>(0)).unwrap(), 1);
        assert!(reader.execute("DELETE FROM one", []).is_err(), "a reader cannot write");
        drop(reader);
        connection.close().unwrap();
        assert!(!wal.exists());
    }

    #[test]
    fn files_that_others_can_open_are_made_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let location = Location::File(path.clone());
        drop(Database::open(&location, SCHEMA).unwrap());
        let set = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
        set(&path);
        set(&lock_name(&path));
        for ending in ["-wal", "-shm"] {
            fs::write(beside(&path, ending), "").unwrap();
            set(&beside(&path, ending));
        }
        let (_, connection) = Database::open(&location, SCHEMA).unwrap();
        connection.execute("INSERT INTO one VALUES (1, 'y')", []).unwrap();
        for ending in ["", "-wal", "-shm", ".lock"] {
            assert_eq!(mode(&beside(&path, ending)), 0o600, "{ending}");
        }
    }

    #[test]
    fn what_stands_in_the_place_of_a_lock_or_a_log_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let location = Location::File(path.clone());
        drop(Database::open(&location, SCHEMA).unwrap());
        let theirs = dir.path().join("theirs");
        fs::write(&theirs, "precious").unwrap();
        let symlink = |name: &Path| std::os::unix::fs::symlink(&theirs, name);
        let hard_link = |name: &Path| fs::hard_link(&theirs, name);
        let pipe = |name: &Path| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                name,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RWXU,
                0,
            )
            .map_err(io::Error::from)
        };
        for what in ["a symbolic link", "another name too", "a pipe"] {
            let make = |name: &Path| match what {
                "a symbolic link" => symlink(name),
                "another name too" => hard_link(name),
                _ => pipe(name),
            };
            let lock = lock_name(&path);
            fs::remove_file(&lock).unwrap();
            make(&lock).unwrap();
            assert!(has_writer(&path), "{what}: nothing says that it has ended");
            let error = Database::open(&location, SCHEMA).unwrap_err();
            assert!(matches!(&error, OpenError::Lock { .. }), "{what}: {error}");
            fs::remove_file(&lock).unwrap();
            drop(Database::open(&location, SCHEMA).unwrap());

            if what == "another name too" {
                continue;
            }
            let log = beside(&path, "-wal");
            make(&log).unwrap();
            let error = Database::open(&location, SCHEMA).unwrap_err();
            assert!(matches!(&error, OpenError::NoFile { .. }), "{what}: {error}");
            fs::remove_file(&log).unwrap();
        }
        assert_eq!(fs::read(&theirs).unwrap(), b"precious");
    }

    #[test]
    fn one_writer_and_readers_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let location = Location::File(path.clone());
        assert!(matches!(Database::open_reader(&path, SCHEMA), Err(OpenError::Missing { .. })));
        let first = Database::open(&location, SCHEMA).unwrap();
        let second = Database::open(&location, SCHEMA).unwrap_err();
        let pid = std::process::id();
        assert!(
            second.to_string().contains(&format!("in use by another dubwatch (process {pid})"))
        );
        Database::open_reader(&path, SCHEMA).unwrap();
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let third = Database::open(&Location::File(link), SCHEMA).unwrap_err();
        assert!(matches!(third, OpenError::InUse { .. }), "by another name: {third}");
        drop(first);
        drop(Database::open_reader(&path, SCHEMA).unwrap());
        assert!(!path.with_extension("db-wal").exists(), "a reader leaves nothing behind");
        Database::open(&location, SCHEMA).unwrap();
    }

    #[test]
    fn what_is_not_ours_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let open =
            |path: &Path| Database::open(&Location::File(path.to_owned()), SCHEMA).unwrap_err();

        let text = dir.path().join("notes.txt");
        fs::write(&text, "dear diary, ".repeat(100)).unwrap();
        assert!(open(&text).to_string().contains("it is no SQLite database"));
        assert_eq!(fs::read(&text).unwrap().len(), 1200);

        let foreign = dir.path().join("foreign.db");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        let before = fs::read(&foreign).unwrap();
        assert!(open(&foreign).to_string().contains("another program's SQLite database"));
        assert_eq!(fs::read(&foreign).unwrap(), before);

        let newer = dir.path().join("newer.db");
        let (_, connection) = Database::open(&Location::File(newer.clone()), SCHEMA).unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
        connection.close().unwrap();
        assert!(
            open(&newer).to_string().contains("has schema 9, this dubwatch knows schemas up to 2")
        );
    }

    #[test]
    fn a_damaged_file_is_reported_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (_, connection) = Database::open(&Location::File(path.clone()), SCHEMA).unwrap();
        connection.close().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[100..600].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let error = Database::open(&Location::File(path.clone()), SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Foreign { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn an_older_schema_is_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let location = Location::File(dir.path().join("journal.db"));
        let old = Schema { migrations: &SCHEMA.migrations[..1], ..SCHEMA };
        let (_, connection) = Database::open(&location, old).unwrap();
        connection.execute("INSERT INTO one VALUES (7)", []).unwrap();
        connection.close().unwrap();
        let (_, connection) = Database::open(&location, SCHEMA).unwrap();
        let row = connection.query_row("SELECT x, y FROM one", [], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, Option<String>>(1)?))
        });
        assert_eq!(row.unwrap(), (7, None));
    }

    #[test]
    fn memory_databases_are_shared_within_and_apart_from_each_other() {
        let (database, connection) = Database::open(&Location::Memory, SCHEMA).unwrap();
        connection.execute("INSERT INTO one VALUES (1, 'y')", []).unwrap();
        let count = |c: &Connection| {
            c.query_row("SELECT count(*) FROM one", [], |r| r.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(count(&database.reader().unwrap()), 1);
        let (_, other) = Database::open(&Location::Memory, SCHEMA).unwrap();
        assert_eq!(count(&other), 0);
    }
}
