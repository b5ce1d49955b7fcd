//! Owns the usage of each inbox (how much it holds) and decides which deliveries are dropped when
//! there is no room.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::damage::{Damage, Piece, SkippedPieces};
use super::registry::InboxId;
use super::schema::{place, seq_of, signed, unsigned};
use super::{Caps, gaps, queries};
use crate::relay::protocol::GapReason;

/// Maximum number of deliveries dropped for a new one. If that is not enough, the new one is
/// rejected.
const PUSHED_OUT: usize = 4096;
/// Minimum interval between two announcements of refusals. Each announcement uses a `seq` and a row
/// in the bounded table of gaps. The interval doubles while an inbox keeps refusing, so that an
/// inbox that is full for a week does not displace the reasons of older gaps.
const ANNOUNCE: SignedDuration = SignedDuration::from_secs(10);
/// Maximum of this interval.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);
/// The interval is reset after the inbox has accepted every delivery for this long.
const CALM: SignedDuration = SignedDuration::from_mins(1);

/// Which refusals are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announce {
    /// Those whose interval has passed.
    WhenDue,
    /// All, because the store is being closed.
    Now,
}

/// The usage of one inbox.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InboxUsage {
    pub(super) head: u64,
    pub(super) count: u64,
    pub(super) bytes: u64,
    unverified_count: u64,
    unverified_bytes: u64,
    /// Whether this run's epoch has been stored for the inbox.
    pub(super) labelled: bool,
    /// Refused and not yet announced. Stored with the rest, and loaded by the next run: see
    /// [`super::registry::Registry::load`].
    refused: u64,
    /// When the announcement is due; then the inbox is in [`Usages::due`].
    due_at: Option<Timestamp>,
    announced_at: Option<Timestamp>,
    /// The interval after that.
    rest: SignedDuration,
    refused_at: Option<Timestamp>,
    /// Whether a delivery was accepted since.
    kept: bool,
    /// Whether the table of its gaps has grown.
    gaps: bool,
}

/// The usage of every inbox that was used. Bounded by the number of inboxes.
#[derive(Debug, Default)]
pub(super) struct Usages {
    open: HashMap<InboxId, InboxUsage>,
    /// The inboxes whose usage changed in this transaction.
    touched: HashSet<InboxId>,
    /// The inboxes that have refusals to announce, by time.
    due: BTreeSet<(Timestamp, InboxId)>,
    /// Refusals that were not announced when the last transaction was committed.
    owed: HashMap<InboxId, u64>,
    /// The inboxes for which this may have changed.
    counted: HashSet<InboxId>,
    /// Bytes of all inboxes; `None` if not counted yet.
    total: Option<u64>,
    pub(super) passed: SkippedPieces,
}

impl Usages {
    pub(super) fn new(damage: Damage) -> Self {
        Self { passed: SkippedPieces::new(damage), ..Self::default() }
    }

    /// Returns the usage of an open inbox; `None` if there is no such inbox.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
    ) -> rusqlite::Result<Option<&mut InboxUsage>> {
        match self.open.entry(inbox) {
            Entry::Occupied(usage) => Ok(Some(usage.into_mut())),
            Entry::Vacant(vacant) => {
                let usage = connection
                    .prepare_cached(
                        "SELECT head, count, bytes, unverified_count, unverified_bytes
                         FROM inbox WHERE id = ?1 AND revoked_at IS NULL",
                    )?
                    .query_row([inbox], |row| {
                        Ok(InboxUsage {
                            head: unsigned(row.get(0)?),
                            count: unsigned(row.get(1)?),
                            bytes: unsigned(row.get(2)?),
                            unverified_count: unsigned(row.get(3)?),
                            unverified_bytes: unsigned(row.get(4)?),
                            ..InboxUsage::default()
                        })
                    })
                    .optional()?;
                Ok(usage.map(|usage| vacant.insert(usage)))
            }
        }
    }

    /// Makes room for a delivery and counts it; returns its `seq`, or `None` if there is no room.
    pub(super) fn enter(
        &mut self,
        connection: &Connection,
        caps: &Caps,
        inbox: InboxId,
        (size, verified): (u64, bool),
        now: Timestamp,
    ) -> rusqlite::Result<Option<u64>> {
        let fits = self.make_room(connection, caps, inbox, (size, verified), now)?;
        if !fits {
            self.refuse(connection, inbox, 1, now)?;
            return Ok(None);
        }
        let Some(usage) = self.open.get_mut(&inbox) else { return Ok(None) };
        self.touched.insert(inbox);
        usage.kept = true;
        usage.head += 1;
        usage.count += 1;
        usage.bytes += size;
        if !verified {
            usage.unverified_count += 1;
            usage.unverified_bytes += size;
        }
        let seq = usage.head;
        if let Some(total) = &mut self.total {
            *total += size;
        }
        Ok(Some(seq))
    }

    fn make_room(
        &mut self,
        connection: &Connection,
        caps: &Caps,
        inbox: InboxId,
        (size, verified): (u64, bool),
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        // If even an empty inbox could not hold the delivery, nothing must be dropped for it.
        let held = self.get(connection, inbox)?.map_or(0, |usage| usage.bytes);
        let others = self.total(connection)?.saturating_sub(held);
        let most = if verified { caps.bytes } else { caps.bytes / Caps::UNVERIFIED };
        if size > most || others + size > caps.relay_bytes {
            return Ok(false);
        }
        for _ in 0..PUSHED_OUT {
            let total = self.total(connection)?;
            let Some(usage) = self.get(connection, inbox)?.copied() else { return Ok(false) };
            if !verified && usage.crowded(caps, size) {
                if !self.drop_unverified(connection, inbox, now)? {
                    return Ok(false);
                }
            } else if usage.full(caps, size) || total + size > caps.relay_bytes {
                let gone = self.drop_unverified(connection, inbox, now)?
                    || self.drop_read(connection, inbox, now)?;
                if !gone {
                    return Ok(false);
                }
            } else {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn total(&mut self, connection: &Connection) -> rusqlite::Result<u64> {
        if let Some(total) = self.total {
            return Ok(total);
        }
        let total: i64 =
            connection
                .query_row("SELECT coalesce(sum(bytes), 0) FROM inbox", [], |row| row.get(0))?;
        Ok(*self.total.insert(unsigned(total)))
    }

    /// Drops the oldest unverified delivery. Returns whether there was one.
    fn drop_unverified(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let head = self.get(connection, inbox)?.map_or(0, |usage| usage.head);
        let found: Option<i64> = {
            let mut oldest = connection.prepare_cached(queries::OLDEST_UNVERIFIED)?;
            let mut rows = oldest.query((place(inbox, 0), place(inbox, head)))?;
            loop {
                let Some(row) = rows.next()? else { break None };
                let found = row.get(0)?;
                if !self.passed.has(Piece::Delivery(found)) {
                    break Some(found);
                }
            }
        };
        let Some(place) = found else { return Ok(false) };
        self.discard(connection, place, GapReason::Unverified, now)
    }

    /// Drops the oldest delivery if all named readers have acked it. Returns whether it did.
    fn drop_read(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let Some(acked) = queries::slowest(connection, inbox)? else { return Ok(false) };
        let Some(place) = self.passed.oldest(connection, inbox, acked)? else { return Ok(false) };
        self.discard(connection, place, GapReason::Read, now)
    }

    /// Deletes a delivery and stores why. Returns whether it existed.
    pub(super) fn discard(
        &mut self,
        connection: &Connection,
        place: i64,
        reason: GapReason,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let inbox = place >> super::schema::SEQ_BITS;
        let deleted = self.passed.unless_damaged(Piece::Delivery(place), |_| {
            connection
                .prepare_cached("DELETE FROM delivery WHERE place = ?1 RETURNING size, verified")?
                .query_row([place], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)))
                .optional()
        })?;
        let Some((size, verified)) = deleted else { return Ok(false) };
        let size = unsigned(size);
        // A closed inbox has no usage and no readers.
        let Some(usage) = self.get(connection, inbox)? else { return Ok(true) };
        usage.count = usage.count.saturating_sub(1);
        usage.bytes = usage.bytes.saturating_sub(size);
        if !verified {
            usage.unverified_count = usage.unverified_count.saturating_sub(1);
            usage.unverified_bytes = usage.unverified_bytes.saturating_sub(size);
        }
        usage.gaps = true;
        self.touched.insert(inbox);
        if let Some(total) = &mut self.total {
            *total = total.saturating_sub(size);
        }
        self.passed.unless_damaged(Piece::Reasons(inbox), |_| {
            gaps::add(connection, inbox, seq_of(place), reason, 1, now)
        })?;
        Ok(true)
    }

    /// Counts refusals.
    pub(super) fn refuse(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        count: u64,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(usage) = self.get(connection, inbox)? else { return Ok(()) };
        let before = usage.due_at;
        let due_at = usage.refuse(count, now);
        if let Some(before) = before {
            self.due.remove(&(before, inbox));
        }
        self.due.insert((due_at, inbox));
        self.counted.insert(inbox);
        self.touched.insert(inbox);
        Ok(())
    }

    /// Removes and returns the inboxes whose announcement is due.
    fn take_due(&mut self, announce: Announce, now: Timestamp) -> Vec<InboxId> {
        let mut taken = Vec::new();
        while let Some((at, inbox)) = self.due.first().copied() {
            // A later time is only possible if the clock was set back.
            let late = at.duration_since(now) > LONGEST;
            if announce == Announce::WhenDue && at > now && !late {
                break;
            }
            self.due.pop_first();
            taken.push(inbox);
        }
        taken
    }

    /// Announces the refusals that are due and writes every changed usage. Returns the inboxes
    /// whose usage changed.
    pub(super) fn before_commit(
        &mut self,
        connection: &Connection,
        announce: Announce,
        now: Timestamp,
        mut label: impl FnMut(&Connection, InboxId, &mut InboxUsage) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Vec<(InboxId, InboxUsage)>> {
        for inbox in self.take_due(announce, now) {
            let Some(usage) = self.open.get_mut(&inbox) else { continue };
            label(connection, inbox, usage)?;
            usage.head += 1;
            let (head, refused) = (usage.head, usage.refused);
            self.passed.unless_damaged(Piece::Reasons(inbox), |_| {
                gaps::add(connection, inbox, head, GapReason::Refused, refused, now)
            })?;
            usage.announced(now);
            self.touched.insert(inbox);
            self.counted.insert(inbox);
        }
        let mut changed = Vec::with_capacity(self.touched.len());
        for inbox in self.touched.drain() {
            let Some(usage) = self.open.get_mut(&inbox) else { continue };
            if std::mem::take(&mut usage.gaps) {
                self.passed
                    .unless_damaged(Piece::Reasons(inbox), |_| gaps::trim(connection, inbox))?;
            }
            usage.write(connection, inbox)?;
            changed.push((inbox, *usage));
        }
        Ok(changed)
    }

    /// Called when the changes are on disk.
    pub(super) fn committed(&mut self) {
        for inbox in self.counted.drain() {
            match self.open.get(&inbox).map_or(0, |usage| usage.refused) {
                0 => self.owed.remove(&inbox),
                refused => self.owed.insert(inbox, refused),
            };
        }
    }

    /// Drops the usage of an inbox. It is read again if the inbox still exists.
    pub(super) fn forget(&mut self, inbox: InboxId) {
        if let Some(usage) = self.open.remove(&inbox)
            && let Some(at) = usage.due_at
        {
            self.due.remove(&(at, inbox));
        }
        self.counted.insert(inbox);
        self.total = None;
    }

    /// Drops everything after a failed transaction; it is read again. Returns the refusals that
    /// were unannounced before the transaction. Refusals within it are counted again by the next
    /// one.
    pub(super) fn forget_all(&mut self) -> HashMap<InboxId, u64> {
        let owed = std::mem::take(&mut self.owed);
        *self = Self { passed: std::mem::take(&mut self.passed), ..Self::default() };
        owed
    }
}

impl InboxUsage {
    /// Returns whether an unverified delivery of `size` bytes would exceed the limit of unverified
    /// ones.
    const fn crowded(&self, caps: &Caps, size: u64) -> bool {
        self.unverified_count >= caps.count / Caps::UNVERIFIED
            || self.unverified_bytes + size > caps.bytes / Caps::UNVERIFIED
    }

    const fn full(&self, caps: &Caps, size: u64) -> bool {
        self.count >= caps.count || self.bytes + size > caps.bytes
    }

    /// Counts refusals at `now`. Returns when to announce them.
    fn refuse(&mut self, count: u64, now: Timestamp) -> Timestamp {
        let calm = self.refused_at.is_none_or(|at| now.duration_since(at) >= CALM);
        if self.kept && calm {
            self.rest = SignedDuration::ZERO;
        }
        self.refused += count;
        self.refused_at = Some(now);
        self.kept = false;
        let due_at = match self.announced_at {
            None => now,
            Some(at) => at.saturating_add(self.rest.max(ANNOUNCE)).unwrap_or(now),
        };
        self.due_at = Some(due_at);
        due_at
    }

    fn announced(&mut self, now: Timestamp) {
        (self.refused, self.due_at, self.announced_at) = (0, None, Some(now));
        self.rest = (self.rest * 2).clamp(ANNOUNCE, LONGEST);
        self.gaps = true;
    }

    fn write(&self, connection: &Connection, inbox: InboxId) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE inbox SET head = ?2, count = ?3, bytes = ?4, unverified_count = ?5,
                 unverified_bytes = ?6, refused = ?7 WHERE id = ?1",
            )?
            .execute((
                inbox,
                signed(self.head),
                signed(self.count),
                signed(self.bytes),
                signed(self.unverified_count),
                signed(self.unverified_bytes),
                signed(self.refused),
            ))
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InboxId = 1;

    fn store(inboxes: i64) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for step in super::super::schema::SCHEMA.migrations {
            connection.execute_batch(step).unwrap();
        }
        connection
            .execute(
                "WITH RECURSIVE n (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
                 INSERT INTO inbox (id, name, identity, publish_id, token_key, token_hash, created_at)
                 SELECT id, id, x'', id, id, x'', 0 FROM n",
                [inboxes],
            )
            .unwrap();
        connection
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    /// An inbox and its sender. Times are in seconds.
    struct Story {
        connection: Connection,
        usages: Usages,
        caps: Caps,
    }

    impl Story {
        fn new() -> Self {
            let caps = Caps { count: 10, ..Caps::default() };
            Self { connection: store(1), usages: Usages::default(), caps }
        }

        /// Posts once. Returns whether the delivery was accepted.
        fn post(&mut self, second: i64) -> rusqlite::Result<bool> {
            let entered = (100, true);
            self.usages
                .enter(&self.connection, &self.caps, ONE, entered, at(second))
                .map(|seq| seq.is_some())
        }

        fn before_commit(&mut self, announce: Announce, second: i64) -> rusqlite::Result<()> {
            self.usages.before_commit(&self.connection, announce, at(second), |_, _, _| Ok(()))?;
            self.usages.committed();
            Ok(())
        }

        /// Returns when refusals were announced, in seconds, and their numbers.
        fn announced(&self) -> rusqlite::Result<Vec<(i64, i64)>> {
            self.connection
                .prepare("SELECT at, count FROM gap WHERE reason = 'refused' ORDER BY to_seq")?
                .query_map([], |row| {
                    Ok((row.get::<_, i64>(0)? / 1_000_000 - 1_000_000, row.get(1)?))
                })?
                .collect()
        }
    }

    #[test]
    fn an_inbox_that_stays_full_announces_ever_less_often_and_counts_every_refusal() {
        let mut story = Story::new();
        for _ in 0..10 {
            assert!(story.post(0).unwrap());
        }
        for second in 0..3600 {
            assert!(!story.post(second).unwrap());
            story.before_commit(Announce::WhenDue, second).unwrap();
        }
        let times: Vec<_> = story.announced().unwrap().iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]);
        story.before_commit(Announce::Now, 3600).unwrap();
        let counts = story.announced().unwrap().iter().map(|(_, count)| *count).sum::<i64>();
        assert_eq!(counts, 3600);
    }

    #[test]
    fn an_inbox_that_kept_everything_for_a_while_announces_soon_again() {
        let mut story = Story::new();
        for second in 0..100 {
            story.post(second).unwrap();
            story.before_commit(Announce::WhenDue, second).unwrap();
        }
        assert_eq!(story.announced().unwrap().last().unwrap().0, 80);
        // Some space, which is used up within seconds: the inbox is full again.
        story.caps.count = 12;
        for second in 100..110 {
            story.post(second).unwrap();
            story.before_commit(Announce::WhenDue, second).unwrap();
        }
        assert_eq!(story.announced().unwrap().last().unwrap().0, 80);
        // No posts for a while: does not reset the interval.
        story.post(200).unwrap();
        story.before_commit(Announce::WhenDue, 200).unwrap();
        assert_eq!(story.announced().unwrap().last().unwrap().0, 200);
        // Every delivery is accepted for a minute.
        story.caps.count = 73;
        for second in 201..262 {
            story.post(second).unwrap();
            story.before_commit(Announce::WhenDue, second).unwrap();
        }
        let before = story.announced().unwrap().len();
        for second in 262..300 {
            story.post(second).unwrap();
            story.before_commit(Announce::WhenDue, second).unwrap();
        }
        let times: Vec<_> =
            story.announced().unwrap()[before..].iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [262, 272, 292]);
    }

    #[test]
    fn only_what_was_touched_is_written() {
        let count = 10_000;
        let connection = store(count);
        let (mut usages, caps) = (Usages::default(), Caps::default());
        let post = |usages: &mut Usages, inbox| {
            usages.enter(&connection, &caps, inbox, (100, true), at(0)).unwrap();
        };
        let before_commit = |usages: &mut Usages| {
            let changed =
                usages.before_commit(&connection, Announce::WhenDue, at(0), |_, _, _| Ok(()));
            changed.unwrap().len()
        };
        for inbox in 1..=count {
            post(&mut usages, inbox);
        }
        assert_eq!(before_commit(&mut usages), 10_000);
        post(&mut usages, 7);
        assert_eq!((usages.touched.len(), usages.due.len()), (1, 0));
        assert_eq!((before_commit(&mut usages), before_commit(&mut usages)), (1, 0));
    }

    #[test]
    fn a_failed_transaction_forgets_no_refusal_that_came_before_it() {
        let mut story = Story::new();
        for _ in 0..13 {
            story.post(0).unwrap();
            story.before_commit(Announce::WhenDue, 0).unwrap();
        }
        // One is announced, two are pending; the next one belongs to the failed transaction.
        story.post(1).unwrap();
        assert_eq!(story.usages.forget_all(), HashMap::from([(ONE, 2)]));
        assert_eq!(story.usages.forget_all(), HashMap::new());
        story.usages.refuse(&story.connection, ONE, 2, at(2)).unwrap();
        story.before_commit(Announce::WhenDue, 2).unwrap();
        assert_eq!(story.announced().unwrap(), [(0, 1), (2, 2)]);
    }

    #[test]
    fn a_clock_that_is_put_back_holds_no_announcement_up() {
        let mut story = Story::new();
        for _ in 0..12 {
            story.post(100_000).unwrap();
            story.before_commit(Announce::WhenDue, 100_000).unwrap();
        }
        story.post(0).unwrap();
        story.before_commit(Announce::WhenDue, 0).unwrap();
        assert_eq!(story.announced().unwrap(), [(100_000, 1), (0, 2)]);
    }
}
