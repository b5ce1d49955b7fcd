//! Pages of the file that cannot be read: tells them from other errors, finds what is behind them,
//! and notes that there are some. Deletes nothing.
//!
//! A page that was overwritten is an error of SQLite to whoever reads what is on it or what it leads
//! to. What is on other pages can be read and written all the same, so such a page must cost no more
//! than what is on it: a reader is told of a gap, and what makes room passes it by.
//!
//! SQLite writes nothing more in a transaction that met such a page. So the writer remembers what to
//! pass by, beyond the transaction ([`SkippedPieces`]), and begins another.

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
/// Numbers that are tried one by one behind a damaged page: as many as a page and its neighbours hold.
/// From there on the steps double, so that a page which leads to many others costs little time.
const ONE_BY_ONE: u32 = 1024;
/// Things that are passed by at most.
const PASSED: usize = 1 << 16;

pub(super) const GAP_AT: &str = "
    SELECT to_seq FROM gap WHERE inbox = ?1 AND to_seq >= ?2 AND from_seq <= ?2
    ORDER BY to_seq LIMIT 1";
pub(super) const LAST_UP_TO: &str =
    "SELECT 1 FROM delivery WHERE place <= ?1 ORDER BY place DESC LIMIT 1";
const OLDEST_BY_AGE: &str = "
    SELECT place FROM delivery INDEXED BY delivery_by_age WHERE place > ?1 AND place <= ?2
    ORDER BY received_at LIMIT 1";

/// Whether an error is about what stands in the file, and not about who else uses it, its disk's room
/// or our question.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            // A length that was overwritten is often a huge one.
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
        // A row that can be read and makes no sense.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// The error of a page that reads, but stands in the place of another.
pub(super) fn out_of_order() -> rusqlite::Error {
    let why = "deliveries are out of order".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(why))
}

/// The next delivery that can be found.
#[derive(Debug)]
pub(super) struct NextReadable {
    pub(super) seq: Option<u64>,
    /// Why something before it cannot be read.
    pub(super) damage: Option<rusqlite::Error>,
}

/// Finds the next delivery behind `after` and up to `to` whose key can be read.
///
/// Fails where no place of the table can be read: then it is not about these deliveries, and they are
/// not lost because one cannot get at them.
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
        // Where it was not a step of one, the first that works may be nearer.
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

/// The oldest delivery that is there, whether or not it can be read, as far as that can be said.
pub(super) fn oldest(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
) -> rusqlite::Result<Option<u64>> {
    let NextReadable { seq, damage } = next(connection, inbox, 0, head)?;
    if damage.is_none() {
        return Ok(seq);
    }
    // An index knows of those that the table does not find.
    let known: rusqlite::Result<Option<i64>> = connection
        .prepare_cached(OLDEST_BY_AGE)?
        .query_row((place(inbox, 0), place(inbox, head)), |row| row.get(0))
        .optional();
    let known = known.ok().flatten().map(seq_of);
    Ok(known.into_iter().chain(seq).min())
}

/// The first delivery behind `after` and up to `to`.
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
        // SQLite takes the order of a page on trust.
        Some(found) if found < range.0 || found > range.1 => Err(out_of_order()),
        found => Ok(found.map(seq_of)),
    }
}

/// The end of the gap that has the next `seq` in it; the same `seq` where none has.
fn behind_gap(connection: &Connection, inbox: InboxId, after: u64) -> u64 {
    let end = connection.prepare_cached(GAP_AT).and_then(|mut statement| {
        statement.query_row((inbox, signed(after + 1)), |row| row.get(0)).optional()
    });
    end.ok().flatten().map_or(after, unsigned)
}

/// Whether any place of the table can be read: its beginning, its end, or what is before these.
fn is_reachable(connection: &Connection, inbox: InboxId, after: u64) -> bool {
    let read = |up_to: i64| -> rusqlite::Result<Option<i64>> {
        connection.prepare_cached(LAST_UP_TO)?.query_row([up_to], |row| row.get(0)).optional()
    };
    read(0).is_ok() || read(place(inbox, after)).is_ok() || read(i64::MAX).is_ok()
}

/// What was met of it. A clone is about the same store.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage(Arc<DamageState>);

#[derive(Debug, Default)]
struct DamageState {
    found: AtomicBool,
    /// When each inbox was last warned of, by its name; bounded by the number of inboxes.
    warned: Mutex<HashMap<String, Instant>>,
}

impl Damage {
    /// Whether any was met since the store was opened.
    pub(super) fn is_found(&self) -> bool {
        self.0.found.load(Relaxed)
    }

    /// Notes that some of what an inbox holds cannot be read.
    pub(super) fn note_lost(&self, inbox: &str, why: &rusqlite::Error) {
        if self.is_news(inbox) {
            tracing::warn!(
                inbox,
                %why,
                "the store is damaged: readers of this inbox are told of a gap, and get the rest"
            );
        }
    }

    /// Notes that something cannot be deleted.
    pub(super) fn note_passed(&self, why: &rusqlite::Error) {
        // No inbox has this name.
        if self.is_news("") {
            tracing::warn!(%why, "the store is damaged: upkeep passes by what cannot be deleted");
        }
    }

    /// Notes that a question has no answer.
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

/// What the writer met and passes by from then on. It outlives failed transactions.
#[derive(Debug, Default)]
pub(super) struct SkippedPieces {
    pub(super) damage: Damage,
    pieces: HashSet<Piece>,
    /// Where nothing can be read from one place to another.
    stretches: HashMap<i64, i64>,
}

/// Something that the writer can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    /// Deleting the delivery at a place.
    Delivery(i64),
    /// Deleting an inbox' deliveries with it. They go when they are too old.
    Closed(InboxId),
    /// Remembering why an inbox' deliveries went.
    Reasons(InboxId),
    /// Finding what is too old.
    Old,
    /// Forgetting readers that are absent.
    Absent,
    /// Forgetting publish ids that were replaced.
    Urls,
    /// Giving room back to the disk.
    Room,
}

impl SkippedPieces {
    pub(super) fn new(damage: Damage) -> Self {
        Self { damage, ..Self::default() }
    }

    /// Whether a piece of work is passed by.
    pub(super) fn has(&self, piece: Piece) -> bool {
        self.pieces.contains(&piece)
    }

    /// How much there is of it: where it grew, what failed is worth another try.
    pub(super) fn count(&self) -> usize {
        self.pieces.len() + self.stretches.len()
    }

    /// Does a piece of work unless it is passed by. One that meets damage fails, for the last time.
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

    /// Finds the oldest delivery up to `to` that is not passed by.
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
