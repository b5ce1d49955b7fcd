//! What durable intake costs beside the same program with its journal in memory, under the same load
//! in the same run; and one callback beside one check and one sync of the same disk.
//!
//! `cargo bench --bench intake`, with `-- --rounds N --seconds N --connections N` for a shorter or a
//! longer run, or one number of connections, and `--program FILE` for another build.
//! `cargo bench --bench intake -- --startup 1000000`
//! measures start-up and memory instead, with up to so many deliveries in the journal, and
//! `-- --export 1000000` what it takes to export so many.
//! `cargo bench --bench intake -- --forward 100000` measures forwarding of so many deliveries, and
//! intake beside an app that does not answer.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, far from the ends of their types"
)]

mod export;
mod forward;
mod load;
mod server;
mod startup;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::{PrivateKey, TrustedKeys};

use load::{Answers, Enough};
use server::{PUBLIC_KEY, Server};

const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
/// Different callbacks that are signed beforehand.
const CALLBACKS: usize = 21_600;
/// Answers, or syncs, that a round begins with and that are not counted.
const WARM: usize = 500;
const SYNCS: usize = 300;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str| args.iter().skip_while(|arg| *arg != flag).nth(1);
    // `cargo bench` passes this; `cargo test --benches` does not, and is no place to measure.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    if let Some(up_to) = after("--startup") {
        return startup::run(&mut io::stdout().lock(), up_to.parse()?);
    }
    if let Some(deliveries) = after("--export") {
        return export::run(&mut io::stdout().lock(), deliveries.parse()?);
    }
    let program = Path::new(after("--program").map_or(env!("CARGO_BIN_EXE_dubwatch"), |path| path));
    if let Some(deliveries) = after("--forward") {
        return forward::run(&mut io::stdout().lock(), program, deliveries.parse()?);
    }
    let number = |flag, usual: u32| after(flag).map_or(Ok(usual), |text| text.parse());
    let rounds = number("--rounds", 5)?;
    let length = Duration::from_secs(number("--seconds", 2)?.into());
    let connections = match after("--connections") {
        Some(text) => vec![text.parse()?],
        None => CONNECTIONS.to_vec(),
    };

    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    Bench::new(program, place.path(), length)?.run(rounds, &connections, &mut io::stdout().lock())
}

/// Both servers and what is sent to them.
struct Bench<'a> {
    length: Duration,
    pinned: bool,
    program: &'a Path,
    place: &'a Path,
    durable: Server,
    requests: Rc<Vec<Vec<u8>>>,
    next: load::Next,
    key: PrivateKey,
    /// A file on the journal's disk.
    scratch: PathBuf,
}

/// One server at one number of connections in one round.
struct Sample {
    rate: f64,
    p50: f64,
    p99: f64,
    cpu: Option<f64>,
}

/// All rounds at one number of connections: durable, in memory.
struct Row {
    connections: usize,
    pairs: Vec<(Sample, Sample)>,
}

impl<'a> Bench<'a> {
    fn new(program: &'a Path, place: &'a Path, length: Duration) -> Result<Self> {
        let key = include_str!("../../tests/fixtures/vendor/test_key.pem");
        let key = PrivateKey::from_pem("bench", key)?;
        std::fs::write(place.join(PUBLIC_KEY), key.public_pem())?;
        let journal = place.join("journal.db");
        let journal = journal.to_str().context("the path is not UTF-8")?;
        let pinned = server::can_pin();
        let core = pinned.then_some("0");
        let durable = Server::start(program, &["--db", journal], place, core)?;
        if pinned {
            server::pin_this_process("1");
        }
        let requests = Rc::new(load::requests(&key, 0..CALLBACKS)?);
        let next = Rc::new(Cell::new(0));
        let scratch = place.join("scratch");
        Ok(Self { length, pinned, program, place, durable, requests, next, key, scratch })
    }

    fn run(&self, rounds: u32, connections: &[usize], out: &mut impl Write) -> Result<()> {
        let pinning = if self.pinned {
            "each server on core 0, the load on core 1"
        } else {
            "nothing pinned (no taskset)"
        };
        writeln!(
            out,
            "bodies of {} bytes, {rounds} rounds of {:?}, {pinning}",
            load::BODY,
            self.length
        )?;
        if self.durable.cpu().is_none() {
            writeln!(out, "processor time is not measured here: there is no /proc")?;
        }
        let mut rows: Vec<Row> =
            connections.iter().map(|&connections| Row { connections, pairs: Vec::new() }).collect();
        let mut floor = Vec::new();
        for round in 0..rounds {
            // A new one each round: what a journal in memory can hold is bounded.
            let core = self.pinned.then_some("0");
            let memory = Server::start(self.program, &["--ephemeral"], self.place, core)?;
            for Row { connections, pairs } in &mut rows {
                let connections = *connections;
                // Each is first as often as the other.
                pairs.push(if round % 2 == 0 {
                    let durable = self.sample(&self.durable, connections)?;
                    (durable, self.sample(&memory, connections)?)
                } else {
                    let memory = self.sample(&memory, connections)?;
                    (self.sample(&self.durable, connections)?, memory)
                });
            }
            floor.push((self.check()?, self.sync()?));
        }
        table(out, &rows)?;

        let Some(row) = rows.iter().find(|row| row.connections == 1) else { return Ok(()) };
        let memory = median(row.pairs.iter().map(|(_, memory)| memory.p50));
        let posted = median(row.pairs.iter().map(|(durable, _)| durable.p50));
        let check = median(floor.iter().map(|(check, _)| *check));
        let sync = median(floor.iter().map(|(_, sync)| *sync));
        writeln!(
            out,
            "\none idle connection, p50: POST to 200 {posted:.0} µs = {:.2} x (check {check:.0} µs + fsync {sync:.0} µs)\n\
             {:>50} = {:.2} x (in memory {memory:.0} µs + fsync {sync:.0} µs)",
            posted / (check + sync),
            "",
            posted / (memory + sync),
        )?;
        Ok(())
    }

    fn sample(&self, server: &Server, connections: usize) -> Result<Sample> {
        let drive =
            |enough| load::drive(server.address, &self.requests, &self.next, connections, enough);
        drive(Enough::Requests(WARM))?;
        let before = server.cpu();
        let answers: Answers = drive(Enough::Time(self.length))?;
        let cpu = server.cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Sample {
            rate: answers.rate(),
            p50: micros(answers.within(0.5)),
            p99: micros(answers.within(0.99)),
            cpu: cpu.map(|cpu| micros(cpu) / answers.times.len() as f64),
        })
    }

    /// One signature check, in µs.
    fn check(&self) -> Result<f64> {
        let body = load::body(0);
        let header = hex::encode(self.key.sign(&body, Encoding::Der)?);
        let keys = TrustedKeys::new(self.key.public("bench"));
        let times = (0..WARM).map(|_| {
            let begun = Instant::now();
            std::hint::black_box(keys.check(&[&header], &body));
            micros(begun.elapsed())
        });
        Ok(median(times))
    }

    /// One page written over and synced, in µs: the least that keeps anything.
    fn sync(&self) -> Result<f64> {
        let page = [0x5a; 4096];
        let file = File::options().create(true).truncate(false).write(true).open(&self.scratch)?;
        let mut times = Vec::new();
        for place in 0..WARM + SYNCS {
            let begun = Instant::now();
            file.write_all_at(&page, (place % 256 * page.len()) as u64)?;
            file.sync_all()?;
            times.push(micros(begun.elapsed()));
        }
        Ok(median(times.split_off(WARM).into_iter()))
    }
}

fn table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    writeln!(
        out,
        "\n{:>11}  {:<13} {:>8} {:>9} {:>9} {:>15}",
        "connections", "", "req/s", "p50 µs", "p99 µs", "CPU µs/request"
    )?;
    for Row { connections, pairs } in rows {
        let all = |of: &dyn Fn(&(Sample, Sample)) -> f64| median(pairs.iter().map(of));
        let cpu = |sample: &Sample| sample.cpu.unwrap_or(f64::NAN);
        let row = |out: &mut dyn Write, name, of: &dyn Fn(&(Sample, Sample)) -> &Sample| {
            writeln!(
                out,
                "{connections:>11}  {name:<13} {:>8.0} {:>9.0} {:>9.0} {:>15.1}",
                all(&|pair| of(pair).rate),
                all(&|pair| of(pair).p50),
                all(&|pair| of(pair).p99),
                all(&|pair| cpu(of(pair))),
            )
        };
        row(out, "durable", &|pair| &pair.0)?;
        row(out, "in memory", &|pair| &pair.1)?;
        writeln!(
            out,
            "{connections:>11}  {:<13} {:>8.2} {:>9.2} {:>9.2} {:>15.2}",
            "ratio",
            all(&|(durable, memory)| durable.rate / memory.rate),
            all(&|(durable, memory)| durable.p50 / memory.p50),
            all(&|(durable, memory)| durable.p99 / memory.p99),
            all(&|(durable, memory)| cpu(durable) / cpu(memory)),
        )?;
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The middle one.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
