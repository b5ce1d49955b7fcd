//! What each inbox holds, in numbers, and what goes when there is no room; knows no reader's socket.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::directory::InboxId;
use super::schema::{place, seq_of, signed, unsigned};
use super::{Caps, places};
use crate::relay::protocol::GapReason;

/// Deliveries that one new one may push out. A longer one that needs more is turned away.
const PUSHED_OUT: usize = 4096;
/// Gaps of an inbox whose reason is remembered.
const GAPS: u64 = 1024;
/// Refusals are announced no more often than this: each announcement takes a `seq`.
const ANNOUNCE: SignedDuration = SignedDuration::from_secs(10);

/// Which refusals are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announce {
    /// Those whose inbox has had no announcement for [`ANNOUNCE`].
    WhenDue,
    /// All: nobody will come back to them.
    Now,
}

/// One inbox.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Book {
    pub(super) head: u64,
    pub(super) count: u64,
    pub(super) bytes: u64,
    unverified_count: u64,
    unverified_bytes: u64,
    /// Whether this run's epoch labels what comes now.
    pub(super) labelled: bool,
    /// Refused and not yet announced.
    refused: u64,
    announced_at: Option<Timestamp>,
    dirty: bool,
    /// Whether the table of its gaps has grown.
    gaps: bool,
}

/// Those that were in use. Bounded by the number of inboxes.
#[derive(Debug, Default)]
pub(super) struct Books {
    open: HashMap<InboxId, Book>,
    /// Bytes of all inboxes, where that is known.
    total: Option<u64>,
}

impl Books {
    /// The book of an inbox that is open; `None` where there is no such inbox.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
    ) -> rusqlite::Result<Option<&mut Book>> {
        match self.open.entry(inbox) {
            Entry::Occupied(book) => Ok(Some(book.into_mut())),
            Entry::Vacant(vacant) => {
                let book = connection
                    .prepare_cached(
                        "SELECT head, count, bytes, unverified_count, unverified_bytes
                         FROM inbox WHERE id = ?1 AND revoked_at IS NULL",
                    )?
                    .query_row([inbox], |row| {
                        Ok(Book {
                            head: unsigned(row.get(0)?),
                            count: unsigned(row.get(1)?),
                            bytes: unsigned(row.get(2)?),
                            unverified_count: unsigned(row.get(3)?),
                            unverified_bytes: unsigned(row.get(4)?),
                            ..Book::default()
                        })
                    })
                    .optional()?;
                Ok(book.map(|book| vacant.insert(book)))
            }
        }
    }

    /// Makes room for a delivery and enters it; gives its `seq`, or `None` where it has no room.
    pub(super) fn enter(
        &mut self,
        connection: &Connection,
        caps: &Caps,
        inbox: InboxId,
        (size, verified): (u64, bool),
        now: Timestamp,
    ) -> rusqlite::Result<Option<u64>> {
        let fits = self.make_room(connection, caps, inbox, (size, verified), now)?;
        let Some(book) = self.open.get_mut(&inbox) else { return Ok(None) };
        book.dirty = true;
        if !fits {
            book.refused += 1;
            return Ok(None);
        }
        book.head += 1;
        book.count += 1;
        book.bytes += size;
        if !verified {
            book.unverified_count += 1;
            book.unverified_bytes += size;
        }
        let seq = book.head;
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
        // What could not come in even if all of the inbox went must not push anything out.
        let held = self.get(connection, inbox)?.map_or(0, |book| book.bytes);
        let others = self.total(connection)?.saturating_sub(held);
        let most = if verified { caps.bytes } else { caps.bytes / Caps::UNVERIFIED };
        if size > most || others + size > caps.relay_bytes {
            return Ok(false);
        }
        for _ in 0..PUSHED_OUT {
            let total = self.total(connection)?;
            let Some(book) = self.get(connection, inbox)?.copied() else { return Ok(false) };
            if !verified && book.crowded(caps, size) {
                if !self.drop_unverified(connection, inbox, now)? {
                    return Ok(false);
                }
            } else if book.full(caps, size) || total + size > caps.relay_bytes {
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

    /// Drops the oldest delivery whose signature did not hold; whether there was one.
    fn drop_unverified(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let head = self.get(connection, inbox)?.map_or(0, |book| book.head);
        let found: Option<(i64, i64)> = connection
            .prepare_cached(places::OLDEST_UNVERIFIED)?
            .query_row((place(inbox, 0), place(inbox, head)), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((place, size)) = found else { return Ok(false) };
        self.discard(connection, place, (unsigned(size), false), GapReason::Unverified, now)?;
        Ok(true)
    }

    /// Drops the oldest delivery where all named readers have it; whether it was so.
    fn drop_read(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let Some(acked) = places::slowest(connection, inbox)? else { return Ok(false) };
        let found: Option<(i64, i64, bool)> = connection
            .prepare_cached(places::OLDEST_UP_TO)?
            .query_row((place(inbox, 0), place(inbox, acked)), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((place, size, verified)) = found else { return Ok(false) };
        self.discard(connection, place, (unsigned(size), verified), GapReason::Read, now)?;
        Ok(true)
    }

    /// Deletes a delivery and remembers why.
    pub(super) fn discard(
        &mut self,
        connection: &Connection,
        place: i64,
        (size, verified): (u64, bool),
        reason: GapReason,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let inbox = place >> super::schema::SEQ_BITS;
        connection.prepare_cached("DELETE FROM delivery WHERE place = ?1")?.execute([place])?;
        // One that is being closed has no book any more, and nobody reads it.
        let Some(book) = self.get(connection, inbox)? else { return Ok(()) };
        book.count = book.count.saturating_sub(1);
        book.bytes = book.bytes.saturating_sub(size);
        if !verified {
            book.unverified_count = book.unverified_count.saturating_sub(1);
            book.unverified_bytes = book.unverified_bytes.saturating_sub(size);
        }
        book.dirty = true;
        book.gaps = true;
        if let Some(total) = &mut self.total {
            *total = total.saturating_sub(size);
        }
        gap(connection, inbox, seq_of(place), reason, 1, now)
    }

    /// Counts refusals that happened elsewhere.
    pub(super) fn refuse(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        count: u64,
    ) -> rusqlite::Result<()> {
        if let Some(book) = self.get(connection, inbox)? {
            book.refused += count;
        }
        Ok(())
    }

    /// Announces refusals that are due, and writes what has changed. Gives the inboxes whose
    /// numbers changed.
    pub(super) fn seal(
        &mut self,
        connection: &Connection,
        announce: Announce,
        now: Timestamp,
        mut label: impl FnMut(&Connection, InboxId, &mut Book) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Vec<(InboxId, Book)>> {
        let mut changed = Vec::new();
        for (inbox, book) in self.open.iter_mut().filter(|(_, book)| book.dirty || book.refused > 0)
        {
            let rests = announce == Announce::WhenDue
                && book.announced_at.is_some_and(|at| now.duration_since(at) < ANNOUNCE);
            if book.refused > 0 && !rests {
                label(connection, *inbox, book)?;
                book.head += 1;
                gap(connection, *inbox, book.head, GapReason::Refused, book.refused, now)?;
                (book.refused, book.announced_at) = (0, Some(now));
                (book.dirty, book.gaps) = (true, true);
            }
            if std::mem::take(&mut book.gaps) {
                trim_gaps(connection, *inbox)?;
            }
            if std::mem::take(&mut book.dirty) {
                book.write(connection, *inbox)?;
                changed.push((*inbox, *book));
            }
        }
        Ok(changed)
    }

    /// Forgets an inbox, or after a failed transaction everything: it is read again.
    pub(super) fn forget(&mut self, inbox: InboxId) {
        self.open.remove(&inbox);
        self.total = None;
    }

    /// Forgets everything: it is read again. Refusals that were not announced are lost, and with
    /// them only their number: their senders were told.
    pub(super) fn forget_all(&mut self) {
        self.open.clear();
        self.total = None;
    }
}

impl Book {
    /// Whether an unverified delivery of `size` bytes would take more than their part.
    const fn crowded(&self, caps: &Caps, size: u64) -> bool {
        self.unverified_count >= caps.count / Caps::UNVERIFIED
            || self.unverified_bytes + size > caps.bytes / Caps::UNVERIFIED
    }

    const fn full(&self, caps: &Caps, size: u64) -> bool {
        self.count >= caps.count || self.bytes + size > caps.bytes
    }

    fn write(&self, connection: &Connection, inbox: InboxId) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE inbox SET head = ?2, count = ?3, bytes = ?4, unverified_count = ?5,
                 unverified_bytes = ?6 WHERE id = ?1",
            )?
            .execute((
                inbox,
                signed(self.head),
                signed(self.count),
                signed(self.bytes),
                signed(self.unverified_count),
                signed(self.unverified_bytes),
            ))
            .map(drop)
    }
}

fn gap(
    connection: &Connection,
    inbox: InboxId,
    seq: u64,
    reason: GapReason,
    count: u64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (seq, count, at) = (signed(seq), signed(count), now.as_microsecond());
    // An announcement may have been sent already: its number must not come again in a longer one.
    let longer = if reason == GapReason::Refused {
        0
    } else {
        connection
            .prepare_cached(
                "UPDATE gap SET to_seq = ?2, count = count + ?3, at = ?4
                 WHERE inbox = ?1 AND to_seq = ?2 - 1 AND reason = ?5",
            )?
            .execute((inbox, seq, count, at, reason.name()))?
    };
    if longer == 0 {
        connection
            .prepare_cached("INSERT OR REPLACE INTO gap VALUES (?1, ?2, ?2, ?3, ?4, ?5)")?
            .execute((inbox, seq, reason.name(), count, at))?;
    }
    Ok(())
}

fn trim_gaps(connection: &Connection, inbox: InboxId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM gap WHERE inbox = ?1 AND to_seq <= (
                 SELECT to_seq FROM gap WHERE inbox = ?1 ORDER BY to_seq DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((inbox, signed(GAPS)))
        .map(drop)
}
