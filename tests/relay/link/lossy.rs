//! A line that cuts, delays, truncates and repeats what either side says: none lost, none twice.

use std::time::Instant;

use rustix::process::Signal;

use crate::common::Watch;
use crate::link::laptop::{Laptop, callbacks};
use crate::link::ways::secure;
use crate::link::wire::{FAULTS, Wire, connect_proxy};
use crate::relay_support::tls::{self, FIXTURES};
use crate::relay_support::{LOOK, Relay, Seeded, form};

#[test]
fn a_spoilt_line_loses_and_doubles_nothing() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let inbox = relay.inbox("one");
    let mut story = form::seeded(20_261_125);
    let wire = Wire::to(relay.address(), Seeded(story.below(u64::MAX)));
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let start = || laptop.start(&["--json"]);
    spoil(&wire, story, &laptop, start, |range| relay.post_all(&inbox, callbacks(range)));
}

/// The line is spoilt before the proxy: in the words to it, in TLS, in the websocket.
#[test]
fn a_spoilt_line_with_tls_and_a_proxy_loses_and_doubles_nothing() {
    let relay = secure("proxied");
    let inbox = relay.inbox("one");
    let (proxy, heard) = connect_proxy(relay.address());
    let mut story = form::seeded(20_261_127);
    let wire = Wire::to(proxy, Seeded(story.below(u64::MAX)));
    let laptop = Laptop::at(&relay, &inbox, "wss://relay.test");
    let start = || {
        let ca = format!("{FIXTURES}/proxied_ca.pem");
        let mut command = laptop.command(&["--json", "--cacert", &ca]);
        command.env("HTTPS_PROXY", format!("http://{}", wire.address));
        Watch::new(command.spawn().unwrap())
    };
    let mut line = tls::dial(&relay, "proxied_ca.pem", "relay.test");
    spoil(&wire, story, &laptop, start, |range| {
        tls::post_all(&mut line, &relay, &inbox, callbacks(range));
    });
    let heard = heard.lock().unwrap();
    assert!(heard.iter().all(|head| head.starts_with("CONNECT relay.test:443 ")), "{heard:?}");
}

/// The last words of a reader about its link.
fn last(watch: &Watch) -> String {
    let said = watch.out.text();
    let links = said.lines().rev().filter(|line| !line.contains(r#""type":"delivery""#));
    links.take(12).collect::<Vec<_>>().join("\n")
}

/// Posts until the line has done its worst, and looks at what got through.
fn spoil(
    wire: &Wire,
    mut story: Seeded,
    laptop: &Laptop,
    start: impl Fn() -> Watch,
    mut post: impl FnMut(std::ops::Range<usize>),
) {
    let due = form::of(8, 200);
    wire.spoil(true);
    let mut watch = start();
    let (mut sent, mut restarted) = (0, 0);
    while wire.count() < due || (form::is_long() && wire.faults().len() < FAULTS.len()) {
        let faults = wire.count();
        let more = form::of(40, 80);
        post(sent..sent + more);
        sent += more;
        // However it goes on, it gets there or breaks once more.
        let begun = Instant::now();
        while wire.count() == faults && laptop.head() < sent {
            std::thread::park_timeout(LOOK);
            let waits = begun.elapsed() < form::patience();
            assert!(waits, "nothing comes, and nothing breaks: {}", last(&watch));
        }
        // A reader that is sent away again and again stays away for up to half a minute; one that is
        // started anew dials at once.
        if wire.count() >= restarted + 2 {
            restarted = wire.count();
            watch.stop(if story.below(2) == 0 { Signal::TERM } else { Signal::KILL });
            watch = start();
        }
    }
    let done = wire.faults();
    assert!(done.values().sum::<usize>() >= due, "{done:?}");
    wire.spoil(false);
    laptop.has_each_once(sent);
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}
