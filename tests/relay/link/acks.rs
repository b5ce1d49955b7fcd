//! Acks that never reach the relay: what is passed on again is kept once.

use rustix::process::Signal;

use crate::common::get;
use crate::link::laptop::{Laptop, acked, callbacks};
use crate::link::wire::Wire;
use crate::relay_support::{Inbox, Relay, Seeded, form, within};
use dubwatch::internals::relay::protocol::WINDOW;

/// A number of the relay's metrics.
fn metric(relay: &Relay, name: &str) -> usize {
    let text = relay.watch().ask(get("/metrics")).body;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("dubwatch_relay_{name} ")));
    line.unwrap().parse().unwrap()
}

#[test]
fn what_is_passed_on_again_for_want_of_acks_is_kept_once() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let mut story = form::seeded(20_261_129);
    let wire = Wire::to(relay.address(), Seeded(0));
    let mut laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    wire.deafen();
    let rounds = form::of(3, 25);
    let (mut sent, mut again) = (0, 0);
    for round in 0..rounds {
        // All of them together fit in the window, beyond which nothing comes without an ack.
        let more = form::of(50, 5) + story.pick(form::of(200, 30));
        relay.post_all(&inbox, callbacks(sent..sent + more));
        sent += more;
        let passed_on = metric(&relay, "deliveries_sent_total");
        let watch = laptop.start(&["--json"]);
        laptop.has_each_once(sent);
        // Whoever comes with a token that says nothing of a place is passed on all from the start.
        again += sent;
        let all = || metric(&relay, "deliveries_sent_total") >= passed_on + sent;
        within(all, form::patience(), "everything to be passed on again");
        // And a connection that breaks with nothing acked goes on behind what is on disk.
        wire.cut();
        relay.post_all(&inbox, callbacks(sent..sent + 1));
        sent += 1;
        laptop.has_each_once(sent);
        assert_eq!(metric(&relay, "acks_total"), 0, "an ack came through in round {round}");
        watch.stop(Signal::KILL);
        let (_, line) = relay.operate(&["rotate", "one", "--json"]);
        laptop.token = Inbox::from(&line).token;
    }
    assert!(sent < WINDOW && metric(&relay, "deliveries_sent_total") >= again);
    // The line heals.
    wire.spoil(false);
    wire.cut();
    let watch = laptop.start(&["--json"]);
    relay.post_all(&inbox, callbacks(sent..sent + 1));
    sent += 1;
    laptop.has_each_once(sent);
    within(|| acked(&relay) == sent, form::patience(), "the ack of all");
    assert!(metric(&relay, "acks_total") > 0);
    watch.stop(Signal::TERM);
}

#[test]
fn without_acks_the_relay_stops_at_the_window_and_goes_on_after_a_new_hello() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let wire = Wire::to(relay.address(), Seeded(0));
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let windows = form::of(1, 5);
    let count = windows * WINDOW + 100;
    relay.post_all(&inbox, callbacks(0..count));
    wire.deafen();
    let watch = laptop.start(&["--json"]);
    for window in 1..=windows {
        laptop.has_each_once(window * WINDOW);
        wire.cut();
    }
    wire.spoil(false);
    wire.cut();
    laptop.has_each_once(count);
    within(|| acked(&relay) == count, form::patience(), "the ack of all");
    assert!(metric(&relay, "deliveries_sent_total") >= count);
    watch.stop(Signal::TERM);
}
