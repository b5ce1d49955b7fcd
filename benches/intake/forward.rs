//! Forwarding: how fast a journal is forwarded to an app that answers at once, and what an app that
//! does not answer costs intake.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dubwatch::internals::signature::PrivateKey;

use super::load::{self, Enough};
use super::server::{PUBLIC_KEY, Server};
use super::{CALLBACKS, WARM, median, micros, startup};

/// Connections that post while an app does not answer.
const CONNECTIONS: usize = 16;
const ROUNDS: usize = 7;
const LENGTH: Duration = Duration::from_secs(3);
/// The journal is forwarded within this time, or something is wrong.
const LIMIT: Duration = Duration::from_secs(3600);

pub(crate) fn run(out: &mut impl Write, program: &Path, deliveries: usize) -> Result<()> {
    let key = include_str!("../../tests/fixtures/vendor/test_key.pem");
    let key = PrivateKey::from_pem("bench", key)?;
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    std::fs::write(place.path().join(PUBLIC_KEY), key.public_pem())?;
    backfill(out, program, place.path(), deliveries)?;
    beside_sleeper(out, program, place.path(), &key)
}

/// Forwards a journal to an app that answers at once.
fn backfill(out: &mut impl Write, program: &Path, place: &Path, deliveries: usize) -> Result<()> {
    let journal = place.join("backfill.db");
    startup::fill(&journal, 0..deliveries)?;
    let (app, done) = app(true, deliveries)?;
    let journal = journal.to_string_lossy();
    let args = ["--db", &journal, "--forward-to", &app, "--forward-since", "60d"];
    let begun = Instant::now();
    let _server = Server::start(program, &args, place, None)?;
    done.recv_timeout(LIMIT).context("the journal was not forwarded")?;
    let took = begun.elapsed();
    writeln!(
        out,
        "{deliveries} deliveries to an app that answers at once: {:.1} s with the start, {:.0} a second",
        took.as_secs_f64(),
        deliveries as f64 / took.as_secs_f64()
    )?;
    Ok(())
}

/// Posts to a program that forwards to an app which never answers, and to one that forwards nothing.
fn beside_sleeper(
    out: &mut impl Write,
    program: &Path,
    place: &Path,
    key: &PrivateKey,
) -> Result<()> {
    let (app, _done) = app(false, usize::MAX)?;
    let [alone, beside] = ["alone.db", "beside.db"].map(|name| place.join(name));
    let [alone, beside] = [alone.to_string_lossy(), beside.to_string_lossy()];
    let none = Server::start(program, &["--db", &alone], place, None)?;
    let args = ["--db", &beside, "--forward-to", &app, "--forward-timeout", "60s"];
    let sleeper = Server::start(program, &args, place, None)?;
    let requests = Rc::new(load::requests(key, 0..CALLBACKS)?);
    let next = Rc::new(Cell::new(0));
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // Each is first as often as the other.
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let address = [none.address, sleeper.address][which];
            let drive = |enough| load::drive(address, &requests, &next, CONNECTIONS, enough);
            drive(Enough::Requests(WARM))?;
            let answers = drive(Enough::Time(LENGTH))?;
            samples[which].push((micros(answers.within(0.5)), micros(answers.within(0.99))));
        }
    }
    let [alone, beside] =
        samples.map(|s| (median(s.iter().map(|s| s.0)), median(s.iter().map(|s| s.1))));
    writeln!(
        out,
        "intake at {CONNECTIONS} connections, p50 and p99 in \u{b5}s: {:.0} and {:.0} without a target, {:.0} and {:.0} beside one that does not answer: {:.2} x and {:.2} x",
        alone.0,
        alone.1,
        beside.0,
        beside.1,
        beside.0 / alone.0,
        beside.1 / alone.1,
    )?;
    Ok(())
}

/// Starts an app in this process. Returns its URL, and a channel that hears when so many requests have
/// come.
fn app(answers: bool, enough: usize) -> Result<(String, Receiver<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address: SocketAddr = listener.local_addr()?;
    let left = Arc::new(AtomicUsize::new(enough));
    let (done, heard) = sync_channel(1);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (left, done) = (Arc::clone(&left), done.clone());
            std::thread::spawn(move || {
                serve(&stream, answers, || {
                    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                        let _ = done.try_send(());
                    }
                })
            });
        }
    });
    Ok((format!("http://{address}/"), heard))
}

fn serve(stream: &TcpStream, answers: bool, came: impl Fn()) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut input, mut output) = (BufReader::new(stream), stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        input.read_exact(&mut vec![0; length]).ok()?;
        came();
        if answers {
            output.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        }
    }
}
