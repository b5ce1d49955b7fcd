//! What a script waits for: the time from the commit of a callback to the exit of `dubwatch wait`, and
//! how many deliveries `dubwatch replay` sends in a second to a receiver that answers at once.
//!
//! `cargo bench --bench acting`; `-- --rounds 200 --deliveries 100000` for others than 50 and 20,000.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dubwatch::internals::callback::{
    Accepted, Callback, Encoding, Fingerprint, Headers, Received, Source, Verdict,
};
use dubwatch::internals::journal::{Journal, JournalReader, Location};
use dubwatch::internals::signature::PrivateKey;
use jiff::Timestamp;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` passes this; `cargo test --benches` does not, and must not measure.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let value = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1);
    let rounds: usize = value("--rounds").map_or(Ok(50), |number| number.parse())?;
    let deliveries: usize = value("--deliveries").map_or(Ok(20_000), |number| number.parse())?;
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut times = waits(place.path(), rounds)?;
    times.sort_unstable();
    let within = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "wait, commit to exit, {rounds} rounds: p50 {:.1} ms, p90 {:.1} ms, longest {:.1} ms",
        within(50),
        within(90),
        within(100)
    )?;
    let took = replay(place.path(), deliveries)?;
    let rate = deliveries as u128 * 1000 / took.as_millis().max(1);
    writeln!(out, "replay: {deliveries} deliveries in {:.1} s, {rate}/s", took.as_secs_f64())?;
    Ok(())
}

/// The program in a home of its own.
fn program(place: &Path, db: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dubwatch"));
    command.args(args).arg("--db").arg(db).env_clear().env("HOME", place).stdin(Stdio::null());
    command
}

/// A child that never outlives the measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the times from commit to exit: each with a new process that waits for one callback.
fn waits(place: &Path, rounds: usize) -> Result<Vec<Duration>> {
    let db = place.join("waits.db");
    let key = PrivateKey::generate()?;
    std::fs::write(place.join("sender.pem"), key.public_pem())?;
    let pem = place.join("sender.pem");
    let pem = pem.to_str().context("a path of UTF-8")?;
    let args = ["watch", "--listen", "127.0.0.1:0", "--json", "--public-key", pem];
    let mut watch = program(place, &db, &args).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("its output")?).lines();
    let _watch = Running(watch);
    let ready: serde_json::Value = serde_json::from_str(&lines.next().context("a line")??)?;
    let address = ready["listen"].as_str().context("an address")?.to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    let reader = JournalReader::open(&db)?;
    let mut times = Vec::with_capacity(rounds);
    for n in 1..=rounds {
        let version = format!("ver_{n}");
        let args = ["wait", "--json", "--version", &version];
        let mut wait = program(place, &db, &args).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(wait.stdout.take().context("its output")?).lines();
        let mut wait = Running(wait);
        lines.next().context("a line")??;
        post(&address, &key, &body(n))?;
        lines.for_each(drop);
        ensure!(wait.0.wait()?.success(), "it waited in vain");
        let exit = Timestamp::now();
        let delivery = reader.delivery(n as u64)?.context("the delivery")?;
        times.push(Duration::try_from(exit.duration_since(delivery.committed_at))?);
    }
    Ok(times)
}

fn body(n: usize) -> Vec<u8> {
    let (asset, version) = (n / 12, n);
    format!(
        r#"{{"event":"version_generated","asset_id":"ast_{asset}","version_id":"ver_{version}","version_locale":"es-ES"}}"#
    )
    .into_bytes()
}

/// Posts a signed callback.
fn post(address: &str, key: &PrivateKey, body: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let signature = hex::encode(key.sign(body, Encoding::Der)?);
    let length = body.len();
    let mut request = format!(
        "POST /callback HTTP/1.1\r\nhost: x\r\nx-signature: {signature}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(())
}

/// Returns how long it takes to send all deliveries of a journal.
fn replay(place: &Path, deliveries: usize) -> Result<Duration> {
    let db = place.join("replay.db");
    let journal = Journal::open(&Location::File(db.clone()), None)?;
    for begin in (0..deliveries).step_by(1000) {
        let pending: Vec<_> = (begin..deliveries.min(begin + 1000))
            .map(|n| journal.append(accepted(n)))
            .collect::<Result<_, _>>()?;
        pending.into_iter().try_for_each(|pending| pending.blocking_receipt().map(drop))?;
    }
    journal.close();
    let target = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hook", target.local_addr()?);
    std::thread::spawn(move || {
        for stream in target.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let begin = Instant::now();
    let status = program(place, &db, &["replay", &url]).stdout(Stdio::null()).status()?;
    let took = begin.elapsed();
    ensure!(status.success(), "every delivery is answered 200");
    Ok(took)
}

fn accepted(n: usize) -> Accepted {
    let body = body(n);
    let copy = n as u64;
    Accepted {
        callback: Callback::read(&body),
        request: Received {
            received_at: Timestamp::now(),
            source: Source::Direct,
            peer: "192.0.2.7:4711".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers: Headers::from_raw([
                ("Content-Type", b"application/json".as_slice()),
                ("X-Signature", [b'3'; 142].as_slice()),
            ]),
            body,
        },
        verdict: Verdict::Valid { key: "panjaya".into(), encoding: Encoding::Der },
        fingerprint: Fingerprint { signature: copy, copy },
    }
}

/// Answers every request of a connection at once.
fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut input = BufReader::new(stream.try_clone().ok()?);
    let mut output = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        input.read_exact(&mut vec![0; length]).ok()?;
        output.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
