//! Owns the writer's thread: it commits queued entries in one transaction, then sends their
//! receipts. The queue is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::WriteConnection;
use super::reserve::{Reserve, is_full};

/// Interval at which an idle writer probes a failing database, or checks the files of a working
/// one.
const PROBE: Duration = Duration::from_secs(1);
/// Interval at which maintenance runs with the reserve while the disk is full.
const MAKE_ROOM: Duration = Duration::from_secs(10);
/// Time for which maintenance steps stay small after the disk was full.
const SCARCE: Duration = Duration::from_secs(60);

/// Writes the entries of a batch, in the writer's thread. Every call but
/// [`BatchHandler::committed`] and [`BatchHandler::rolled_back`] happens inside a transaction.
///
/// An entry may be written more than once: in a batch that is rolled back, then in a smaller one.
/// So the result of an attempt belongs in its receipt: only the receipt of the committed attempt is
/// sent.
pub trait BatchHandler: Send + 'static {
    /// One unit of writing.
    type Entry: Send + 'static;
    /// The answer to its sender once it is on disk.
    type Receipt: Send + 'static;

    /// Writes one entry.
    fn write(
        &mut self,
        connection: &Connection,
        entry: &Self::Entry,
    ) -> rusqlite::Result<Self::Receipt>;

    /// Returns whether an entry makes room. Such an entry is written on a full disk too, with the
    /// reserve of the database.
    fn makes_room(_: &Self::Entry) -> bool {
        false
    }

    /// Writes the data that is written once per batch, after its last entry.
    fn before_commit(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Called when the batch is on disk, before its first receipt is sent.
    fn committed(&mut self);

    /// Called when the batch is rolled back: discards its changes in memory.
    fn rolled_back(&mut self);

    /// Runs one maintenance step; returns the delay until the next.
    ///
    /// `None`: after the next entry.
    fn maintain(
        &mut self,
        connection: &Connection,
        room: Room,
    ) -> rusqlite::Result<Option<Duration>>;

    /// Writes everything that is deferred, before the writer ends.
    fn end(&mut self, _: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Tests whether writing works again. Leaves nothing behind.
    fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()>;
}

/// How much a maintenance step may do: it writes to the disk before it frees space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// No limit.
    Plenty,
    /// Some hundred pages.
    Scarce,
}

/// Bounds of the queue in front of the writer.
#[derive(Debug, Clone, Copy)]
pub struct WriterLimits {
    /// Entries in the queue. One more fails with [`WriteError::Full`].
    pub entries: usize,
    /// Bytes in the queue, as their senders state them.
    pub bytes: usize,
    /// Entries in one transaction.
    pub batch: usize,
    /// Longest wait in the queue. An entry that waited longer is dropped before its transaction.
    pub patience: Duration,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self { entries: 4096, bytes: 64 << 20, batch: 1024, patience: Duration::from_secs(5) }
    }
}

/// Why an entry was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The queue is full.
    #[error("the write queue is full")]
    Full,
    /// It waited too long; it was not written.
    #[error("the write queue is too far behind")]
    Late,
    /// The transaction failed; it may be on disk nevertheless.
    #[error("cannot write: {0}")]
    Failed(Arc<str>),
    /// The writer has ended.
    #[error("the writer has ended")]
    Closed,
}

/// Whether writing works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The last transaction was committed.
    Writing,
    /// The last transaction failed.
    Failing {
        /// SQLite's words.
        why: Arc<str>,
    },
}

/// The receipt of a queued entry, once it is on disk. Dropping this cancels nothing.
#[derive(Debug)]
pub struct PendingCommit<R>(oneshot::Receiver<Result<R, WriteError>>);

impl<R> PendingCommit<R> {
    /// Creates a pending commit and the sender of its result.
    fn channel() -> (oneshot::Sender<Result<R, WriteError>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Waits until the entry is on disk or has failed.
    pub async fn receipt(self) -> Result<R, WriteError> {
        self.0.await.unwrap_or(Err(WriteError::Closed))
    }

    /// Like [`PendingCommit::receipt`], for a thread outside the runtime.
    pub fn blocking_receipt(self) -> Result<R, WriteError> {
        self.0.blocking_recv().unwrap_or(Err(WriteError::Closed))
    }
}

/// Sends the result of an entry, with the receipt as the type that its sender asked for.
type ReplyFn<L> = Box<dyn FnOnce(Result<<L as BatchHandler>::Receipt, WriteError>) + Send>;

struct WriteRequest<L: BatchHandler> {
    entry: L::Entry,
    reply: ReplyFn<L>,
    queued: Instant,
    /// Its share of [`WriterLimits::bytes`], given back when the request is done.
    _share: OwnedSemaphorePermit,
}

enum WriterCommand<L: BatchHandler> {
    Write(Box<WriteRequest<L>>),
    Stop,
}

/// The sending side of the writer's thread.
pub struct Writer<L: BatchHandler> {
    commands: SyncSender<WriterCommand<L>>,
    bytes: Arc<Semaphore>,
    bytes_bound: usize,
    health: watch::Receiver<Health>,
    busy: Arc<BusyClock>,
    patience: Duration,
    /// Name of the database in messages.
    what: &'static str,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl<L: BatchHandler> Writer<L> {
    /// Starts the thread, which owns `connection` and `handler` from here on.
    pub fn start(
        connection: WriteConnection,
        handler: L,
        limits: WriterLimits,
    ) -> std::io::Result<Self> {
        let what = connection.what();
        let (commands, queue) = sync_channel(limits.entries);
        let (health, observed) = watch::channel(Health::Writing);
        let busy = Arc::new(BusyClock { epoch: Instant::now(), busy_since: AtomicU64::new(0) });
        let thread = WriterThread {
            connection,
            handler,
            health,
            queue,
            limits,
            busy: Arc::clone(&busy),
            full_at: None,
            make_room_at: Instant::now(),
        };
        let thread = std::thread::Builder::new().name(what.to_owned()).spawn(|| thread.work())?;
        Ok(Self {
            commands,
            bytes: Arc::new(Semaphore::new(limits.bytes.min(Semaphore::MAX_PERMITS))),
            bytes_bound: limits.bytes,
            health: observed,
            busy,
            patience: limits.patience,
            what,
            thread: std::sync::Mutex::new(Some(thread)),
        })
    }

    /// Queues an entry of about `size` bytes. Never waits: fails if the queue is full.
    pub fn submit(
        &self,
        entry: L::Entry,
        size: usize,
    ) -> Result<PendingCommit<L::Receipt>, WriteError> {
        self.submit_as(entry, size)
    }

    /// Like [`Writer::submit`], with the handler's receipt converted to `R`.
    pub fn submit_as<R: From<L::Receipt> + Send + 'static>(
        &self,
        entry: L::Entry,
        size: usize,
    ) -> Result<PendingCommit<R>, WriteError> {
        // An entry larger than the whole bound may wait alone.
        let share = u32::try_from(size.min(self.bytes_bound)).unwrap_or(u32::MAX);
        let share =
            Arc::clone(&self.bytes).try_acquire_many_owned(share).map_err(|_| WriteError::Full)?;
        let (sender, pending) = PendingCommit::channel();
        // A sender that hung up cancels nothing.
        let reply: ReplyFn<L> = Box::new(|outcome| drop(sender.send(outcome.map(R::from))));
        let request = WriteRequest { entry, reply, queued: Instant::now(), _share: share };
        match self.commands.try_send(WriterCommand::Write(Box::new(request))) {
            Ok(()) => Ok(pending),
            Err(TrySendError::Full(_)) => Err(WriteError::Full),
            Err(TrySendError::Disconnected(_)) => Err(WriteError::Closed),
        }
    }

    /// Returns a channel with the current health. Closed when the thread has ended.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Returns whether the current transaction has run for longer than [`WriterLimits::patience`]:
    /// a disk that hangs reports no error.
    pub fn is_behind(&self) -> bool {
        self.busy.busy_for().is_some_and(|time| time > self.patience)
    }

    /// Writes all queued entries, then ends the thread and closes its connection. Blocks until
    /// then.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Blocks while the queue is full; the thread is still emptying it.
            let _ = self.commands.send(WriterCommand::Stop);
            if thread.join().is_err() {
                tracing::error!("the writer of the {} panicked", self.what);
            }
        }
    }
}

impl<L: BatchHandler> Drop for Writer<L> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Measures how long the thread's current transaction has run.
struct BusyClock {
    epoch: Instant,
    /// Milliseconds since the epoch, plus one; 0 while nothing runs.
    busy_since: AtomicU64,
}

impl BusyClock {
    fn begin(&self) {
        self.busy_since.store(self.now() + 1, Relaxed);
    }

    fn end(&self) {
        self.busy_since.store(0, Relaxed);
    }

    fn busy_for(&self) -> Option<Duration> {
        let since = self.busy_since.load(Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(self.now().saturating_sub(since)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

/// The state of the writer's thread.
struct WriterThread<L: BatchHandler> {
    connection: WriteConnection,
    handler: L,
    health: watch::Sender<Health>,
    queue: Receiver<WriterCommand<L>>,
    limits: WriterLimits,
    busy: Arc<BusyClock>,
    /// When a write last failed because the disk was full; `None` if the last failure was another
    /// one.
    full_at: Option<Instant>,
    /// When maintenance next uses the reserve, if the disk stays full.
    make_room_at: Instant,
}

impl<L: BatchHandler> WriterThread<L> {
    fn work(mut self) {
        // Maintenance is due at once, then after the delay that the handler returns.
        let mut due = Some(Instant::now());
        loop {
            let mut batch = Vec::new();
            let stop = match self.next(due) {
                Some(WriterCommand::Write(first)) => {
                    batch.push(*first);
                    self.gather(&mut batch)
                }
                Some(WriterCommand::Stop) => true,
                None => false,
            };
            if !batch.is_empty() {
                self.busy.begin();
                self.write_batch(batch);
                self.busy.end();
            }
            if stop {
                break;
            }
            if *self.health.borrow() != Health::Writing {
                let at = Instant::now() + PROBE;
                if due.is_some_and(|due| due <= Instant::now()) {
                    self.try_again();
                    due = Some(at);
                } else {
                    due = Some(due.map_or(at, |due| due.min(at)));
                }
            } else if due.is_some_and(|due| due <= Instant::now()) {
                due = self.upkeep().map(|rest| Instant::now() + rest);
            } else if let Err(error) = self.connection.check_files() {
                self.set_health(Health::Failing { why: error.to_string().into() });
            }
        }
        self.end();
        let what = self.connection.what();
        if let Err(error) = self.connection.close() {
            // Nothing is lost: the next start reads the log that is still there.
            tracing::warn!(%error, "the {what} was not closed cleanly");
        }
    }

    /// Returns the next command; `None` at `due`, or when the files have to be checked.
    fn next(&self, due: Option<Instant>) -> Option<WriterCommand<L>> {
        let look = self.connection.has_files().then(|| Instant::now() + PROBE);
        let Some(due) = due.into_iter().chain(look).min() else {
            return Some(self.queue.recv().unwrap_or(WriterCommand::Stop));
        };
        match self.queue.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(WriterCommand::Stop),
        }
    }

    /// Takes more requests from the queue, up to the size of a batch. Returns whether to stop after
    /// it.
    ///
    /// A commit costs about the same for one entry as for many. If several are queued, more senders
    /// may be waiting for this core: the thread yields to them as long as that adds entries. A
    /// single entry does not wait for other work of the machine. If no thread waits, yielding
    /// returns at once.
    fn gather(&self, batch: &mut Vec<WriteRequest<L>>) -> bool {
        let mut before = batch.len();
        while batch.len() < self.limits.batch {
            match self.queue.try_recv() {
                Ok(WriterCommand::Write(request)) => batch.push(*request),
                Ok(WriterCommand::Stop) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) if batch.len() > before => {
                    before = batch.len();
                    std::thread::yield_now();
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        false
    }

    /// Commits a batch and answers all of its requests.
    fn write_batch(&mut self, batch: Vec<WriteRequest<L>>) {
        // The only place where an entry is dropped: before its transaction starts, when its sender
        // has given up after the same limit.
        let now = Instant::now();
        let (batch, late): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|request| now.duration_since(request.queued) <= self.limits.patience);
        for request in late {
            (request.reply)(Err(WriteError::Late));
        }
        self.commit_and_answer(batch);
    }

    /// Commits a batch and answers it in order. If an entry cannot be written, halves the batch
    /// until that entry fails alone, the older half first: the others are still written, and one
    /// bad entry costs a few more commits and not one for each entry.
    fn commit_and_answer(&mut self, mut batch: Vec<WriteRequest<L>>) {
        match self.commit(&batch) {
            Err(error)
                if is_full(&error) && batch.iter().any(|request| L::makes_room(&request.entry)) =>
            {
                let (making, others) =
                    batch.into_iter().partition(|request| L::makes_room(&request.entry));
                self.answer(others, Err(error));
                self.commit_with_reserve(making);
            }
            Err(error) if batch.len() > 1 && is_of_one_entry(&error) => {
                let newer = batch.split_off(batch.len() / 2);
                self.commit_and_answer(batch);
                self.commit_and_answer(newer);
            }
            outcome => self.answer(batch, outcome),
        }
    }

    /// Commits entries that free space on a full disk.
    fn commit_with_reserve(&mut self, batch: Vec<WriteRequest<L>>) {
        let lent = self.lend_reserve();
        let outcome = self.commit(&batch);
        self.answer(batch, outcome);
        self.make_room(lent);
    }

    /// Returns whether the last failure was a full disk and there is a reserve.
    fn has_lendable_room(&self) -> bool {
        self.full_at.is_some() && self.connection.reserve().is_some()
    }

    /// Releases the reserve to the disk. Returns its size in bytes.
    fn lend_reserve(&self) -> u64 {
        self.connection.reserve().map_or(0, Reserve::lend_all)
    }

    /// Runs maintenance with `lent` bytes of the reserve until the reserve can be refilled with as
    /// many. Writes no entries meanwhile, because they would use up the freed space. Refills no
    /// more than `lent`, so that the rest of the freed space is for new entries.
    fn make_room(&mut self, lent: u64) -> Option<Duration> {
        let rest = loop {
            let rest = self.maintain(Room::Scarce);
            // Pages in the log use space twice.
            self.checkpoint("PASSIVE");
            if self.take_back(lent) || rest != Some(Duration::ZERO) {
                break rest;
            }
            self.lend_reserve();
        };
        self.checkpoint("TRUNCATE");
        self.take_back(lent);
        self.make_room_at = Instant::now() + MAKE_ROOM;
        rest
    }

    fn take_back(&self, lent: u64) -> bool {
        self.connection.reserve().is_none_or(|reserve| reserve.fill(lent))
    }

    fn checkpoint(&self, mode: &str) {
        let done =
            self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        if let Err(error) = done {
            tracing::debug!(%error, mode, "the log was not moved into the file");
        }
    }

    fn answer(&mut self, batch: Vec<WriteRequest<L>>, outcome: rusqlite::Result<Vec<L::Receipt>>) {
        match outcome {
            Ok(receipts) => {
                self.set_health(Health::Writing);
                for (request, receipt) in batch.into_iter().zip(receipts) {
                    (request.reply)(Ok(receipt));
                }
            }
            Err(error) => {
                let why: Arc<str> = error.to_string().into();
                self.full_at = is_full(&error).then(Instant::now);
                // Even if a single entry is the cause: the next successful write, or the probe a
                // second later, corrects it.
                self.set_health(Health::Failing { why: Arc::clone(&why) });
                for request in batch {
                    (request.reply)(Err(WriteError::Failed(Arc::clone(&why))));
                }
            }
        }
    }

    /// Writes a batch in one transaction. When this returns `Ok`, the batch has been synced to
    /// disk.
    fn commit(&mut self, batch: &[WriteRequest<L>]) -> rusqlite::Result<Vec<L::Receipt>> {
        let handler = &mut self.handler;
        let result = transact(&mut self.connection, |connection| {
            let receipts = batch
                .iter()
                .map(|request| handler.write(connection, &request.entry))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            handler.before_commit(connection)?;
            Ok(receipts)
        });
        match &result {
            Ok(_) => self.handler.committed(),
            Err(_) => self.handler.rolled_back(),
        }
        result
    }

    /// Runs one maintenance step, with the reserve if the disk has no other room. Returns the delay
    /// until the next.
    fn upkeep(&mut self) -> Option<Duration> {
        let was_full = self.full_at.is_some_and(|at| at.elapsed() < SCARCE);
        let rest = self.maintain(if was_full { Room::Scarce } else { Room::Plenty });
        if *self.health.borrow() != Health::Writing && self.has_lendable_room() {
            let lent = self.lend_reserve();
            return self.make_room(lent);
        }
        if let Some(reserve) = self.connection.reserve() {
            reserve.keep();
        }
        rest
    }

    fn maintain(&mut self, room: Room) -> Option<Duration> {
        let handler = &mut self.handler;
        match transact(&mut self.connection, |connection| handler.maintain(connection, room)) {
            Ok(alone) => {
                self.handler.committed();
                alone
            }
            Err(error) => {
                self.handler.rolled_back();
                self.full_at = is_full(&error).then(Instant::now);
                self.set_health(Health::Failing { why: error.to_string().into() });
                Some(PROBE)
            }
        }
    }

    fn end(&mut self) {
        if *self.health.borrow() != Health::Writing {
            return;
        }
        let handler = &mut self.handler;
        match transact(&mut self.connection, |connection| handler.end(connection)) {
            Ok(()) => self.handler.committed(),
            Err(error) => {
                self.handler.rolled_back();
                tracing::warn!(%error, "the last of what was to be written could not be");
            }
        }
    }

    fn try_again(&mut self) {
        if self.has_lendable_room() && self.make_room_at <= Instant::now() {
            let lent = self.lend_reserve();
            self.make_room(lent);
        }
        let handler = &mut self.handler;
        match transact(&mut self.connection, |connection| handler.probe(connection)) {
            Ok(()) => self.set_health(Health::Writing),
            Err(error) => self.set_health(Health::Failing { why: error.to_string().into() }),
        }
    }

    fn set_health(&self, health: Health) {
        self.health.send_if_modified(|current| {
            let changed = *current != health;
            *current = health;
            changed
        });
    }
}

/// Runs `work` in one transaction. Rolls back if it or the commit fails, or if the database has
/// lost its files: a commit to a removed file would succeed, but be lost.
fn transact<T>(
    connection: &mut WriteConnection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    connection.check_files()?;
    transaction.commit()?;
    Ok(value)
}

/// Returns whether an error is caused by the contents of one entry, and not by the database or
/// disk.
fn is_of_one_entry(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                // A damaged page that this entry needs. Others may need other pages.
                | ErrorCode::DatabaseCorrupt
        ),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sqlite::{Commands, Database, Location, Schema};

    const SCHEMA: Schema = Schema {
        what: "numbers",
        commands: Commands { make: "", beside: "", read: "" },
        application_id: 1,
        reserve: 0,
        migrations: &["CREATE TABLE n (x INTEGER CHECK (x >= 0)) STRICT"],
    };

    /// Writes numbers; negative ones break a constraint, so that one entry can be bad.
    struct Numbers {
        committed: watch::Sender<usize>,
        batch: usize,
        commits: usize,
    }

    impl BatchHandler for Numbers {
        type Entry = i64;
        type Receipt = usize;

        fn write(&mut self, connection: &Connection, entry: &i64) -> rusqlite::Result<usize> {
            connection.execute("INSERT INTO n VALUES (?1)", [entry])?;
            self.batch += 1;
            Ok(*self.committed.borrow() + self.batch)
        }

        fn before_commit(&mut self, _: &Connection) -> rusqlite::Result<()> {
            Ok(())
        }

        fn committed(&mut self) {
            let batch = std::mem::take(&mut self.batch);
            self.committed.send_modify(|n| *n += batch);
            self.commits += 1;
        }

        fn rolled_back(&mut self) {
            self.batch = 0;
        }

        fn maintain(&mut self, _: &Connection, _: Room) -> rusqlite::Result<Option<Duration>> {
            Ok(None)
        }

        fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()> {
            connection.execute_batch("CREATE TABLE probe (x); DROP TABLE probe")
        }
    }

    fn start(limits: WriterLimits) -> (Writer<Numbers>, watch::Receiver<usize>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let location = Location::File(dir.path().join("n.db"));
        let (_, connection) = Database::open(&location, SCHEMA).unwrap();
        let (committed, seen) = watch::channel(0);
        let handler = Numbers { committed, batch: 0, commits: 0 };
        let writer = Writer::start(connection, handler, limits).unwrap();
        (writer, seen, dir)
    }

    #[test]
    fn the_thread_is_called_after_its_database() {
        let (writer, _, _dir) = start(WriterLimits::default());
        let thread = writer.thread.lock().unwrap();
        let name = thread.as_ref().and_then(|thread| thread.thread().name().map(str::to_owned));
        drop(thread);
        assert_eq!(name.as_deref(), Some(SCHEMA.what));
    }

    /// Returns the outcome of one batch: each entry's receipt, the rows in order, and the number of
    /// commits.
    fn write_batch(entries: &[i64]) -> (Vec<Result<usize, WriteError>>, Vec<i64>, usize) {
        let (_, connection) = Database::open(&Location::Memory, SCHEMA).unwrap();
        let (committed, health) = (watch::channel(0).0, watch::channel(Health::Writing).0);
        let mut thread = WriterThread {
            connection,
            handler: Numbers { committed, batch: 0, commits: 0 },
            health,
            queue: sync_channel(1).1,
            limits: WriterLimits { patience: Duration::MAX, ..WriterLimits::default() },
            busy: Arc::new(BusyClock { epoch: Instant::now(), busy_since: AtomicU64::new(0) }),
            full_at: None,
            make_room_at: Instant::now(),
        };
        let bytes = Arc::new(Semaphore::new(1));
        let (batch, pending): (Vec<_>, Vec<_>) = entries
            .iter()
            .map(|&entry| {
                let (sender, pending) = PendingCommit::channel();
                let reply = Box::new(|outcome| drop(sender.send(outcome)));
                let share = Arc::clone(&bytes).try_acquire_many_owned(0).unwrap();
                (WriteRequest { entry, reply, queued: Instant::now(), _share: share }, pending)
            })
            .unzip();
        thread.write_batch(batch);
        let receipts = pending.into_iter().map(PendingCommit::blocking_receipt).collect();
        let mut rows = thread.connection.prepare("SELECT x FROM n ORDER BY rowid").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        (receipts, rows, thread.handler.commits)
    }

    /// Checks a batch against writing each entry alone, and the bound on its commits.
    fn check_batch(entries: &[i64]) {
        let (receipts, rows, commits) = write_batch(entries);
        assert_eq!(receipts.len(), entries.len());
        let mut written = Vec::new();
        for (entry, receipt) in entries.iter().zip(receipts) {
            if *entry >= 0 {
                written.push(*entry);
                assert_eq!(receipt, Ok(written.len()), "{entry} of {entries:?}");
            } else {
                assert!(
                    matches!(&receipt, Err(WriteError::Failed(why)) if why.contains("CHECK")),
                    "{receipt:?} for {entry} of {entries:?}"
                );
            }
        }
        assert_eq!(rows, written);
        let halvings = entries.len().next_power_of_two().ilog2() as usize;
        let bad = entries.len() - written.len();
        assert!(commits <= (bad * halvings).max(1), "{commits} commits for {entries:?}");
    }

    #[test]
    fn a_bad_entry_at_any_position_costs_a_logarithm_of_commits() {
        for size in [1_i64, 2, 3, 7, 8, 33] {
            for bad in 0..size {
                check_batch(&(0..size).map(|n| if n == bad { -1 } else { n }).collect::<Vec<_>>());
            }
        }
        for bad in [0, 1, 511, 512, 777, 1023] {
            let entries: Vec<_> = (0..1024).map(|n| if n == bad { -1 } else { n }).collect();
            assert_eq!(write_batch(&entries).2, 10);
            check_batch(&entries);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_batch_comes_to_what_its_entries_come_to_alone(
            entries in proptest::collection::vec(prop_oneof![4 => 0..100_i64, 1 => -9..0_i64], 1..70),
        ) {
            check_batch(&entries);
        }
    }

    fn count(dir: &tempfile::TempDir) -> i64 {
        let connection = Connection::open(dir.path().join("n.db")).unwrap();
        connection.query_row("SELECT count(*) FROM n", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn receipts_come_after_the_commit_and_in_order() {
        let (writer, seen, dir) = start(WriterLimits::default());
        let pending: Vec<_> = (0..500).map(|n| writer.submit(n, 10).unwrap()).collect();
        for (n, pending) in (1..).zip(pending) {
            assert_eq!(pending.blocking_receipt(), Ok(n));
            assert!(*seen.borrow() >= n, "told before its receipt");
        }
        writer.stop();
        assert_eq!(count(&dir), 500);
        assert_eq!(writer.submit(1, 10).unwrap_err(), WriteError::Closed);
    }

    #[test]
    fn one_bad_entry_fails_alone() {
        let (writer, _, dir) = start(WriterLimits::default());
        let pending: Vec<_> =
            [1, 2, -3, 4].into_iter().map(|n| writer.submit(n, 1).unwrap()).collect();
        let outcomes: Vec<_> =
            pending.into_iter().map(|p| p.blocking_receipt().map_err(|e| e.to_string())).collect();
        assert!(matches!(&outcomes[..], [Ok(1), Ok(2), Err(why), Ok(3)] if why.contains("CHECK")));
        assert_eq!(*writer.health().borrow(), Health::Writing);
        writer.stop();
        assert_eq!(count(&dir), 3);
    }

    #[test]
    fn what_waits_is_bounded_and_what_waited_too_long_is_not_written() {
        let limits = WriterLimits { bytes: 0, patience: Duration::ZERO, ..WriterLimits::default() };
        let (writer, _, dir) = start(limits);
        assert_eq!(writer.submit(1, 100).unwrap().blocking_receipt(), Err(WriteError::Late));
        writer.stop();
        assert_eq!(count(&dir), 0);
    }

    #[test]
    fn a_hung_up_sender_cancels_nothing() {
        let (writer, _, dir) = start(WriterLimits::default());
        drop(writer.submit(1, 1).unwrap());
        writer.stop();
        assert_eq!(count(&dir), 1);
    }

    #[test]
    fn a_database_that_works_again_is_noticed_without_traffic() {
        let (writer, _, dir) = start(WriterLimits::default());
        let other = Connection::open(dir.path().join("n.db")).unwrap();
        other.execute_batch("ALTER TABLE n RENAME TO away").unwrap();
        assert!(matches!(
            writer.submit(1, 1).unwrap().blocking_receipt(),
            Err(WriteError::Failed(_))
        ));
        let mut health = writer.health();
        assert!(matches!(&*health.borrow(), Health::Failing { .. }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let well = runtime.block_on(async {
            tokio::time::timeout(
                Duration::from_secs(20),
                health.wait_for(|h| *h == Health::Writing),
            )
            .await
            .is_ok()
        });
        assert!(well, "the probe did not notice");
    }

    /// Waits until the health is `wanted`, without traffic.
    #[track_caller]
    fn until(writer: &Writer<Numbers>, wanted: impl Fn(&Health) -> bool) -> Health {
        let mut health = writer.health();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let limit = Duration::from_secs(20);
            let found = tokio::time::timeout(limit, health.wait_for(wanted)).await;
            found.expect("nobody noticed").unwrap().clone()
        })
    }

    #[test]
    fn files_that_were_taken_away_are_noticed_and_nothing_is_taken_for_written() {
        for ending in ["", "-wal", "-shm"] {
            let (writer, _, dir) = start(WriterLimits::default());
            assert_eq!(writer.submit(1, 1).unwrap().blocking_receipt(), Ok(1));
            let name = dir.path().join(format!("n.db{ending}"));
            let aside = dir.path().join("aside");

            std::fs::rename(&name, &aside).unwrap();
            until(&writer, |health| *health != Health::Writing);
            let outcome = writer.submit(2, 1).unwrap().blocking_receipt();
            let Err(WriteError::Failed(why)) = outcome else { panic!("{ending}: {outcome:?}") };
            let said =
                format!("its file {} was removed or moved away: put it back", name.display());
            assert!(why.starts_with(&said), "{why}");

            // Moved back: works again.
            std::fs::rename(&aside, &name).unwrap();
            until(&writer, |health| *health == Health::Writing);
            assert_eq!(writer.submit(3, 1).unwrap().blocking_receipt(), Ok(2));

            // Replaced, without traffic.
            std::fs::copy(&name, &aside).unwrap();
            std::fs::rename(&aside, &name).unwrap();
            let health = until(&writer, |health| *health != Health::Writing);
            let said = |why: &str| why.contains(" was replaced by another one: ");
            assert!(matches!(&health, Health::Failing { why } if said(why)), "{health:?}");
            let outcome = writer.submit(4, 1).unwrap().blocking_receipt();
            assert!(matches!(outcome, Err(WriteError::Failed(_))), "{ending}: {outcome:?}");

            // Removed, without traffic.
            std::fs::remove_file(&name).unwrap();
            let said = |why: &str| why.contains(" was removed or moved away: ");
            until(&writer, |health| matches!(health, Health::Failing { why } if said(why)));
        }
    }

    #[test]
    fn a_removed_log_costs_nothing_that_was_answered() {
        let (writer, _, dir) = start(WriterLimits::default());
        for n in 0..3 {
            writer.submit(n, 1).unwrap().blocking_receipt().unwrap();
        }
        std::fs::remove_file(dir.path().join("n.db-wal")).unwrap();
        until(&writer, |health| *health != Health::Writing);
        writer.stop();
        assert_eq!(count(&dir), 3);
    }
}
