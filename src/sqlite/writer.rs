//! The bounded group-commit writer: one thread, one transaction for whatever waits, then receipts.

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

/// How often a failing database is tried, and the files of a sound one are looked for, while nothing
/// else is to be written.
const PROBE: Duration = Duration::from_secs(1);
/// How often upkeep is done with the reserve while the disk is full.
const MAKE_ROOM: Duration = Duration::from_secs(10);
/// How long upkeep is done in small pieces after the disk was full.
const SCARCE: Duration = Duration::from_secs(60);

/// What is written, in the writer's thread. Every call but [`Ledger::committed`] and
/// [`Ledger::rolled_back`] happens inside a transaction.
///
/// An entry may be written more than once: in a batch that is rolled back, then in a smaller one. So
/// what an attempt finds out belongs in its receipt, which only the attempt that is committed gives.
pub trait Ledger: Send + 'static {
    /// One thing to be written.
    type Entry: Send + 'static;
    /// What its sender learns once it is on disk.
    type Receipt: Send + 'static;

    /// Writes one entry.
    fn write(
        &mut self,
        connection: &Connection,
        entry: &Self::Entry,
    ) -> rusqlite::Result<Self::Receipt>;

    /// Whether an entry is to make room, so that it is written on a full disk, too: with what the
    /// database keeps for that.
    fn makes_room(_: &Self::Entry) -> bool {
        false
    }

    /// Writes what the batch's entries left to be written once.
    fn seal(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// The batch is on disk; called before any of its receipts goes out.
    fn committed(&mut self);

    /// The batch is undone: forget what it changed.
    fn rolled_back(&mut self);

    /// Does a small piece of upkeep, and says how long it can be left alone now.
    ///
    /// `None`: until the next entry comes.
    fn tend(&mut self, connection: &Connection, room: Room) -> rusqlite::Result<Option<Duration>>;

    /// Writes what only waits for its time, before the writer ends.
    fn end(&mut self, _: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Writes something of no consequence, to see whether writing works again.
    fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()>;
}

/// How much room there is for upkeep, which writes more than it deletes before it has made some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// As much as it likes.
    Plenty,
    /// Some hundred pages.
    Scarce,
}

/// Bounds of the queue in front of the writer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries that may wait. One more is [`Unwritten::Full`].
    pub entries: usize,
    /// Bytes, as their senders state them, that may wait.
    pub bytes: usize,
    /// Entries in one transaction.
    pub batch: usize,
    /// An entry that waited longer is dropped before its transaction starts.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 4096, bytes: 64 << 20, batch: 1024, patience: Duration::from_secs(5) }
    }
}

/// Why an entry has no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// Too much waits already.
    #[error("the write queue is full")]
    Full,
    /// It waited too long; it was not written.
    #[error("the write queue is too far behind")]
    Late,
    /// The transaction failed; it may be on disk all the same.
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

/// A receipt that is to come. Dropping it cancels nothing.
#[derive(Debug)]
pub struct Pending<R>(oneshot::Receiver<Result<R, Unwritten>>);

impl<R> Pending<R> {
    /// A pair of a receipt to come and the means to give it, for stand-ins of a writer.
    pub fn channel() -> (oneshot::Sender<Result<R, Unwritten>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Waits until the entry is on disk, or is known not to get a receipt.
    pub async fn receipt(self) -> Result<R, Unwritten> {
        self.0.await.unwrap_or(Err(Unwritten::Closed))
    }

    /// The same for a thread outside the runtime.
    pub fn blocking_receipt(self) -> Result<R, Unwritten> {
        self.0.blocking_recv().unwrap_or(Err(Unwritten::Closed))
    }
}

/// Gives the sender its receipt, as what it asked for.
type Reply<L> = Box<dyn FnOnce(Result<<L as Ledger>::Receipt, Unwritten>) + Send>;

struct Job<L: Ledger> {
    entry: L::Entry,
    reply: Reply<L>,
    queued: Instant,
    /// Its share of [`Limits::bytes`], given back when the job is done.
    _share: OwnedSemaphorePermit,
}

enum Order<L: Ledger> {
    Write(Box<Job<L>>),
    Stop,
}

/// The sending side of the writer's thread.
pub struct Writer<L: Ledger> {
    orders: SyncSender<Order<L>>,
    bytes: Arc<Semaphore>,
    bytes_bound: usize,
    health: watch::Receiver<Health>,
    pulse: Arc<Pulse>,
    patience: Duration,
    /// What the database is called in messages.
    what: &'static str,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl<L: Ledger> Writer<L> {
    /// Starts the thread, which owns `connection` and `ledger` from here on.
    pub fn start(connection: WriteConnection, ledger: L, limits: Limits) -> std::io::Result<Self> {
        let what = connection.what();
        let (orders, inbox) = sync_channel(limits.entries);
        let (health, observed) = watch::channel(Health::Writing);
        let pulse = Arc::new(Pulse { epoch: Instant::now(), busy_since: AtomicU64::new(0) });
        let desk = Desk {
            connection,
            ledger,
            health,
            inbox,
            limits,
            pulse: Arc::clone(&pulse),
            full_at: None,
            make_room_at: Instant::now(),
        };
        let thread = std::thread::Builder::new().name(what.to_owned()).spawn(|| desk.work())?;
        Ok(Self {
            orders,
            bytes: Arc::new(Semaphore::new(limits.bytes.min(Semaphore::MAX_PERMITS))),
            bytes_bound: limits.bytes,
            health: observed,
            pulse,
            patience: limits.patience,
            what,
            thread: std::sync::Mutex::new(Some(thread)),
        })
    }

    /// Queues an entry of about `size` bytes. Never waits: a full queue is an answer.
    pub fn submit(&self, entry: L::Entry, size: usize) -> Result<Pending<L::Receipt>, Unwritten> {
        self.submit_as(entry, size)
    }

    /// The same with a receipt that is made of the ledger's own.
    pub fn submit_as<R: From<L::Receipt> + Send + 'static>(
        &self,
        entry: L::Entry,
        size: usize,
    ) -> Result<Pending<R>, Unwritten> {
        // An entry larger than the whole bound may wait alone.
        let share = u32::try_from(size.min(self.bytes_bound)).unwrap_or(u32::MAX);
        let share =
            Arc::clone(&self.bytes).try_acquire_many_owned(share).map_err(|_| Unwritten::Full)?;
        let (sender, pending) = Pending::channel();
        // A sender that hung up cancels nothing.
        let reply: Reply<L> = Box::new(|outcome| drop(sender.send(outcome.map(R::from))));
        let job = Job { entry, reply, queued: Instant::now(), _share: share };
        match self.orders.try_send(Order::Write(Box::new(job))) {
            Ok(()) => Ok(pending),
            Err(TrySendError::Full(_)) => Err(Unwritten::Full),
            Err(TrySendError::Disconnected(_)) => Err(Unwritten::Closed),
        }
    }

    /// Whether writing works, and every change of that. Closed when the thread has ended.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Whether the transaction that runs takes longer than anybody waits: a disk that hangs reports
    /// no error.
    pub fn is_behind(&self) -> bool {
        self.pulse.busy_for().is_some_and(|time| time > self.patience)
    }

    /// Writes what is queued, then ends the thread and closes its connection. Blocks until then.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Blocks while the queue is full; the thread is still emptying it.
            let _ = self.orders.send(Order::Stop);
            if thread.join().is_err() {
                tracing::error!("the writer of the {} panicked", self.what);
            }
        }
    }
}

impl<L: Ledger> Drop for Writer<L> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells how long the thread has been at one transaction.
struct Pulse {
    epoch: Instant,
    /// Milliseconds since the epoch, and one; 0 while nothing runs.
    busy_since: AtomicU64,
}

impl Pulse {
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

/// What the thread works on.
struct Desk<L: Ledger> {
    connection: WriteConnection,
    ledger: L,
    health: watch::Sender<Health>,
    inbox: Receiver<Order<L>>,
    limits: Limits,
    pulse: Arc<Pulse>,
    /// When something last failed for want of room; `None` where the last failure was another one.
    full_at: Option<Instant>,
    /// When to do upkeep with the reserve next, where the disk stays full.
    make_room_at: Instant,
}

impl<L: Ledger> Desk<L> {
    fn work(mut self) {
        // Upkeep is due at once, and then when the ledger says.
        let mut due = Some(Instant::now());
        loop {
            let mut batch = Vec::new();
            let stop = match self.next(due) {
                Some(Order::Write(first)) => {
                    batch.push(*first);
                    self.gather(&mut batch)
                }
                Some(Order::Stop) => true,
                None => false,
            };
            if !batch.is_empty() {
                self.pulse.begin();
                self.settle(batch);
                self.pulse.end();
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

    /// The next order; `None` when `due` has come without one, or it is time to look for the files.
    fn next(&self, due: Option<Instant>) -> Option<Order<L>> {
        let look = self.connection.has_files().then(|| Instant::now() + PROBE);
        let Some(due) = due.into_iter().chain(look).min() else {
            return Some(self.inbox.recv().unwrap_or(Order::Stop));
        };
        match self.inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Order::Stop),
        }
    }

    /// Takes what else waits, up to the size of a batch; says whether to stop after it.
    ///
    /// A commit costs much the same for one entry as for many. Where several wait, those who are
    /// about to bring more may share the core with this thread: they get it first, for as long as
    /// that brings something. An entry alone does not wait for whatever else the machine does, and
    /// where nobody waits for the core, giving way returns at once.
    fn gather(&self, batch: &mut Vec<Job<L>>) -> bool {
        let mut before = batch.len();
        while batch.len() < self.limits.batch {
            match self.inbox.try_recv() {
                Ok(Order::Write(job)) => batch.push(*job),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) if batch.len() > before => {
                    before = batch.len();
                    std::thread::yield_now();
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        false
    }

    /// Commits a batch and answers all of it.
    fn settle(&mut self, batch: Vec<Job<L>>) {
        // The only place where an entry is dropped: before its transaction starts, when whoever
        // waits has given up by the same limit.
        let now = Instant::now();
        let (batch, late): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|job| now.duration_since(job.queued) <= self.limits.patience);
        for job in late {
            (job.reply)(Err(Unwritten::Late));
        }
        self.commit_and_answer(batch);
    }

    /// Commits a batch, and answers it in its order. Where one entry cannot be written, the batch is
    /// halved until that one fails alone, the older half first: the others do not suffer for it, and
    /// one bad entry costs a few more commits and not one for each entry.
    fn commit_and_answer(&mut self, mut batch: Vec<Job<L>>) {
        match self.commit(&batch) {
            Err(error) if is_full(&error) && batch.iter().any(|job| L::makes_room(&job.entry)) => {
                let (making, others) = batch.into_iter().partition(|job| L::makes_room(&job.entry));
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

    /// Commits entries that make room on a disk that has none.
    fn commit_with_reserve(&mut self, batch: Vec<Job<L>>) {
        let lent = self.lend_reserve();
        let outcome = self.commit(&batch);
        self.answer(batch, outcome);
        self.make_room(lent);
    }

    /// Whether the last failure was for want of room, and some is kept for that.
    fn has_lendable_room(&self) -> bool {
        self.full_at.is_some() && self.connection.reserve().is_some()
    }

    /// Gives the reserve back to the disk; returns how many bytes that is.
    fn lend_reserve(&self) -> u64 {
        self.connection.reserve().map_or(0, Reserve::lend_all)
    }

    /// Does upkeep with what was lent of the reserve, until that much can be taken back. Nothing else
    /// is written meanwhile, which would take the room that is made; more than was lent is not taken
    /// back, so that what is made is for what comes.
    fn make_room(&mut self, lent: u64) -> Option<Duration> {
        let rest = loop {
            let rest = self.tend(Room::Scarce);
            // What is in the log takes room twice.
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

    fn answer(&mut self, batch: Vec<Job<L>>, outcome: rusqlite::Result<Vec<L::Receipt>>) {
        match outcome {
            Ok(receipts) => {
                self.set_health(Health::Writing);
                for (job, receipt) in batch.into_iter().zip(receipts) {
                    (job.reply)(Ok(receipt));
                }
            }
            Err(error) => {
                let why: Arc<str> = error.to_string().into();
                self.full_at = is_full(&error).then(Instant::now);
                // Also where one entry is to blame: the next one that is written, or the probe a
                // second later, says otherwise.
                self.set_health(Health::Failing { why: Arc::clone(&why) });
                for job in batch {
                    (job.reply)(Err(Unwritten::Failed(Arc::clone(&why))));
                }
            }
        }
    }

    /// One transaction. When this returns `Ok`, the batch has been synced to disk.
    fn commit(&mut self, batch: &[Job<L>]) -> rusqlite::Result<Vec<L::Receipt>> {
        let ledger = &mut self.ledger;
        let result = transact(&mut self.connection, |connection| {
            let receipts = batch
                .iter()
                .map(|job| ledger.write(connection, &job.entry))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            ledger.seal(connection)?;
            Ok(receipts)
        });
        match &result {
            Ok(_) => self.ledger.committed(),
            Err(_) => self.ledger.rolled_back(),
        }
        result
    }

    /// Does a piece of upkeep, with the reserve where that is what the disk has left. Says how long it
    /// can be left alone now.
    fn upkeep(&mut self) -> Option<Duration> {
        let was_full = self.full_at.is_some_and(|at| at.elapsed() < SCARCE);
        let rest = self.tend(if was_full { Room::Scarce } else { Room::Plenty });
        if *self.health.borrow() != Health::Writing && self.has_lendable_room() {
            let lent = self.lend_reserve();
            return self.make_room(lent);
        }
        if let Some(reserve) = self.connection.reserve() {
            reserve.keep();
        }
        rest
    }

    fn tend(&mut self, room: Room) -> Option<Duration> {
        let ledger = &mut self.ledger;
        match transact(&mut self.connection, |connection| ledger.tend(connection, room)) {
            Ok(alone) => {
                self.ledger.committed();
                alone
            }
            Err(error) => {
                self.ledger.rolled_back();
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
        let ledger = &mut self.ledger;
        match transact(&mut self.connection, |connection| ledger.end(connection)) {
            Ok(()) => self.ledger.committed(),
            Err(error) => {
                self.ledger.rolled_back();
                tracing::warn!(%error, "the last of what was to be written could not be");
            }
        }
    }

    fn try_again(&mut self) {
        if self.has_lendable_room() && self.make_room_at <= Instant::now() {
            let lent = self.lend_reserve();
            self.make_room(lent);
        }
        let ledger = &mut self.ledger;
        match transact(&mut self.connection, |connection| ledger.probe(connection)) {
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

/// Runs `work` in one transaction; undone unless it and the commit succeed, and unless the database
/// still has its files: a commit to one that was removed succeeds, and is gone all the same.
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

/// Whether an error comes from what one entry holds, and not from the database or its disk.
fn is_of_one_entry(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                // A page is damaged that this one needs. Others may need other pages.
                | ErrorCode::DatabaseCorrupt
        ),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sqlite::{Commands, Database, Place, Schema};

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

    impl Ledger for Numbers {
        type Entry = i64;
        type Receipt = usize;

        fn write(&mut self, connection: &Connection, entry: &i64) -> rusqlite::Result<usize> {
            connection.execute("INSERT INTO n VALUES (?1)", [entry])?;
            self.batch += 1;
            Ok(*self.committed.borrow() + self.batch)
        }

        fn seal(&mut self, _: &Connection) -> rusqlite::Result<()> {
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

        fn tend(&mut self, _: &Connection, _: Room) -> rusqlite::Result<Option<Duration>> {
            Ok(None)
        }

        fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()> {
            connection.execute_batch("CREATE TABLE probe (x); DROP TABLE probe")
        }
    }

    fn start(limits: Limits) -> (Writer<Numbers>, watch::Receiver<usize>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::File(dir.path().join("n.db"));
        let (_, connection) = Database::open(&place, SCHEMA).unwrap();
        let (committed, seen) = watch::channel(0);
        let ledger = Numbers { committed, batch: 0, commits: 0 };
        let writer = Writer::start(connection, ledger, limits).unwrap();
        (writer, seen, dir)
    }

    #[test]
    fn the_thread_is_called_after_its_database() {
        let (writer, _, _dir) = start(Limits::default());
        let thread = writer.thread.lock().unwrap();
        let name = thread.as_ref().and_then(|thread| thread.thread().name().map(str::to_owned));
        drop(thread);
        assert_eq!(name.as_deref(), Some(SCHEMA.what));
    }

    /// Outcome of one batch: each entry's receipt, the rows in order, and the number of commits.
    fn settle(entries: &[i64]) -> (Vec<Result<usize, Unwritten>>, Vec<i64>, usize) {
        let (_, connection) = Database::open(&Place::Memory, SCHEMA).unwrap();
        let (committed, health) = (watch::channel(0).0, watch::channel(Health::Writing).0);
        let mut desk = Desk {
            connection,
            ledger: Numbers { committed, batch: 0, commits: 0 },
            health,
            inbox: sync_channel(1).1,
            limits: Limits { patience: Duration::MAX, ..Limits::default() },
            pulse: Arc::new(Pulse { epoch: Instant::now(), busy_since: AtomicU64::new(0) }),
            full_at: None,
            make_room_at: Instant::now(),
        };
        let bytes = Arc::new(Semaphore::new(1));
        let (batch, pending): (Vec<_>, Vec<_>) = entries
            .iter()
            .map(|&entry| {
                let (sender, pending) = Pending::channel();
                let reply = Box::new(|outcome| drop(sender.send(outcome)));
                let share = Arc::clone(&bytes).try_acquire_many_owned(0).unwrap();
                (Job { entry, reply, queued: Instant::now(), _share: share }, pending)
            })
            .unzip();
        desk.settle(batch);
        let receipts = pending.into_iter().map(Pending::blocking_receipt).collect();
        let mut rows = desk.connection.prepare("SELECT x FROM n ORDER BY rowid").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        (receipts, rows, desk.ledger.commits)
    }

    /// Checks a batch against writing each entry alone, and the bound on its commits.
    fn check_batch(entries: &[i64]) {
        let (receipts, rows, commits) = settle(entries);
        assert_eq!(receipts.len(), entries.len());
        let mut written = Vec::new();
        for (entry, receipt) in entries.iter().zip(receipts) {
            if *entry >= 0 {
                written.push(*entry);
                assert_eq!(receipt, Ok(written.len()), "{entry} of {entries:?}");
            } else {
                assert!(
                    matches!(&receipt, Err(Unwritten::Failed(why)) if why.contains("CHECK")),
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
            assert_eq!(settle(&entries).2, 10);
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
        let (writer, seen, dir) = start(Limits::default());
        let pending: Vec<_> = (0..500).map(|n| writer.submit(n, 10).unwrap()).collect();
        for (n, pending) in (1..).zip(pending) {
            assert_eq!(pending.blocking_receipt(), Ok(n));
            assert!(*seen.borrow() >= n, "told before its receipt");
        }
        writer.stop();
        assert_eq!(count(&dir), 500);
        assert_eq!(writer.submit(1, 10).unwrap_err(), Unwritten::Closed);
    }

    #[test]
    fn one_bad_entry_fails_alone() {
        let (writer, _, dir) = start(Limits::default());
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
        let limits = Limits { bytes: 0, patience: Duration::ZERO, ..Limits::default() };
        let (writer, _, dir) = start(limits);
        assert_eq!(writer.submit(1, 100).unwrap().blocking_receipt(), Err(Unwritten::Late));
        writer.stop();
        assert_eq!(count(&dir), 0);
    }

    #[test]
    fn a_hung_up_sender_cancels_nothing() {
        let (writer, _, dir) = start(Limits::default());
        drop(writer.submit(1, 1).unwrap());
        writer.stop();
        assert_eq!(count(&dir), 1);
    }

    #[test]
    fn a_database_that_works_again_is_noticed_without_traffic() {
        let (writer, _, dir) = start(Limits::default());
        let other = Connection::open(dir.path().join("n.db")).unwrap();
        other.execute_batch("ALTER TABLE n RENAME TO away").unwrap();
        assert!(matches!(
            writer.submit(1, 1).unwrap().blocking_receipt(),
            Err(Unwritten::Failed(_))
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

    /// Waits until the health is as `wanted`, without traffic.
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
            let (writer, _, dir) = start(Limits::default());
            assert_eq!(writer.submit(1, 1).unwrap().blocking_receipt(), Ok(1));
            let name = dir.path().join(format!("n.db{ending}"));
            let aside = dir.path().join("aside");

            // The first that comes learns it, not the first a second later.
            std::fs::rename(&name, &aside).unwrap();
            let outcome = writer.submit(2, 1).unwrap().blocking_receipt();
            let Err(Unwritten::Failed(why)) = outcome else { panic!("{ending}: {outcome:?}") };
            let said =
                format!("its file {} was removed or moved away: put it back", name.display());
            assert!(why.starts_with(&said), "{why}");

            // Put back: as if nothing had been.
            std::fs::rename(&aside, &name).unwrap();
            until(&writer, |health| *health == Health::Writing);
            assert_eq!(writer.submit(3, 1).unwrap().blocking_receipt(), Ok(2));

            // Replaced, while nothing comes.
            std::fs::copy(&name, &aside).unwrap();
            std::fs::rename(&aside, &name).unwrap();
            let health = until(&writer, |health| *health != Health::Writing);
            let said = |why: &str| why.contains(" was replaced by another one: ");
            assert!(matches!(&health, Health::Failing { why } if said(why)), "{health:?}");
            let outcome = writer.submit(4, 1).unwrap().blocking_receipt();
            assert!(matches!(outcome, Err(Unwritten::Failed(_))), "{ending}: {outcome:?}");

            // Removed, while nothing comes.
            std::fs::remove_file(&name).unwrap();
            let said = |why: &str| why.contains(" was removed or moved away: ");
            until(&writer, |health| matches!(health, Health::Failing { why } if said(why)));
        }
    }

    #[test]
    fn a_removed_log_costs_nothing_that_was_answered() {
        let (writer, _, dir) = start(Limits::default());
        for n in 0..3 {
            writer.submit(n, 1).unwrap().blocking_receipt().unwrap();
        }
        std::fs::remove_file(dir.path().join("n.db-wal")).unwrap();
        until(&writer, |health| *health != Health::Writing);
        writer.stop();
        assert_eq!(count(&dir), 3);
    }
}
