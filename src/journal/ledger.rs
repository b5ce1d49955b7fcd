//! What the journal's thread writes: a batch of deliveries with their states, refusals, notes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::sync::watch;

use super::feed::Marks;
use super::memory::Memory;
use super::schema::{self, Meta};
use super::{notes, prune, refusals, rows};
use crate::callback::Listed;
use crate::callback::{Accepted, Outcome};
use crate::sqlite;

/// How often old deliveries are looked for, where the user wants them deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// One thing to be written.
pub(super) enum Entry {
    Delivery(Box<Accepted>),
    Refusals(Vec<Listed>),
    Name { asset_id: String, name: Option<String> },
    Acknowledge { asset_id: String, version_id: Option<String>, at: Option<Timestamp> },
}

pub(super) struct Ledger {
    memory: Memory,
    keep: Option<SignedDuration>,
    /// How far the journal will go when the open transaction is committed.
    marks: Marks,
    committed: watch::Sender<Marks>,
    /// The time of the open transaction.
    now: Option<Timestamp>,
    refusals_written: bool,
}

impl Ledger {
    pub(super) fn new(
        connection: &Connection,
        keep: Option<SignedDuration>,
    ) -> rusqlite::Result<(Self, watch::Receiver<Marks>)> {
        let marks = schema::marks(connection)?;
        let (committed, receiver) = watch::channel(marks);
        let memory = Memory::default();
        let ledger = Self { memory, keep, marks, committed, now: None, refusals_written: false };
        Ok((ledger, receiver))
    }

    fn append(&mut self, connection: &Connection, accepted: &Accepted) -> rusqlite::Result<u64> {
        // At the precision of the row: a fold from scratch has to see the same times.
        let at = rows::stored(accepted.request.received_at);
        let outcome = match accepted.callback.subject() {
            Some(subject) => self.memory.fold(connection, &subject, at, accepted.fingerprint)?,
            None => Outcome::NONE,
        };
        let committed_at = *self.now.get_or_insert_with(Timestamp::now);
        let seq = self.marks.head + 1;
        rows::insert_delivery(connection, seq, committed_at, accepted, outcome)?;
        self.marks.head = seq;
        Ok(seq)
    }
}

impl sqlite::Ledger for Ledger {
    type Entry = Entry;
    /// The `seq` of the newest delivery: the entry's own, where it is one.
    type Receipt = u64;

    fn write(&mut self, connection: &Connection, entry: &Entry) -> rusqlite::Result<u64> {
        match entry {
            Entry::Delivery(accepted) => self.append(connection, accepted),
            Entry::Refusals(listed) => {
                for listed in listed {
                    self.marks.refusals += 1;
                    refusals::write(connection, self.marks.refusals, listed)?;
                }
                self.refusals_written = true;
                Ok(self.marks.head)
            }
            Entry::Name { asset_id, name } => {
                notes::name(connection, asset_id, name.as_deref())?;
                Meta::Notes.add(connection, 1)?;
                Ok(self.marks.head)
            }
            Entry::Acknowledge { asset_id, version_id, at } => {
                notes::acknowledge(connection, asset_id, version_id.as_deref(), *at)?;
                Meta::Notes.add(connection, 1)?;
                Ok(self.marks.head)
            }
        }
    }

    fn seal(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if std::mem::take(&mut self.refusals_written) {
            refusals::trim(connection)?;
        }
        self.memory.write(connection)
    }

    fn committed(&mut self) {
        self.now = None;
        self.memory.trim();
        self.committed.send_if_modified(|marks| {
            let further = *marks != self.marks;
            *marks = self.marks;
            further
        });
    }

    fn rolled_back(&mut self) {
        self.now = None;
        self.refusals_written = false;
        self.memory.forget();
        self.marks = *self.committed.borrow();
    }

    fn tend(&mut self, connection: &Connection) -> rusqlite::Result<Option<Duration>> {
        let Some(keep) = self.keep else { return Ok(None) };
        let Ok(cutoff) = Timestamp::now().checked_sub(keep) else { return Ok(None) };
        let slice = prune::slice(connection, cutoff)?;
        self.marks.pruned += slice.pruned.deliveries as u64;
        // What is held in memory must not outlive what was just deleted.
        self.memory.forget();
        Ok(Some(if slice.more { Duration::ZERO } else { PRUNE_EVERY }))
    }

    fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        Meta::Probe.write(connection, 1)
    }
}
