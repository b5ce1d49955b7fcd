//! The real program on a terminal of its own: the time from a POST to the painted cell, idle and
//! under load; the cost while nothing happens; the start-up time with a large journal.
//!
//! `cargo bench --bench dashboard`, or `-- --startup 1000000` for start-up time and memory, up to
//! that number of deliveries in the journal.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, far from the ends of their types"
)]
#![expect(clippy::unwrap_used, reason = "the terminal is that of the tests")]

#[path = "../intake/load.rs"]
#[expect(dead_code, reason = "only the bodies are wanted here")]
mod load;
#[path = "../intake/server.rs"]
#[expect(dead_code, reason = "what fills a journal was written beside it")]
mod server;
#[path = "../intake/startup.rs"]
#[expect(dead_code, reason = "only what fills a journal is wanted here")]
mod startup;
#[path = "../../tests/tui_support/mod.rs"]
#[expect(dead_code, reason = "what the tests of the terminal need beside")]
mod tui_support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::PrivateKey;
use tui_support::Pty;

/// Longer than anything takes here.
const LIMIT: Duration = Duration::from_secs(30);
/// Number of callbacks to find on the screen.
const PROBES: usize = 300;
/// The pause between two of them, so that the dashboard has finished its last frame.
const IDLE: Duration = Duration::from_millis(120);
/// How often each of two keys is pressed.
const KEYS: usize = 50;
/// Callbacks per second of the load.
const LOAD: u32 = 1000;
/// How long the processor time of an idle dashboard is measured.
const QUIET: Duration = Duration::from_secs(20);
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Number of starts; the median counts.
const STARTS: usize = 7;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` passes this; `cargo test --benches` does not, and must not measure.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bench = Bench::new(place.path())?;
    let up_to = args.iter().skip_while(|arg| *arg != "--startup").nth(1);
    match up_to {
        Some(up_to) => bench.startup(up_to.parse()?),
        None => bench.painted_and_quiet(),
    }
}

struct Bench<'a> {
    place: &'a Path,
    key: PrivateKey,
    address: SocketAddr,
}

impl<'a> Bench<'a> {
    fn new(place: &'a Path) -> Result<Self> {
        let key = PrivateKey::generate()?;
        std::fs::write(place.join("public.pem"), key.public_pem())?;
        // Bound and released: free for the program a moment later.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Self { place, key, address })
    }

    fn start(&self, journal: &str) -> Pty {
        let listen = self.address.to_string();
        let (db, key) = (self.place.join(journal), self.place.join("public.pem"));
        let (db, key) = (db.to_string_lossy(), key.to_string_lossy());
        let args = ["--listen", &listen, "--db", &db, "--public-key", &key, "--no-dev-key"];
        let home = self.place.to_string_lossy();
        Pty::spawn(200, 50, args, &[("HOME", &home), ("LANG", "C.UTF-8")])
    }

    fn painted_and_quiet(&self) -> Result<()> {
        let pty = self.start("journal.db");
        pty.wait_for_text("Waiting for the first callback");
        // Only probes are listed, so that each stays on the screen until it has been found.
        pty.type_keys("3/asset:probe\n");
        pty.wait_for_text("0 of 0 rows");
        let mut sender = Connection::new(self.address)?;
        let idle = self.probes(&pty, &mut sender, 0, IDLE)?;
        report("POST to painted cell, idle", &idle);
        let stop = Arc::new(AtomicBool::new(false));
        let loading = self.load(&stop)?;
        let busy = self.probes(&pty, &mut sender, PROBES, Duration::ZERO)?;
        let keys = keys(&pty);
        stop.store(true, Ordering::Relaxed);
        let posted = loading.join().map_err(|_| anyhow::anyhow!("the load broke off"))??;
        report("POST to painted cell, beside 1,000/s", &busy);
        report("key to painted screen, beside 1,000/s", &keys);
        print_line(&format!("  the load itself: {posted:.0} callbacks/s answered 200"));

        pty.type_keys("/");
        pty.key("ctrl-u");
        pty.type_keys("\n1");
        drop(pty);
        self.quiet()
    }

    /// Measures from the first byte of a POST to the frame with its row; returns the sorted times.
    fn probes(
        &self,
        pty: &Pty,
        sender: &mut Connection,
        from: usize,
        rest: Duration,
    ) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for number in from..from + PROBES {
            let asset = format!("ast_{:06x}probe", number.wrapping_mul(0x9e37_79b1) & 0xff_ffff);
            let body = format!(
                r#"{{"event":"version_ready","asset_id":"{asset}","version_id":"ver_{number}","version_locale":"es-ES"}}"#
            );
            let request = self.request(body.as_bytes())?;
            // The screen shows the beginning of the id.
            let shown_id = asset[4..10].to_owned();
            std::thread::park_timeout(rest);
            let started = Instant::now();
            sender.post(&request)?;
            pty.wait_for(LIMIT, |screen| screen.contents().contains(&shown_id));
            times.push(started.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    }

    /// Posts [`LOAD`] callbacks per second until stopped; returns how many per second were
    /// answered.
    fn load(&self, stop: &Arc<AtomicBool>) -> Result<std::thread::JoinHandle<Result<f64>>> {
        let requests: Vec<Vec<u8>> =
            (0..20_000).map(|n| self.request(&load::body(n))).collect::<Result<_>>()?;
        let (stop, address) = (Arc::clone(stop), self.address);
        Ok(std::thread::spawn(move || {
            let mut connections =
                (0..8).map(|_| Connection::new(address)).collect::<Result<Vec<_>>>()?;
            let started = Instant::now();
            let mut posted = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                // Eight at once, every eight milliseconds.
                for connection in &mut connections {
                    connection.send(&requests[posted as usize % requests.len()])?;
                    posted += 1;
                }
                for connection in &mut connections {
                    connection.answered()?;
                }
                let due = started + Duration::from_secs(1) * posted / LOAD;
                if let Some(wait) = due.checked_duration_since(Instant::now()) {
                    std::thread::park_timeout(wait);
                }
            }
            Ok(f64::from(posted) / started.elapsed().as_secs_f64())
        }))
    }

    /// Measures the cost while nothing happens: with nothing that ages, and with one generating
    /// lane.
    fn quiet(&self) -> Result<()> {
        let pty = self.start("quiet.db");
        pty.wait_for_text("Waiting for the first callback");
        quiet(&pty, "nothing on screen ages")?;
        let body = br#"{"event":"version_generating","asset_id":"ast_1","version_id":"ver_1","version_locale":"es-ES"}"#;
        Connection::new(self.address)?.post(&self.request(body)?)?;
        pty.wait_for_text("generating");
        quiet(&pty, "one lane ticks")?;
        Ok(())
    }

    fn startup(&self, up_to: usize) -> Result<()> {
        print_line(&format!(
            "{:>10} {:>14} {:>14} {:>10} {:>10}",
            "deliveries", "first paint ms", "first asset ms", "RSS MB", "peak MB"
        ));
        let mut made = 0;
        for size in SIZES.into_iter().filter(|size| *size <= up_to) {
            startup::fill(&self.place.join("journal.db"), made..size)?;
            made = size;
            let (mut paints, mut assets) = (Vec::new(), Vec::new());
            let mut memory = (0.0, 0.0);
            for _ in 0..STARTS {
                let started = Instant::now();
                let pty = self.start("journal.db");
                pty.wait_for_text("Timeline");
                paints.push(started.elapsed());
                pty.wait_for_text("RUNNING");
                assets.push(started.elapsed());
                // Everything has been loaded by then.
                pty.type_keys("4");
                pty.wait_for_text("assets shown");
                std::thread::park_timeout(Duration::from_secs(2));
                memory = (status(&pty, "VmRSS")? / 1024.0, status(&pty, "VmHWM")? / 1024.0);
                pty.key("ctrl-c");
                pty.wait(LIMIT);
            }
            print_line(&format!(
                "{size:>10} {:>14.1} {:>14.1} {:>10.1} {:>10.1}",
                millis(middle(paints)),
                millis(middle(assets)),
                memory.0,
                memory.1
            ));
        }
        Ok(())
    }

    fn request(&self, body: &[u8]) -> Result<Vec<u8>> {
        let signature = hex::encode(self.key.sign(body, Encoding::Der)?);
        let mut request = format!(
            "POST /callback HTTP/1.1\r\nhost: 127.0.0.1\r\nx-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Ok(request)
    }
}

/// Measures processor time and wake-ups of an idle dashboard.
fn quiet(pty: &Pty, what: &str) -> Result<()> {
    // The effects of the last callback are over by then.
    std::thread::park_timeout(Duration::from_secs(3));
    let before = (cpu(pty)?, switches(pty)?, pty.bytes());
    std::thread::park_timeout(QUIET);
    let (cpu, switches, bytes) =
        (cpu(pty)?.saturating_sub(before.0), switches(pty)? - before.1, pty.bytes() - before.2);
    let seconds = QUIET.as_secs_f64();
    print_line(&format!(
        "{what}: {:.2} % of a core, {:.1} wake-ups/s, {:.0} bytes/s to the terminal",
        100.0 * cpu.as_secs_f64() / seconds,
        switches as f64 / seconds,
        bytes as f64 / seconds
    ));
    Ok(())
}

/// A kept-alive connection.
struct Connection(TcpStream);

impl Connection {
    fn new(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("the program does not listen")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self(stream))
    }

    fn post(&mut self, request: &[u8]) -> Result<()> {
        self.send(request)?;
        self.answered()
    }

    fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.0.write_all(request)?)
    }

    fn answered(&mut self) -> Result<()> {
        let mut answer = Vec::new();
        let mut buffer = [0; 1024];
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = self.0.read(&mut buffer)?;
            ensure!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
        }
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        Ok(())
    }
}

/// Measures from a key to the screen that it opens; returns the sorted times.
fn keys(pty: &Pty) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..KEYS {
        for (key, shown) in [("4", "callback URL"), ("3", "received  signature")] {
            let started = Instant::now();
            pty.type_keys(key);
            pty.wait_for(LIMIT, |screen| screen.contents().contains(shown));
            times.push(started.elapsed());
        }
    }
    times.sort_unstable();
    times
}

fn report(what: &str, times: &[Duration]) {
    let share = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        millis(times.get(place.min(times.len() - 1)).copied().unwrap_or_default())
    };
    print_line(&format!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms ({})",
        share(0.5),
        share(0.99),
        share(1.0),
        times.len()
    ));
}

/// Returns the processor time used so far by all threads, user and kernel.
fn cpu(pty: &Pty) -> Result<Duration> {
    let mut nanos = 0_u64;
    // In nanoseconds; `/proc/PID/stat` has ticks of 10 ms (proc_pid_schedstat(5)).
    for task in std::fs::read_dir(format!("/proc/{}/task", pid(pty)))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split(' ').next().context("no schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Returns how often its threads have been woken so far.
fn switches(pty: &Pty) -> Result<u64> {
    let mut all = 0;
    for task in std::fs::read_dir(format!("/proc/{}/task", pid(pty)))? {
        let status = std::fs::read_to_string(task?.path().join("status"))?;
        all += field(&status, "voluntary_ctxt_switches")? as u64;
    }
    Ok(all)
}

/// Returns a value of `/proc/PID/status`, in its own unit.
fn status(pty: &Pty, name: &str) -> Result<f64> {
    field(&std::fs::read_to_string(format!("/proc/{}/status", pid(pty)))?, name)
}

fn field(status: &str, name: &str) -> Result<f64> {
    let line = status.lines().find(|line| line.starts_with(name)).context("no such figure")?;
    Ok(line.split_whitespace().nth(1).context("no figure")?.parse()?)
}

fn pid(pty: &Pty) -> i32 {
    pty.pid().as_raw_nonzero().get()
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Writes a line to standard output, ignoring errors.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
