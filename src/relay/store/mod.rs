//! Owns the relay's inboxes, their deliveries and the cursors of their readers, in a database of
//! [`crate::sqlite`].
//!
//! As in the journal, a delivery is on disk once [`Log::append`] returns its `seq`. The server uses
//! the store through the trait [`Log`].
//!
//! | file | owns |
//! |---|---|
//! | `log`, `log_error` | the trait that the server uses, its types and its errors |
//! | `handler` | writes and maintenance, in the writer's thread |
//! | `usage` | how much each inbox holds, and what is dropped when there is no room |
//! | `registry` | the open inboxes, in memory |
//! | `queries`, `page` | small queries; a page of deliveries and gaps |
//! | `gaps`, `prune` | why deliveries are missing; what an operator deletes |
//! | `epochs`, `damage` | labels of runs; unreadable pages |
//! | `schema`, `secret`, `inbox_name` | tables; tokens and ids; names |
//!
//! # Which deliveries are kept when room runs out
//!
//! The sender may never send again, so a verified delivery must not be dropped for an unverified
//! one:
//!
//! 1. Deliveries whose signature did not hold at the relay may use a tenth of an inbox's limits.
//!    They are dropped first, oldest first. Readers get a gap.
//! 2. Next, deliveries that every named reader has acked are dropped, oldest first.
//! 3. All others are verified and unread: they are kept, and the new delivery is answered 503.
//!    Readers get a gap for that as well.
//!
//! Deliveries older than [`Caps::age`] are always dropped. A reader that was absent for longer than
//! [`Caps::absence`] is forgotten; then no delivery is kept for it. An operator can forget a reader
//! earlier ([`Store::forget`]).
//!
//! A gap follows from missing numbers. The table of gaps only stores the reasons, so it can be
//! bounded without a silent loss. Refusals have no numbers: an announcement uses one number for all
//! refusals since the last announcement. The first is announced at once, the next ones at growing
//! intervals while the inbox stays full.
//!
//! # Damage
//!
//! An unreadable page of the file costs only its own contents and the pages that it refers to.
//! Readers get the rest, with a gap for the lost deliveries. Posts are accepted. Dropping skips
//! deliveries that cannot be deleted, and a few neighbours that would be moved to the same page.
//! The log, `healthz` and the metrics report the damage. The store cannot work without the list of
//! inboxes, their epochs, the root of each table and, for posts to an inbox, the page of its newest
//! delivery. SQLite detects an invalid page, but not a changed byte within a body; the reader's
//! check of the signature does. The rules are in `damage`.
//!
//! # Epochs
//!
//! Every run of a relay labels the deliveries that it accepts with its own epoch. So a store that
//! was restored from an older copy while no relay ran never assigns one cursor to two deliveries,
//! even if the restore goes unnoticed; and a reader with a cursor from the lost time gets a
//! warning. The rules are in `epochs`.

mod damage;
mod epochs;
mod gaps;
mod handler;
mod inbox_name;
mod log;
mod log_error;
mod page;
mod prune;
mod queries;
mod registry;
mod schema;
mod secret;
mod usage;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::OptionalExtension as _;
use tokio::sync::{Semaphore, watch};

use super::protocol::{Epoch, InboxIdentity, ReaderName, Resume};
use crate::sqlite::{Database, Health, Location, OpenError, WriteConnection, WriteError, Writer};

pub use inbox_name::InboxName;
pub use log::{Arrival, Caps, InboxSummary, Item, Log, LogFuture, SubscriptionStart};
pub use log_error::LogError;
pub use prune::InboxPruneCounts;
pub use registry::{Inbox, InboxId, InboxState};
pub use secret::{Issued, IssuedToken};

pub use crate::sqlite::WriterLimits;

use damage::Damage;
use epochs::ResumePoint;
use handler::{StoreHandler, StoreReceipt, Write};
use registry::Registry;

/// Maximum number of concurrent reading connections. Readers wait for each other, never for a
/// writer.
const READERS: usize = 4;
/// Maximum delay before refusals are written, so that a flood of them causes two writes a second.
const COUNT_EVERY: Duration = Duration::from_millis(500);
/// Numbers of deliveries that pruning deletes at a time; the smaller ones for a full disk.
const MOST_PRUNED: u16 = 500;
const LEAST_PRUNED: u16 = 20;

/// The log in an SQLite file.
pub struct Store {
    writer: Arc<Writer<StoreHandler>>,
    database: Arc<Database>,
    registry: Arc<Registry>,
    reading: Arc<ReadPool>,
    damage: Damage,
    caps: Caps,
    /// Whether a write of refusals is scheduled.
    counting: Arc<AtomicBool>,
}

/// The pool of reading connections.
struct ReadPool {
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<rusqlite::Connection>>,
}

impl Store {
    /// Opens the store at `place`, or creates it. Does not read the stored deliveries.
    pub fn open(place: &Location, caps: Caps) -> Result<Self, StoreError> {
        Self::open_bounded(place, caps, WriterLimits::default())
    }

    /// Like [`Store::open`], with other limits for the writer's queue.
    pub fn open_bounded(
        place: &Location,
        caps: Caps,
        limits: WriterLimits,
    ) -> Result<Self, StoreError> {
        Self::on(Database::open(place, schema::SCHEMA)?, caps, limits)
    }

    /// Opens the existing store at `path`. Returns an error if there is none.
    pub fn open_existing(path: &Path, caps: Caps) -> Result<Self, StoreError> {
        Self::on(Database::open_existing(path, schema::SCHEMA)?, caps, WriterLimits::default())
    }

    fn on(
        (database, connection): (Database, WriteConnection),
        caps: Caps,
        limits: WriterLimits,
    ) -> Result<Self, StoreError> {
        let registry = Arc::new(Registry::load(&connection)?);
        let run = Epoch(secret::epoch()?);
        let damage = Damage::default();
        let handler = StoreHandler::new(Arc::clone(&registry), damage.clone(), caps.clone(), run);
        let writer = Writer::start(connection, handler, limits).map_err(StoreError::Thread)?;
        let writer = Arc::new(writer);
        let reading = ReadPool {
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(Vec::with_capacity(READERS)),
        };
        let (database, reading) = (Arc::new(database), Arc::new(reading));
        let counting = Arc::new(AtomicBool::new(false));
        Ok(Self { writer, database, registry, reading, damage, caps, counting })
    }

    /// Creates an inbox.
    pub async fn create(&self, name: InboxName) -> Result<Issued, LogError> {
        let token = IssuedToken::generate()?;
        let publish_id = secret::publish_id()?;
        let identity = InboxIdentity(secret::identity()?);
        let issued = Issued { name: name.to_string(), identity, publish_id, token };
        self.submit(Write::Create(Box::new(issued.clone()))).await?;
        Ok(issued)
    }

    /// Replaces an inbox's token and, if `grace` is given, its publish id: the old id then stays
    /// valid for that long, and its end of validity is returned. The old token is invalid at once;
    /// its readers are disconnected.
    pub async fn rotate(
        &self,
        name: &str,
        grace: Option<SignedDuration>,
    ) -> Result<(Issued, Option<Timestamp>), LogError> {
        let inbox = self.registry.by_name(name).ok_or(LogError::NoInbox)?;
        let publish_id = if grace.is_some() { secret::publish_id()? } else { inbox.publish_id() };
        let old_until = grace
            .filter(SignedDuration::is_positive)
            .map(|grace| Timestamp::now().saturating_add(grace).unwrap_or(Timestamp::MAX));
        let (identity, token) = (inbox.identity, IssuedToken::generate()?);
        let issued = Issued { name: name.to_owned(), identity, publish_id, token };
        self.submit(Write::Rotate(inbox.id, Box::new(issued.clone()), old_until)).await?;
        Ok((issued, old_until))
    }

    /// Closes an inbox permanently and deletes its deliveries.
    pub async fn revoke(&self, name: &str) -> Result<(), LogError> {
        let inbox = self.registry.by_name(name).ok_or(LogError::NoInbox)?;
        self.submit(Write::Revoke(inbox.id)).await.map(drop)
    }

    /// Forgets a named reader of an inbox: no delivery is kept for it, and its name does not count
    /// towards the limit. [`InboxState::forgotten`] notifies a connected one; its next hello
    /// creates a new cursor.
    ///
    /// If the disk is full, also deletes the deliveries that the other named readers have acked.
    pub async fn forget(&self, name: &str, reader: ReaderName) -> Result<(), LogError> {
        let inbox = self.registry.by_name(name).ok_or(LogError::NoInbox)?;
        let is_full = *self.writer.health().borrow() != Health::Writing;
        self.submit(Write::Forget { inbox: inbox.id, reader }).await?;
        if is_full {
            self.prune(name, None).await?;
        }
        Ok(())
    }

    /// Counts the deliveries that [`Store::prune`] would delete.
    pub async fn prunable(
        &self,
        name: &str,
        before: Option<Timestamp>,
    ) -> Result<InboxPruneCounts, LogError> {
        let inbox = self.registry.by_name(name).ok_or(LogError::NoInbox)?.id;
        self.reading(move |connection| prune::count(connection, inbox, before)).await
    }

    /// Deletes the deliveries that every named reader of an inbox has acked, and all that were
    /// received before `before`, for which readers get a gap. Works on a full disk, too.
    pub async fn prune(
        &self,
        name: &str,
        before: Option<Timestamp>,
    ) -> Result<InboxPruneCounts, LogError> {
        let inbox = self.registry.by_name(name).ok_or(LogError::NoInbox)?.id;
        let (mut pruned, mut limit) = (InboxPruneCounts::default(), MOST_PRUNED);
        loop {
            match self.submit(Write::Prune { inbox, before, limit }).await {
                Ok(StoreReceipt::Pruned(slice, more)) => {
                    pruned.add(slice);
                    if !more {
                        return Ok(pruned);
                    }
                }
                // On a full disk a smaller slice may succeed.
                Err(LogError::Write(WriteError::Failed(_))) if limit > LEAST_PRUNED => {
                    limit = LEAST_PRUNED;
                }
                Err(error) => return Err(error),
                Ok(_) => return Err(LogError::NoInbox),
            }
        }
    }

    /// Returns all inboxes by name, including closed ones.
    pub async fn list(&self) -> Result<Vec<InboxSummary>, LogError> {
        self.reading(|connection| queries::list(connection)).await
    }

    /// Returns the stored URL of the relay, see [`Store::note_reached`].
    pub async fn reached(&self) -> Result<Option<String>, LogError> {
        self.reading(|connection| {
            connection.query_row("SELECT base FROM reached", [], |row| row.get(0)).optional()
        })
        .await
    }

    /// Stores the URL of the relay, for commands that do not know it.
    pub async fn note_reached(&self, base: &str) -> Result<(), LogError> {
        if self.reached().await?.as_deref() == Some(base) {
            return Ok(());
        }
        self.submit(Write::Reached(base.to_owned())).await.map(drop)
    }

    /// Returns a receiver of the store's health.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.writer.health()
    }

    /// Returns the path of the store, for messages.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Writes all queued entries and closes the file. Blocks until that is done.
    pub fn close(&self) {
        self.reading.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.writer.stop();
    }

    /// Determines where a reader begins while the store cannot be written. A new name is not
    /// stored, so no delivery is kept for it.
    async fn look(
        &self,
        inbox: InboxId,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
        why: WriteError,
    ) -> Result<SubscriptionStart, LogError> {
        let touch_every = self.caps.touch_every();
        let start = self.reading(move |connection| {
            // Not in a transaction, because some damage ends it. Deliveries dropped meanwhile
            // become a gap.
            let Some(head) = queries::head(connection, inbox)? else { return Ok(None) };
            let retained_from = damage::oldest(connection, inbox, head)?.unwrap_or(head + 1);
            let acked = match reader {
                Some(reader) => {
                    queries::acked(connection, inbox, reader.as_str()).or_else(|error| {
                        if damage::is_damage(&error) { Ok(None) } else { Err(error) }
                    })?
                }
                None => None,
            };
            let begun = epochs::look(connection, inbox, (head, retained_from), (resume, acked))?;
            Ok(begun.map(|ResumePoint { after, resumed, epoch }| SubscriptionStart {
                epoch,
                head,
                retained_from,
                after,
                resumed,
                touch_every,
            }))
        });
        // Without an epoch on disk there is nothing to send.
        start.await?.ok_or(LogError::Write(why))
    }

    /// Finds the oldest delivery of an inbox, even if it is unreadable. The writer must not search
    /// for it, because it cannot write any more in a transaction that has met damage.
    async fn oldest(&self, inbox: InboxId) -> Result<u64, LogError> {
        let oldest = self.reading(move |connection| {
            let Some(head) = queries::head(connection, inbox)? else { return Ok(None) };
            // Later deliveries are after this head.
            Ok(Some(damage::oldest(connection, inbox, head)?.unwrap_or(head + 1)))
        });
        oldest.await?.ok_or(LogError::NoInbox)
    }

    async fn submit(&self, entry: Write) -> Result<StoreReceipt, LogError> {
        let size = entry.size();
        match self.writer.submit(entry, size)?.receipt().await? {
            StoreReceipt::Refused(why) => Err(why),
            receipt => Ok(receipt),
        }
    }

    /// Runs `read` on a connection of the pool, in a blocking thread.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let unread = |why: &dyn std::fmt::Display| LogError::Read(why.to_string().into());
        let turn = Arc::clone(&self.reading.turns)
            .acquire_owned()
            .await
            .map_err(|error| unread(&error))?;
        let (reading, database) = (Arc::clone(&self.reading), Arc::clone(&self.database));
        let damage = self.damage.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let idle = reading.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => database.reader().map_err(|e| LogError::Read(e.to_string().into()))?,
            };
            let result = read(&mut connection).inspect_err(|error| {
                if damage::is_damage(error) {
                    damage.note_unread(error);
                }
            })?;
            // A connection that failed is closed instead.
            reading.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(result)
        });
        task.await.map_err(|error| unread(&error))?
    }
}

impl Log for Store {
    fn by_publish_id(&self, publish_id: &str) -> Option<Arc<Inbox>> {
        self.registry.by_publish_id(publish_id)
    }

    fn by_token(&self, token: &str) -> Option<Arc<Inbox>> {
        self.registry.by_token(token)
    }

    fn append(&self, inbox: InboxId, arrival: Arrival) -> LogFuture<'_, u64> {
        Box::pin(async move {
            match self.submit(Write::Append(inbox, Box::new(arrival))).await? {
                StoreReceipt::Kept(seq) => Ok(seq),
                _ => Err(LogError::NoInbox),
            }
        })
    }

    fn refused(&self, inbox: InboxId) {
        self.registry.refuse(inbox, 1);
        if self.counting.swap(true, Relaxed) {
            return;
        }
        let (writer, counting) = (Arc::clone(&self.writer), Arc::clone(&self.counting));
        tokio::spawn(async move {
            tokio::time::sleep(COUNT_EVERY).await;
            counting.store(false, Relaxed);
            // If the queue is full, its entries will write them.
            let _ = writer.submit(Write::Count, Write::Count.size());
        });
    }

    fn attach(
        &self,
        inbox: InboxId,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
    ) -> LogFuture<'_, SubscriptionStart> {
        Box::pin(async move {
            let oldest = self.oldest(inbox).await?;
            let entry = Write::Attach { inbox, reader: reader.clone(), resume, oldest };
            match self.submit(entry).await {
                Ok(StoreReceipt::Start(start)) => Ok(start),
                Ok(_) => Err(LogError::NoInbox),
                // Reading still works.
                Err(LogError::Write(why)) => self.look(inbox, reader, resume, why).await,
                Err(error) => Err(error),
            }
        })
    }

    fn read(
        &self,
        inbox: InboxId,
        after: u64,
        items: usize,
        bytes: usize,
    ) -> LogFuture<'_, Vec<Item>> {
        Box::pin(async move {
            let read = move |connection: &mut _| page::read(connection, inbox, after, items, bytes);
            let (items, damage) = self.reading(read).await?;
            if let Some(why) = damage {
                let name = self.registry.by_id(inbox).map(|inbox| inbox.name.clone());
                self.damage.note_lost(&name.unwrap_or_default(), &why);
            }
            Ok(items)
        })
    }

    fn ack(&self, inbox: InboxId, reader: ReaderName, seq: u64) -> LogFuture<'_, ()> {
        Box::pin(async move { self.submit(Write::Ack { inbox, reader, seq }).await.map(drop) })
    }

    fn touch(&self, inbox: InboxId, reader: ReaderName) -> LogFuture<'_, ()> {
        Box::pin(async move { self.submit(Write::Touch { inbox, reader }).await.map(drop) })
    }

    fn is_writing(&self) -> bool {
        !self.writer.is_behind() && *self.writer.health().borrow() == Health::Writing
    }

    fn is_damaged(&self) -> bool {
        self.damage.is_found()
    }

    fn inboxes(&self) -> Vec<Arc<Inbox>> {
        self.registry.all()
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The writer's thread.
    #[error("cannot start the store's thread: {0}")]
    Thread(std::io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Log(error.into())
    }
}

#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests;
