//! Kills of either end under load, and a long absence: none lost, none twice, all in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use crate::common::until;
use crate::link::laptop::{Laptop, callbacks, link};
use crate::link::sender::Sender;
use crate::link::wire::Wire;
use crate::relay_support::{Relay, Seeded, form};

/// A sender's pace, in callbacks a second.
const PACE: u32 = 300;

/// How many more callbacks have to come before the next kill, so that each hits one at work however
/// fast the machine is.
fn before_the_next_kill(story: &mut Seeded) -> usize {
    form::of(40, 600) + story.pick(90)
}

#[test]
fn what_came_while_it_was_away_comes_in_order() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let count = form::of(1_500, 10_000);
    relay.post_all(&inbox, callbacks(0..count));
    let laptop = Laptop::of(&relay, &inbox);
    let mut watch = laptop.start(&["--json"]);
    let up = link(&mut watch, "up");
    assert_eq!(up["callback_url"], format!("http://{}{}", relay.address(), inbox.path));
    laptop.has_each_once(count);
    let delivery = watch.next_of("delivery");
    assert_eq!((&delivery["source"], &delivery["verdict"]), (&"relay".into(), &"valid".into()));
    // And then what comes now.
    relay.post_all(&inbox, callbacks(count..count + 1));
    laptop.has_each_once(count + 1);
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
    until(
        || relay.operate(&["list", "--json"]).1.contains(&format!("{}", count + 1)),
        "the last ack",
    );
}

#[test]
fn a_reader_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let mut story = form::seeded(20_261_124);
    let to = Arc::new(Mutex::new(relay.address()));
    let mut watch = laptop.start(&["--json"]);
    let sender = Sender::endless(&relay, &inbox, to, PACE);
    let mut kills = 0;
    while kills < form::of(4, 30) || sender.answered() < form::of(600, 20_000) {
        laptop.has(laptop.head() + before_the_next_kill(&mut story));
        assert_eq!(watch.stop(Signal::KILL).code, None);
        kills += 1;
        watch = laptop.start(&["--json"]);
    }
    let posted = sender.stopped();
    assert!(posted.iter().all(|times| *times == 1), "the relay was there all the time");
    laptop.has_each_once(posted.len());
    watch.stop(Signal::TERM);
}

#[test]
fn a_relay_that_is_killed_again_and_again_loses_and_doubles_nothing_that_it_answered() {
    let mut relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let mut story = form::seeded(20_261_126);
    let wire = Wire::to(relay.address(), Seeded(0));
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let mut watch = laptop.start(&["--json"]);
    let first = link(&mut watch, "up")["epoch"].clone();
    let sender = Sender::endless(&relay, &inbox, wire.end(), PACE);
    let mut kills = 0;
    while kills < form::of(4, 20) || sender.answered() < form::of(600, 20_000) {
        laptop.has(laptop.head() + before_the_next_kill(&mut story));
        relay.kill();
        relay.start_again();
        wire.lead_to(relay.address());
        kills += 1;
        // A reader that was sent away again and again would stay away for up to half a minute; one
        // that is started anew dials at once.
        if kills % 2 == 0 {
            watch.stop(Signal::KILL);
            watch = laptop.start(&["--json"]);
        }
    }
    // How often each was posted. A sender whose answer was lost posts again: the relay may have had
    // it, and kept both, for it keeps what it is sent.
    let posted = sender.stopped();
    let count = posted.len();
    let most = posted.iter().sum::<usize>();
    assert!(most <= count + 2 * kills, "{most} posts of {count}");
    // What every one of them comes to, in the order in which the sender posted.
    let head = || relay_head(&relay);
    laptop.has(head());
    let bodies = laptop.bodies();
    assert_eq!(bodies.len(), head());
    let mut kept: HashMap<&str, usize> = HashMap::new();
    for body in &bodies {
        *kept.entry(body).or_default() += 1;
    }
    for (body, posted) in callbacks(0..count).zip(posted) {
        let kept = kept.remove(body.as_str()).unwrap_or(0);
        assert!(kept >= 1, "answered 200 and lost: {body}");
        assert!(kept <= posted, "posted {posted} times, there {kept} times: {body}");
    }
    assert!(kept.is_empty(), "nobody posted {kept:?}");
    let mut order = bodies;
    order.dedup();
    assert!(order.iter().map(String::as_str).eq(callbacks(0..count).collect::<Vec<_>>().iter()));
    let ended = watch.stop(Signal::TERM);
    let epochs = ended.records().into_iter().rfind(|record| record["epoch"].is_string()).unwrap();
    assert_ne!(first, epochs["epoch"], "a new run of the relay is another epoch, and it is said");
}

/// The number of the newest delivery at the relay's only inbox.
fn relay_head(relay: &Relay) -> usize {
    let (_, listed) = relay.operate(&["list", "--json"]);
    let record: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    usize::try_from(record["head"].as_u64().unwrap()).unwrap()
}
