//! Owns the writes of the relay's store and its maintenance: the [`sqlite::BatchHandler`] of the
//! writer's thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::damage::{self, Damage, Piece};
use super::epochs::{self, ResumePoint};
use super::log::OVERHEAD;
use super::registry::{InboxId, Registry};
use super::schema::{place, unsigned};
use super::usage::{Announce, InboxUsage, Usages};
use super::{
    Arrival, Caps, InboxPruneCounts, Issued, LogError, SubscriptionStart, prune, queries, secret,
};
use crate::relay::protocol::{Epoch, GapReason, ReaderName, Resume};
use crate::sqlite::{self, Room};

/// Interval of maintenance while there is nothing to delete.
const MAINTAIN_EVERY: Duration = Duration::from_secs(10);
/// Maximum number of deliveries that a maintenance step deletes, so that arrivals do not wait long.
const SLICE: u16 = 500;
/// Maximum number of pages that a maintenance step returns to the disk.
const PAGES: u32 = 1000;
/// The same on a full disk: few enough to be written with the store's reserve.
const SCARCE_SLICE: u16 = 20;
const SCARCE_PAGES: u32 = 32;

/// One write.
pub(super) enum Write {
    Append(InboxId, Box<Arrival>),
    Attach {
        inbox: InboxId,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
        /// The oldest delivery, as a reading connection found it: it may be deleted by now.
        oldest: u64,
    },
    Ack {
        inbox: InboxId,
        reader: ReaderName,
        seq: u64,
    },
    Touch {
        inbox: InboxId,
        reader: ReaderName,
    },
    /// Writes the refusals that the registry has counted.
    Count,
    /// The URL at which the relay is reached.
    Reached(String),
    Create(Box<Issued>),
    /// Replaces the keys; the old publish id stays valid until the time, if one is given.
    Rotate(InboxId, Box<Issued>, Option<Timestamp>),
    Revoke(InboxId),
    Forget {
        inbox: InboxId,
        reader: ReaderName,
    },
    /// Deletes a slice of deliveries for an operator, see [`prune`].
    Prune {
        inbox: InboxId,
        before: Option<Timestamp>,
        limit: u16,
    },
}

impl Write {
    /// Returns its approximate size in the queue, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Append(_, arrival) => arrival.size(),
            _ => OVERHEAD,
        }
    }
}

/// The result of a write.
pub(super) enum StoreReceipt {
    Kept(u64),
    Start(SubscriptionStart),
    Done,
    /// A slice was deleted; whether there may be more to delete.
    Pruned(InboxPruneCounts, bool),
    Refused(LogError),
}

/// A change to the registry, applied when the transaction is committed.
enum RegistryChange {
    Created(InboxId, Box<Issued>),
    Rekeyed(InboxId, Box<Issued>, Option<Timestamp>),
    Revoked(InboxId),
    Forgotten(InboxId),
    Numbers(InboxId, InboxUsage),
}

pub(super) struct StoreHandler {
    registry: Arc<Registry>,
    caps: Caps,
    /// The epoch of this run.
    run: Epoch,
    usages: Usages,
    /// Whether anything was written in this transaction.
    begun: bool,
    changes: Vec<RegistryChange>,
    /// Refusals that this transaction took from the registry.
    refused: HashMap<InboxId, u64>,
}

impl StoreHandler {
    pub(super) fn new(registry: Arc<Registry>, damage: Damage, caps: Caps, run: Epoch) -> Self {
        Self {
            registry,
            caps,
            run,
            usages: Usages::new(damage),
            begun: false,
            changes: Vec::new(),
            refused: HashMap::new(),
        }
    }

    fn append(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        arrival: &Arrival,
    ) -> rusqlite::Result<StoreReceipt> {
        let Some(usage) = self.usages.get(connection, inbox)? else {
            return Ok(StoreReceipt::Refused(LogError::NoInbox));
        };
        label(connection, self.run, inbox, usage)?;
        let size = arrival.size() as u64;
        let entered = (size, arrival.verified);
        let now = arrival.received_at;
        let seq = self.usages.enter(connection, &self.caps, inbox, entered, now)?;
        let Some(seq) = seq else { return Ok(StoreReceipt::Refused(LogError::Full)) };
        let headers = serde_json::to_string(&arrival.headers)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        connection
            .prepare_cached(
                "INSERT INTO delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                place(inbox, seq),
                arrival.received_at.as_microsecond(),
                arrival.verified,
                super::schema::signed(size),
                &arrival.method,
                &arrival.tail,
                &arrival.query,
                headers,
                &arrival.peer,
                &arrival.body,
            ))?;
        Ok(StoreReceipt::Kept(seq))
    }

    fn attach(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        reader: Option<&ReaderName>,
        resume: Option<Resume>,
        oldest: u64,
    ) -> rusqlite::Result<StoreReceipt> {
        let Some(usage) = self.usages.get(connection, inbox)? else {
            return Ok(StoreReceipt::Refused(LogError::NoInbox));
        };
        let acked = match reader {
            Some(reader) => queries::acked(connection, inbox, reader.as_str())?,
            None => None,
        };
        if reader.is_some()
            && acked.is_none()
            && queries::readers(connection, inbox)? >= self.caps.readers
        {
            return Ok(StoreReceipt::Refused(LogError::TooManyReaders(self.caps.readers)));
        }
        label(connection, self.run, inbox, usage)?;
        let head = usage.head;
        let retained_from = oldest.min(head + 1);
        epochs::trim(connection, inbox, retained_from)?;
        let new = || secret::epoch().ok().map(Epoch);
        let known = (resume, acked);
        let Some(begun) = epochs::begin(connection, inbox, (head, retained_from), known, new)?
        else {
            return Ok(StoreReceipt::Refused(LogError::Random));
        };
        let ResumePoint { after, resumed, epoch } = begun;
        if let Some(reader) = reader {
            let now = Timestamp::now();
            queries::note_reader(connection, inbox, reader.as_str(), after, now)?;
        }
        let touch_every = self.caps.touch_every();
        Ok(StoreReceipt::Start(SubscriptionStart {
            epoch,
            head,
            retained_from,
            after,
            resumed,
            touch_every,
        }))
    }

    fn create(
        &mut self,
        connection: &Connection,
        issued: &Issued,
    ) -> rusqlite::Result<StoreReceipt> {
        if self.registry.len() >= self.caps.inboxes {
            return Ok(StoreReceipt::Refused(LogError::TooManyInboxes(self.caps.inboxes)));
        }
        let taken = connection
            .prepare_cached("SELECT 1 FROM inbox WHERE name = ?1")?
            .exists([&issued.name])?;
        if taken {
            return Ok(StoreReceipt::Refused(LogError::NameTaken(issued.name.clone())));
        }
        connection
            .prepare_cached(
                "INSERT INTO inbox (name, publish_id, token_key, token_hash, created_at, identity)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                &issued.name,
                &issued.publish_id,
                issued.token.key(),
                issued.token.hash().0,
                Timestamp::now().as_microsecond(),
                issued.identity.0.to_be_bytes(),
            ))?;
        let id = connection.last_insert_rowid();
        self.changes.push(RegistryChange::Created(id, Box::new(issued.clone())));
        Ok(StoreReceipt::Done)
    }

    fn rotate(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        issued: &Issued,
        old_until: Option<Timestamp>,
    ) -> rusqlite::Result<StoreReceipt> {
        if let Some(until) = old_until {
            queries::keep_publish_id(connection, inbox, until)?;
        }
        let changed = connection
            .prepare_cached(
                "UPDATE inbox SET publish_id = ?2, token_key = ?3, token_hash = ?4, rotated_at = ?5
                 WHERE id = ?1 AND revoked_at IS NULL",
            )?
            .execute((
                inbox,
                &issued.publish_id,
                issued.token.key(),
                issued.token.hash().0,
                Timestamp::now().as_microsecond(),
            ))?;
        if changed == 0 {
            return Ok(StoreReceipt::Refused(LogError::NoInbox));
        }
        self.changes.push(RegistryChange::Rekeyed(inbox, Box::new(issued.clone()), old_until));
        Ok(StoreReceipt::Done)
    }

    fn revoke(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
    ) -> rusqlite::Result<StoreReceipt> {
        // The name is free at once; the deliveries are deleted in slices. No inbox name contains a
        // #.
        let changed = connection
            .prepare_cached(
                "UPDATE inbox SET revoked_at = ?2, name = name || '#' || id
                 WHERE id = ?1 AND revoked_at IS NULL",
            )?
            .execute((inbox, Timestamp::now().as_microsecond()))?;
        if changed == 0 {
            return Ok(StoreReceipt::Refused(LogError::NoInbox));
        }
        self.usages.forget(inbox);
        self.changes.push(RegistryChange::Revoked(inbox));
        Ok(StoreReceipt::Done)
    }

    /// Deletes a slice of the deliveries that are too old; returns whether there may be more.
    fn expire(
        &mut self,
        connection: &Connection,
        slice: u16,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let Ok(cutoff) = now.checked_sub(self.caps.age) else { return Ok(false) };
        let old: Vec<i64> = self.usages.passed.unless_damaged(Piece::Old, |passed| {
            connection
                .prepare_cached(queries::OLDER_THAN)?
                .query_map([cutoff.as_microsecond()], |row| row.get(0))?
                .filter(|found| !matches!(found, Ok(place) if passed.has(Piece::Delivery(*place))))
                .take(slice.into())
                .collect()
        })?;
        let more = old.len() == usize::from(slice);
        for place in old {
            self.usages.discard(connection, place, GapReason::Age, now)?;
        }
        Ok(more)
    }

    /// Deletes a slice of a closed inbox; returns whether there may be more.
    fn purge(&mut self, connection: &Connection, slice: u16) -> rusqlite::Result<bool> {
        let closed: Option<i64> = connection
            .prepare_cached("SELECT min(id) FROM inbox WHERE revoked_at IS NOT NULL")?
            .query_row([], |row| row.get(0))?;
        let Some(inbox) = closed else { return Ok(false) };
        let deleted = self.usages.passed.unless_damaged(Piece::Closed(inbox), |_| {
            connection
                .prepare_cached(
                    "DELETE FROM delivery WHERE place IN (
                         SELECT place FROM delivery WHERE place > ?1 AND place < ?2 LIMIT ?3)",
                )?
                .execute((place(inbox, 0), place(inbox + 1, 0), slice))
        })?;
        if deleted < usize::from(slice) {
            for table in ["gap", "label", "reader", "old_publish_id"] {
                connection.execute(&format!("DELETE FROM {table} WHERE inbox = ?1"), [inbox])?;
            }
            connection.execute("DELETE FROM inbox WHERE id = ?1", [inbox])?;
            self.usages.forget(inbox);
        }
        Ok(true)
    }

    /// Announces refusals and writes the changed usages.
    fn announce_and_write(
        &mut self,
        connection: &Connection,
        announce: Announce,
    ) -> rusqlite::Result<()> {
        let run = self.run;
        self.refused = self.registry.take_refused();
        let now = Timestamp::now();
        for (inbox, count) in &self.refused {
            self.usages.refuse(connection, *inbox, *count, now)?;
        }
        let changed =
            self.usages.before_commit(connection, announce, now, |connection, inbox, usage| {
                label(connection, run, inbox, usage)
            })?;
        self.changes.extend(
            changed.into_iter().map(|(inbox, usage)| RegistryChange::Numbers(inbox, usage)),
        );
        Ok(())
    }
}

impl StoreHandler {
    fn write_once(
        &mut self,
        connection: &Connection,
        entry: &Write,
    ) -> rusqlite::Result<StoreReceipt> {
        match entry {
            Write::Append(inbox, arrival) => self.append(connection, *inbox, arrival),
            Write::Attach { inbox, reader, resume, oldest } => {
                self.attach(connection, *inbox, reader.as_ref(), *resume, *oldest)
            }
            Write::Ack { inbox, reader, seq } => {
                let Some(usage) = self.usages.get(connection, *inbox)? else {
                    return Ok(StoreReceipt::Refused(LogError::NoInbox));
                };
                let (seq, now) = ((*seq).min(usage.head), Timestamp::now());
                queries::ack(connection, *inbox, reader.as_str(), seq, now).map(known)
            }
            // Written before the commit.
            Write::Count => Ok(StoreReceipt::Done),
            Write::Reached(base) => {
                connection.execute("INSERT OR REPLACE INTO reached VALUES (1, ?1)", [base])?;
                Ok(StoreReceipt::Done)
            }
            Write::Touch { inbox, reader } => {
                queries::touch(connection, *inbox, reader.as_str(), Timestamp::now()).map(known)
            }
            Write::Forget { inbox, reader } => {
                let known = queries::forget(connection, *inbox, reader.as_str()).map(known)?;
                self.changes.push(RegistryChange::Forgotten(*inbox));
                Ok(known)
            }
            Write::Prune { inbox, before, limit } => {
                let (inbox, now) = (*inbox, Timestamp::now());
                if self.usages.get(connection, inbox)?.is_none() {
                    return Ok(StoreReceipt::Refused(LogError::NoInbox));
                }
                prune::slice(connection, &mut self.usages, inbox, *before, *limit, now)
                    .map(|(pruned, more)| StoreReceipt::Pruned(pruned, more))
            }
            Write::Create(issued) => self.create(connection, issued),
            Write::Rotate(inbox, issued, old_until) => {
                self.rotate(connection, *inbox, issued, *old_until)
            }
            Write::Revoke(inbox) => self.revoke(connection, *inbox),
        }
    }

    /// Returns whether a retry may succeed: the write met damage that was unknown before.
    fn may_pass(&self, error: &rusqlite::Error, known: usize) -> bool {
        damage::is_damage(error) && self.usages.passed.count() > known
    }

    /// Begins another transaction, because one that has met damage cannot write any more.
    fn begin_anew(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        sqlite::BatchHandler::rolled_back(self);
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        connection.execute_batch("BEGIN IMMEDIATE")?;
        self.begun = true;
        Ok(())
    }

    fn maintain_once(
        &mut self,
        connection: &Connection,
        room: Room,
    ) -> rusqlite::Result<Option<Duration>> {
        let now = Timestamp::now();
        let (slice, pages) = match room {
            Room::Plenty => (SLICE, PAGES),
            Room::Scarce => (SCARCE_SLICE, SCARCE_PAGES),
        };
        let mut more = self.expire(connection, slice, now)? | self.purge(connection, slice)?;
        let passed = &mut self.usages.passed;
        if let Ok(cutoff) = now.checked_sub(self.caps.absence) {
            passed.unless_damaged(Piece::Absent, |_| {
                connection.prepare_cached(queries::ABSENT)?.execute([cutoff.as_microsecond()])
            })?;
        }
        passed.unless_damaged(Piece::Urls, |_| {
            connection.prepare_cached(queries::OLD_PUBLISH_IDS)?.execute([now.as_microsecond()])
        })?;
        sqlite::BatchHandler::before_commit(self, connection)?;
        self.usages.passed.unless_damaged(Piece::Room, |_| give_back(connection, pages))?;
        // Only pages that are returned to the disk free space.
        more |= room == Room::Scarce && unused(connection)? > 0;
        Ok(Some(if more { Duration::ZERO } else { MAINTAIN_EVERY }))
    }
}

impl sqlite::BatchHandler for StoreHandler {
    type Entry = Write;
    type Receipt = StoreReceipt;

    fn write(&mut self, connection: &Connection, entry: &Write) -> rusqlite::Result<StoreReceipt> {
        let is_first = !std::mem::replace(&mut self.begun, true);
        loop {
            let known = self.usages.passed.count();
            match self.write_once(connection, entry) {
                // A retry here would undo the entries before it: the writer retries it alone.
                Err(error) if is_first && self.may_pass(&error, known) => {
                    self.begin_anew(connection)?;
                }
                outcome => return outcome,
            }
        }
    }

    fn makes_room(entry: &Write) -> bool {
        matches!(entry, Write::Forget { .. } | Write::Revoke(_) | Write::Prune { .. })
    }

    fn before_commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.announce_and_write(connection, Announce::WhenDue)
    }

    fn end(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.announce_and_write(connection, Announce::Now)
    }

    fn committed(&mut self) {
        self.begun = false;
        self.refused.clear();
        self.usages.committed();
        for change in self.changes.drain(..) {
            match change {
                RegistryChange::Created(id, issued) => {
                    self.registry.add(id, &issued);
                }
                RegistryChange::Rekeyed(id, issued, until) => {
                    self.registry.rekey(id, &issued.publish_id, &issued.token, until);
                }
                RegistryChange::Revoked(id) => self.registry.remove(id),
                RegistryChange::Forgotten(id) => {
                    if let Some(inbox) = self.registry.by_id(id) {
                        inbox.tell(|state| state.forgotten += 1);
                    }
                }
                RegistryChange::Numbers(id, usage) => {
                    if let Some(inbox) = self.registry.by_id(id) {
                        inbox.count.store(usage.count, Relaxed);
                        inbox.bytes.store(usage.bytes, Relaxed);
                        inbox.tell(|state| state.head = usage.head);
                    }
                }
            }
        }
    }

    fn rolled_back(&mut self) {
        self.begun = false;
        self.changes.clear();
        for (inbox, count) in self.refused.drain().chain(self.usages.forget_all()) {
            self.registry.refuse(inbox, count);
        }
    }

    fn maintain(
        &mut self,
        connection: &Connection,
        room: Room,
    ) -> rusqlite::Result<Option<Duration>> {
        loop {
            let known = self.usages.passed.count();
            match self.maintain_once(connection, room) {
                Err(error) if self.may_pass(&error, known) => self.begin_anew(connection)?,
                outcome => return outcome,
            }
        }
    }

    fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute("INSERT OR REPLACE INTO probe VALUES (1, 1)", []).map(drop)
    }
}

/// Returns the answer for a named reader that exists or not.
const fn known(reader: bool) -> StoreReceipt {
    if reader { StoreReceipt::Done } else { StoreReceipt::Refused(LogError::NoReader) }
}

/// Returns the number of unused pages in the file.
fn unused(connection: &Connection) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, "freelist_count", |row| row.get(0)).map(unsigned)
}

/// Returns at most this many unused pages to the disk.
fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Labels new deliveries with this run's epoch, once per inbox and run.
fn label(
    connection: &Connection,
    run: Epoch,
    inbox: InboxId,
    usage: &mut InboxUsage,
) -> rusqlite::Result<()> {
    if !usage.labelled {
        epochs::begin_run(connection, inbox, usage.head, run)?;
        usage.labelled = true;
    }
    Ok(())
}
