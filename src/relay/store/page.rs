//! Reads pages of an inbox: deliveries after a position, and gaps for those that are missing or
//! unreadable. Writes nothing.

use jiff::Timestamp;
use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::registry::InboxId;
use super::schema::{place, seq_of, signed, unsigned};
use super::{Item, damage, queries};
use crate::callback::Headers;
use crate::relay::protocol::{Cursor, DeliveryFrame, Epoch, GapFrame, GapReason};

pub(super) const DELIVERIES: &str = "
    SELECT place, received_at, method, tail, query, headers, peer, body, size
    FROM delivery WHERE place >= ?1 AND place <= ?2 ORDER BY place LIMIT ?3";
pub(super) const GAPS: &str = "
    SELECT from_seq, to_seq, reason, count, at
    FROM gap WHERE inbox = ?1 AND to_seq >= ?2 AND from_seq <= ?3 ORDER BY to_seq LIMIT ?4";
pub(super) const EPOCHS: &str = "
    SELECT first_seq, epoch FROM label WHERE inbox = ?1 AND first_seq <= ?2
    ORDER BY first_seq DESC, turn DESC LIMIT 1";

/// Returns the items after `after`, contiguous: at most `limit`, and at most `bytes` as the caps
/// count them; none if the first alone is larger. An unreadable delivery becomes a gap, and the
/// error is returned with the items.
pub(super) fn read(
    connection: &mut Connection,
    inbox: InboxId,
    after: u64,
    limit: usize,
    bytes: usize,
) -> rusqlite::Result<(Vec<Item>, Option<rusqlite::Error>)> {
    // One snapshot: deliveries, gaps and the head belong together.
    let snapshot = connection.transaction()?;
    let Some(head) = queries::head(&snapshot, inbox)? else { return Ok((Vec::new(), None)) };
    let mut page = PageReader {
        connection: &snapshot,
        inbox,
        head,
        after,
        limit,
        left: bytes,
        label: None,
        items: Vec::new(),
        damage: None,
    };
    let end = match page.read_in_one() {
        Err(error) if damage::is_damage(&error) => {
            // Some errors end the transaction; the rest is then read without one.
            if !snapshot.is_autocommit() {
                snapshot.execute_batch("ROLLBACK")?;
            }
            page.read_one_by_one()?
        }
        end => end?,
    };
    if end && page.items.len() < limit {
        page.missing_to(head, GapReason::Unknown)?;
    }
    page.items.truncate(limit);
    Ok((page.items, page.damage))
}

struct PageReader<'a> {
    connection: &'a Connection,
    inbox: InboxId,
    head: u64,
    /// The `seq` of the last item.
    after: u64,
    limit: usize,
    /// Remaining bytes for further items.
    left: usize,
    /// The epoch that was looked up last, and the `seq` from which it applies.
    label: Option<(u64, Epoch, Option<u64>)>,
    items: Vec<Item>,
    /// The error of an unreadable delivery.
    damage: Option<rusqlite::Error>,
}

impl PageReader<'_> {
    /// Reads deliveries with a single query. Returns whether the inbox has no more.
    fn read_in_one(&mut self) -> rusqlite::Result<bool> {
        let mut statement = self.connection.prepare_cached(DELIVERIES)?;
        let mut rows = statement.query((
            place(self.inbox, self.after + 1),
            place(self.inbox, self.head),
            i64::try_from(self.limit).unwrap_or(i64::MAX),
        ))?;
        while let Some(row) = rows.next()? {
            let seq = seq_of(row.get(0)?);
            if seq <= self.after {
                return Err(damage::out_of_order());
            }
            self.missing_to(seq - 1, GapReason::Unknown)?;
            if !self.take(row, seq)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Continues after the last item and skips unreadable deliveries. Returns whether the inbox has
    /// no more.
    fn read_one_by_one(&mut self) -> rusqlite::Result<bool> {
        while self.items.len() < self.limit {
            let damage::NextReadable { seq, damage } =
                damage::next(self.connection, self.inbox, self.after, self.head)?;
            let reason = if damage.is_some() { GapReason::Damaged } else { GapReason::Unknown };
            self.damage = self.damage.take().or(damage);
            let Some(seq) = seq else {
                self.missing_to(self.head, reason)?;
                return Ok(true);
            };
            self.missing_to(seq - 1, reason)?;
            match self.read_one(seq) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if damage::is_damage(&error) => {
                    self.damage.get_or_insert(error);
                    self.gap(seq, GapReason::Damaged, None, None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Reads one delivery, if it still exists. Returns whether there is room for more.
    fn read_one(&mut self, seq: u64) -> rusqlite::Result<bool> {
        let mut statement = self.connection.prepare_cached(DELIVERIES)?;
        let at = place(self.inbox, seq);
        let mut rows = statement.query((at, at, 1))?;
        match rows.next()? {
            Some(row) if row.get::<_, i64>(0)? != at => Err(damage::out_of_order()),
            Some(row) => self.take(row, seq),
            None => Ok(true),
        }
    }

    /// Adds a delivery if there is room for it. Returns whether there was.
    fn take(&mut self, row: &Row<'_>, seq: u64) -> rusqlite::Result<bool> {
        // Includes the heads: many deliveries with small bodies use memory, too.
        let size = usize::try_from(row.get::<_, i64>(8)?).unwrap_or(usize::MAX);
        if self.items.len() >= self.limit || size > self.left {
            return Ok(false);
        }
        let mut delivery = delivery(row, self.head)?;
        delivery.cursor.epoch = self.epoch_of(seq)?;
        self.left -= size;
        self.after = seq;
        self.items.push(Item::Delivery(Box::new(delivery)));
        Ok(true)
    }

    /// Adds gaps up to and including `to`. `rest` is the reason if none is known.
    fn missing_to(&mut self, to: u64, rest: GapReason) -> rusqlite::Result<()> {
        if self.after >= to {
            return Ok(());
        }
        match self.known_to(to, rest) {
            // The table of gaps only has the reasons.
            Err(error) if damage::is_damage(&error) => {
                self.damage.get_or_insert(error);
            }
            known => known?,
        }
        if self.after < to && self.items.len() < self.limit {
            self.gap(to, rest, None, None)?;
        }
        Ok(())
    }

    /// Adds the next gap with a known reason up to and including `to`, and a gap before it if
    /// needed.
    fn known_to(&mut self, to: u64, rest: GapReason) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(GAPS)?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((self.inbox, signed(self.after + 1), signed(to), limit))?;
        while let Some(row) = rows.next()? {
            let (from, end) = (unsigned(row.get(0)?), unsigned(row.get(1)?).min(to));
            let reason = GapReason::from_name(&row.get::<_, String>(2)?);
            // A refused gap has one `seq` for many requests; every other gap has one for each.
            let count = (reason == GapReason::Refused).then_some(unsigned(row.get(3)?));
            let at = Timestamp::from_microsecond(row.get(4)?).ok();
            if end <= self.after {
                return Err(damage::out_of_order());
            }
            if from > self.after + 1 {
                self.gap(from - 1, rest, None, None)?;
            }
            self.gap(end, reason, count, at)?;
        }
        Ok(())
    }

    fn gap(
        &mut self,
        to: u64,
        reason: GapReason,
        count: Option<u64>,
        at: Option<Timestamp>,
    ) -> rusqlite::Result<()> {
        let from = self.after + 1;
        let epoch = self.epoch_of(to)?;
        let count = count.unwrap_or(to - self.after);
        self.after = to;
        // Unreadable deliveries are found one by one.
        if reason == GapReason::Damaged
            && let Some(Item::Gap(gap)) = self.items.last_mut()
            && (gap.reason, gap.epoch) == (reason, epoch)
        {
            gap.to = to;
            gap.count += count;
            return Ok(());
        }
        self.items.push(Item::Gap(GapFrame { epoch, from, to, reason, count, at }));
        Ok(())
    }

    /// Returns the epoch of a `seq`. Looked up once per epoch.
    fn epoch_of(&mut self, seq: u64) -> rusqlite::Result<Epoch> {
        if let Some((from, epoch, next)) = self.label
            && from <= seq
            && next.is_none_or(|next| seq < next)
        {
            return Ok(epoch);
        }
        let mut statement = self.connection.prepare_cached(EPOCHS)?;
        let found = statement
            .query_row((self.inbox, signed(seq)), |row| {
                Ok((unsigned(row.get(0)?), Epoch(row.get::<_, i64>(1)?.cast_unsigned())))
            })
            .optional()?;
        // Older than the oldest epoch that is still known: use the oldest.
        let Some((from, epoch)) = found else {
            return queries::oldest_epoch(self.connection, self.inbox);
        };
        let next = queries::next_epoch_after(self.connection, self.inbox, from)?;
        self.label = Some((from, epoch, next));
        Ok(epoch)
    }
}

/// Returns the delivery of a row, or an error if the row is invalid.
fn delivery(row: &Row<'_>, head: u64) -> rusqlite::Result<DeliveryFrame> {
    let received_at = Timestamp::from_microsecond(row.get(1)?)
        .map_err(|error| FromSqlConversionFailure(1, Type::Integer, Box::new(error)))?;
    let headers = serde_json::from_str::<Headers>(&row.get::<_, String>(5)?)
        .map_err(|error| FromSqlConversionFailure(5, Type::Text, Box::new(error)))?;
    Ok(DeliveryFrame {
        cursor: Cursor { epoch: Epoch(0), seq: seq_of(row.get(0)?) },
        head,
        received_at,
        method: row.get(2)?,
        tail: row.get(3)?,
        query: row.get(4)?,
        headers,
        peer: row.get(6)?,
        body: row.get(7)?,
    })
}
