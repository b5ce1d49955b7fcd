//! A line that cuts, delays, truncates and repeats what either side says: none lost, none twice.

use rustix::process::Signal;

use crate::common::Watch;
use crate::laptop::{Laptop, callbacks};
use crate::relay_support::tls::{self, FIXTURES};
use crate::relay_support::{Relay, form, within};
use crate::ways::secure;
use crate::wire::{FAULTS, Wire, connect_proxy};

#[test]
fn a_spoilt_line_loses_and_doubles_nothing() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let wire = Wire::to(relay.address(), form::seeded(20_261_125));
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let start = || laptop.start(&["--json"]);
    spoil(&wire, &laptop, start, |range| relay.post_all(&inbox, callbacks(range)));
}

/// The line is spoilt before the proxy: in the words to it, in TLS, in the websocket.
#[test]
fn a_spoilt_line_with_tls_and_a_proxy_loses_and_doubles_nothing() {
    let relay = secure("proxied");
    let inbox = relay.inbox("one");
    let (proxy, heard) = connect_proxy(relay.address());
    let wire = Wire::to(proxy, form::seeded(20_261_127));
    let laptop = Laptop::at(&relay, &inbox, "wss://relay.test");
    let start = || {
        let ca = format!("{FIXTURES}/proxied_ca.pem");
        let mut command = laptop.command(&["--json", "--cacert", &ca]);
        command.env("HTTPS_PROXY", format!("http://{}", wire.address));
        Watch::new(command.spawn().unwrap())
    };
    let mut line = tls::dial(&relay, "proxied_ca.pem", "relay.test");
    spoil(&wire, &laptop, start, |range| {
        tls::post_all(&mut line, &relay, &inbox, callbacks(range));
    });
    let heard = heard.lock().unwrap();
    assert!(heard.iter().all(|head| head.starts_with("CONNECT relay.test:443 ")), "{heard:?}");
}

/// Posts until the line has done its worst, and looks at what got through.
fn spoil(
    wire: &Wire,
    laptop: &Laptop,
    start: impl Fn() -> Watch,
    mut post: impl FnMut(std::ops::Range<usize>),
) {
    let due = form::of(8, 200);
    let mut story = form::seeded(20_261_128);
    wire.spoil(true);
    let mut watch = start();
    let mut sent = 0;
    while wire.count() < due || (form::is_long() && wire.faults().len() < FAULTS.len()) {
        let faults = wire.count();
        let more = form::of(40, 80);
        post(sent..sent + more);
        sent += more;
        // However it goes on, it gets there or breaks once more.
        let moved = || wire.count() > faults || laptop.head() == sent;
        within(moved, form::patience(), "anything to come through, or a fault");
        // A reader that is sent away again and again stays away for up to half a minute; one that is
        // started anew dials at once.
        if wire.count() > faults && story.below(3) == 0 {
            watch.stop(Signal::TERM);
            watch = start();
        }
    }
    let done = wire.faults();
    assert!(done.values().sum::<usize>() >= due, "{done:?}");
    wire.spoil(false);
    laptop.has_each_once(sent);
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}
