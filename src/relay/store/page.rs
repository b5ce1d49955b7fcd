//! Reads what comes after a place in an inbox, and says what is missing in between; writes nothing.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::directory::InboxId;
use super::schema::{place, seq_of, signed, unsigned};
use super::{Item, places};
use crate::callback::Headers;
use crate::relay::protocol::{Cursor, Delivery, Epoch, Gap, GapReason};

pub(super) const DELIVERIES: &str = "
    SELECT place, received_at, method, tail, query, headers, peer, body, size
    FROM delivery WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3";
pub(super) const GAPS: &str = "
    SELECT from_seq, to_seq, reason, count, at
    FROM gap WHERE inbox = ?1 AND to_seq >= ?2 AND from_seq <= ?3 ORDER BY to_seq LIMIT ?4";
pub(super) const EPOCHS: &str = "
    SELECT first_seq, epoch FROM label WHERE inbox = ?1 AND first_seq <= ?2
    ORDER BY first_seq DESC, turn DESC LIMIT 1";

/// Everything after `after`, without holes; at most `limit` items and `bytes` of them, as the caps
/// count. Nothing where the first alone has more.
pub(super) fn read(
    connection: &mut Connection,
    inbox: InboxId,
    after: u64,
    limit: usize,
    bytes: usize,
) -> rusqlite::Result<Vec<Item>> {
    // One snapshot: deliveries, gaps and the head belong together.
    let snapshot = connection.transaction()?;
    let Some(head) = places::head(&snapshot, inbox)? else { return Ok(Vec::new()) };
    let mut page =
        Page { connection: &snapshot, inbox, after, limit, label: None, items: Vec::new() };
    let mut statement = snapshot.prepare_cached(DELIVERIES)?;
    let mut rows = statement.query((
        place(inbox, after),
        place(inbox, head),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ))?;
    let mut left = bytes;
    let mut whole = true;
    while let Some(row) = rows.next()? {
        let seq = seq_of(row.get(0)?);
        page.missing_to(seq - 1)?;
        // Heads as well: many of them with hardly a body take memory, too.
        let size = usize::try_from(row.get::<_, i64>(8)?).unwrap_or(usize::MAX);
        if page.items.len() >= limit || size > left {
            whole = false;
            break;
        }
        left -= size;
        let mut delivery = delivery(row, head)?;
        delivery.cursor.epoch = page.epoch_of(seq)?;
        page.after = seq;
        page.items.push(Item::Delivery(Box::new(delivery)));
    }
    if whole && page.items.len() < limit {
        page.missing_to(head)?;
    }
    let mut items = page.items;
    items.truncate(limit);
    Ok(items)
}

struct Page<'a> {
    connection: &'a Connection,
    inbox: InboxId,
    /// How far the items go.
    after: u64,
    limit: usize,
    /// The newest label that was looked up: from where, and which.
    label: Option<(u64, Epoch, Option<u64>)>,
    items: Vec<Item>,
}

impl Page<'_> {
    /// Says what is missing up to and including `to`.
    fn missing_to(&mut self, to: u64) -> rusqlite::Result<()> {
        if self.after >= to {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(GAPS)?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((self.inbox, signed(self.after + 1), signed(to), limit))?;
        while let Some(row) = rows.next()? {
            let (from, end) = (unsigned(row.get(0)?), unsigned(row.get(1)?).min(to));
            if from > self.after + 1 {
                self.gap(from - 1, GapReason::Unknown, None, None)?;
            }
            let reason = GapReason::from_name(&row.get::<_, String>(2)?);
            // What was refused has one number for many; of everything else there is one each.
            let count = (reason == GapReason::Refused).then_some(unsigned(row.get(3)?));
            let at = Timestamp::from_microsecond(row.get(4)?).ok();
            self.gap(end, reason, count, at)?;
        }
        if self.after < to && self.items.len() < self.limit {
            self.gap(to, GapReason::Unknown, None, None)?;
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
        self.items.push(Item::Gap(Gap { epoch, from, to, reason, count, at }));
        Ok(())
    }

    /// The label of a `seq`; looked up once for each stretch.
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
        // Older than the oldest label that is still known: then the oldest will do.
        let Some((from, epoch)) = found else {
            return places::oldest_epoch(self.connection, self.inbox);
        };
        let next = places::next_epoch_after(self.connection, self.inbox, from)?;
        self.label = Some((from, epoch, next));
        Ok(epoch)
    }
}

fn delivery(row: &Row<'_>, head: u64) -> rusqlite::Result<Delivery> {
    let headers: String = row.get(5)?;
    Ok(Delivery {
        cursor: Cursor { epoch: Epoch(0), seq: seq_of(row.get(0)?) },
        head,
        received_at: Timestamp::from_microsecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
        method: row.get(2)?,
        tail: row.get(3)?,
        query: row.get(4)?,
        headers: serde_json::from_str::<Headers>(&headers).unwrap_or_default(),
        peer: row.get(6)?,
        body: row.get(7)?,
    })
}
