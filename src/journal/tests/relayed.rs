//! Messages of relays: written once, in sequence, in one transaction with their position.

use std::collections::BTreeMap;

use super::*;
use crate::callback::{Gap, MessagePosition};
use crate::journal::handler::{JournalEntry, JournalHandler};
use crate::journal::{RelayPlace, RelayReceipt, Relayed, schema};
use crate::sqlite::BatchHandler as _;

fn position(epoch: u64, from: u64, to: u64) -> MessagePosition {
    MessagePosition { relay: "wss://r#1".into(), inbox: "https://r/in/x".into(), epoch, from, to }
}

fn begin(journal: &Journal, after: u64) {
    begin_anew(journal, after, None);
}

fn begin_anew(journal: &Journal, after: u64, anew: Option<u64>) {
    let pending = journal.subscribed("wss://r#1".into(), after, anew).unwrap();
    assert_eq!(pending.blocking_receipt(), Ok(after));
}

fn take(journal: &Journal, position: MessagePosition, relayed: Relayed) -> u64 {
    journal.take_over(position, relayed).unwrap().blocking_receipt().unwrap().upto
}

fn delivery(journal: &Journal, epoch: u64, seq: u64) -> u64 {
    take(journal, position(epoch, seq, seq), let_in(epoch, seq))
}

fn let_in(epoch: u64, seq: u64) -> Relayed {
    let body = event(State::Ready, &format!("a{epoch}-{seq}"), "v");
    Relayed::Accepted(Box::new(accepted(&body, 0, seq)))
}

fn gap(from: u64, to: u64) -> Relayed {
    Relayed::Gap(Gap {
        at: at(5),
        inbox: "https://r/in/x".to_owned(),
        epoch: 7,
        from,
        to,
        count: 2,
        reason: "age".to_owned(),
    })
}

fn kept(journal: &Journal) -> usize {
    journal.reader().unwrap().deliveries_after(0, 1000).unwrap().len()
}

fn place(journal: &Journal) -> Option<RelayPlace> {
    journal.reader().unwrap().relay_place("wss://r#1").unwrap()
}

#[test]
fn a_delivery_and_its_place_are_on_disk_together_and_a_second_copy_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    assert_eq!(place(&journal), None);
    begin(&journal, 0);
    assert_eq!(place(&journal), Some(RelayPlace { epoch: None, seq: 0 }));
    assert_eq!(delivery(&journal, 7, 1), 1);
    assert_eq!(take(&journal, position(7, 2, 2), Relayed::Refused), 2);
    assert_eq!(delivery(&journal, 7, 3), 3);
    journal.close();

    let journal = Journal::open(&file(&dir), None).unwrap();
    assert_eq!(place(&journal), Some(RelayPlace { epoch: Some(7), seq: 3 }));
    // An ack was lost: the relay begins before our position.
    begin(&journal, 1);
    assert_eq!(take(&journal, position(7, 2, 2), Relayed::Refused), 2);
    assert_eq!(delivery(&journal, 7, 3), 3);
    assert_eq!(delivery(&journal, 7, 4), 4);
    assert_eq!(kept(&journal), 3);
}

#[test]
fn nothing_is_taken_over_before_its_turn() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    assert_eq!(delivery(&journal, 7, 1), 0, "nobody subscribed");
    begin(&journal, 4);
    assert_eq!(delivery(&journal, 7, 6), 4, "5 is missing");
    assert_eq!(delivery(&journal, 7, 4), 4, "it is behind that");
    assert_eq!(take(&journal, position(7, 5, 4), Relayed::Refused), 4, "it ends before it begins");
    assert_eq!(take(&journal, position(7, u64::MAX, u64::MAX), Relayed::Refused), 4);
    assert_eq!(delivery(&journal, 7, 5), 5);
    assert_eq!(kept(&journal), 1);
}

#[test]
fn the_same_numbers_of_another_epoch_are_other_deliveries() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    begin(&journal, 0);
    for seq in 1..=5 {
        delivery(&journal, 7, seq);
    }
    // The relay was restored from an older copy and continues from 3.
    begin(&journal, 3);
    assert_eq!(place(&journal), Some(RelayPlace { epoch: None, seq: 3 }));
    begin_anew(&journal, 3, Some(8));
    assert_eq!(place(&journal), Some(RelayPlace { epoch: Some(8), seq: 3 }));
    assert_eq!(delivery(&journal, 8, 4), 4);
    assert_eq!(delivery(&journal, 8, 5), 5);
    assert_eq!(kept(&journal), 7);
    // Another token of the same inbox.
    let other = MessagePosition { relay: "wss://r#2".into(), ..position(8, 5, 5) };
    journal.subscribed("wss://r#2".into(), 4, None).unwrap();
    assert_eq!(take(&journal, other, Relayed::Refused), 5);
    assert_eq!(kept(&journal), 7);
}

#[test]
fn gaps_are_kept_once_and_told() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    let mut feed = journal.feed();
    begin(&journal, 0);
    assert_eq!(take(&journal, position(7, 1, 4), gap(1, 4)), 4);
    assert_eq!(feed.watermarks().gaps, 1);
    begin(&journal, 0);
    assert_eq!(take(&journal, position(7, 1, 4), gap(1, 4)), 4);
    assert_eq!(feed.watermarks().gaps, 1);
    assert_eq!(take(&journal, position(7, 5, 5), gap(5, 5)), 5);
    let gaps = journal.reader().unwrap().gaps_after(1, 10).unwrap();
    assert_eq!((gaps.len(), gaps[0].id, gaps[0].gap.from, gaps[0].gap.at), (1, 2, 5, at(5)));
    assert_eq!(delivery(&journal, 7, 6), 6);
}

#[test]
fn gaps_are_bounded() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    begin(&journal, 0);
    for seq in 1..=1200 {
        drop(journal.take_over(position(7, seq, seq), gap(seq, seq)).unwrap());
    }
    assert_eq!(delivery(&journal, 7, 1201), 1201);
    let gaps = journal.reader().unwrap().gaps_after(0, 5000).unwrap();
    assert_eq!((gaps.len(), gaps[0].gap.from), (1000, 201));
}

#[test]
fn a_delivery_is_new_once() {
    for let_in in [true, false] {
        let journal = Journal::open(&Location::Memory, None).unwrap();
        let is_new = |epoch, seq| {
            let relayed = if let_in { self::let_in(epoch, seq) } else { Relayed::Refused };
            let pending = journal.take_over(position(epoch, seq, seq), relayed).unwrap();
            pending.blocking_receipt().unwrap().new
        };
        begin(&journal, 0);
        assert!(!is_new(7, 2), "it is not its turn");
        assert!(is_new(7, 1) && is_new(7, 2));
        begin(&journal, 0);
        assert!(!is_new(7, 1) && !is_new(7, 2));
        assert!(is_new(7, 3));
    }
}

#[test]
fn what_an_attempt_that_is_rolled_back_found_new_is_not_new_out_of_turn() {
    for relayed in [let_in(7, 6), Relayed::Refused] {
        let (_, mut connection) = Database::open(&Location::Memory, schema::SCHEMA).unwrap();
        let (mut handler, _) = JournalHandler::new(&connection, None).unwrap();
        let mut attempt = |entries: &[&JournalEntry], commits: bool| {
            let transaction = connection.transaction().unwrap();
            let receipts: Vec<RelayReceipt> = entries
                .iter()
                .map(|entry| handler.write(&transaction, entry).unwrap().into())
                .collect();
            handler.before_commit(&transaction).unwrap();
            if commits {
                transaction.commit().unwrap();
                handler.committed();
            } else {
                transaction.rollback().unwrap();
                handler.rolled_back();
            }
            receipts
        };
        let begins = JournalEntry::Subscribed { relay: "wss://r#1".into(), after: 4, anew: None };
        let five = JournalEntry::Relayed(position(7, 5, 5), let_in(7, 5));
        let six = JournalEntry::Relayed(position(7, 6, 6), relayed);
        attempt(&[&begins], true);
        // A later entry of the batch is bad, and 5 fails when it is tried again.
        let receipts = attempt(&[&five, &six], false);
        assert_eq!(receipts[1], RelayReceipt { upto: 6, new: true });
        assert_eq!(attempt(&[&five], false), [RelayReceipt { upto: 5, new: true }]);
        assert_eq!(attempt(&[&six], true), [RelayReceipt { upto: 4, new: false }]);
        // The relay sends both again.
        let receipts = attempt(&[&five, &six], true);
        assert_eq!(receipts, [5, 6].map(|upto| RelayReceipt { upto, new: true }));
    }
}

#[test]
fn whatever_fails_meanwhile_each_message_is_new_once() {
    const COUNT: u64 = 60;
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    begin(&journal, 0);
    let other = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let (mut new, mut failed) = (BTreeMap::new(), 0);
    for round in 0.. {
        let after = place(&journal).unwrap().seq;
        if after == COUNT {
            break;
        }
        begin(&journal, after);
        // A few deliveries succeed, later ones fail, alone or in a batch.
        let last = kept(&journal) + round % 4;
        other
            .execute_batch(&format!(
                "DROP INDEX IF EXISTS moody;
                 CREATE UNIQUE INDEX moody ON delivery (source) WHERE seq > {last}"
            ))
            .unwrap();
        // Like a connection: sends everything after its position, and again after a failure.
        let pending: Vec<_> = (after + 1..=COUNT)
            .map(|seq| {
                let relayed = if seq % 3 == 0 { Relayed::Refused } else { let_in(7, seq) };
                (seq, journal.take_over(position(7, seq, seq), relayed).unwrap())
            })
            .collect();
        for (seq, pending) in pending {
            match pending.blocking_receipt() {
                Ok(receipt) => *new.entry(seq).or_insert(0) += u32::from(receipt.new),
                Err(_) => failed += 1,
            }
        }
    }
    assert!(failed > 0, "nothing failed");
    assert!((1..=COUNT).all(|seq| new[&seq] == 1), "{new:?}");
    assert_eq!(kept(&journal) as u64, COUNT - COUNT / 3);
}
