//! Several readers of an inbox: each for itself, none in the way of another, one a name.

use std::time::{Duration, Instant};

use dubwatch::internals::relay::protocol::{CloseCode, Draining, RelayFrame};

use crate::common::{Client, LIMIT};
use crate::relay_support::Relay;

#[test]
fn several_readers_each_get_everything_at_their_own_pace() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut readers: Vec<_> =
        ["a", "b"].iter().map(|name| relay.reader(&inbox, Some(name), None)).collect();
    relay.post_all(&inbox, (0..20).map(|n| n.to_string()));
    let all: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(readers[0].bodies(20), all);
    let last = {
        let mut cursors: Vec<_> = (0..20).map(|_| readers[1].delivery().cursor).collect();
        cursors.pop().unwrap()
    };
    readers[1].ack(last);
    readers[0].hears_nothing();
}

#[test]
fn a_newer_connection_of_a_name_takes_over() {
    let relay = Relay::start(&[]);
    let (one, two) = (relay.inbox("one"), relay.inbox("two"));
    let mut older = relay.reader(&one, Some("a"), None);
    let mut elsewhere = relay.reader(&two, Some("a"), None);
    let mut nameless = relay.reader(&one, None, None);
    let mut newer = relay.reader(&one, Some("a"), None);
    assert_eq!(older.closed(), (vec![RelayFrame::Superseded], CloseCode::Superseded));
    relay.post_all(&one, ["1".to_owned()]);
    assert_eq!(newer.bodies(1), ["1"]);
    assert_eq!(nameless.bodies(1), ["1"]);
    elsewhere.hears_nothing();
}

#[test]
fn a_reader_that_reads_nothing_slows_nobody() {
    let relay = Relay::start(&["--max-bytes", "1GiB", "--max-body", "1MiB"]);
    let inbox = relay.inbox("one");
    // Neither of them ever reads, whatever is sent to it.
    let _stalled = relay.reader(&inbox, Some("stalled"), None);
    let _nameless = relay.reader(&inbox, None, None);
    let mut reader = relay.reader(&inbox, Some("awake"), None);
    let body = "x".repeat(256 << 10);
    let mut client = Client::new(relay.address()).unwrap();
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let start = Instant::now();
        client.send(relay.signed(&inbox, body.as_bytes()));
        assert_eq!(client.answer().status, 200);
        slowest = slowest.max(start.elapsed());
        let delivery = reader.delivery();
        assert_eq!(delivery.body.len(), body.len());
        reader.ack(delivery.cursor);
    }
    // 25 MiB wait for each of the two; in memory there is a batch or two.
    assert!(slowest < LIMIT / 4, "{slowest:?}");
    let memory = resident(relay.watch().pid());
    assert!(memory < 200 << 20, "{memory} bytes resident");
}

#[test]
fn readers_of_one_inbox_that_read_nothing_hold_up_no_long_body_of_another() {
    // Three bodies of this length fill the memory for long ones.
    let relay = Relay::start(&["--max-bytes", "1GiB", "--max-body", "32MiB"]);
    let (one, two) = (relay.inbox("one"), relay.inbox("two"));
    let _stalled = [(); 3].map(|()| relay.reader(&one, None, None));
    let mut reader = relay.reader(&two, Some("awake"), None);
    let body = "x".repeat((32 << 20) - 1);
    let mut client = Client::new(relay.address()).unwrap();
    for _ in 0..2 {
        client.send(relay.signed(&one, body.as_bytes()));
        assert_eq!(client.answer().status, 200);
    }
    let length = 256 << 10;
    for _ in 0..10 {
        client.send(relay.signed(&two, &body.as_bytes()[..length]));
        assert_eq!(client.answer().status, 200);
        let start = Instant::now();
        assert_eq!(reader.delivery().body.len(), length);
        assert!(start.elapsed() < LIMIT / 4, "{:?}", start.elapsed());
    }
}

/// Resident memory in bytes; nothing where the system does not say it this way.
fn resident(pid: u32) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_reader_that_has_nothing_to_ack_is_seen_all_the_same() {
    let relay = Relay::start(&["--max-absence", "1s"]);
    let inbox = relay.inbox("one");
    let _reader = relay.reader(&inbox, Some("a"), None);
    let seen = || {
        let (_, listed) = relay.operate(&["list", "--json"]);
        let first = listed.lines().next().unwrap_or_default();
        let record: serde_json::Value = serde_json::from_str(first).unwrap();
        record["readers"].to_string()
    };
    let first = seen();
    // Forgotten, it would be no longer in the list.
    let again = || Some(seen()).is_some_and(|now| now != first && now != "[]");
    crate::relay_support::within(again, LIMIT, "the reader is noted again");
}

#[test]
fn a_stop_tells_readers_when_to_come_back_and_keeps_everything() {
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, ["1".to_owned()]);
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let cursor = reader.delivery().cursor;
    reader.ack(cursor);
    // The relay has heard the ack: one that is under way when it stops is none.
    reader.hears_nothing();
    let gone = std::thread::spawn(move || reader.closed());
    let ended = relay.stop();
    assert_eq!(ended.code, Some(143));
    let draining = RelayFrame::Draining(Draining { retry_after: 2 });
    assert_eq!(gone.join().unwrap(), (vec![draining], CloseCode::Draining));
    assert!(ended.err.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    // The store is closed and whole, and the reader's cursor is in it.
    assert_eq!(relay.site.files(), ["journal.db", "journal.db-reserve", "journal.db.lock"]);
    let (_, list) = relay.operate(&["list"]);
    assert!(list.contains("reader a: 0 behind"), "{list}");
    relay.start_again();
    let mut reader = relay.reader(&inbox, Some("a"), Some(cursor.into()));
    reader.hears_nothing();
}

#[test]
fn a_hello_that_was_long_on_its_way_takes_over_nothing() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    // Its line hangs before its hello is through; its owner gives it up and dials again.
    let mut late = relay.connect(&inbox);
    let mut newer = relay.reader(&inbox, Some("a"), None);
    late.say(&dubwatch::internals::relay::protocol::ClientFrame::Hello(
        dubwatch::internals::relay::protocol::Hello {
            protocol: dubwatch::internals::relay::protocol::Versions::OURS,
            reader: Some("a".parse().unwrap()),
            resume: None,
            agent: None,
        },
    ));
    drop(late);
    newer.hears_nothing();
    relay.post_all(&inbox, ["1".to_owned()]);
    assert_eq!(newer.bodies(1), ["1"]);
}
