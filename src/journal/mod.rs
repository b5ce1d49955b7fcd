//! The embedded store of accepted deliveries. All output is read from it.
//!
//! One thread writes ([`crate::sqlite::Writer`]): deliveries in `seq` order, the fold's states of
//! their assets in the same transaction, the bounded log of refusals, and the user's notes. A
//! [`Feed`] announces how far the journal goes, and a [`JournalReader`] reads it.

mod copies;
mod erase;
mod feed;
mod follow;
mod forwards;
mod handler;
mod imported;
mod listings;
mod lookup;
mod notes;
mod prune;
mod reader;
mod refold;
mod refusals;
mod relayed;
mod rows;
mod schema;
mod size;
mod state_cache;
#[cfg(test)]
mod tests;
mod watermarks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::TransactionBehavior;
use tokio::sync::watch;

use crate::callback::{
    Accepted, AssetReport, Gap, ImportedDelivery, MessagePosition, RefusalEntry,
};
use crate::forward::ForwardBatch;
use crate::sqlite::{Database, OpenError, Writer, is_full, vacuum};
use crate::timeline::Expectation;

pub use crate::sqlite::{Health, Location, PendingCommit, WriteError, WriterLimits};
pub use copies::{BackupError, CopySummary};
pub use erase::AssetTraces;
pub use feed::Feed;
pub use follow::{Follower, JournalBatch};
pub use handler::{RelayReceipt, Relayed, ReportReceipt};
pub use notes::{NameChange, NamingCounts};
pub use prune::PruneCounts;
pub use reader::{AssetPlace, JournalReader};
pub use refusals::MAX_REFUSALS;
pub use relayed::RelayPlace;
pub use size::JournalSize;
pub use watermarks::Watermarks;

use handler::{JournalEntry, JournalHandler};
use schema::Meta;

/// Maximum length of an asset's name, in characters.
pub const MAX_NAME: usize = 200;

/// Approximate size of a queued delivery besides its body and headers, in bytes.
const OVERHEAD: usize = 512;

/// An open journal: the one writer.
pub struct Journal {
    writer: Writer<JournalHandler>,
    database: Database,
    watermarks: watch::Receiver<Watermarks>,
}

/// Why a journal could not be used. As in [`OpenError`], the cause's words are in the message.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot read the journal {}: {cause}", path.display())]
    Read { path: PathBuf, cause: rusqlite::Error },
    #[error("cannot write the journal {}: {cause}", path.display())]
    Write { path: PathBuf, cause: rusqlite::Error },
    #[error("cannot start the journal's thread: {0}")]
    Thread(std::io::Error),
    #[error("the journal {} holds states of another version of dubwatch; start `dubwatch` once to bring it up to date", .0.display())]
    OtherFold(PathBuf),
    #[error("the journal {} was removed, or another file stands in its place: nothing more comes from it; start again to follow what is there now", .0.display())]
    Replaced(PathBuf),
}

impl JournalError {
    /// Returns whether the disk has no space for it.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Write { cause, .. } if is_full(cause))
    }
}

impl Journal {
    /// Opens the journal at `place` for writing, or creates it.
    ///
    /// Does not read the stored deliveries, unless the rules of the fold have changed: then all of
    /// them are folded again. Deletes deliveries of assets that were quiet for longer than `keep`,
    /// now and once an hour; `None` keeps all.
    pub fn open(place: &Location, keep: Option<SignedDuration>) -> Result<Self, JournalError> {
        Self::open_bounded(place, keep, WriterLimits::default())
    }

    /// Like [`Journal::open`], with other limits for the writer's queue.
    pub fn open_bounded(
        place: &Location,
        keep: Option<SignedDuration>,
        limits: WriterLimits,
    ) -> Result<Self, JournalError> {
        let (database, mut connection) = Database::open(place, schema::SCHEMA)?;
        let path = database.path().to_owned();
        refold::if_needed(&mut connection)
            .map_err(|cause| JournalError::Write { path: path.clone(), cause })?;
        let (handler, watermarks) = JournalHandler::new(&connection, keep)
            .map_err(|cause| JournalError::Read { path, cause })?;
        let writer = Writer::start(connection, handler, limits).map_err(JournalError::Thread)?;
        Ok(Self { writer, database, watermarks })
    }

    /// Queues a delivery. Its receipt is its `seq`, and arrives once the delivery is on disk.
    pub fn append(&self, accepted: Accepted) -> Result<PendingCommit<u64>, WriteError> {
        let request = &accepted.request;
        let size = OVERHEAD + request.body.len() + request.headers.size();
        self.writer.submit_as(JournalEntry::Delivery(Box::new(accepted)), size)
    }

    /// Records that a subscription to a relay begins after the number `after`, with the label
    /// `anew` if it does not continue from the stored position.
    pub fn subscribed(
        &self,
        relay: Arc<str>,
        after: u64,
        anew: Option<u64>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        self.writer.submit_as(JournalEntry::Subscribed { relay, after, anew }, OVERHEAD)
    }

    /// Queues a message of a relay. It is written only in sequence, directly after the last one;
    /// one that was written before is not written again.
    pub fn take_over(
        &self,
        position: MessagePosition,
        relayed: Relayed,
    ) -> Result<PendingCommit<RelayReceipt>, WriteError> {
        let size = match &relayed {
            Relayed::Accepted(accepted) => {
                accepted.request.body.len() + accepted.request.headers.size()
            }
            Relayed::Refused | Relayed::Gap(_) => 0,
        };
        self.writer.submit_as(JournalEntry::Relayed(position, relayed), OVERHEAD + size)
    }

    /// Queues a delivery of a capture. Its receipt is its number here.
    pub fn import(&self, imported: ImportedDelivery) -> Result<PendingCommit<u64>, WriteError> {
        let request = &imported.accepted.request;
        let size = OVERHEAD + request.body.len() + request.headers.size();
        self.writer.submit_as(JournalEntry::Imported(Box::new(imported)), size)
    }

    /// Queues a gap of a capture.
    pub fn import_gap(&self, gap: Gap) -> Result<PendingCommit<u64>, WriteError> {
        self.writer.submit_as(JournalEntry::ImportedGap(gap), OVERHEAD)
    }

    /// Queues an answer of the service's API: rows for the versions that it changes, and what it lists
    /// about the asset. Its receipt says whether anything changed.
    pub fn report(&self, report: AssetReport) -> Result<PendingCommit<ReportReceipt>, WriteError> {
        let size = OVERHEAD * (1 + report.versions.len()) + report.size();
        self.writer.submit_as(JournalEntry::Report(Box::new(report)), size)
    }

    /// Records whether the service's API does not know an asset whose callbacks it signed.
    pub fn set_foreign(
        &self,
        asset_id: String,
        is_foreign: bool,
    ) -> Result<PendingCommit<ReportReceipt>, WriteError> {
        let size = OVERHEAD + asset_id.len();
        self.writer.submit_as(JournalEntry::Foreign { asset_id, is_foreign }, size)
    }

    /// Queues new and changed refusals. Returns an error if the queue is full.
    pub fn list_refusals(
        &self,
        listed: Vec<RefusalEntry>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        let size = listed.iter().map(|l| OVERHEAD + l.refusal.size()).sum();
        self.writer.submit_as(JournalEntry::Refusals(listed), size)
    }

    /// Queues what forwarding to a target begins and has ended.
    pub fn forward(&self, batch: Arc<ForwardBatch>) -> Result<PendingCommit<u64>, WriteError> {
        let size = OVERHEAD + batch.size();
        self.writer.submit_as(JournalEntry::Forward(batch), size)
    }

    /// Sets the local name of an asset; `None` or a blank name removes it.
    ///
    /// A name longer than [`MAX_NAME`] is cut. The asset need not exist. The feed does not announce
    /// the change: a caller that shows names reads the asset again after the receipt.
    pub fn name(
        &self,
        asset_id: String,
        name: Option<String>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        let size = OVERHEAD + asset_id.len() + name.as_ref().map_or(0, String::len);
        self.writer.submit_as(JournalEntry::Name { asset_id, name }, size)
    }

    /// Sets which versions are expected of an asset; `None` removes that.
    ///
    /// Has no effect if the journal does not hold the asset. The feed does not announce the change,
    /// as for [`Journal::name`].
    pub fn expect(
        &self,
        asset_id: String,
        expected: Option<Expectation>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        let text = expected.as_ref().map_or(0, |expected| expected.to_string().len());
        let size = OVERHEAD + asset_id.len() + text;
        self.writer.submit_as(JournalEntry::Expect { asset_id, expected }, size)
    }

    /// Changes many local names at once, all or none, in the journal file at `path`, even while
    /// another process writes it; its dashboard shows them shortly after. Creates the journal if
    /// there is none, and migrates an older one.
    ///
    /// A name that is longer than [`MAX_NAME`] is cut.
    pub fn change_names(path: &Path, changes: &[NameChange]) -> Result<NamingCounts, JournalError> {
        let opened = match Database::open_beside(path, schema::SCHEMA) {
            Err(OpenError::Missing { .. } | OpenError::Older { .. }) => {
                Self::open(&Location::File(path.to_owned()), None)?.close();
                Database::open_beside(path, schema::SCHEMA)
            }
            opened => opened,
        };
        let mut connection = opened?;
        let mut write = || -> rusqlite::Result<NamingCounts> {
            // Immediate: a read transaction that becomes a write fails if another one was faster.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let named = notes::change_names(&transaction, changes)?;
            Meta::Notes.add(&transaction, 1)?;
            transaction.commit()?;
            Ok(named)
        };
        write().map_err(|cause| JournalError::Write { path: path.to_owned(), cause })
    }

    /// Marks the failure at time `at` as seen: of a version, or with `None` of the asset as a
    /// whole. If `at` is `None`, removes the mark.
    ///
    /// Has no effect if the journal does not hold the asset. The feed does not announce the change,
    /// as for [`Journal::name`].
    pub fn acknowledge(
        &self,
        asset_id: String,
        version_id: Option<String>,
        at: Option<Timestamp>,
    ) -> Result<PendingCommit<u64>, WriteError> {
        let size = OVERHEAD + asset_id.len() + version_id.as_ref().map_or(0, String::len);
        self.writer.submit_as(JournalEntry::Acknowledge { asset_id, version_id, at }, size)
    }

    /// Returns an id for a new entry in the refusal log, higher than all that are in use.
    pub fn next_refusal_id(&self) -> Result<u64, JournalError> {
        Ok(self.reader()?.highest_refusal_id()? + 1)
    }

    /// Returns a new reader.
    pub fn reader(&self) -> Result<JournalReader, JournalError> {
        Ok(JournalReader::new(self.database.reader()?, self.database.path().to_owned()))
    }

    /// Returns a feed of how far the journal goes.
    pub fn feed(&self) -> Feed {
        Feed::new(self.watermarks.clone())
    }

    /// Returns a receiver of the journal's health.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.writer.health()
    }

    /// Returns whether deliveries can be written now, as far as is known: the last transaction was
    /// committed, and the current one does not take longer than anything waits for it.
    pub fn is_writing(&self) -> bool {
        *self.writer.health().borrow() == Health::Writing && !self.writer.is_behind()
    }

    /// Returns the path of the journal, for messages.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Writes all queued entries and closes the file. Blocks until that is done; later deliveries
    /// get [`WriteError::Closed`]. Readers that are still open keep the write-ahead log alive.
    pub fn close(&self) {
        self.writer.stop();
    }

    /// Counts the rows that [`Journal::prune`] would delete. Works while dubwatch is running.
    pub fn prunable(path: &Path, cutoff: Timestamp) -> Result<PruneCounts, JournalError> {
        let connection = Database::open_reader(path, schema::SCHEMA)?;
        prune::count(&connection, cutoff)
            .map_err(|cause| JournalError::Read { path: path.to_owned(), cause })
    }

    /// Deletes the deliveries and states of assets that were quiet since `cutoff`, and returns the
    /// space to the disk. Returns an error if another process writes the journal.
    pub fn prune(path: &Path, cutoff: Timestamp) -> Result<PruneCounts, JournalError> {
        let (_database, mut connection) = Database::open_existing(path, schema::SCHEMA)?;
        prune::all(&mut connection, cutoff)
            .map_err(|cause| JournalError::Write { path: path.to_owned(), cause })
    }

    /// Measures the journal at `path`. Works while dubwatch is running.
    pub fn size(path: &Path) -> Result<JournalSize, JournalError> {
        size::measure(path)
    }

    /// Copies the journal at `path` to the file `to`, which may exist only if `replaces`. Works while
    /// dubwatch is running, also on a journal of an older dubwatch.
    pub fn back_up(path: &Path, to: &Path, replaces: bool) -> Result<CopySummary, BackupError> {
        copies::back_up(path, to, replaces)
    }

    /// Puts a copy of the journal `from` at `path`, and keeps what is there as `aside`. Returns what
    /// the copy holds, and whether there was anything before. Returns an error if another process
    /// has the journal open.
    pub fn restore(
        path: &Path,
        from: &Path,
        aside: &Path,
    ) -> Result<(CopySummary, bool), BackupError> {
        copies::restore(path, from, aside)
    }

    /// Counts what [`Journal::erase`] would delete. Works while dubwatch is running.
    pub fn traces(path: &Path, asset_id: &str) -> Result<AssetTraces, JournalError> {
        let connection = Database::open_reader(path, schema::SCHEMA)?;
        erase::traces(&connection, asset_id)
            .map_err(|cause| JournalError::Read { path: path.to_owned(), cause })
    }

    /// Deletes everything about an asset, also from the space that is free. Returns an error if
    /// another process writes the journal.
    ///
    /// Returns what was deleted, and the error if the journal could then not be written anew: until
    /// it is, older copies of a state can be left in the file.
    pub fn erase(
        path: &Path,
        asset_id: &str,
    ) -> Result<(AssetTraces, Result<(), JournalError>), JournalError> {
        let (_database, mut connection) = Database::open_existing(path, schema::SCHEMA)?;
        let failed = |cause| JournalError::Write { path: path.to_owned(), cause };
        let erased = erase::erase(&mut connection, asset_id).map_err(failed)?;
        let vacuumed = vacuum(&connection).map_err(failed);
        Ok((erased, vacuumed))
    }

    /// Writes the journal anew without free space, which needs up to twice its size meanwhile.
    /// Returns an error if another process writes the journal.
    pub fn vacuum(path: &Path) -> Result<(), JournalError> {
        let (_database, connection) = Database::open_existing(path, schema::SCHEMA)?;
        vacuum(&connection).map_err(|cause| JournalError::Write { path: path.to_owned(), cause })
    }
}
