//! An inbox that gets another token and another publish URL is the same inbox to its readers.

use rustix::process::Signal;

use crate::common::{callback, get, request};
use crate::link::laptop::{Laptop, callbacks, link};
use crate::relay_support::{Inbox, Relay};

#[test]
fn what_is_passed_on_to_a_new_token_at_a_new_url_is_stored_once() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, callbacks(0..5));
    let mut laptop = Laptop::of(&relay, &inbox);
    let watch = laptop.start(&["--json"]);
    laptop.has(5);
    watch.stop(Signal::TERM);

    let (done, line) = relay.operate(&["rotate", "one", "--url", "--json"]);
    assert!(done, "{line}");
    let moved = Inbox::from(&line);
    assert!(moved.path != inbox.path && moved.token != inbox.token);
    relay.post_all(&moved, callbacks(5..6));
    laptop.token = moved.token;
    let mut watch = laptop.start(&["--json"]);
    link(&mut watch, "up");
    laptop.has(6);
    // A new subscription begins at what is retained: all of it is passed on again, after the five of
    // the first one.
    let metrics = relay.watch().ask(get("/metrics")).body;
    assert!(metrics.contains("dubwatch_relay_deliveries_sent_total 11\n"), "{metrics}");
    watch.stop(Signal::TERM);
    assert_eq!(laptop.bodies(), (0..6).map(callback).collect::<Vec<_>>());
}

#[test]
fn what_was_dropped_is_told_to_a_reader_that_had_nothing_yet_also_with_a_new_token() {
    for rotated in [false, true] {
        let relay = Relay::start(&["--max-count", "20"]);
        let inbox = relay.inbox("one");
        let mut laptop = Laptop::of(&relay, &inbox);
        let mut watch = laptop.start(&["--json"]);
        link(&mut watch, "up");
        watch.stop(Signal::TERM);
        // Of these the relay keeps two.
        for number in 0..10 {
            let post = request("POST", &inbox.path, &[], callback(number).as_bytes());
            assert_eq!(relay.watch().ask(post).status, 200);
        }
        if rotated {
            laptop.token = Inbox::from(&relay.operate(&["rotate", "one", "--json"]).1).token;
        }
        let mut watch = laptop.start(&["--json"]);
        let gap = watch.next_of("gap");
        assert_eq!((&gap["from"], &gap["to"]), (&1.into(), &8.into()), "{gap}");
        assert_eq!(gap["reason"], "unverified");
        watch.stop(Signal::TERM);
    }
}
