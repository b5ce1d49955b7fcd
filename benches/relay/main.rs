//! What a relay between sender and dubwatch costs: how much later a callback is on the client's
//! disk than with a listener of its own, how much goes through, how soon a client that was away has
//! it all, and the memory of readers that only wait.
//!
//! `cargo bench --bench relay`, with `-- --quick` for a short run, and `-- --only latency`,
//! `inboxes`, `catch-up` or `memory` for one part; `-- --on /dev/shm` takes the disk out, where the
//! software alone is asked about. The client is the real program wherever its
//! commit is measured; where there are many readers, the others are in this process.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, far from the ends of their types"
)]

mod figures;
mod latency;
#[path = "../intake/load.rs"]
mod load;
mod program;
mod readers;

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use dubwatch::internals::signature::PrivateKey;

use figures::{Flow, median, micros, millis, report_flows, say};
use latency::{BESIDE, Ways};
use load::{Answers, Enough};
use program::{Connection, Inbox, Journal, Program, has, until};
use readers::Readers;

const STORE: &str = "relay.db";
const CONNECTIONS: usize = 64;
/// Different callbacks that are signed beforehand and posted again and again.
const CALLBACKS: usize = 21_600;
/// Numbers of callbacks that are posted nowhere else.
const PROBES_FROM: usize = 10_000_000;
const INBOXES: usize = 100;
/// How long readers are left alone before memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// How much of everything.
struct Size {
    probes: usize,
    load: Duration,
    rounds: usize,
    away: usize,
    idle: usize,
}

const FULL: Size =
    Size { probes: 400, load: Duration::from_secs(5), rounds: 5, away: 100_000, idle: 1000 };
const QUICK: Size =
    Size { probes: 60, load: Duration::from_secs(1), rounds: 2, away: 10_000, idle: 200 };

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` passes this; `cargo test --benches` does not, and is no place to measure.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let size = if args.iter().any(|arg| arg == "--quick") { QUICK } else { FULL };
    let after = |flag: &str| args.iter().skip_while(|arg| *arg != flag).nth(1);
    let only = after("--only");
    let on = after("--on").map_or(env!("CARGO_TARGET_TMPDIR"), |place| place);
    dubwatch::internals::serve::raise_open_files();
    let key = PrivateKey::generate()?;
    for part in ["latency", "inboxes", "catch-up", "memory"] {
        if only.is_some_and(|only| only != part) {
            continue;
        }
        let home = tempfile::tempdir_in(on)?;
        let bench = Bench::new(home.path(), &key, &size)?;
        match part {
            "latency" => bench.one_inbox()?,
            "inboxes" => bench.many_inboxes()?,
            "catch-up" => bench.catch_up()?,
            _ => bench.memory()?,
        }
    }
    Ok(())
}

/// One relay, in a directory of its own.
struct Bench<'a> {
    home: &'a Path,
    key: &'a PrivateKey,
    size: &'a Size,
    relay: Program,
    address: SocketAddr,
}

impl<'a> Bench<'a> {
    fn new(home: &'a Path, key: &'a PrivateKey, size: &'a Size) -> Result<Self> {
        std::fs::write(home.join("public.pem"), key.public_pem())?;
        let (relay, address) = Program::relay(home, STORE)?;
        Ok(Self { home, key, size, relay, address })
    }

    fn inbox(&self, name: &str) -> Result<Inbox> {
        Inbox::create(self.home, STORE, name)
    }

    fn client(&self, inbox: &Inbox, reader: &str, output: &str) -> Result<Program> {
        Program::client(self.home, self.address, inbox, reader, output)
    }

    /// One inbox and one client: added latency while nothing else comes, and throughput.
    fn one_inbox(&self) -> Result<()> {
        say("one inbox, one client");
        let inbox = self.inbox("one")?;
        let client = self.client(&inbox, "laptop", "json")?;
        let ways = Ways::new(self.home, self.key, self.address, &inbox, &client)?;
        ways.compare("idle", self.probes(0))?;
        drop(ways);
        drop(client);

        // A line for each would be time of the client's that nobody asked for.
        let client = self.client(&inbox, "quiet", "quiet")?;
        let (journal, _) = Journal::of(self.home, "quiet").begun()?;
        let requests = Rc::new(inbox.requests(&load::requests(self.key, 0..CALLBACKS)?)?);
        let next = Rc::new(Cell::new(0));
        let mut flows = Vec::new();
        for _ in 0..self.size.rounds {
            // What a new reader finds, or the last round left, has been taken over.
            let before = settled(|| Ok(journal.head()?))?;
            let (relay, taker) = (self.relay.cpu()?, client.cpu()?);
            let begun = Instant::now();
            let answers = self.posted(&requests, &next)?;
            let meanwhile = journal.head()? - before;
            let all = answers.times.len() as u64;
            let done = has(&journal, before + all)?.duration_since(begun);
            ensure!(journal.head()? == before + all, "the client has more than was posted");
            flows.push(Flow {
                posts: answers.rate(),
                p50: millis(answers.within(0.5)),
                p99: millis(answers.within(0.99)),
                meanwhile: meanwhile as f64 / answers.took.as_secs_f64(),
                all: all as f64 / done.as_secs_f64(),
                relay: (self.relay.cpu()? - relay) / all as f64,
                taker: Some((client.cpu()? - taker) / all as f64),
            });
        }
        report_flows("committed by the client", &flows);
        Ok(())
    }

    /// A hundred inboxes: the real client at one, readers in this process at the others.
    fn many_inboxes(&self) -> Result<()> {
        say(&format!(
            "\n{INBOXES} inboxes, each with a reader: at one the real client, at the others readers \
             in this process that ack what they received and keep nothing"
        ));
        let inbox = self.inbox("one")?;
        let others: Vec<Inbox> =
            (1..INBOXES).map(|n| self.inbox(&format!("inbox{n}"))).collect::<Result<_>>()?;
        let client = self.client(&inbox, "laptop", "json")?;
        let ways = Ways::new(self.home, self.key, self.address, &inbox, &client)?;
        let readers =
            Readers::start(self.address, others.iter().map(|o| o.token.clone()).collect())?;
        ways.compare("idle", self.probes(0))?;

        let signed = load::requests(self.key, 0..CALLBACKS)?;
        let requests: Vec<Vec<u8>> = signed
            .iter()
            .enumerate()
            .map(|(n, request)| others[n % others.len()].request(request))
            .collect::<Result<_>>()?;
        let (relay, stop) = (self.address, AtomicBool::new(false));
        let rate = std::thread::scope(|scope| {
            let loading = scope.spawn(|| latency::paced(relay, &requests, &stop));
            let what = format!("beside {BESIDE}/s to the other inboxes");
            let compared = ways.compare(&what, self.probes(1));
            stop.store(true, Relaxed);
            let rate = loading.join().map_err(|_| anyhow::anyhow!("the load broke off"))??;
            compared.map(|()| rate)
        })?;
        say(&format!("    the load itself: {rate:.0}/s answered 200"));
        drop(ways);
        drop(client);

        let (requests, next) = (Rc::new(requests), Rc::new(Cell::new(0)));
        let mut flows = Vec::new();
        for _ in 0..self.size.rounds {
            let before = settled(|| Ok(readers.received()? as u64))? as usize;
            let relay = self.relay.cpu()?;
            let begun = Instant::now();
            let answers = self.posted(&requests, &next)?;
            let meanwhile = readers.received()? - before;
            let all = answers.times.len();
            let done = until(|| Ok(readers.received()? >= before + all))?.duration_since(begun);
            flows.push(Flow {
                posts: answers.rate(),
                p50: millis(answers.within(0.5)),
                p99: millis(answers.within(0.99)),
                meanwhile: meanwhile as f64 / answers.took.as_secs_f64(),
                all: all as f64 / done.as_secs_f64(),
                relay: (self.relay.cpu()? - relay) / all as f64,
                taker: None,
            });
        }
        report_flows("received by the readers", &flows);
        Ok(())
    }

    /// Clients that find a full inbox.
    fn catch_up(&self) -> Result<()> {
        let count = self.size.away;
        say(&format!("\ncatch-up: {count} deliveries wait for a client that was away"));
        let inbox = self.inbox("one")?;
        let half = count / 2;
        let signed = std::thread::scope(|scope| {
            let second = scope.spawn(|| load::requests(self.key, half..count));
            let mut signed = load::requests(self.key, 0..half)?;
            signed.extend(second.join().map_err(|_| anyhow::anyhow!("no signatures"))??);
            anyhow::Ok(signed)
        })?;
        let requests = Rc::new(inbox.requests(&signed)?);
        drop(signed);
        let next = Rc::new(Cell::new(0));
        load::drive(self.address, &requests, &next, CONNECTIONS, Enough::Requests(count))?;
        drop(requests);

        let relay = self.relay.cpu()?;
        let (bodies, took) = readers::read_all(self.address, &inbox.token, count)?;
        say(&format!(
            "  a reader that only reads: {:.0} deliveries/s, relay {:.1} µs each",
            count as f64 / took.as_secs_f64(),
            (self.relay.cpu()? - relay) / count as f64
        ));
        let (mut starts, mut commits, mut relays, mut clients) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for round in 0..self.size.rounds {
            // A new name begins at the oldest that is kept: to it, everything was missed.
            let name = format!("laptop{round}");
            let relay = self.relay.cpu()?;
            let begun = Instant::now();
            let client = self.client(&inbox, &name, "quiet")?;
            let (journal, first) = Journal::of(self.home, &name).begun()?;
            let had = journal.head()?;
            let all = has(&journal, count as u64)?;
            relays.push((self.relay.cpu()? - relay) / count as f64);
            clients.push(client.cpu()? / count as f64);
            starts.push(count as f64 / all.duration_since(begun).as_secs_f64());
            let rest = count as f64 - had as f64;
            commits.push(rest / all.duration_since(first).as_secs_f64());
            let mut found: Vec<Vec<u8>> = Vec::with_capacity(count);
            loop {
                let page = journal.deliveries_after(found.len() as u64, 1000)?;
                if page.is_empty() {
                    break;
                }
                found.extend(page.into_iter().map(|delivery| delivery.request.body));
            }
            ensure!(found == bodies, "the journal has not what the inbox has, in its order");
        }
        say(&format!(
            "  the client: {:.0} deliveries/s from its start, {:.0}/s from its first commit \
             (least {:.0}, most {:.0}); CPU each: relay {:.1} µs, client {:.1} µs; both had {:.2} \
             cores of what else runs here",
            median(&starts),
            median(&commits),
            commits.iter().copied().fold(f64::INFINITY, f64::min),
            commits.iter().copied().fold(0.0, f64::max),
            median(&relays),
            median(&clients),
            (median(&relays) + median(&clients)) * median(&starts) / 1e6,
        ));
        say(&format!("  all {count} there, once and in order, in each of {} rounds", starts.len()));
        Ok(())
    }

    /// Readers that wait for nothing.
    fn memory(&self) -> Result<()> {
        let inboxes: Vec<Inbox> =
            (0..INBOXES).map(|n| self.inbox(&format!("inbox{n}"))).collect::<Result<_>>()?;
        let count = self.size.idle;
        say(&format!("\nmemory of the relay, {INBOXES} inboxes, {count} readers in this process"));
        std::thread::park_timeout(SETTLE);
        let before = self.relay.memory("VmRSS")?;
        let tokens = (0..count).map(|n| inboxes[n % INBOXES].token.clone()).collect();
        let readers = Readers::start(self.address, tokens)?;
        std::thread::park_timeout(SETTLE);
        let with = self.relay.memory("VmRSS")?;
        let cpu = self.relay.cpu()?;
        std::thread::park_timeout(10 * SETTLE);
        let cpu = (self.relay.cpu()? - cpu) / micros(10 * SETTLE);
        // They are all there: each hears of one callback.
        let signed = load::requests(self.key, 0..INBOXES)?;
        let mut connection = Connection::new(self.address)?;
        for (inbox, request) in inboxes.iter().zip(&signed) {
            connection.send(&inbox.request(request)?)?;
            connection.answered()?;
        }
        until(|| Ok(readers.received()? == count))?;
        std::thread::park_timeout(SETTLE);
        let after = self.relay.memory("VmRSS")?;
        say(&format!(
            "  RSS {before:.1} MB without readers, {with:.1} MB with ({:.1} KB each), {after:.1} MB \
             after a callback to each; {:.2} % of a core while they wait",
            (with - before) * 1024.0 / count as f64,
            100.0 * cpu
        ));
        Ok(())
    }

    fn probes(&self, turn: usize) -> std::ops::Range<usize> {
        let first = PROBES_FROM + turn * self.size.probes;
        first..first + self.size.probes
    }

    fn posted(&self, requests: &Rc<Vec<Vec<u8>>>, next: &load::Next) -> Result<Answers> {
        load::drive(self.address, requests, next, CONNECTIONS, Enough::Time(self.size.load))
    }
}

/// The count once it stood still for a while.
fn settled(mut count: impl FnMut() -> Result<u64>) -> Result<u64> {
    let mut last = count()?;
    until(|| {
        std::thread::park_timeout(Duration::from_millis(300));
        Ok(std::mem::replace(&mut last, count()?) == last)
    })?;
    Ok(last)
}
