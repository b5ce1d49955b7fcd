//! Which label a stretch of an inbox has, which it had before, and where a resume leads; sends
//! nothing.
//!
//! Every run of a relay labels what it takes with an epoch of its own. Where a reader names a place
//! that we do not know, our numbers of this run may mean other deliveries to it: the machine may
//! have been put back while it ran, with this run's epoch in its memory. Then the stretch of this
//! run gets another label, for everybody: that reader takes it for new, and whoever read it under
//! the old label goes on from there, because the old one is remembered.

use rusqlite::{Connection, OptionalExtension as _};

use super::directory::InboxId;
use super::schema::{signed, unsigned};
use crate::relay::protocol::{Epoch, Resume, Resumed};

/// The epochs of an inbox that are remembered, and the labels that it had before as well. A reader
/// that comes from an older one is told that the relay does not know its place.
const KEPT: u64 = 256;

/// From a `seq` up to and including another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    first: u64,
    last: u64,
}

/// Where a resume leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Reading begins after this one.
    pub(super) after: u64,
    pub(super) resumed: Resumed,
    /// Whether the reader may know our numbers of this run for other deliveries.
    pub(super) relabel: bool,
}

/// Labels what comes from now on with this run's epoch, where that was not done before.
pub(super) fn begin_run(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
    run: Epoch,
) -> rusqlite::Result<()> {
    // After a failed transaction the label may be there, and another may have taken its place.
    let known = all(connection, inbox)?.iter().any(|(_, epoch)| *epoch == run)
        || before(connection, inbox, run)?.is_some();
    // An epoch that labels nothing is replaced: restarts alone leave no trace.
    if known { Ok(()) } else { label(connection, inbox, head + 1, run) }
}

/// Gives the newest stretch another label, and remembers the one that it had.
pub(super) fn relabel(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
    epoch: Epoch,
) -> rusqlite::Result<()> {
    let Some((first, old)) = all(connection, inbox)?.pop() else {
        return label(connection, inbox, 1, epoch);
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO retired_epoch VALUES (?1, ?2, ?3, ?4)")?
        .execute((inbox, old.0.cast_signed(), signed(first), signed(head)))?;
    connection
        .prepare_cached(
            "DELETE FROM retired_epoch WHERE inbox = ?1 AND last_seq < (
                 SELECT last_seq FROM retired_epoch WHERE inbox = ?1
                 ORDER BY last_seq DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((inbox, signed(KEPT)))?;
    label(connection, inbox, first, epoch)
}

/// The label of what comes now.
pub(super) fn newest(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Option<Epoch>> {
    Ok(all(connection, inbox)?.pop().map(|(_, epoch)| epoch))
}

/// Finds where a reader goes on.
pub(super) fn find(
    connection: &Connection,
    inbox: InboxId,
    head: u64,
    retained_from: u64,
    resume: Option<Resume>,
) -> rusqlite::Result<Found> {
    let Some(resume) = resume else {
        let after = retained_from.saturating_sub(1);
        return Ok(Found { after, resumed: Resumed::Start, relabel: false });
    };
    let epochs = all(connection, inbox)?;
    let before = before(connection, inbox, resume.epoch)?;
    Ok(resolve(&epochs, before, head, retained_from, resume))
}

/// Looks a resume up in an inbox's epochs (from which `seq`, and which; oldest first), and in the
/// stretch that had its label before.
fn resolve(
    epochs: &[(u64, Epoch)],
    before: Option<Stretch>,
    head: u64,
    retained_from: u64,
    resume: Resume,
) -> Found {
    let Resume { epoch, after } = resume;
    let found = |after, resumed| Found { after, resumed, relabel: false };
    let nowhere = Found {
        after: retained_from.saturating_sub(1),
        resumed: Resumed::RolledBack,
        relabel: true,
    };
    let Some(at) = epochs.iter().position(|(_, known)| *known == epoch) else {
        return match before {
            Some(had) if (had.first..=had.last).contains(&after) => {
                found(after, Resumed::Continued)
            }
            // What it has beyond is lost, and has another label than anything of ours.
            Some(had) if after > had.last => found(had.first - 1, Resumed::RolledBack),
            _ => nowhere,
        };
    };
    let first = epochs[at].0;
    let next = epochs.get(at + 1).map(|(next, _)| *next);
    let last = next.map_or(head, |next| next - 1);
    match after {
        // It says that it has something that this epoch never labelled.
        _ if after < first => nowhere,
        _ if after <= last => found(after, Resumed::Continued),
        // That epoch went further than this copy of it: the rest is lost, and what came since has
        // other epochs.
        _ if next.is_some() => found(last, Resumed::RolledBack),
        // It is this run's: the machine was put back while it ran. Nobody knows what the reader has
        // under our numbers of this run, so it gets them under a new label.
        _ => Found { after: first - 1, resumed: Resumed::RolledBack, relabel: true },
    }
}

/// The epochs of an inbox, oldest first: from which `seq`, and which.
fn all(connection: &Connection, inbox: InboxId) -> rusqlite::Result<Vec<(u64, Epoch)>> {
    connection
        .prepare_cached("SELECT first_seq, epoch FROM epoch WHERE inbox = ?1 ORDER BY first_seq")?
        .query_map([inbox], |row| {
            Ok((unsigned(row.get(0)?), Epoch(row.get::<_, i64>(1)?.cast_unsigned())))
        })?
        .collect()
}

/// The stretch that had this label before it got another.
fn before(
    connection: &Connection,
    inbox: InboxId,
    epoch: Epoch,
) -> rusqlite::Result<Option<Stretch>> {
    connection
        .prepare_cached(
            "SELECT first_seq, last_seq FROM retired_epoch WHERE inbox = ?1 AND epoch = ?2",
        )?
        .query_row((inbox, epoch.0.cast_signed()), |row| {
            Ok(Stretch { first: unsigned(row.get(0)?), last: unsigned(row.get(1)?) })
        })
        .optional()
}

/// Labels everything from `first` on, in place of labels that begin there or later.
fn label(
    connection: &Connection,
    inbox: InboxId,
    first: u64,
    epoch: Epoch,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM epoch WHERE inbox = ?1 AND first_seq >= ?2")?
        .execute((inbox, signed(first)))?;
    connection.prepare_cached("INSERT INTO epoch VALUES (?1, ?2, ?3)")?.execute((
        inbox,
        signed(first),
        epoch.0.cast_signed(),
    ))?;
    connection
        .prepare_cached(
            "DELETE FROM epoch WHERE inbox = ?1 AND first_seq <= (
                 SELECT first_seq FROM epoch WHERE inbox = ?1
                 ORDER BY first_seq DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((inbox, signed(KEPT)))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(epoch: u64, after: u64) -> Resume {
        Resume { epoch: Epoch(epoch), after }
    }

    const fn found(after: u64, resumed: Resumed, relabel: bool) -> Found {
        Found { after, resumed, relabel }
    }

    #[test]
    fn a_resume_is_found_in_its_epoch() {
        let epochs = [(1, Epoch(7)), (11, Epoch(8)), (21, Epoch(9))];
        let find = |resume| resolve(&epochs, None, 25, 5, resume);
        assert_eq!(find(at(7, 10)), found(10, Resumed::Continued, false));
        assert_eq!(find(at(7, 2)), found(2, Resumed::Continued, false));
        assert_eq!(find(at(8, 15)), found(15, Resumed::Continued, false));
        assert_eq!(find(at(9, 25)), found(25, Resumed::Continued, false));
        // Beyond the end of an older copy: on from there, nothing twice.
        assert_eq!(find(at(8, 23)), found(20, Resumed::RolledBack, false));
        // From before it began, and from an epoch that is not here.
        assert_eq!(find(at(8, 9)), found(4, Resumed::RolledBack, true));
        assert_eq!(find(at(6, 9)), found(4, Resumed::RolledBack, true));
        // Beyond our own head: all of this run.
        assert_eq!(find(at(9, 26)), found(20, Resumed::RolledBack, true));
        assert_eq!(resolve(&[], None, 0, 1, at(9, 26)), found(0, Resumed::RolledBack, true));
    }

    #[test]
    fn a_label_that_was_replaced_still_tells_where_a_reader_is() {
        let epochs = [(1, Epoch(7)), (11, Epoch(10))];
        let had = Some(Stretch { first: 11, last: 20 });
        let find = |after| resolve(&epochs, had, 25, 1, at(9, after));
        assert_eq!(find(11), found(11, Resumed::Continued, false));
        assert_eq!(find(20), found(20, Resumed::Continued, false));
        // Beyond: the same reader once more, or another from the lost time.
        assert_eq!(find(21), found(10, Resumed::RolledBack, false));
        assert_eq!(find(10), found(0, Resumed::RolledBack, true));
    }
}
