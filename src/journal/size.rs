//! How much a journal holds, and how much of the disk it takes.

use std::path::Path;

use rusqlite::Connection;

use super::{JournalError, rows, schema};
use crate::sqlite::Database;

/// How much a journal holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalSize {
    /// Bytes of its file.
    pub file: u64,
    /// Bytes of its write-ahead log.
    pub log: u64,
    /// Bytes in the file that nothing uses.
    pub free: u64,
    /// Deliveries, and answers of the service's API.
    pub deliveries: u64,
    /// Assets.
    pub assets: u64,
    /// Entries in the log of refusals.
    pub refusals: u64,
    /// Gaps of relays.
    pub gaps: u64,
}

/// Measures the journal at `path`, even while another process writes it.
pub(super) fn measure(path: &Path) -> Result<JournalSize, JournalError> {
    let connection = Database::open_reader(path, schema::SCHEMA)?;
    let length = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let mut log = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    log.push("-wal");
    let count =
        |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(rows::unsigned);
    let read = || -> rusqlite::Result<JournalSize> {
        Ok(JournalSize {
            file: length(path),
            log: length(Path::new(&log)),
            free: count("PRAGMA freelist_count")? * count("PRAGMA page_size")?,
            deliveries: deliveries(&connection)?,
            assets: count("SELECT count(*) FROM asset")?,
            refusals: count("SELECT count(*) FROM refusal")?,
            gaps: count("SELECT count(*) FROM gap")?,
        })
    };
    read().map_err(|cause| JournalError::Read { path: path.to_owned(), cause })
}

/// Counts the deliveries.
pub(super) fn deliveries(connection: &Connection) -> rusqlite::Result<u64> {
    let count = connection.query_row("SELECT count(*) FROM delivery", [], |row| row.get(0))?;
    Ok(rows::unsigned(count))
}
