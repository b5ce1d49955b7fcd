//! Writes a database anew, without the space of what was deleted.

use rusqlite::Connection;

/// Rewrites the database, so that no free page and no trace of a deleted row is left, and moves the
/// write-ahead log into the file. Needs up to twice its size on the disk meanwhile.
pub fn vacuum(connection: &Connection) -> rusqlite::Result<()> {
    // Otherwise the copy is in memory.
    connection.pragma_update(None, "temp_store", "FILE")?;
    let vacuumed = connection.execute_batch("VACUUM");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    vacuumed?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
