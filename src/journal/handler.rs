//! Writes batches on the journal's thread: deliveries with their states, refusals and notes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::sync::watch;

use super::relayed::{self, Sequencing, Subscriptions};
use super::schema::{self, Meta};
use super::state_cache::{Folded, StateCache};
use super::watermarks::Watermarks;
use super::{forwards, listings, notes, prune, refusals, rows};
use crate::callback::{
    Accepted, AssetReport, Fingerprint, Gap, Headers, ImportedDelivery, MessagePosition, Outcome,
    Received, RefusalEntry, Source, Verdict,
};
use crate::forward::ForwardBatch;
use crate::sqlite::{BatchHandler, Room};
use crate::timeline::Expectation;

/// Interval of deleting old deliveries, if the user wants them deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// One write to the journal.
pub(super) enum JournalEntry {
    Delivery(Box<Accepted>),
    /// Begins a subscription to a relay after a number, with the label `anew` if it does not continue
    /// from the stored position.
    Subscribed {
        relay: Arc<str>,
        after: u64,
        anew: Option<u64>,
    },
    /// A message of a relay.
    Relayed(MessagePosition, Relayed),
    Refusals(Vec<RefusalEntry>),
    /// What forwarding to a target begins and has ended.
    Forward(Arc<ForwardBatch>),
    /// A delivery of a capture.
    Imported(Box<ImportedDelivery>),
    /// A gap of a capture.
    ImportedGap(Gap),
    /// An answer of the service's API.
    Report(Box<AssetReport>),
    /// Whether the service's API does not know an asset.
    Foreign {
        asset_id: String,
        is_foreign: bool,
    },
    Name {
        asset_id: String,
        name: Option<String>,
    },
    Expect {
        asset_id: String,
        expected: Option<Expectation>,
    },
    Acknowledge {
        asset_id: String,
        version_id: Option<String>,
        at: Option<Timestamp>,
    },
}

/// The content of a message of a relay.
#[derive(Debug, Clone)]
pub enum Relayed {
    /// An accepted delivery.
    Accepted(Box<Accepted>),
    /// A refused delivery: only the position advances.
    Refused,
    /// A gap.
    Gap(Gap),
}

/// The result of an entry in the committed transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct JournalReceipt {
    /// The `seq` of the newest delivery: for a delivery its own. For an entry of a relay, the number of
    /// the last message of its subscription.
    at: u64,
    /// Whether the entry was written now: `false` for a message of a relay that was written before, or
    /// that is out of sequence, and for an answer of the API that changes nothing.
    new: bool,
}

impl From<JournalReceipt> for u64 {
    fn from(receipt: JournalReceipt) -> Self {
        receipt.at
    }
}

/// The receipt of a message of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayReceipt {
    /// The number up to which the subscription is complete on disk. If it is lower than the message's
    /// own, the message was out of sequence.
    pub upto: u64,
    /// Whether it was written now, and not before.
    pub new: bool,
}

impl From<JournalReceipt> for RelayReceipt {
    fn from(JournalReceipt { at, new }: JournalReceipt) -> Self {
        Self { upto: at, new }
    }
}

/// The receipt of an answer of the service's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportReceipt {
    /// Whether it changed anything.
    pub has_changed: bool,
}

impl From<JournalReceipt> for ReportReceipt {
    fn from(JournalReceipt { new, .. }: JournalReceipt) -> Self {
        Self { has_changed: new }
    }
}

pub(super) struct JournalHandler {
    pub(super) states: StateCache,
    subscriptions: Subscriptions,
    keep: Option<SignedDuration>,
    /// How far the journal will go when the open transaction is committed.
    pub(super) watermarks: Watermarks,
    committed: watch::Sender<Watermarks>,
    /// The time of the open transaction.
    pub(super) now: Option<Timestamp>,
    refusals_written: bool,
}

impl JournalHandler {
    pub(super) fn new(
        connection: &Connection,
        keep: Option<SignedDuration>,
    ) -> rusqlite::Result<(Self, watch::Receiver<Watermarks>)> {
        let watermarks = schema::watermarks(connection)?;
        let (committed, receiver) = watch::channel(watermarks);
        let states = StateCache::default();
        let subscriptions = Subscriptions::default();
        let handler = Self {
            states,
            subscriptions,
            keep,
            watermarks,
            committed,
            now: None,
            refusals_written: false,
        };
        Ok((handler, receiver))
    }

    pub(super) fn append(
        &mut self,
        connection: &Connection,
        accepted: &Accepted,
    ) -> rusqlite::Result<u64> {
        // At the precision of the row: a fold from scratch has to see the same times.
        let at = rows::stored(accepted.request.received_at);
        let outcome = match accepted.callback.subject() {
            Some(subject) => {
                let Accepted { fingerprint, verdict, .. } = accepted;
                let provenance = verdict.provenance();
                self.states.fold(connection, &subject, at, *fingerprint, provenance)?
            }
            None => Outcome::NONE,
        };
        let committed_at = *self.now.get_or_insert_with(Timestamp::now);
        let seq = self.watermarks.head + 1;
        rows::insert_delivery(connection, seq, committed_at, accepted, outcome)?;
        self.watermarks.head = seq;
        Ok(seq)
    }

    /// Writes an answer of the service's API: a row for each version that it changes. Returns whether
    /// there was anything to write.
    fn report(&mut self, connection: &Connection, report: &AssetReport) -> rusqlite::Result<bool> {
        let at = rows::stored(report.asked_at);
        let head = self.watermarks.head;
        for status in &report.versions {
            let (outcome, state) = match self.states.fold_report(connection, status, at)? {
                Folded { outcome, state, has_changed: true } => (outcome, state),
                Folded { has_changed: false, .. } => continue,
            };
            let answer = Accepted {
                request: Received {
                    received_at: at,
                    source: Source::Api,
                    peer: report.host.clone(),
                    method: "GET".to_owned(),
                    path: report.path.clone(),
                    headers: Headers::default(),
                    body: status.write(),
                },
                verdict: Verdict::Api,
                callback: status.callback(state),
                fingerprint: Fingerprint::default(),
            };
            let committed_at = *self.now.get_or_insert_with(Timestamp::now);
            let seq = self.watermarks.head + 1;
            rows::insert_delivery(connection, seq, committed_at, &answer, outcome)?;
            self.watermarks.head = seq;
        }
        let is_listed = listings::note(connection, report)?;
        if is_listed {
            Meta::Notes.add(connection, 1)?;
        }
        Ok(is_listed || self.watermarks.head > head)
    }

    /// Writes a message of a relay, if it is in sequence.
    fn take_over(
        &mut self,
        connection: &Connection,
        position: &MessagePosition,
        relayed: &Relayed,
    ) -> rusqlite::Result<JournalReceipt> {
        let new = self.subscriptions.pass(connection, position)? == Sequencing::New;
        if new {
            match relayed {
                Relayed::Accepted(accepted) => {
                    self.append(connection, accepted)?;
                }
                Relayed::Refused => {}
                Relayed::Gap(gap) => {
                    self.watermarks.gaps += 1;
                    relayed::write_gap(connection, self.watermarks.gaps, gap)?;
                }
            }
        }
        Ok(JournalReceipt { at: self.subscriptions.at(&position.relay), new })
    }
}

impl BatchHandler for JournalHandler {
    type Entry = JournalEntry;
    type Receipt = JournalReceipt;

    fn write(
        &mut self,
        connection: &Connection,
        entry: &JournalEntry,
    ) -> rusqlite::Result<JournalReceipt> {
        let at = match entry {
            JournalEntry::Delivery(accepted) => self.append(connection, accepted)?,
            JournalEntry::Subscribed { relay, after, anew } => {
                self.subscriptions.begin(connection, relay, *after, *anew)?
            }
            JournalEntry::Relayed(position, relayed) => {
                return self.take_over(connection, position, relayed);
            }
            JournalEntry::Refusals(listed) => {
                for listed in listed {
                    self.watermarks.refusals += 1;
                    refusals::write(connection, self.watermarks.refusals, listed)?;
                }
                self.refusals_written = true;
                self.watermarks.head
            }
            JournalEntry::Forward(batch) => {
                forwards::write(connection, batch, &mut self.watermarks.forwards)?;
                self.watermarks.head
            }
            JournalEntry::Imported(imported) => self.import(connection, imported)?,
            JournalEntry::ImportedGap(gap) => {
                self.import_gap(connection, gap)?;
                self.watermarks.head
            }
            JournalEntry::Report(report) => {
                let new = self.report(connection, report)?;
                return Ok(JournalReceipt { at: self.watermarks.head, new });
            }
            JournalEntry::Foreign { asset_id, is_foreign } => {
                let new = listings::set_foreign(connection, asset_id, *is_foreign)?;
                if new {
                    Meta::Notes.add(connection, 1)?;
                }
                return Ok(JournalReceipt { at: self.watermarks.head, new });
            }
            JournalEntry::Name { asset_id, name } => {
                notes::name(connection, asset_id, name.as_deref())?;
                Meta::Notes.add(connection, 1)?;
                self.watermarks.head
            }
            JournalEntry::Expect { asset_id, expected } => {
                notes::expect(connection, asset_id, expected.as_ref())?;
                Meta::Notes.add(connection, 1)?;
                self.watermarks.head
            }
            JournalEntry::Acknowledge { asset_id, version_id, at } => {
                notes::acknowledge(connection, asset_id, version_id.as_deref(), *at)?;
                Meta::Notes.add(connection, 1)?;
                self.watermarks.head
            }
        };
        Ok(JournalReceipt { at, new: true })
    }

    fn before_commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if std::mem::take(&mut self.refusals_written) {
            refusals::trim(connection)?;
        }
        self.subscriptions.write(connection)?;
        self.states.write(connection)
    }

    fn committed(&mut self) {
        self.now = None;
        self.states.trim();
        self.subscriptions.trim();
        self.committed.send_if_modified(|watermarks| {
            let further = *watermarks != self.watermarks;
            *watermarks = self.watermarks;
            further
        });
    }

    fn rolled_back(&mut self) {
        self.now = None;
        self.refusals_written = false;
        self.subscriptions.forget();
        self.states.forget();
        self.watermarks = *self.committed.borrow();
    }

    fn maintain(&mut self, connection: &Connection, _: Room) -> rusqlite::Result<Option<Duration>> {
        let Some(keep) = self.keep else { return Ok(None) };
        let Ok(cutoff) = Timestamp::now().checked_sub(keep) else { return Ok(None) };
        let slice = prune::slice(connection, cutoff)?;
        self.watermarks.pruned += slice.pruned.deliveries as u64;
        // The cache must not hold states that were just deleted.
        self.states.forget();
        Ok(Some(if slice.more { Duration::ZERO } else { PRUNE_EVERY }))
    }

    fn probe(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        Meta::Probe.write(connection, 1)
    }
}
