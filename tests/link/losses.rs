//! Kills, cuts and restarts: none lost, none twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rustix::process::Signal;

use crate::common::{Client, callback, until};
use crate::laptop::{Laptop, Wire, callbacks, link};
use crate::relay_support::{Relay, Seeded};
use crate::rounds;

/// Every one of them once, whatever the order.
fn all_once(laptop: &Laptop, sent: usize) {
    let bodies = laptop.bodies();
    let kept: HashSet<&String> = bodies.iter().collect();
    assert_eq!(kept.len(), bodies.len(), "some are doubled");
    for body in callbacks(0..sent) {
        assert!(kept.contains(&body), "lost: {body}");
    }
    assert_eq!(bodies.len(), sent);
}

#[test]
fn what_came_while_it_was_away_comes_in_order() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let count = 1_500;
    relay.post_all(&inbox, callbacks(0..count));
    let laptop = Laptop::of(&relay, &inbox);
    let mut watch = laptop.start(&["--json"]);
    let up = link(&mut watch, "up");
    assert_eq!(up["callback_url"], format!("http://{}{}", relay.address(), inbox.path));
    laptop.has(count as u64);
    let expected: Vec<String> = callbacks(0..count).collect();
    assert!(laptop.bodies() == expected);
    let delivery = watch.next_of("delivery");
    assert_eq!((&delivery["source"], &delivery["verdict"]), (&"relay".into(), &"valid".into()));
    // And then what comes now.
    relay.post_all(&inbox, callbacks(count..count + 1));
    laptop.has(count as u64 + 1);
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
    until(
        || relay.operate(&["list", "--json"]).1.contains(&format!("{}", count + 1)),
        "the last ack",
    );
}

#[test]
fn a_reader_that_is_killed_while_it_catches_up_loses_and_doubles_nothing() {
    let relay = Arc::new(Relay::start(&["--max-rate", "100000"]));
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    laptop.start(&["--json"]).stop(Signal::TERM);
    let (sent, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let sender = {
        let (relay, inbox) = (Arc::clone(&relay), inbox.clone());
        let (sent, over) = (Arc::clone(&sent), Arc::clone(&over));
        std::thread::spawn(move || {
            let mut client = Client::new(relay.address()).unwrap();
            while !over.load(Relaxed) {
                let number = sent.load(Relaxed);
                client.send(relay.signed(&inbox, callback(number).as_bytes()));
                assert_eq!(client.answer().status, 200);
                sent.store(number + 1, Relaxed);
            }
        })
    };
    let mut seeded = Seeded(20_261_124);
    let head = || dubwatch::journal::Reader::open(&laptop.site.db).unwrap().head().unwrap();
    for _ in 0..rounds(6) {
        let watch = laptop.start(&["--json"]);
        let goal = head() + 1 + seeded.below(300);
        until(|| head() >= goal, "it to catch up a little");
        assert_eq!(watch.stop(Signal::KILL).code, None);
    }
    over.store(true, Relaxed);
    sender.join().unwrap();
    let sent = sent.load(Relaxed);
    let _watch = laptop.start(&["--json"]);
    laptop.has(sent as u64);
    all_once(&laptop, sent);
}

#[test]
fn a_relay_that_is_killed_and_started_again_is_found_again() {
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let wire = Wire::to(relay.address(), 1);
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let mut watch = laptop.start(&["--json"]);
    let first = link(&mut watch, "up")["epoch"].clone();
    let mut sent = 0;
    for _ in 0..rounds(3) {
        relay.post_all(&inbox, callbacks(sent..sent + 200));
        sent += 200;
        relay.kill();
        relay.start_again();
        wire.lead_to(relay.address());
        relay.post_all(&inbox, callbacks(sent..sent + 50));
        sent += 50;
    }
    laptop.has(sent as u64);
    all_once(&laptop, sent);
    let again = link(&mut watch, "up")["epoch"].clone();
    assert_ne!(first, again, "a new run of the relay is another epoch, and it is said");
}

#[test]
fn a_line_that_cuts_delays_truncates_and_repeats_loses_and_doubles_nothing() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let wire = Wire::to(relay.address(), 20_261_125);
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let watch = laptop.start(&["--json"]);
    wire.spoil(true);
    let rounds = rounds(8);
    let mut sent = 0;
    for round in 0..rounds {
        relay.post_all(&inbox, callbacks(sent..sent + 150));
        sent += 150;
        if round % 3 == 2 {
            // However it goes on, it gets there.
            laptop.has(sent as u64 / 2);
        }
    }
    wire.spoil(false);
    laptop.has(sent as u64);
    all_once(&laptop, sent);
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}
