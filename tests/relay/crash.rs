//! kill -9 of the relay under load: everything that was answered 2xx reaches the reader, once a
//! cursor, in order.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dubwatch::internals::relay::protocol::{Cursor, RelayFrame, Resume, Resumed};

use crate::common::Client;
use crate::relay_support::{Heard, Inbox, Relay, form};

/// Posts until the connection breaks; gives what was answered 200.
fn load(
    address: std::net::SocketAddr,
    inbox: &Inbox,
    name: &str,
    answered: &Mutex<Vec<String>>,
    told: &std::sync::mpsc::SyncSender<()>,
) {
    let Ok(mut client) = Client::new(address) else { return };
    for n in 0.. {
        let body = format!("{name}-{n}");
        let post = crate::common::request("POST", &inbox.path, &[], body.as_bytes());
        if std::io::Write::write_all(&mut client.0, &post).is_err() {
            return;
        }
        let Ok(answer) = client.try_answer() else { return };
        assert_eq!(answer.status, 200);
        answered.lock().unwrap().push(body);
        let _ = told.try_send(());
    }
}

#[test]
fn kill_nine_loses_nothing_that_was_answered() {
    let mut relay = Relay::start(&["--max-count", "1000000", "--max-rate", "1000000"]);
    let inbox = relay.inbox("one");
    let answered = Arc::new(Mutex::new(Vec::new()));
    let mut seeded = form::seeded(20);
    let mut seen: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    let mut cursor: Option<Cursor> = None;
    for round in 0..form::of(12, 60) {
        let (told, answers) = sync_channel(1 << 16);
        let loads: Vec<_> = (0..4)
            .map(|n| {
                let (inbox, answered, told) = (inbox.clone(), Arc::clone(&answered), told.clone());
                let address = relay.address();
                std::thread::spawn(move || {
                    load(address, &inbox, &format!("{round}-{n}"), &answered, &told);
                })
            })
            .collect();
        drop(told);
        // A reader beside, which keeps what it heard and acks some of it.
        let mut reader = relay.reader(&inbox, Some("a"), cursor.map(Resume::from));
        let resumed = reader.welcome.as_ref().unwrap().resumed;
        assert_eq!(resumed == Resumed::Continued, cursor.is_some(), "{resumed:?}");
        for _ in 0..50 + seeded.below(200) {
            answers.recv_timeout(Duration::from_secs(20)).unwrap();
            let delivery = reader.delivery();
            keep(&mut seen, &mut cursor, delivery.cursor, &delivery.body);
            if seeded.below(10) == 0 {
                reader.ack(delivery.cursor);
            }
        }
        relay.kill();
        for load in loads {
            load.join().unwrap();
        }
        relay.start_again();
    }
    let mut reader = relay.reader(&inbox, Some("a"), cursor.map(Resume::from));
    let head = reader.welcome.as_ref().unwrap().head;
    let mut acked = 0;
    while cursor.is_none_or(|cursor| cursor.seq < head) {
        let Heard::Frame(RelayFrame::Delivery(delivery)) = reader.next() else {
            panic!("no delivery")
        };
        keep(&mut seen, &mut cursor, delivery.cursor, &delivery.body);
        acked += 1;
        if acked % 256 == 0 {
            reader.ack(delivery.cursor);
        }
    }
    let heard: HashSet<String> =
        seen.values().map(|body| String::from_utf8(body.clone()).unwrap()).collect();
    assert_eq!(heard.len(), seen.len(), "a delivery came under two cursors");
    for body in answered.lock().unwrap().iter() {
        assert!(heard.contains(body), "{body} was answered 200 and never came");
    }
}

/// Records a delivery as a reader does: in order, once a cursor, the same bytes if it comes again.
fn keep(
    seen: &mut HashMap<(u64, u64), Vec<u8>>,
    last: &mut Option<Cursor>,
    cursor: Cursor,
    body: &[u8],
) {
    assert_eq!(cursor.seq, last.map_or(0, |last| last.seq) + 1);
    *last = Some(cursor);
    let kept = seen.entry((cursor.epoch.0, cursor.seq)).or_insert_with(|| body.to_vec());
    assert_eq!(kept, body);
}
