//! The positions of the subscriptions to relays, on disk, and the gaps in them.
//!
//! A message of a relay and its position are written in one transaction, and only in sequence:
//! directly after the last message. So no message whose write failed is skipped, and a message that is
//! delivered again is written once. That holds also for another token of the inbox, another publish
//! URL, or another name of the relay: the inbox is recognized by its identity
//! ([`InboxIdentity`](crate::relay::protocol::InboxIdentity)), which none of these changes.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::rows;
use crate::callback::{Gap, MessagePosition, NotedGap};

/// Maximum number of gaps that are kept; the oldest are deleted.
pub(super) const MAX_GAPS: usize = 1000;

/// The position of a subscription: it resumes after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayPlace {
    /// The relay's label, if it is known.
    pub epoch: Option<u64>,
    /// The number of the last message that was written.
    pub seq: u64,
}

/// How a message relates to the position of its subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequencing {
    /// It is the next one.
    New,
    /// It was written before.
    Known,
    /// A message before it is missing: nothing is written.
    Early,
}

/// The positions of the subscriptions, read on demand. There are only a few.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_relay: HashMap<Arc<str>, Subscription>,
    /// The highest number by inbox and epoch.
    passed: HashMap<(Arc<str>, u64), u64>,
    written: bool,
}

#[derive(Debug)]
struct Subscription {
    place: RelayPlace,
    /// The inbox of the last message; `None` before the first.
    inbox: Option<Arc<str>>,
}

impl Subscriptions {
    /// Begins a subscription after the number `after`, with the label `anew` if it does not continue
    /// from the stored position. So it can be resumed before its first message, and messages dropped
    /// until then are reported as a gap.
    pub(super) fn begin(
        &mut self,
        connection: &Connection,
        relay: &Arc<str>,
        after: u64,
        anew: Option<u64>,
    ) -> rusqlite::Result<u64> {
        let kept = match self.by_relay.get(relay) {
            Some(held) => Some(held.place),
            None => place(connection, relay)?,
        };
        let kept = kept.filter(|place| place.seq == after && anew.is_none());
        let place = kept.unwrap_or(RelayPlace { epoch: anew, seq: after });
        self.by_relay.insert(Arc::clone(relay), Subscription { place, inbox: None });
        self.written = true;
        Ok(after)
    }

    /// Determines whether a message is in sequence, and advances the position if it is.
    pub(super) fn pass(
        &mut self,
        connection: &Connection,
        position: &MessagePosition,
    ) -> rusqlite::Result<Sequencing> {
        let MessagePosition { relay, inbox, epoch, from, to } = position;
        if !self.by_relay.contains_key(relay) {
            let Some(place) = place(connection, relay)? else { return Ok(Sequencing::Early) };
            self.by_relay.insert(Arc::clone(relay), Subscription { place, inbox: None });
        }
        let Some(held) = self.by_relay.get_mut(relay) else { return Ok(Sequencing::Early) };
        if held.place.seq.checked_add(1) != Some(*from) || to < from {
            return Ok(Sequencing::Early);
        }
        let key = (Arc::clone(inbox), *epoch);
        let passed = match self.passed.get(&key) {
            Some(passed) => *passed,
            None => passed_by(connection, inbox, *epoch)?,
        };
        held.place = RelayPlace { epoch: Some(*epoch), seq: *to };
        held.inbox = Some(Arc::clone(inbox));
        self.passed.insert(key, passed.max(*to));
        self.written = true;
        Ok(if *to <= passed { Sequencing::Known } else { Sequencing::New })
    }

    /// Returns the number of the last message of a subscription.
    pub(super) fn at(&self, relay: &str) -> u64 {
        self.by_relay.get(relay).map_or(0, |held| held.place.seq)
    }

    /// Writes the changed positions, once, however many messages changed them.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.written) {
            return Ok(());
        }
        for (relay, held) in &self.by_relay {
            let RelayPlace { epoch, seq } = held.place;
            connection
                .prepare_cached("INSERT OR REPLACE INTO relay_place VALUES (?1, ?2, ?3)")?
                .execute((relay.as_ref(), epoch.map(rows::signed), rows::signed(seq)))?;
        }
        for ((inbox, epoch), seq) in &self.passed {
            connection
                .prepare_cached("INSERT OR REPLACE INTO relay_cursor VALUES (?1, ?2, ?3)")?
                .execute((inbox.as_ref(), rows::signed(*epoch), rows::signed(*seq)))?;
        }
        Ok(())
    }

    /// Drops old entries. Must only be called after a commit.
    pub(super) fn trim(&mut self) {
        // An epoch is a run of a relay: there are only a few, and ended ones are not needed.
        if self.passed.len() > 16 {
            self.passed.clear();
        }
    }

    /// Drops everything, written or not.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Reads the position of a subscription.
pub(super) fn place(connection: &Connection, relay: &str) -> rusqlite::Result<Option<RelayPlace>> {
    connection
        .prepare_cached("SELECT epoch, seq FROM relay_place WHERE relay = ?1")?
        .query_row([relay], |row| {
            let epoch: Option<i64> = row.get("epoch")?;
            let seq = rows::unsigned(row.get("seq")?);
            Ok(RelayPlace { epoch: epoch.map(rows::unsigned), seq })
        })
        .optional()
}

fn passed_by(connection: &Connection, inbox: &str, epoch: u64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT seq FROM relay_cursor WHERE inbox = ?1 AND epoch = ?2")?
        .query_row((inbox, rows::signed(epoch)), |row| row.get(0))
        .optional()
        .map(|seq| seq.map_or(0, rows::unsigned))
}

/// Writes a gap.
pub(super) fn write_gap(connection: &Connection, id: u64, gap: &Gap) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO gap (id, at, inbox, epoch, from_seq, to_seq, count, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(rusqlite::params![
            rows::signed(id),
            gap.at.as_microsecond(),
            gap.inbox,
            rows::signed(gap.epoch),
            rows::signed(gap.from),
            rows::signed(gap.to),
            rows::signed(gap.count),
            gap.reason,
        ])?;
    let oldest = id.saturating_sub(MAX_GAPS as u64);
    connection
        .prepare_cached("DELETE FROM gap WHERE id <= ?1")?
        .execute([rows::signed(oldest)])
        .map(drop)
}

/// Returns the number of the newest gap; 0 if there never was one.
pub(super) fn last_gap(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> =
        connection.query_row("SELECT max(id) FROM gap", [], |row| row.get(0))?;
    Ok(last.map_or(0, rows::unsigned))
}

pub(super) fn gap(row: &Row<'_>) -> rusqlite::Result<NotedGap> {
    Ok(NotedGap {
        id: rows::unsigned(row.get("id")?),
        gap: Gap {
            at: rows::time(row, "at")?,
            inbox: row.get("inbox")?,
            epoch: rows::unsigned(row.get("epoch")?),
            from: rows::unsigned(row.get("from_seq")?),
            to: rows::unsigned(row.get("to_seq")?),
            count: rows::unsigned(row.get("count")?),
            reason: row.get("reason")?,
        },
    })
}
