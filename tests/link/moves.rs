//! An inbox that gets another token and another publish URL is the same inbox to its readers.

use rustix::process::Signal;

use crate::common::callback;
use crate::laptop::{Laptop, callbacks, link};
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
    // A new subscription begins at what is retained: all of it is passed on again.
    assert!(link(&mut watch, "up")["behind"].as_u64() > Some(1));
    laptop.has(6);
    watch.stop(Signal::TERM);
    assert_eq!(laptop.bodies(), (0..6).map(callback).collect::<Vec<_>>());
}
