//! kill -9 under load: after a restart nothing that was answered 2xx is lost or doubled, nothing is
//! invented, and no `seq` is given out again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::{Client, LIMIT, Site, Watch, body, callback};

/// How many connections send at once.
const SENDERS: usize = 6;
/// How many requests each of them has under way.
const PIPELINE: usize = 4;
/// How soon it has to be up again.
const UP_AGAIN: Duration = Duration::from_secs(5);

/// The same rounds every time (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }
}

/// What the senders know: every body that may have left, and those that were answered 200.
#[derive(Default)]
struct Sent {
    sent: HashSet<String>,
    answered: HashSet<String>,
}

/// Posts unique callbacks, some at once, until the connection breaks.
fn send(
    address: SocketAddr,
    site: &Site,
    name: &str,
    sent: &Mutex<Sent>,
    answered: &SyncSender<()>,
) {
    let Ok(mut client) = Client::new(address) else { return };
    for batch in 0.. {
        let bodies: Vec<String> =
            (0..PIPELINE).map(|n| callback(format_args!("{name}-{batch}-{n}"))).collect();
        sent.lock().unwrap().sent.extend(bodies.iter().cloned());
        let requests: Vec<u8> = bodies.iter().flat_map(|body| site.signed(body)).collect();
        if std::io::Write::write_all(&mut client.0, &requests).is_err() {
            return;
        }
        for body in bodies {
            let Ok(answer) = client.try_answer() else { return };
            assert_eq!(answer.status, 200, "{body}");
            sent.lock().unwrap().answered.insert(body);
            // Full once the round is over: nobody counts any more.
            let _ = answered.try_send(());
        }
    }
}

/// One run under load, killed after `kill_after` answers. Gives what it told on stdout.
fn round(
    site: &Arc<Site>,
    watch: Watch,
    name: usize,
    kill_after: u64,
    sent: &Arc<Mutex<Sent>>,
) -> BTreeMap<u64, Vec<u8>> {
    let (answered, answers) = sync_channel(64);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (site, sent, answered) = (Arc::clone(site), Arc::clone(sent), answered.clone());
            let address = watch.address;
            std::thread::spawn(move || {
                send(address, &site, &format!("{name}-{sender}"), &sent, &answered);
            })
        })
        .collect();
    drop(answered);
    for _ in 0..kill_after {
        answers.recv_timeout(LIMIT).expect("an answer");
    }
    let ended = watch.stop(Signal::KILL);
    assert_eq!(ended.code, None, "killed, not ended");
    drop(answers);
    for sender in senders {
        sender.join().expect("a sender");
    }
    // The last line may be cut.
    let whole = ended.out.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|record| record["type"] == "delivery")
        .map(|record| (record["seq"].as_u64().unwrap(), body(&record)))
        .collect()
}

/// Starts it anew and says so within the limit.
fn up_again(site: &Site) -> Watch {
    let start = Instant::now();
    let watch = site.watch();
    assert!(start.elapsed() < UP_AGAIN, "up again only after {:?}", start.elapsed());
    watch
}

#[test]
fn nothing_that_was_answered_is_lost_or_doubled() {
    let rounds = std::env::var("DUBWATCH_TEST_ROUNDS")
        .map_or(8, |rounds| rounds.parse().expect("DUBWATCH_TEST_ROUNDS is a number"));
    let site = Arc::new(Site::new());
    let sent = Arc::new(Mutex::new(Sent::default()));
    let mut seeded = Seeded(20_261_123);
    // What each `seq` stands for, as told on stdout or read from the journal.
    let mut known: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut watch = site.watch();
    for name in 0..rounds {
        let kill_after = seeded.below(300);
        let told = round(&site, watch, name, kill_after, &sent);
        if seeded.below(3) == 0 {
            // Killed again while it opens what the first one left.
            let mut child = site.command(&[]).spawn().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
        watch = up_again(&site);
        let highest_known = known.last_key_value().map_or(0, |(seq, _)| *seq);
        for (seq, body) in told {
            assert!(seq > highest_known, "seq {seq} was given out again");
            assert_eq!(known.insert(seq, body), None, "seq {seq} was told twice");
        }

        let deliveries = site.deliveries();
        let sent = sent.lock().unwrap();
        let mut kept: HashMap<&[u8], u64> = HashMap::new();
        for delivery in &deliveries {
            let (seq, body) = (delivery.seq, delivery.request.body.as_slice());
            assert_eq!(kept.insert(body, seq), None, "seq {seq} is a double");
            let text = std::str::from_utf8(body).unwrap();
            assert!(sent.sent.contains(text), "nobody sent seq {seq}: {text}");
            assert!(delivery.verdict.is_valid());
        }
        assert!(deliveries.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        for body in &sent.answered {
            assert!(kept.contains_key(body.as_bytes()), "answered 200 and lost: {body}");
        }
        let now: BTreeMap<u64, Vec<u8>> =
            deliveries.into_iter().map(|d| (d.seq, d.request.body)).collect();
        for (seq, body) in &known {
            assert_eq!(now.get(seq), Some(body), "seq {seq} was told and is another now");
        }
        known = now;
    }
    let answered = sent.lock().unwrap().answered.len();
    assert!(answered > 0, "there was no load");
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}
