//! The place of each target and the kept answers, in the journal.

use std::time::Duration;

use super::*;
use crate::callback::Headers;
use crate::forward::{BegunAttempt, ForwardAnswer, ForwardAttempt, ForwardBatch, KnownAttempts};
use crate::journal::JournalBatch;

const TARGET: &str = "http://localhost:3000/";

fn batch(target: &str, place: u64) -> ForwardBatch {
    ForwardBatch {
        target: target.into(),
        place,
        begun: Vec::new(),
        withdrawn: Vec::new(),
        ended: Vec::new(),
    }
}

fn begun(seq: u64, attempt: u32) -> BegunAttempt {
    BegunAttempt { seq, attempt, at: at(50) }
}

fn ended(target: &str, seq: u64, attempt: u32, status: Option<u16>) -> ForwardAttempt {
    ForwardAttempt {
        seq,
        target: target.into(),
        attempt,
        at: at(50),
        is_last: status == Some(200),
        answer: ForwardAnswer {
            status,
            took: Duration::from_micros(1234),
            error: status.is_none().then(|| "no answer".to_owned()),
            headers: Headers::from_raw([("x-app", b"1".as_slice())]),
            body: b"\xffbody".to_vec(),
            is_truncated: true,
        },
    }
}

fn write(journal: &Journal, batch: ForwardBatch) {
    journal.forward(Arc::new(batch)).unwrap().blocking_receipt().unwrap();
}

/// A journal with deliveries of two assets, and one that names none.
fn journal(dir: &tempfile::TempDir) -> Journal {
    let journal = Journal::open(&file(dir), None).unwrap();
    append(&journal, accepted(&event(State::Ready, "old", "ver"), 0, 1));
    append(&journal, accepted("no JSON", 1, 2));
    append(&journal, accepted(&event(State::Ready, "new", "ver"), 200, 3));
    journal
}

#[test]
fn attempts_and_places_are_kept_as_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(&dir);
    let mut follower = Follower::of_feed(journal.reader().unwrap(), journal.feed());
    let reader = journal.reader().unwrap();
    assert_eq!(reader.forward_place(TARGET).unwrap(), None);

    let first = ForwardBatch { begun: vec![begun(1, 1), begun(2, 1)], ..batch(TARGET, 0) };
    write(&journal, first);
    assert_eq!(follower.next(9).unwrap().map(drop), None, "nothing has ended");
    let lost = ended(TARGET, 1, 1, None);
    let second = ForwardBatch {
        begun: vec![begun(1, 2)],
        withdrawn: vec![begun(2, 1)],
        ended: vec![lost.clone()],
        ..batch(TARGET, 0)
    };
    write(&journal, second);
    let answered = ended(TARGET, 1, 2, Some(200));
    write(&journal, ForwardBatch { ended: vec![answered.clone()], ..batch(TARGET, 1) });
    let other = ended("http://other/", 1, 1, Some(500));
    write(&journal, ForwardBatch { ended: vec![other.clone()], ..batch("http://other/", 0) });

    let mut told = Vec::new();
    while let Some(found) = follower.next(2).unwrap() {
        let JournalBatch::Forwards(page) = found else { panic!("{found:?}") };
        told.extend(page);
    }
    assert_eq!(told, [lost.clone(), answered.clone(), other.clone()]);
    assert_eq!(reader.forwards_of(1).unwrap(), [lost, answered, other]);
    assert_eq!(reader.forward_mark(1).unwrap().and_then(|mark| mark.status), Some(500));
    assert_eq!(reader.forward_mark(2).unwrap(), None);
    assert_eq!(reader.forward_place(TARGET).unwrap(), Some(1));

    // A place never goes back.
    write(&journal, batch(TARGET, 0));
    assert_eq!(reader.forward_place(TARGET).unwrap(), Some(1));
}

/// As after kill -9: one was answered, one is under way, one was not begun.
#[test]
fn what_is_known_behind_the_place_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let held = journal(&dir);
    let done = ended(TARGET, 3, 1, Some(200));
    let failed = ended(TARGET, 1, 1, None);
    let under_way =
        ForwardBatch { begun: vec![begun(1, 2)], ended: vec![failed, done], ..batch(TARGET, 0) };
    write(&held, under_way);
    held.close();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let known = journal.reader().unwrap().known_forwards(TARGET).unwrap();
    let expected = [
        (1, KnownAttempts { attempts: 2, is_done: false, open: Some(begun(1, 2)) }),
        (3, KnownAttempts { attempts: 1, is_done: true, open: None }),
    ];
    assert_eq!(known, expected.into());
    // What was done before is not behind the place any more.
    write(&journal, batch(TARGET, 3));
    assert!(journal.reader().unwrap().known_forwards(TARGET).unwrap().is_empty());
}

#[test]
fn kept_answers_are_deleted_with_their_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    let held = journal(&dir);
    let answers = (1..=3).map(|seq| ended(TARGET, seq, 1, Some(200))).collect();
    write(&held, ForwardBatch { ended: answers, ..batch(TARGET, 3) });
    held.close();
    let pruned = Journal::prune(&dir.path().join("journal.db"), at(100)).unwrap();
    assert_eq!((pruned.deliveries, pruned.assets), (2, 1));
    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    let left: Vec<_> = (1..=3).map(|seq| reader.forwards_of(seq).unwrap().len()).collect();
    assert_eq!(left, [0, 0, 1]);
    assert_eq!(reader.forward_place(TARGET).unwrap(), Some(3));
    // An answer that comes after its delivery was deleted leaves nothing.
    write(
        &journal,
        ForwardBatch { ended: vec![ended(TARGET, 1, 1, Some(200))], ..batch(TARGET, 3) },
    );
    assert!(reader.forwards_of(1).unwrap().is_empty());
}

#[test]
fn a_journal_from_before_forwarding_gets_its_tables() {
    let dir = tempfile::tempdir().unwrap();
    let without = schema::SCHEMA.migrations.len() - 1;
    let older = crate::sqlite::Schema {
        migrations: &schema::SCHEMA.migrations[..without],
        ..schema::SCHEMA
    };
    let (_, mut connection) = Database::open(&file(&dir), older).unwrap();
    let sent = accepted(&event(State::Failed, "ast", "ver"), 0, 1);
    rows::insert_delivery(&connection, 1, at(0), &sent, Outcome::NONE).unwrap();
    refold::if_needed(&mut connection).unwrap();
    connection.close().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    write(
        &journal,
        ForwardBatch { ended: vec![ended(TARGET, 1, 1, Some(200))], ..batch(TARGET, 1) },
    );
    assert_eq!(journal.reader().unwrap().forwards_of(1).unwrap().len(), 1);
}

#[test]
fn a_backfill_begins_before_the_first_delivery_of_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(&dir);
    let reader = journal.reader().unwrap();
    for (second, before) in [(-9, 0), (0, 0), (1, 1), (2, 2), (200, 2), (201, 3)] {
        assert_eq!(reader.seq_received_before(at(second)).unwrap(), before, "{second}");
    }
}
