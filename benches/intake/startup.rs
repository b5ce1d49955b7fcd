//! Start-up and memory of the program by the number of deliveries in its journal, and how long
//! `status` and `log` take on it; measures no load.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dubwatch::internals::callback::{
    Accepted, Callback, Encoding, Headers, Received, Source, Verdict,
};
use dubwatch::internals::journal::{Journal, Location, WriterLimits};
use dubwatch::internals::signature::{PrivateKey, fingerprint};
use jiff::{SignedDuration, Timestamp};

use crate::load::{self, Enough};
use crate::server::{PUBLIC_KEY, Server};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Starts, of which the middle one counts.
const STARTS: usize = 7;
/// Callbacks after which memory is read again.
const MORE: usize = 1000;
/// Deliveries that wait for the writer while the journal is made.
const AHEAD: usize = 4096;

/// Prints a row for each size up to `up_to`. Every start but the first follows a kill, so it reads
/// what is left of the write-ahead log as well.
pub(crate) fn run(out: &mut impl Write, up_to: usize) -> Result<()> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let key = include_str!("../../tests/fixtures/vendor/test_key.pem");
    let key = PrivateKey::from_pem("bench", key)?;
    std::fs::write(place.path().join(PUBLIC_KEY), key.public_pem())?;
    writeln!(
        out,
        "{:>10} {:>9} {:>9} {:>10} {:>10} {:>12} {:>10} {:>10}",
        "deliveries",
        "file MB",
        "ready ms",
        "RSS MB",
        "peak MB",
        "+1000: RSS",
        "status ms",
        "log ms"
    )?;
    let mut made = 0;
    for size in SIZES.into_iter().filter(|size| *size <= up_to) {
        fill(&place.path().join("journal.db"), made..size)?;
        // The callbacks that a row posts stand above all that the journal is filled with.
        row(out, place.path(), &key, size, 10_000_000 + made)?;
        made = size;
    }
    Ok(())
}

/// Appends the deliveries of these numbers, in the writer's own groups.
pub(crate) fn fill(path: &Path, numbers: std::ops::Range<usize>) -> Result<()> {
    let limits = WriterLimits {
        entries: 2 * AHEAD,
        patience: Duration::from_secs(600),
        ..WriterLimits::default()
    };
    let journal = Journal::open_bounded(&Location::File(path.to_owned()), None, limits)?;
    // One a second, up to yesterday.
    let begin = Timestamp::now() - SignedDuration::from_hours(24 * 30);
    let mut pending = VecDeque::with_capacity(AHEAD);
    for n in numbers {
        if pending.len() == AHEAD {
            let oldest: dubwatch::internals::journal::PendingCommit<u64> =
                pending.pop_front().context("the queue is not empty")?;
            oldest.blocking_receipt()?;
        }
        let at = begin + SignedDuration::from_secs(i64::try_from(n)?);
        pending.push_back(journal.append(accepted(n, at))?);
    }
    for pending in pending {
        pending.blocking_receipt()?;
    }
    journal.close();
    Ok(())
}

/// What intake would have made of a callback: the signature has the right form, and is nobody's.
fn accepted(n: usize, received_at: Timestamp) -> Accepted {
    let body = load::body(n);
    let signature = format!("3045022100{n:064x}0220{n:064x}");
    let headers = [
        ("host", "127.0.0.1"),
        ("user-agent", "python-requests/2.32.3"),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("x-signature", &signature),
        ("x-signature-algorithm", "ES256"),
        ("content-length", "200"),
    ];
    let headers = Headers::from_raw(headers.map(|(name, value)| (name, value.as_bytes())));
    Accepted {
        fingerprint: fingerprint(&signature, &body),
        callback: Callback::read(&body),
        verdict: Verdict::Valid { key: "bench".into(), encoding: Encoding::Der },
        request: Received {
            received_at,
            source: Source::Direct,
            peer: "127.0.0.1:50312".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers,
            body,
        },
    }
}

fn row(
    out: &mut impl Write,
    place: &Path,
    key: &PrivateKey,
    size: usize,
    fresh: usize,
) -> Result<()> {
    let journal = place.join("journal.db");
    let journal_text = journal.to_str().context("the path is not UTF-8")?;
    let program = Path::new(env!("CARGO_BIN_EXE_dubwatch"));
    let start = || Server::start(program, &["--db", journal_text], place, None);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let server = start()?;
        starts.push(begun.elapsed());
        drop(server);
    }
    let server = start()?;
    let (rss, peak) = (memory(&server, "VmRSS"), memory(&server, "VmHWM"));
    let requests = Rc::new(load::requests(key, fresh..fresh + MORE)?);
    load::drive(server.address, &requests, &Rc::new(Cell::new(0)), 16, Enough::Requests(MORE))?;
    let later = memory(&server, "VmRSS");
    let status = time(program, place, &["status", "--db", journal_text])?;
    let log = time(program, place, &["log", "--limit", "20", "--db", journal_text])?;
    let file = std::fs::metadata(&journal)?.len() / (1 << 20);
    writeln!(
        out,
        "{size:>10} {file:>9} {:>9.1} {rss:>10} {peak:>10} {later:>12} {:>10.1} {:>10.1}",
        millis(middle(starts)),
        millis(status),
        millis(log)
    )?;
    Ok(())
}

/// The middle time of a few runs of a command that only reads.
fn time(program: &Path, home: &Path, args: &[&str]) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        let status = Command::new(program)
            .args(args)
            .env_clear()
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "{args:?} failed");
        times.push(begun.elapsed());
    }
    Ok(middle(times))
}

/// A figure of `/proc/PID/status` in MB; "-" where there is none.
fn memory(server: &Server, name: &str) -> String {
    let read = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(format!("{:.1}", kilobytes / 1024.0))
    };
    read().unwrap_or_else(|| "-".to_owned())
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
