//! Unreadable pages of the file: distinguishes them from other errors, finds the deliveries after
//! them, and records that there are some. Deletes nothing.
//!
//! Reading an overwritten page, or a page that it refers to, is an SQLite error. All other pages
//! can be read and written, so such a page must cost only its own contents: readers get a gap, and
//! dropping skips it.
//!
//! SQLite does not write any more in a transaction that has met such a page. So the writer
//! remembers what to skip beyond the transaction ([`SkippedPieces`]), and begins another.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, ffi};

use super::queries;
use super::registry::InboxId;
use super::schema::{place, seq_of, signed, unsigned};

/// Minimum interval between two warnings about one inbox.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// Numbers that are tried one by one after a damaged page: as many as a page and its neighbours
/// hold. Then the steps double, so that a page that refers to many others costs little time.
const ONE_BY_ONE: u32 = 1024;
/// Maximum number of skipped tasks.
const PASSED: usize = 1 << 16;

pub(super) const GAP_AT: &str = "
    SELECT to_seq FROM gap WHERE inbox = ?1 AND to_seq >= ?2 AND from_seq <= ?2
    ORDER BY to_seq LIMIT 1";
pub(super) const LAST_UP_TO: &str =
    "SELECT 1 FROM delivery WHERE place <= ?1 ORDER BY place DESC LIMIT 1";
const OLDEST_BY_AGE: &str = "
    SELECT place FROM delivery INDEXED BY delivery_by_age WHERE place > ?1 AND place <= ?2
    ORDER BY received_at LIMIT 1";

/// Returns whether an error is about the contents of the file, and not about locks, disk space or
/// the query.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            // An overwritten length is often huge.
            ErrorCode::DatabaseCorrupt | ErrorCode::TooBig => true,
            ErrorCode::SystemIoFailure => matches!(
                failure.extended_code,
                ffi::SQLITE_IOERR_READ
                    | ffi::SQLITE_IOERR_SHORT_READ
                    | ffi::SQLITE_IOERR_CORRUPTFS
                    | ffi::SQLITE_IOERR_DATA
            ),
            _ => false,
        },
        // A readable row with invalid contents.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// Returns the error for a readable page in the place of another one.
pub(super) fn out_of_order() -> rusqlite::Error {
    let why = "deliveries are out of order".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(why))
}

/// The next delivery that was found.
#[derive(Debug)]
pub(super) struct NextReadable {
    pub(super) seq: Option<u64>,
    /// The error, if deliveries before it are unreadable.
    pub(super) damage: Option<rusqlite::Error>,
}

/// Finds the next delivery after `after` and up to `to` whose key can be read.
///
/// Returns an error if no part of the table can be read: then these deliveries are not lost, but
/// inaccessible.
pub(super) fn next(
    connection: &Connection,
    inbox: InboxId,
    after: u64,
    to: u64,
) -> rusqlite::Result<NextReadable> {
    let probe = |after: u64| match find(connection, inbox, after, to) {
        Ok(found) => Ok(Ok(found)),
        Err(error) if is_damage(&error) => Ok(Err(error)),
        Err(error) => Err(error),
    };
    if after >= to {
        return Ok(NextReadable { seq: None, damage: None });
    }
    let damage = match probe(after)? {
        Ok(seq) => return Ok(NextReadable { seq, damage: None }),
        Err(damage) => damage,
    };
    let (mut failed, mut tried) = (after, 0_u32);
    loop {
        tried += 1;
        let step = 1 << tried.saturating_sub(ONE_BY_ONE).min(62);
        let at = behind_gap(connection, inbox, failed.saturating_add(step).min(to - 1));
        if at >= to || at <= failed {
            return if is_reachable(connection, inbox, after) {
                Ok(NextReadable { seq: None, damage: Some(damage) })
            } else {
                Err(damage)
            };
        }
        let Ok(mut seq) = probe(at)? else {
            failed = at;
            continue;
        };
        // After a larger step, an earlier number may work as well.
        let mut works = at;
        while step > 1 && works - failed > 1 {
            let middle = failed + (works - failed) / 2;
            match probe(middle)? {
                Ok(nearer) => (works, seq) = (middle, nearer),
                Err(_) => failed = middle,
            }
        }
        return Ok(NextReadable { seq, damage: Some(damage) });
    }
}

/// Returns the oldest delivery, readable or not, as far as it can be determined.
pub(super) fn oldest(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
) -> rusqlite::Result<Option<u64>> {
    let NextReadable { seq, damage } = next(connection, inbox, 0, head)?;
    if damage.is_none() {
        return Ok(seq);
    }
    // An index lists deliveries that the table cannot find.
    let known: rusqlite::Result<Option<i64>> = connection
        .prepare_cached(OLDEST_BY_AGE)?
        .query_row((place(inbox, 0), place(inbox, head)), |row| row.get(0))
        .optional();
    let known = known.ok().flatten().map(seq_of);
    Ok(known.into_iter().chain(seq).min())
}

/// Returns the first delivery after `after` and up to `to`.
fn find(
    connection: &Connection,
    inbox: InboxId,
    after: u64,
    to: u64,
) -> rusqlite::Result<Option<u64>> {
    let range = (place(inbox, after + 1), place(inbox, to));
    let found: Option<i64> = connection
        .prepare_cached(queries::OLDEST)?
        .query_row(range, |row| row.get(0))
        .optional()?;
    match found {
        // SQLite does not verify the order within a page.
        Some(found) if found < range.0 || found > range.1 => Err(out_of_order()),
        found => Ok(found.map(seq_of)),
    }
}

/// Returns the end of the gap that contains the next `seq`, or the same `seq` if none does.
fn behind_gap(connection: &Connection, inbox: InboxId, after: u64) -> u64 {
    let end = connection.prepare_cached(GAP_AT).and_then(|mut statement| {
        statement.query_row((inbox, signed(after + 1)), |row| row.get(0)).optional()
    });
    end.ok().flatten().map_or(after, unsigned)
}

/// Returns whether any part of the table can be read: its beginning, its end, or a part before
/// these.
fn is_reachable(connection: &Connection, inbox: InboxId, after: u64) -> bool {
    let read = |up_to: i64| -> rusqlite::Result<Option<i64>> {
        connection.prepare_cached(LAST_UP_TO)?.query_row([up_to], |row| row.get(0)).optional()
    };
    read(0).is_ok() || read(place(inbox, after)).is_ok() || read(i64::MAX).is_ok()
}

/// The damage that was found. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage(Arc<DamageState>);

#[derive(Debug, Default)]
struct DamageState {
    found: AtomicBool,
    /// Time of the last warning about each inbox, by name; bounded by the number of inboxes.
    warned: Mutex<HashMap<String, Instant>>,
}

impl Damage {
    /// Returns whether any was found since the store was opened.
    pub(super) fn is_found(&self) -> bool {
        self.0.found.load(Relaxed)
    }

    /// Records that deliveries of an inbox are unreadable.
    pub(super) fn note_lost(&self, inbox: &str, why: &rusqlite::Error) {
        if self.is_news(inbox) {
            tracing::warn!(
                inbox,
                %why,
                "the store is damaged: readers of this inbox are told of a gap, and get the rest"
            );
        }
    }

    /// Records that something cannot be deleted.
    pub(super) fn note_passed(&self, why: &rusqlite::Error) {
        // No inbox has this name.
        if self.is_news("") {
            tracing::warn!(%why, "the store is damaged: upkeep passes by what cannot be deleted");
        }
    }

    /// Records that a query failed.
    pub(super) fn note_unread(&self, why: &rusqlite::Error) {
        if self.is_news("") {
            tracing::warn!(%why, "the store is damaged, and nothing can be read around it");
        }
    }

    fn is_news(&self, inbox: &str) -> bool {
        self.0.found.store(true, Relaxed);
        self.is_due(inbox, Instant::now())
    }

    fn is_due(&self, inbox: &str, now: Instant) -> bool {
        let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
        match warned.get_mut(inbox) {
            Some(at) if now.saturating_duration_since(*at) < WARN_EVERY => false,
            Some(at) => {
                *at = now;
                true
            }
            None => {
                warned.insert(inbox.to_owned(), now);
                true
            }
        }
    }
}

/// The tasks that the writer skips because of damage. Survives failed transactions.
#[derive(Debug, Default)]
pub(super) struct SkippedPieces {
    pub(super) damage: Damage,
    pieces: HashSet<Piece>,
    /// Ranges of unreadable deliveries.
    stretches: HashMap<i64, i64>,
}

/// A task that the writer can skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    /// Delete the delivery at a `place`.
    Delivery(i64),
    /// Delete the deliveries of a closed inbox. They are deleted by age later.
    Closed(InboxId),
    /// Store why deliveries of an inbox are missing.
    Reasons(InboxId),
    /// Find deliveries that are too old.
    Old,
    /// Forget absent readers.
    Absent,
    /// Delete expired publish ids.
    Urls,
    /// Return pages to the disk.
    Room,
}

impl SkippedPieces {
    pub(super) fn new(damage: Damage) -> Self {
        Self { damage, ..Self::default() }
    }

    /// Returns whether a task is skipped.
    pub(super) fn has(&self, piece: Piece) -> bool {
        self.pieces.contains(&piece)
    }

    /// Returns the number of skipped tasks. If it has grown, a retry may succeed.
    pub(super) fn count(&self) -> usize {
        self.pieces.len() + self.stretches.len()
    }

    /// Runs a task unless it is skipped. A task that meets damage fails once and is skipped
    /// afterwards.
    pub(super) fn unless_damaged<T: Default>(
        &mut self,
        piece: Piece,
        work: impl FnOnce(&Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.has(piece) {
            return Ok(T::default());
        }
        work(self).inspect_err(|error| {
            if is_damage(error) {
                self.damage.note_passed(error);
                if self.count() < PASSED {
                    self.pieces.insert(piece);
                }
            }
        })
    }

    /// Finds the oldest delivery up to `to` that is not skipped.
    pub(super) fn oldest(
        &mut self,
        connection: &Connection,
        inbox: InboxId,
        to: u64,
    ) -> rusqlite::Result<Option<i64>> {
        let mut after = 0;
        loop {
            if let Some(end) = self.stretches.get(&place(inbox, after)) {
                after = seq_of(*end);
                continue;
            }
            if after >= to {
                return Ok(None);
            }
            let NextReadable { seq, damage } = next(connection, inbox, after, to)?;
            if let Some(error) = damage {
                self.damage.note_passed(&error);
                if self.count() < PASSED {
                    let end = seq.map_or(to, |seq| seq - 1);
                    self.stretches.insert(place(inbox, after), place(inbox, end));
                }
                return Err(error);
            }
            match seq {
                Some(seq) if self.has(Piece::Delivery(place(inbox, seq))) => after = seq,
                found => return Ok(found.map(|seq| place(inbox, seq))),
            }
        }
    }
}

#[cfg(test)]
mod tests;
