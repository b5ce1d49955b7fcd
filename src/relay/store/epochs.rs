//! Which label a stretch of an inbox has, which one reader is told instead, and where a resume leads;
//! sends nothing.
//!
//! Every run of a relay labels what it takes with an epoch of its own. Where a reader names a place
//! that we do not know, our numbers of this run may mean other deliveries to it: the machine may
//! have been put back while it ran, with this run's epoch in its memory. Then what comes from now on
//! gets another label, and that reader is told the new one for what this run took before as well: to
//! it alone all of that is new. To everybody else nothing changes.

use rusqlite::Connection;

use super::directory::InboxId;
use super::schema::{MAX_SEQ, place, signed, unsigned};
use crate::relay::protocol::{Epoch, Resume, Resumed};

/// The epochs of an inbox that are remembered, beside those of deliveries that are still there. A
/// reader that comes from an older one is told that the relay does not know its place.
const KEPT: u64 = 256;
/// Labels that one run may have in an inbox. A reader that wants still more is told one that is not
/// remembered: it harms only itself.
const A_RUN: usize = 16;

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    /// The first `seq` that has it.
    first: u64,
    epoch: Epoch,
    /// The run that made it: its own epoch is the run's first label.
    run: Epoch,
}

/// Where a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    /// Reading begins after this one.
    pub(super) after: u64,
    pub(super) resumed: Resumed,
    /// What it is told under another label than its own.
    pub(super) told: Option<Told>,
    /// The label of what comes now.
    pub(super) epoch: Epoch,
}

/// Where a resume leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    after: u64,
    resumed: Resumed,
    label: Label,
}

/// Under which label a reader is told what this relay took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    /// Its own.
    Kept,
    /// Another, for what lies in this stretch.
    Told(Told),
    /// One that is still to be made, from this `seq` up to the head.
    New { from: u64 },
}

/// A stretch that one reader is told under another label than it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    from: u64,
    to: u64,
    epoch: Epoch,
}

impl Told {
    /// The label under which a reader is told something with this `seq` and label.
    pub fn label(self, seq: u64, epoch: Epoch) -> Epoch {
        if (self.from..=self.to).contains(&seq) { self.epoch } else { epoch }
    }
}

/// Labels what comes from now on with this run's epoch, where that was not done before.
pub(super) fn begin_run(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
    run: Epoch,
) -> rusqlite::Result<()> {
    // After a failed transaction the label may be there, or another of this run in its place.
    if all(connection, inbox)?.iter().any(|row| row.run == run) {
        return Ok(());
    }
    // An epoch that labels nothing is replaced: restarts alone leave no trace.
    label(connection, inbox, Row { first: head + 1, epoch: run, run })
}

/// Finds where a reader goes on in an inbox whose run has begun, and makes the label that it needs,
/// with an epoch of `new`; `None` where that gives none. `acked` is how far the relay knows the
/// reader to be, by its name.
pub(super) fn begin(
    connection: &Connection,
    inbox: InboxId,
    (head, retained_from): (u64, u64),
    (resume, acked): (Option<Resume>, Option<u64>),
    new: impl FnOnce() -> Option<Epoch>,
) -> rusqlite::Result<Option<Begun>> {
    let rows = all(connection, inbox)?;
    let start = retained_from.saturating_sub(1);
    let Found { after, resumed, label: needed } = match resume {
        Some(resume) => resolve(&rows, head, start, resume),
        // One that remembers nothing gets all that is there; and what it missed since it was last
        // here is told as a gap.
        None => Found {
            after: acked.map_or(start, |acked| acked.min(start)),
            resumed: Resumed::Start,
            label: Label::Kept,
        },
    };
    let Some(newest) = rows.last() else { return Ok(None) };
    let (told, epoch) = match needed {
        Label::Kept => (None, newest.epoch),
        Label::Told(told) => (Some(told), newest.epoch),
        Label::New { from } => {
            let Some(new) = new() else { return Ok(None) };
            let told = Some(Told { from, to: head, epoch: new });
            if rows.iter().filter(|row| row.run == newest.run).count() < A_RUN {
                label(connection, inbox, Row { first: head + 1, epoch: new, run: newest.run })?;
                (told, new)
            } else {
                (told, newest.epoch)
            }
        }
    };
    Ok(Some(Begun { after, resumed, told, epoch }))
}

/// Looks a resume up in an inbox's labels, oldest first, of which the last is this run's.
fn resolve(rows: &[Row], head: u64, start: u64, resume: Resume) -> Found {
    let Resume { epoch, after } = resume;
    let begin_of = |run| rows.iter().find(|row| row.run == run).map_or(1, |row| row.first);
    let under = |row: &Row| {
        let from = begin_of(row.run);
        if from < row.first {
            Label::Told(Told { from, to: row.first - 1, epoch: row.epoch })
        } else {
            Label::Kept
        }
    };
    let Some(at) = rows.iter().position(|row| row.epoch == epoch) else {
        // What it has under this run's first label, nobody knows. Under a later one it has nothing.
        let label = match rows.last() {
            Some(last) if last.epoch != last.run => under(last),
            Some(last) => Label::New { from: last.first },
            None => Label::New { from: 1 },
        };
        return Found { after: start, resumed: Resumed::RolledBack, label };
    };
    let row = &rows[at];
    let next = rows.get(at + 1);
    let last = next.map_or(head, |next| next.first - 1);
    if after <= last {
        // Below the first it was told its place under this label, and nothing yet.
        let label = if after < row.first { under(row) } else { Label::Kept };
        return Found { after, resumed: Resumed::Continued, label };
    }
    let (after, label) = match next {
        // From the lost time, and another reader was before it.
        Some(next) if next.run == row.run => (begin_of(row.run) - 1, under(next)),
        // That epoch went further than this copy of it: the rest is lost, and what came since has
        // other epochs.
        Some(_) => (last, Label::Kept),
        // It is this run's: the machine was put back while it ran.
        None => {
            let from = begin_of(row.run);
            (from - 1, Label::New { from })
        }
    };
    Found { after, resumed: Resumed::RolledBack, label }
}

/// The labels of an inbox, oldest first.
fn all(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Vec<Row>> {
    let epoch = |value: i64| Epoch(value.cast_unsigned());
    connection
        .prepare_cached(
            "SELECT first_seq, epoch, run FROM epoch WHERE inbox = ?1 ORDER BY first_seq",
        )?
        .query_map([inbox], |row| {
            let first = unsigned(row.get(0)?);
            Ok(Row { first, epoch: epoch(row.get(1)?), run: epoch(row.get(2)?) })
        })?
        .collect()
}

/// Labels everything from the row's first on, in place of a label that begins there.
fn label(connection: &Connection, inbox: InboxId, row: Row) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO epoch (inbox, first_seq, epoch, run) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((inbox, signed(row.first), row.epoch.0.cast_signed(), row.run.0.cast_signed()))?;
    // What is still there keeps its label, whatever their number: under another one it would be new
    // to whoever has it.
    connection
        .prepare_cached(
            "DELETE FROM epoch WHERE inbox = ?1
             AND first_seq <= (
                 SELECT first_seq FROM epoch WHERE inbox = ?1
                 ORDER BY first_seq DESC LIMIT 1 OFFSET ?2)
             AND first_seq < (
                 SELECT max(first_seq) FROM epoch WHERE inbox = ?1 AND first_seq <= (
                     SELECT coalesce(min(place) & ?3, ?3) FROM delivery
                     WHERE place > ?4 AND place < ?5))",
        )?
        .execute((inbox, signed(KEPT), place(0, MAX_SEQ), place(inbox, 0), place(inbox + 1, 0)))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(epoch: u64, after: u64) -> Resume {
        Resume { epoch: Epoch(epoch), after }
    }

    const fn row(first: u64, epoch: u64, run: u64) -> Row {
        Row { first, epoch: Epoch(epoch), run: Epoch(run) }
    }

    const fn told(from: u64, to: u64, epoch: u64) -> Label {
        Label::Told(Told { from, to, epoch: Epoch(epoch) })
    }

    const fn found(after: u64, resumed: Resumed, label: Label) -> Found {
        Found { after, resumed, label }
    }

    #[test]
    fn a_resume_is_found_in_its_epoch() {
        let rows = [row(1, 7, 7), row(11, 8, 8), row(21, 9, 9)];
        let find = |resume| resolve(&rows, 25, 4, resume);
        for (epoch, after) in [(7, 10), (7, 2), (8, 15), (9, 25)] {
            let expected = found(after, Resumed::Continued, Label::Kept);
            assert_eq!(find(at(epoch, after)), expected, "{epoch} {after}");
        }
        // It was told its place under that label, and has nothing of it yet.
        assert_eq!(find(at(8, 9)), found(9, Resumed::Continued, Label::Kept));
        // Beyond the end of an older copy: on from there, nothing twice.
        assert_eq!(find(at(8, 23)), found(20, Resumed::RolledBack, Label::Kept));
        // From an epoch that is not here, and from beyond our own head: this run's is told anew.
        let new = Label::New { from: 21 };
        assert_eq!(find(at(6, 9)), found(4, Resumed::RolledBack, new));
        assert_eq!(find(at(9, 26)), found(20, Resumed::RolledBack, new));
        let none = found(0, Resumed::RolledBack, Label::New { from: 1 });
        assert_eq!(resolve(&[], 0, 0, at(9, 26)), none);
    }

    #[test]
    fn one_reader_is_told_another_label_and_nobody_else() {
        let rows = [row(1, 7, 7), row(11, 8, 8), row(16, 88, 8)];
        let find = |resume| resolve(&rows, 25, 0, resume);
        let anew = told(11, 15, 88);
        // Whoever has the old one goes on.
        for after in [11, 13, 15] {
            assert_eq!(find(at(8, after)), found(after, Resumed::Continued, Label::Kept));
        }
        // Who was told the new one goes on with that, before and amid and behind the stretch.
        for after in [10, 13, 15] {
            assert_eq!(find(at(88, after)), found(after, Resumed::Continued, anew));
        }
        assert_eq!(find(at(88, 20)), found(20, Resumed::Continued, Label::Kept));
        // Once more from the lost time: no third label.
        assert_eq!(find(at(8, 16)), found(10, Resumed::RolledBack, anew));
        assert_eq!(find(at(6, 3)), found(0, Resumed::RolledBack, anew));
        // From beyond the new one: that is another.
        let third = found(10, Resumed::RolledBack, Label::New { from: 11 });
        assert_eq!(find(at(88, 26)), third);
        // And after a restart everything is as it was.
        let rows = [&rows[..], &[row(26, 9, 9)]].concat();
        assert_eq!(resolve(&rows, 30, 0, at(8, 17)), found(10, Resumed::RolledBack, anew));
        let kept = found(25, Resumed::RolledBack, Label::Kept);
        assert_eq!(resolve(&rows, 30, 0, at(88, 27)), kept);
    }
    #[test]
    fn what_is_still_there_keeps_its_label_through_any_number_of_runs() {
        let connection = Connection::open_in_memory().unwrap();
        for step in super::super::schema::SCHEMA.migrations {
            connection.execute_batch(step).unwrap();
        }
        let keep = |seq| {
            let sql = "INSERT INTO delivery VALUES (?1, 0, 1, 1, '', '', NULL, '[]', '', x'')";
            connection.execute(sql, [place(1, seq)]).unwrap();
        };
        let runs = |from: u64, to: u64| {
            for seq in from..=to {
                begin_run(&connection, 1, seq - 1, Epoch(seq)).unwrap();
            }
        };
        keep(5);
        runs(1, 1000);
        let rows = all(&connection, 1).unwrap();
        // From the one that labels the oldest delivery on.
        assert_eq!((rows[0], rows.len()), (row(5, 5, 5), 996));
        connection.execute("DELETE FROM delivery", []).unwrap();
        runs(1001, 1001);
        let rows = all(&connection, 1).unwrap();
        assert_eq!(rows.len() as u64, KEPT);
        assert_eq!(*rows.last().unwrap(), row(1001, 1001, 1001));
    }
}
