//! What the journal's thread writes: a batch of deliveries with their states, refusals, notes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::sync::watch;

use super::feed::Marks;
use super::memory::Memory;
use super::relayed::{self, Places, Turn};
use super::schema::{self, Meta};
use super::{notes, prune, refusals, rows};
use crate::callback::{Accepted, Gap, Listed, MessagePosition, Outcome};
use crate::sqlite::{BatchHandler, Room};

/// How often old deliveries are looked for, where the user wants them deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// One thing to be written.
pub(super) enum Entry {
    Delivery(Box<Accepted>),
    /// A subscription to a relay begins behind a number, under this label where it is no longer the
    /// one that it was resumed from.
    Subscribed {
        relay: Arc<str>,
        after: u64,
        anew: Option<u64>,
    },
    /// A message of a relay.
    Relayed(MessagePosition, Relayed),
    Refusals(Vec<Listed>),
    Name {
        asset_id: String,
        name: Option<String>,
    },
    Acknowledge {
        asset_id: String,
        version_id: Option<String>,
        at: Option<Timestamp>,
    },
}

/// What came from a relay.
#[derive(Debug, Clone)]
pub enum Relayed {
    /// A delivery that was let in.
    Accepted(Box<Accepted>),
    /// A delivery that was not: only passed by.
    Refused,
    /// What is missing.
    Gap(Gap),
}

/// What an entry came to, in the transaction that was committed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    /// The `seq` of the newest delivery: the entry's own, where it is one. Of what concerns a relay,
    /// how far its subscription is.
    at: u64,
    /// Whether the entry was written now: not so for a message of a relay that had been taken over
    /// before, or whose turn it was not.
    new: bool,
}

impl From<Receipt> for u64 {
    fn from(receipt: Receipt) -> Self {
        receipt.at
    }
}

/// The receipt of a message of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayReceipt {
    /// The number up to which everything of the subscription is on disk. One that is lower than the
    /// message's own says that it was not its turn.
    pub upto: u64,
    /// Whether it was taken over now, and not before.
    pub new: bool,
}

impl From<Receipt> for RelayReceipt {
    fn from(Receipt { at, new }: Receipt) -> Self {
        Self { upto: at, new }
    }
}

pub(super) struct Ledger {
    memory: Memory,
    places: Places,
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
        let places = Places::default();
        let ledger =
            Self { memory, places, keep, marks, committed, now: None, refusals_written: false };
        Ok((ledger, receiver))
    }

    fn append(&mut self, connection: &Connection, accepted: &Accepted) -> rusqlite::Result<u64> {
        // At the precision of the row: a fold from scratch has to see the same times.
        let at = rows::stored(accepted.request.received_at);
        let outcome = match accepted.callback.subject() {
            Some(subject) => {
                let Accepted { fingerprint, verdict, .. } = accepted;
                let provenance = verdict.provenance();
                self.memory.fold(connection, &subject, at, *fingerprint, provenance)?
            }
            None => Outcome::NONE,
        };
        let committed_at = *self.now.get_or_insert_with(Timestamp::now);
        let seq = self.marks.head + 1;
        rows::insert_delivery(connection, seq, committed_at, accepted, outcome)?;
        self.marks.head = seq;
        Ok(seq)
    }

    /// Takes a message of a relay over, in its turn.
    fn take_over(
        &mut self,
        connection: &Connection,
        position: &MessagePosition,
        relayed: &Relayed,
    ) -> rusqlite::Result<Receipt> {
        let new = self.places.pass(connection, position)? == Turn::New;
        if new {
            match relayed {
                Relayed::Accepted(accepted) => {
                    self.append(connection, accepted)?;
                }
                Relayed::Refused => {}
                Relayed::Gap(gap) => {
                    self.marks.gaps += 1;
                    relayed::write_gap(connection, self.marks.gaps, gap)?;
                }
            }
        }
        Ok(Receipt { at: self.places.at(&position.relay), new })
    }
}

impl BatchHandler for Ledger {
    type Entry = Entry;
    type Receipt = Receipt;

    fn write(&mut self, connection: &Connection, entry: &Entry) -> rusqlite::Result<Receipt> {
        let at = match entry {
            Entry::Delivery(accepted) => self.append(connection, accepted)?,
            Entry::Subscribed { relay, after, anew } => {
                self.places.begin(connection, relay, *after, *anew)?
            }
            Entry::Relayed(position, relayed) => {
                return self.take_over(connection, position, relayed);
            }
            Entry::Refusals(listed) => {
                for listed in listed {
                    self.marks.refusals += 1;
                    refusals::write(connection, self.marks.refusals, listed)?;
                }
                self.refusals_written = true;
                self.marks.head
            }
            Entry::Name { asset_id, name } => {
                notes::name(connection, asset_id, name.as_deref())?;
                Meta::Notes.add(connection, 1)?;
                self.marks.head
            }
            Entry::Acknowledge { asset_id, version_id, at } => {
                notes::acknowledge(connection, asset_id, version_id.as_deref(), *at)?;
                Meta::Notes.add(connection, 1)?;
                self.marks.head
            }
        };
        Ok(Receipt { at, new: true })
    }

    fn before_commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if std::mem::take(&mut self.refusals_written) {
            refusals::trim(connection)?;
        }
        self.places.write(connection)?;
        self.memory.write(connection)
    }

    fn committed(&mut self) {
        self.now = None;
        self.memory.trim();
        self.places.trim();
        self.committed.send_if_modified(|marks| {
            let further = *marks != self.marks;
            *marks = self.marks;
            further
        });
    }

    fn rolled_back(&mut self) {
        self.now = None;
        self.refusals_written = false;
        self.places.forget();
        self.memory.forget();
        self.marks = *self.committed.borrow();
    }

    fn maintain(&mut self, connection: &Connection, _: Room) -> rusqlite::Result<Option<Duration>> {
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
