//! Which label a stretch of an inbox has, and where a resume leads; sends nothing.
//!
//! Every run of a relay labels what it takes with an epoch of its own. A label that was made stays as
//! it is, also where it labels nothing: a reader may have been told it as its place, and what
//! identifies a delivery for a reader never changes.
//!
//! A place that is not known comes from a store that was lost or put back. Then everything that is
//! still there is told under the labels that it has: a reader that has some of it passes that by.
//! What comes from then on has a new label for everybody, because a machine that was put back with
//! the running relay in its memory goes on with an epoch that it may have used before.

use rusqlite::{Connection, OptionalExtension as _};

use super::registry::InboxId;
use super::schema::{signed, unsigned};
use crate::relay::protocol::{Epoch, Resume, Resumed};

/// The labels of an inbox that are remembered, beside those of deliveries that are still there. A
/// reader that comes from an older one is told that the relay does not know its place.
const KEPT: u64 = 512;
/// Labels that one run may have in an inbox: no reader can make them without end by naming places
/// that never were.
const A_RUN: usize = 16;

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EpochLabel {
    /// The first `seq` that has it, unless the next label begins there too: then none has it.
    first: u64,
    epoch: Epoch,
    /// The run that made it: its own epoch is the run's first label.
    run: Epoch,
}

/// Where a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResumePoint {
    /// Reading begins after this one.
    pub(super) after: u64,
    pub(super) resumed: Resumed,
    /// The label of what comes now.
    pub(super) epoch: Epoch,
}

/// Labels what comes from now on with this run's epoch, where that was not done before.
pub(super) fn begin_run(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
    run: Epoch,
) -> rusqlite::Result<()> {
    // After a failed transaction the label may be there, or another of this run behind it.
    if all(connection, inbox)?.iter().any(|row| row.run == run) {
        return Ok(());
    }
    label(connection, inbox, EpochLabel { first: head + 1, epoch: run, run })
}

/// Finds where a reader goes on in an inbox whose run has begun, and makes a label for what comes
/// where its place is not known, with an epoch of `new`; `None` where that gives none. `acked` is how
/// far the relay knows the reader to be, by its name.
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

/// Finds where a reader goes on while nothing can be written: under the newest label that is there,
/// or `None` where there is none. It is a place like others when the next label is made.
pub(super) fn look(
    connection: &Connection,
    inbox: InboxId,
    bounds: (u64, u64),
    known: (Option<Resume>, Option<u64>),
) -> rusqlite::Result<Option<ResumePoint>> {
    Ok(find(&all(connection, inbox)?, bounds, known).map(|(begun, _)| begun))
}

/// Where a reader goes on by the labels that there are, and the newest of them.
fn find(
    rows: &[EpochLabel],
    (head, retained_from): (u64, u64),
    (resume, acked): (Option<Resume>, Option<u64>),
) -> Option<(ResumePoint, EpochLabel)> {
    let start = retained_from.saturating_sub(1);
    let (after, resumed) = match resume {
        Some(resume) => resolve(rows, head, start, resume),
        // One that remembers nothing gets all that is there; and what it missed since it was last
        // here is told as a gap.
        None => (acked.map_or(start, |acked| acked.min(start)), Resumed::Start),
    };
    let newest = *rows.last()?;
    Some((ResumePoint { after, resumed, epoch: newest.epoch }, newest))
}

/// Looks a resume up in an inbox's labels, oldest first, of which the last is this run's: the number
/// to go on after, and how that was found.
fn resolve(rows: &[EpochLabel], head: u64, start: u64, resume: Resume) -> (u64, Resumed) {
    let Resume { epoch, after } = resume;
    let Some(at) = rows.iter().position(|row| row.epoch == epoch) else {
        return (start, Resumed::RolledBack);
    };
    let last = rows.get(at + 1).map_or(head, |next| next.first - 1);
    // Below the first it was told its place under this label, and nothing yet.
    if after <= last {
        (after, Resumed::Continued)
    } else {
        // That label went further than in this copy of it. The rest is lost, and what came since has
        // other labels.
        (last, Resumed::RolledBack)
    }
}

/// The labels of an inbox, oldest first.
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

/// Labels everything from the row's first on; a label that begins there too labels nothing more.
fn label(connection: &Connection, inbox: InboxId, row: EpochLabel) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO label (inbox, first_seq, turn, epoch, run)
             SELECT ?1, ?2, coalesce(max(turn) + 1, 0), ?3, ?4 FROM label WHERE inbox = ?1 AND first_seq = ?2",
        )?
        .execute((inbox, signed(row.first), row.epoch.0.cast_signed(), row.run.0.cast_signed()))
        .map(drop)
}

/// Forgets the oldest labels where there are too many. `oldest` is the oldest `seq` that is still
/// there.
pub(super) fn trim(connection: &Connection, inbox: InboxId, oldest: u64) -> rusqlite::Result<()> {
    let surplus: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT first_seq, turn FROM label WHERE inbox = ?1
             ORDER BY first_seq DESC, turn DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row((inbox, signed(KEPT)), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some(surplus) = surplus else { return Ok(()) };
    // What is still there keeps its label, whatever their number: under another one it would be new
    // to whoever has it.
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
        // It was told its place under that label, and has nothing of it yet.
        assert_eq!(find(at(8, 9)), (9, Resumed::Continued));
        // Beyond the end of an older copy: on from there, nothing twice.
        assert_eq!(find(at(8, 23)), (20, Resumed::RolledBack));
        // Beyond our own head: nobody knows what it has of that.
        assert_eq!(find(at(9, 26)), (25, Resumed::RolledBack));
        // From a label that is not here: all that is there.
        assert_eq!(find(at(6, 9)), (4, Resumed::RolledBack));
        assert_eq!(resolve(&[], 0, 0, at(9, 26)), (0, Resumed::RolledBack));
    }

    #[test]
    fn a_label_of_nothing_is_a_place_like_others() {
        let rows = [row(1, 7, 7), row(4, 8, 8), row(4, 9, 9), row(4, 10, 10)];
        for epoch in [7, 8, 9, 10] {
            assert_eq!(resolve(&rows, 6, 0, at(epoch, 3)), (3, Resumed::Continued), "{epoch}");
        }
        // In the copy that it comes from, that label went on.
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
        // From the one that labels the oldest delivery on.
        assert_eq!((rows[0], rows.len()), (row(5, 5, 5), 996));
        // Runs that take nothing leave what they were told by, so many of them.
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
