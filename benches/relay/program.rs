//! The real program as a process: a relay, a client of it, a direct listener; posts one callback at
//! a time to it and reads what it says, measures nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use dubwatch::internals::journal::JournalReader;
use serde_json::Value;

/// Longer than anything takes here.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);
/// Lines that may wait for whoever reads them here.
const LINES: usize = 4096;
/// `USER_HZ`, the unit of `/proc/PID/stat`, in µs: the same on every architecture of Linux that we
/// run on.
const TICK: f64 = 10_000.0;

/// A running dubwatch, killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    /// Lines of standard output, and when they came.
    lines: Receiver<(Instant, String)>,
}

impl Program {
    fn start(home: &Path, args: &[&str], token: Option<&str>) -> Result<Self> {
        let mut command = command(home, args);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(token) = token {
            command.env("DUBWATCH_RELAY_TOKEN", token);
        }
        let mut child = command.spawn().context("cannot start dubwatch")?;
        let out = child.stdout.take().context("the child has no standard output")?;
        let (heard, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if heard.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// A relay on `store` whose caps are out of the way of any load here.
    pub(crate) fn relay(home: &Path, store: &str) -> Result<(Self, SocketAddr)> {
        let args = [
            "relay",
            "--listen",
            "127.0.0.1:0",
            "--db",
            store,
            "--public-key",
            "public.pem",
            "--max-count",
            "10000000",
            "--max-bytes",
            "16GiB",
            "--max-total",
            "16GiB",
            "--max-rate",
            "10000000",
        ];
        let relay = Self::start(home, &args, None)?;
        let address = relay.ready()?;
        Ok((relay, address))
    }

    /// A dubwatch that takes callbacks from its own listener alone and writes a line for each.
    pub(crate) fn direct(home: &Path) -> Result<(Self, SocketAddr)> {
        let args = [
            "--listen",
            "127.0.0.1:0",
            "--db",
            "direct.db",
            "--public-key",
            "public.pem",
            "--no-dev-key",
            "--output",
            "json",
        ];
        let direct = Self::start(home, &args, None)?;
        let address = direct.ready()?;
        Ok((direct, address))
    }

    /// A dubwatch that takes callbacks from an inbox alone.
    pub(crate) fn client(
        home: &Path,
        relay: SocketAddr,
        inbox: &Inbox,
        reader: &str,
        output: &str,
    ) -> Result<Self> {
        let (url, db) = (format!("ws://{relay}"), format!("{reader}.db"));
        let args = [
            "--no-listen",
            "--relay",
            &url,
            "--relay-name",
            reader,
            "--db",
            &db,
            "--public-key",
            "public.pem",
            "--no-dev-key",
            "--output",
            output,
        ];
        Self::start(home, &args, Some(&inbox.token))
    }

    /// The address in the first line.
    fn ready(&self) -> Result<SocketAddr> {
        let (_, line) = self.lines.recv_timeout(LIMIT).context("it did not start")?;
        let ready: Value = serde_json::from_str(&line)?;
        Ok(ready["listen"].as_str().context("no address in the first line")?.parse()?)
    }

    /// Waits for a line with all of `words`; gives when it came.
    pub(crate) fn line(&self, words: &[&str]) -> Result<Instant> {
        loop {
            let (at, line) = self.lines.recv_timeout(LIMIT).context("the line did not come")?;
            if words.iter().all(|word| line.contains(word)) {
                return Ok(at);
            }
        }
    }

    /// Processor time taken so far, all threads, user and kernel, in µs.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // utime and stime are the 14th and 15th field (proc_pid_stat(5)); the 2nd ends with `)`.
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * f64::from(ticks.sum::<Result<u32, _>>()?))
    }

    /// A figure of `/proc/PID/status` in MB.
    pub(crate) fn memory(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("no such figure")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dubwatch"));
    command.args(args).env_clear().env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

/// What was made for an inbox.
pub(crate) struct Inbox {
    /// The path that senders post to.
    pub(crate) path: String,
    pub(crate) token: String,
}

impl Inbox {
    /// Makes one beside the running relay on `store`.
    pub(crate) fn create(home: &Path, store: &str, name: &str) -> Result<Self> {
        let args = ["relay", "--db", store, "inbox", "create", name, "--json"];
        let output = command(home, &args).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout)?;
        let url = made["publish_url"].as_str().context("no URL")?;
        let path = url.find("/in/").context("no inbox in the URL")?;
        let token = made["token"].as_str().context("no token")?.to_owned();
        Ok(Self { path: url[path..].to_owned(), token })
    }

    /// The same requests to this inbox.
    pub(crate) fn requests(&self, requests: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        requests.iter().map(|request| self.request(request)).collect()
    }

    /// A request to a listener, made one to this inbox.
    pub(crate) fn request(&self, request: &[u8]) -> Result<Vec<u8>> {
        let rest = request.strip_prefix(b"POST /callback").context("no such request")?;
        Ok([b"POST ", self.path.as_bytes(), rest].concat())
    }
}

/// A journal beside whoever writes it.
pub(crate) struct Journal(PathBuf);

impl Journal {
    pub(crate) fn of(home: &Path, reader: &str) -> Self {
        Self(home.join(format!("{reader}.db")))
    }

    /// Waits until it has something; gives a reader and when that was.
    pub(crate) fn begun(&self) -> Result<(JournalReader, Instant)> {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            if let Ok(reader) = JournalReader::open(&self.0)
                && reader.head()? > 0
            {
                return Ok((reader, Instant::now()));
            }
            pause();
        }
        bail!("the journal stays empty")
    }
}

/// Waits until the journal has `count`; gives when that was.
pub(crate) fn has(reader: &JournalReader, count: u64) -> Result<Instant> {
    until(|| Ok(reader.head()? >= count))
}

/// Waits until `holds`; gives when that was.
pub(crate) fn until(mut holds: impl FnMut() -> Result<bool>) -> Result<Instant> {
    let start = Instant::now();
    while !holds()? {
        ensure!(start.elapsed() < LIMIT, "waited in vain");
        pause();
    }
    Ok(Instant::now())
}

fn pause() {
    std::thread::park_timeout(Duration::from_millis(2));
}

/// A kept-alive connection.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self(stream))
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.0.write_all(request)?)
    }

    /// Reads an answer, which has to be 200.
    pub(crate) fn answered(&mut self) -> Result<()> {
        let mut answer = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let read = self.0.read(&mut buffer)?;
            ensure!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
            if super::load::is_whole(&answer)? {
                return Ok(());
            }
        }
    }
}
