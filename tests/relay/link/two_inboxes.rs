//! Two inboxes of one relay: whatever is done to one, the other gets all of its own and nothing else.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use rustix::process::Signal;

use crate::common::Client;
use crate::link::laptop::{Laptop, callbacks};
use crate::relay_support::{Heard, Inbox, Relay, form, within};

/// What every body of the flooded inbox is made of, and no body of the other one.
const MARK: &str = "the-flooded-tenant/";
/// What every callback of the other one has.
const OTHER: &str = "ast_";

/// What became of a flood: answers 2xx, and all others.
#[derive(Default)]
struct Flood {
    over: AtomicBool,
    kept: AtomicUsize,
    refused: AtomicUsize,
}

impl Flood {
    /// Posts as fast as a connection can, and opens the next when that one is closed.
    fn pour(&self, address: std::net::SocketAddr, requests: &[Vec<u8>]) {
        let mut client = None;
        for request in requests.iter().cycle() {
            if self.over.load(SeqCst) {
                return;
            }
            if client.is_none() {
                client = Client::new(address).ok();
            }
            let Some(line) = &mut client else { continue };
            // An answer can come before all of the body is sent, and the end behind it.
            let _ = line.0.write_all(request);
            match line.try_answer() {
                Ok(answer) if answer.status == 200 => self.kept.fetch_add(1, SeqCst),
                Ok(answer) => {
                    assert!([413, 429, 503].contains(&answer.status), "{}", answer.head);
                    if answer.head.contains("connection: close") {
                        client = None;
                    }
                    self.refused.fetch_add(1, SeqCst)
                }
                Err(_) => {
                    client = None;
                    continue;
                }
            };
        }
    }
}

#[test]
fn a_flooded_and_stalled_inbox_does_nothing_to_another() {
    let relay = Relay::start(&["--max-rate", "200", "--max-bytes", "8MiB", "--max-body", "1MiB"]);
    let (flooded, other) = (relay.inbox("flooded"), relay.inbox("other"));
    let mut story = form::seeded(20_261_130);
    // Both never read, one of them with a place of its own.
    let mut stalled =
        [relay.reader(&flooded, Some("stalled"), None), relay.reader(&flooded, None, None)];
    let laptop = Laptop::of(&relay, &other);
    let watch = laptop.start(&["--json"]);
    let mut witness = relay.reader(&other, None, None);

    let flood = Arc::new(Flood::default());
    let floods: Vec<_> = (0..4)
        .map(|n| {
            let requests: Vec<Vec<u8>> = (0..8)
                .map(|_| {
                    // The longest are over the limit.
                    let times = 100 + story.pick(60_000);
                    let body = MARK.repeat(times);
                    if n == 0 {
                        unsigned(&flooded, &body)
                    } else {
                        relay.signed(&flooded, body.as_bytes())
                    }
                })
                .collect();
            let (flood, address) = (Arc::clone(&flood), relay.address());
            std::thread::spawn(move || flood.pour(address, &requests))
        })
        .collect();
    let seen = || flood.kept.load(SeqCst) + flood.refused.load(SeqCst);
    let is_over = || flood.kept.load(SeqCst) > 0 && flood.refused.load(SeqCst) > 20;
    within(is_over, form::patience(), "the flood to be over its caps");

    let (mut sent, mut last) = (0, seen());
    for _ in 0..form::of(4, 100) {
        let more = 1 + story.pick(60);
        // Answered 200, each of them, and there, in order, while the flood is on.
        relay.post_all(&other, callbacks(sent..sent + more));
        sent += more;
        laptop.has_each_once(sent);
        within(|| seen() > last, form::patience(), "the flood to go on");
        last = seen();
    }
    let heard = witness.bodies(sent);
    assert!(heard.iter().all(|body| body.contains(OTHER) && !body.contains(MARK)));
    witness.hears_nothing();
    flood.over.store(true, SeqCst);
    for flood in floods {
        flood.join().unwrap();
    }

    // Nothing of it is in the other's journal, nor in anything that its dubwatch says.
    let ended = watch.stop(Signal::TERM);
    let mut places = vec![ended.out.into_bytes(), ended.err.into_bytes()];
    for file in laptop.site.files() {
        places.push(std::fs::read(laptop.site.db.with_file_name(file)).unwrap());
    }
    assert!(holds(&places.concat(), OTHER), "this does not find what is there");
    assert!(places.iter().all(|bytes| !holds(bytes, MARK)), "the other tenant has it");

    // And the other way: the flooded inbox has its own, whole, and nothing else.
    let mut reader = relay.reader(&flooded, None, None);
    let head = reader.welcome.as_ref().unwrap().head;
    let (mut at, mut read) = (0, 0);
    while at < head {
        match reader.next() {
            Heard::Frame(dubwatch::internals::relay::protocol::RelayFrame::Delivery(delivery)) => {
                let body = String::from_utf8(delivery.body).unwrap();
                assert!(body.len() >= 100 * MARK.len() && body.replace(MARK, "").is_empty());
                (at, read) = (delivery.cursor.seq, read + 1);
            }
            Heard::Frame(dubwatch::internals::relay::protocol::RelayFrame::Gap(gap)) => at = gap.to,
            other => panic!("{other:?}"),
        }
    }
    assert!(read > 0 && read <= flood.kept.load(SeqCst), "{read}");
    // Those that never read are there or were sent away; what was under way to them is their own.
    for reader in &mut stalled {
        for _ in 0..3 {
            if let Heard::Frame(frame) = reader.next() {
                assert!(!format!("{frame:?}").contains(OTHER));
            }
        }
    }
}

fn unsigned(inbox: &Inbox, body: &str) -> Vec<u8> {
    crate::common::request("POST", &inbox.path, &[("x-signature", "30")], body.as_bytes())
}

fn holds(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}
