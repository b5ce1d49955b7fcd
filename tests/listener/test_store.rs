//! A journal of a test, which can be held up and broken, and what it holds.

use std::path::PathBuf;
use std::sync::Arc;

use dubwatch::internals::callback::{Delivery, RefusalEntry};
use dubwatch::internals::journal::{Journal, JournalReader, Location, WriterLimits};
use rusqlite::Connection;
use tempfile::TempDir;

/// An open journal.
pub(crate) struct TestStore {
    pub(crate) journal: Arc<Journal>,
    /// Where its file is; `None` in memory.
    dir: Option<TempDir>,
}

/// Holds up the writer of a journal while it exists: for five seconds, after which SQLite gives up.
pub(crate) struct WriteLock {
    _connection: Connection,
}

impl TestStore {
    pub(crate) fn in_memory() -> Self {
        Self { journal: Arc::new(Journal::open(&Location::Memory, None).unwrap()), dir: None }
    }

    /// In a file: what [`TestStore::hold_up`] and [`TestStore::break_down`] need.
    pub(crate) fn on_disk(limits: WriterLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Location::File(dir.path().join("journal.db"));
        let journal = Arc::new(Journal::open_bounded(&place, None, limits).unwrap());
        Self { journal, dir: Some(dir) }
    }

    /// Every delivery that is on disk.
    pub(crate) fn kept(&self) -> Vec<Delivery> {
        self.reader().deliveries_after(0, 100).unwrap()
    }

    /// Every entry of the log of refusals that is on disk.
    pub(crate) fn listed(&self) -> Vec<RefusalEntry> {
        self.reader().refusals_after(0, 100).unwrap().0
    }

    /// Holds up every write from now on.
    pub(crate) fn hold_up(&self) -> WriteLock {
        let connection = self.connection();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        WriteLock { _connection: connection }
    }

    /// Makes every delivery from now on fail, and the writer's probes.
    pub(crate) fn break_down(&self) {
        let away =
            "ALTER TABLE delivery RENAME TO delivery_away; ALTER TABLE meta RENAME TO meta_away";
        self.connection().execute_batch(away).unwrap();
    }

    /// Writes everything that is queued, and sends its receipts. Then the journal is closed.
    pub(crate) fn close(&self) {
        self.journal.close();
    }

    fn reader(&self) -> JournalReader {
        self.journal.reader().unwrap()
    }

    /// A connection of another program, as far as the journal can tell.
    fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.dir.as_ref().expect("this journal is in memory").path().join("journal.db")
    }
}
