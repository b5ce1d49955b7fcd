//! The epochs of an inbox's deliveries, and where a resumed reader continues.
//!
//! Every run of a relay labels the deliveries that it accepts with its own epoch. A label never
//! changes, even if no delivery has it: a reader may have it as its position, and the identity of a
//! delivery never changes.
//!
//! An unknown position comes from a store that was lost or restored. Then all stored deliveries are
//! sent with their labels; a reader skips those that it has. Later deliveries get a new label, for
//! all readers, because a machine that was restored with the running relay in its memory continues
//! with an epoch that it may have used before.

use rusqlite::{Connection, OptionalExtension as _};

use super::registry::InboxId;
use super::schema::{signed, unsigned};
use crate::relay::protocol::{Epoch, Resume, Resumed};

/// Maximum number of stored labels of an inbox, besides those of stored deliveries. For a reader
/// with an older label the position is unknown.
const KEPT: u64 = 512;
/// Maximum number of labels of one run in an inbox, so that a reader cannot create any number of
/// them with invented positions.
const A_RUN: usize = 16;

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EpochLabel {
    /// The first `seq` with this label; none if the next label begins there too.
    first: u64,
    epoch: Epoch,
    /// The run that created it: the run's first label is its own epoch.
    run: Epoch,
}

/// Where a reader continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResumePoint {
    /// Reading begins after this one.
    pub(super) after: u64,
    pub(super) resumed: Resumed,
    /// The label of new deliveries.
    pub(super) epoch: Epoch,
}

/// Labels new deliveries with this run's epoch, unless that was done before.
pub(super) fn begin_run(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
    run: Epoch,
) -> rusqlite::Result<()> {
    // After a failed transaction the label, or a later one of this run, may already exist.
    if all(connection, inbox)?.iter().any(|row| row.run == run) {
        return Ok(());
    }
    label(connection, inbox, EpochLabel { first: head + 1, epoch: run, run })
}

/// Determines where a reader continues in an inbox whose run has begun. If its position is unknown,
/// labels new deliveries with an epoch of `new`; returns `None` if that returns none. `acked` is
/// the last ack under the reader's name.
pub(super) fn begin(
    connection: &Connection,
    inbox: InboxId,
    (head, retained_from): (u64, u64),
    (resume, acked): (Option<Resume>, Option<u64>),
    new: impl FnOnce() -> Option<Epoch>,
) -> rusqlite::Result<Option<ResumePoint>> {
    let rows = all(connection, inbox)?;
    let Some((mut begun, newest)) = find(&rows, (head, retained_from), (resume, acked)) else {
        return Ok(None);
    };
    let of_this_run = rows.iter().filter(|row| row.run == newest.run).count();
    if begun.resumed == Resumed::RolledBack && of_this_run < A_RUN {
        let Some(new) = new() else { return Ok(None) };
        label(connection, inbox, EpochLabel { first: head + 1, epoch: new, run: newest.run })?;
        begun.epoch = new;
    }
    Ok(Some(begun))
}

/// Determines where a reader continues while the store cannot be written: under the newest label,
/// or
/// `None` if there is none. The position stays valid when the next label is created.
pub(super) fn look(
    connection: &Connection,
    inbox: InboxId,
    bounds: (u64, u64),
    known: (Option<Resume>, Option<u64>),
) -> rusqlite::Result<Option<ResumePoint>> {
    Ok(find(&all(connection, inbox)?, bounds, known).map(|(begun, _)| begun))
}

/// Returns where a reader continues according to the stored labels, and the newest label.
fn find(
    rows: &[EpochLabel],
    (head, retained_from): (u64, u64),
    (resume, acked): (Option<Resume>, Option<u64>),
) -> Option<(ResumePoint, EpochLabel)> {
    let start = retained_from.saturating_sub(1);
    let (after, resumed) = match resume {
        Some(resume) => resolve(rows, head, start, resume),
        // A reader without a position gets all stored deliveries, and a gap for those that were
        // dropped since its last ack.
        None => (acked.map_or(start, |acked| acked.min(start)), Resumed::Start),
    };
    let newest = *rows.last()?;
    Some((ResumePoint { after, resumed, epoch: newest.epoch }, newest))
}

/// Looks up a position in an inbox's labels (oldest first, this run's last). Returns the `seq`
/// after which to continue, and how it was determined.
fn resolve(rows: &[EpochLabel], head: u64, start: u64, resume: Resume) -> (u64, Resumed) {
    let Resume { epoch, after } = resume;
    let Some(at) = rows.iter().position(|row| row.epoch == epoch) else {
        return (start, Resumed::RolledBack);
    };
    let last = rows.get(at + 1).map_or(head, |next| next.first - 1);
    // Before the label's first `seq`: the reader got the label in a welcome, but no delivery.
    if after <= last {
        (after, Resumed::Continued)
    } else {
        // In the lost store this label had more deliveries than in this copy. They are lost; later
        // deliveries have other labels.
        (last, Resumed::RolledBack)
    }
}

/// Returns the labels of an inbox, oldest first.
fn all(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Vec<EpochLabel>> {
    let epoch = |value: i64| Epoch(value.cast_unsigned());
    connection
        .prepare_cached(
            "SELECT first_seq, epoch, run FROM label WHERE inbox = ?1 ORDER BY first_seq, turn",
        )?
        .query_map([inbox], |row| {
            let first = unsigned(row.get(0)?);
            Ok(EpochLabel { first, epoch: epoch(row.get(1)?), run: epoch(row.get(2)?) })
        })?
        .collect()
}

/// Adds a label from the row's first `seq` on. An earlier label with the same first `seq` then has
/// no deliveries.
fn label(connection: &Connection, inbox: InboxId, row: EpochLabel) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO label (inbox, first_seq, turn, epoch, run)
             SELECT ?1, ?2, coalesce(max(turn) + 1, 0), ?3, ?4 FROM label WHERE inbox = ?1 AND first_seq = ?2",
        )?
        .execute((inbox, signed(row.first), row.epoch.0.cast_signed(), row.run.0.cast_signed()))
        .map(drop)
}

/// Deletes the oldest labels if there are too many. `oldest` is the oldest stored `seq`.
pub(super) fn trim(connection: &Connection, inbox: InboxId, oldest: u64) -> rusqlite::Result<()> {
    let surplus: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT first_seq, turn FROM label WHERE inbox = ?1
             ORDER BY first_seq DESC, turn DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row((inbox, signed(KEPT)), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some(surplus) = surplus else { return Ok(()) };
    // Stored deliveries keep their labels, however many there are: with another label they would be
    // new to readers that have them.
    connection
        .prepare_cached(
            "DELETE FROM label WHERE inbox = ?1 AND (first_seq, turn) <= (?2, ?3)
             AND (first_seq, turn) < (
                 SELECT first_seq, turn FROM label WHERE inbox = ?1 AND first_seq <= ?4
                 ORDER BY first_seq DESC, turn DESC LIMIT 1)",
        )?
        .execute((inbox, surplus.0, surplus.1, signed(oldest)))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(epoch: u64, after: u64) -> Resume {
        Resume { epoch: Epoch(epoch), after }
    }

    const fn row(first: u64, epoch: u64, run: u64) -> EpochLabel {
        EpochLabel { first, epoch: Epoch(epoch), run: Epoch(run) }
    }

    #[test]
    fn a_resume_is_found_under_its_label() {
        let rows = [row(1, 7, 7), row(11, 8, 8), row(21, 9, 9)];
        let find = |resume| resolve(&rows, 25, 4, resume);
        for (epoch, after) in [(7, 10), (7, 2), (8, 15), (9, 25)] {
            assert_eq!(find(at(epoch, after)), (after, Resumed::Continued), "{epoch} {after}");
        }
        // It got the label in a welcome, but no delivery with it.
        assert_eq!(find(at(8, 9)), (9, Resumed::Continued));
        // Beyond the end of an older copy: continues there, without repeats.
        assert_eq!(find(at(8, 23)), (20, Resumed::RolledBack));
        // Beyond our own head: it is unknown which of these the reader has.
        assert_eq!(find(at(9, 26)), (25, Resumed::RolledBack));
        // An unknown label: all stored deliveries.
        assert_eq!(find(at(6, 9)), (4, Resumed::RolledBack));
        assert_eq!(resolve(&[], 0, 0, at(9, 26)), (0, Resumed::RolledBack));
    }

    #[test]
    fn a_label_of_nothing_is_a_place_like_others() {
        let rows = [row(1, 7, 7), row(4, 8, 8), row(4, 9, 9), row(4, 10, 10)];
        for epoch in [7, 8, 9, 10] {
            assert_eq!(resolve(&rows, 6, 0, at(epoch, 3)), (3, Resumed::Continued), "{epoch}");
        }
        // In the lost store that label had more deliveries.
        assert_eq!(resolve(&rows, 6, 0, at(8, 5)), (3, Resumed::RolledBack));
        assert_eq!(resolve(&rows, 6, 0, at(10, 5)), (5, Resumed::Continued));
    }

    #[test]
    fn what_is_still_there_keeps_its_label_through_any_number_of_runs() {
        let connection = Connection::open_in_memory().unwrap();
        for step in super::super::schema::SCHEMA.migrations {
            connection.execute_batch(step).unwrap();
        }
        let run = |head: u64, run: u64, oldest: u64| {
            begin_run(&connection, 1, head, Epoch(run)).unwrap();
            trim(&connection, 1, oldest).unwrap();
        };
        for seq in 1..=1000 {
            run(seq - 1, seq, 5);
        }
        let rows = all(&connection, 1).unwrap();
        // From the label of the oldest delivery on.
        assert_eq!((rows[0], rows.len()), (row(5, 5, 5), 996));
        // Runs without deliveries leave their labels, up to the maximum.
        for epoch in 2000..2010 {
            run(1000, epoch, 5);
        }
        assert_eq!(all(&connection, 1).unwrap().len(), 1006);
        for epoch in 3000..4000 {
            run(1000, epoch, 1001);
        }
        let rows = all(&connection, 1).unwrap();
        assert_eq!(rows.len() as u64, KEPT);
        assert_eq!(*rows.last().unwrap(), row(1001, 3999, 3999));
    }
}
