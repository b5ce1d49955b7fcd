//! Either end is stopped, as a laptop that sleeps or a host that hangs, and goes on: none lost, none
//! twice, all in order.

use std::time::Duration;

use dubwatch::internals::relay::protocol::{DEAD_AFTER, WINDOW};
use rustix::process::Signal;

use crate::link::laptop::{Laptop, callbacks, link, link_within};
use crate::link::sender::Sender;
use crate::link::wire::Wire;
use crate::relay_support::{Relay, Seeded, form, within};

/// How long an end stays stopped in the long form.
const STOPPED: Duration = Duration::from_secs(60);

#[test]
fn a_reader_that_was_stopped_goes_on_where_it_was() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let wire = Wire::to(relay.address(), Seeded(0));
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let mut watch = laptop.start(&["--json"]);
    link(&mut watch, "up");
    relay.post_all(&inbox, callbacks(0..10));
    laptop.has(10);
    watch.signal(Signal::STOP);
    let before = laptop.head();
    // More than a window, so what it gets is not what lies in sockets.
    let count = form::of(WINDOW + 476, 12_000);
    let sender = Sender::start(&relay, &inbox, wire.end(), count, form::of(0, 200));
    assert!(!form::is_long() || !sender.ends_within(STOPPED.mul_f64(0.9)));
    let posted = sender.ended();
    assert!(posted.iter().all(|times| *times == 1), "a stopped reader holds up no sender");
    assert_eq!(laptop.head(), before, "it was stopped");
    if form::is_long() {
        // The relay gave it up meanwhile.
        let metrics = relay.watch().ask(crate::common::get("/metrics")).body;
        assert!(metrics.contains("\ndubwatch_relay_readers 0\n"), "{metrics}");
    }
    watch.signal(Signal::CONT);
    laptop.has(10 + count);
    let expected: Vec<String> = callbacks(0..10).chain(callbacks(0..count)).collect();
    assert!(laptop.bodies() == expected, "lost, doubled or out of order");
    watch.stop(Signal::TERM);
}

#[test]
fn a_relay_that_was_stopped_is_found_dead_and_found_again() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let watch = laptop.start(&["--json"]);
    let up = link_within(&watch, 1, "up", form::patience());
    relay.post_all(&inbox, callbacks(0..200));
    relay.watch().signal(Signal::STOP);
    // A sender that waits meanwhile.
    let to = std::sync::Arc::new(std::sync::Mutex::new(relay.address()));
    let count = 300;
    let sender = Sender::start(&relay, &inbox, to, count, 0);
    if form::is_long() {
        let begun = std::time::Instant::now();
        let lost = link_within(&watch, up + 1, "retrying", DEAD_AFTER * 2);
        let line = String::from_utf8(watch.out.line(lost, STOPPED).unwrap()).unwrap();
        assert!(line.contains("30 s"), "{line}");
        assert!(begun.elapsed() < DEAD_AFTER + Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(!sender.ends_within(STOPPED.saturating_sub(begun.elapsed())));
        relay.watch().signal(Signal::CONT);
        link_within(&watch, lost + 1, "up", form::patience());
    } else {
        assert_eq!(sender.answered(), 0);
        relay.watch().signal(Signal::CONT);
    }
    // What was in its sockets when the sender gave up and posted again came twice to the relay.
    let posted = sender.ended().iter().sum::<usize>();
    assert!(form::is_long() || posted == count);
    within(|| laptop.head() >= 200 + count, form::patience(), "everything to come");
    relay.post_all(&inbox, ["the last".to_owned()]);
    within(
        || laptop.bodies().last().is_some_and(|body| body == "the last"),
        form::patience(),
        "the last",
    );
    let mut bodies = laptop.bodies();
    assert!(bodies.len() <= 200 + posted + 1, "{} of {posted}", bodies.len());
    bodies.dedup();
    let expected = callbacks(0..200).chain(callbacks(0..count)).chain(["the last".to_owned()]);
    assert!(bodies == expected.collect::<Vec<_>>(), "lost or out of order");
    watch.stop(Signal::TERM);
}
