//! How far the inboxes of relays were taken over, on disk, and what is missing of them.
//!
//! A message of a relay is taken over in the transaction that says so, and only in its turn: the
//! one behind what was taken over last. So nothing that failed to be written is ever passed by, and
//! what is passed on again is written once: also to another token of the inbox, at another publish
//! URL, or from a relay that goes by another name now, because the inbox is told by its identity
//! ([`InboxIdentity`](crate::relay::protocol::InboxIdentity)), which none of these changes.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::rows;
use crate::callback::{Gap, MessagePosition, NotedGap};

/// Gaps that are kept; the oldest go.
pub(super) const MAX_GAPS: usize = 1000;

/// Where a subscription is: what it resumes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayPlace {
    /// The relay's label, where it is known.
    pub epoch: Option<u64>,
    /// The number of the last that was taken over.
    pub seq: u64,
}

/// What becomes of a message in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is new.
    New,
    /// It was taken over before.
    Known,
    /// Something before it is missing: nothing is written.
    Early,
}

/// The places, read and written as they are needed. There are a few: one a subscription.
#[derive(Debug, Default)]
pub(super) struct Places {
    subscriptions: HashMap<Arc<str>, Held>,
    /// The highest number by inbox and epoch.
    passed: HashMap<(Arc<str>, u64), u64>,
    written: bool,
}

#[derive(Debug)]
struct Held {
    place: RelayPlace,
    /// The inbox and epoch whose number goes up; `None` before the first message.
    inbox: Option<Arc<str>>,
}

impl Places {
    /// A subscription begins behind a number; under the label `anew`, where it does not go on from
    /// the place that is kept. So it can be resumed before anything came, and what is dropped until
    /// then is told.
    pub(super) fn begin(
        &mut self,
        connection: &Connection,
        relay: &Arc<str>,
        after: u64,
        anew: Option<u64>,
    ) -> rusqlite::Result<u64> {
        let kept = match self.subscriptions.get(relay) {
            Some(held) => Some(held.place),
            None => place(connection, relay)?,
        };
        let kept = kept.filter(|place| place.seq == after && anew.is_none());
        let place = kept.unwrap_or(RelayPlace { epoch: anew, seq: after });
        self.subscriptions.insert(Arc::clone(relay), Held { place, inbox: None });
        self.written = true;
        Ok(after)
    }

    /// Looks whose turn it is, and passes by what is new or known.
    pub(super) fn pass(
        &mut self,
        connection: &Connection,
        position: &MessagePosition,
    ) -> rusqlite::Result<Turn> {
        let MessagePosition { relay, inbox, epoch, from, to } = position;
        if !self.subscriptions.contains_key(relay) {
            let Some(place) = place(connection, relay)? else { return Ok(Turn::Early) };
            self.subscriptions.insert(Arc::clone(relay), Held { place, inbox: None });
        }
        let Some(held) = self.subscriptions.get_mut(relay) else { return Ok(Turn::Early) };
        if held.place.seq.checked_add(1) != Some(*from) || to < from {
            return Ok(Turn::Early);
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
        Ok(if *to <= passed { Turn::Known } else { Turn::New })
    }

    /// How far a subscription is.
    pub(super) fn at(&self, relay: &str) -> u64 {
        self.subscriptions.get(relay).map_or(0, |held| held.place.seq)
    }

    /// Writes what changed, once, however many messages changed it.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.written) {
            return Ok(());
        }
        for (relay, held) in &self.subscriptions {
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

    /// Lets go of everything that is on disk; only after a commit.
    pub(super) fn trim(&mut self) {
        // An epoch is a run of a relay: there are a few, and those that ended are let go of.
        if self.passed.len() > 16 {
            self.passed.clear();
        }
    }

    /// Lets go of everything, written or not.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Where a subscription is.
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

/// The number of the newest gap; 0 when there never was one.
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
