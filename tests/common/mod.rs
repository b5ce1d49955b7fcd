//! Runs the real binary for black-box tests: starts it with directories and keys of its own, speaks
//! raw HTTP to it, reads what it writes. Asserts nothing about what it hears but that it comes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dubwatch::internals::callback::{Delivery, Encoding};
use dubwatch::internals::journal::JournalReader;
use dubwatch::internals::signature::PrivateKey;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// What is waited for comes in milliseconds, on a very busy machine in seconds; a test that waits this
/// long has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Where a dubwatch lives: its directories, its journal and the sender's key. It outlives the runs.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    /// The journal.
    pub(crate) db: PathBuf,
    /// The key that the sender signs with; its public half is given as `--public-key sender.pem`.
    pub(crate) key: PrivateKey,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("data/journal.db");
        let key = PrivateKey::generate().unwrap();
        fs::write(dir.path().join("sender.pem"), key.public_pem()).unwrap();
        Self { dir, db, key }
    }

    /// The program without arguments, in a world without the user's settings.
    pub(crate) fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dubwatch"));
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env("XDG_DATA_HOME", self.dir.path().join("share"))
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// The program with this site's journal, on a free port.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        if !arguments.contains(&"--db") {
            command.arg("--db").arg(&self.db);
        }
        if !arguments.contains(&"--listen") && !arguments.contains(&"--no-listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A running dubwatch that trusts the sender's key and has said that it is ready.
    pub(crate) fn watch(&self) -> Watch {
        self.watch_with(&["--public-key", "sender.pem"])
    }

    /// A running dubwatch with these arguments, which has said that it is ready.
    pub(crate) fn watch_with(&self, arguments: &[&str]) -> Watch {
        Watch::new(self.command(arguments).spawn().unwrap())
    }

    /// Runs a dubwatch that is expected to fail; gives its status and its words.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let mut child = self.command(arguments).spawn().unwrap();
        let out = Heard::from(child.stdout.take().unwrap());
        let err = Heard::from(child.stderr.take().unwrap());
        let mut running = Running(child);
        if !err.ends_within(LIMIT) {
            drop(running);
            panic!("{arguments:?} did not end: {:?}", err.text());
        }
        let code = running.0.wait().unwrap().code().unwrap();
        assert!(out.ends_within(LIMIT));
        assert_eq!(out.text(), "", "nothing goes to stdout when it cannot start");
        (code, err.text())
    }

    /// The value of `X-Signature` that the sender gives `body`.
    pub(crate) fn signature(&self, body: &[u8]) -> String {
        hex::encode(self.key.sign(body, Encoding::Der).unwrap())
    }

    /// A whole request as the sender makes it.
    pub(crate) fn signed(&self, body: impl AsRef<[u8]>) -> Vec<u8> {
        let body = body.as_ref();
        post(&[("content-type", "application/json"), ("x-signature", &self.signature(body))], body)
    }

    /// Every delivery in the journal, by a reader beside whoever writes it.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        let reader = JournalReader::open(&self.db).unwrap();
        let mut deliveries: Vec<Delivery> = Vec::new();
        loop {
            let after = deliveries.last().map_or(0, |delivery| delivery.seq);
            let page = reader.deliveries_after(after, 1000).unwrap();
            if page.is_empty() {
                return deliveries;
            }
            deliveries.extend(page);
        }
    }

    /// The names of the files beside the journal, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.db.parent().unwrap()) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A child that never outlives its test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A dubwatch that is ready.
pub(crate) struct Watch {
    child: Running,
    /// The first line of stdout: an object, or a string where it is no JSON.
    pub(crate) ready: Value,
    pub(crate) address: SocketAddr,
    pub(crate) out: Heard,
    pub(crate) err: Heard,
    /// Lines of stdout that a test has seen.
    seen: usize,
}

/// How a run ended.
pub(crate) struct Ended {
    /// `None` where a signal killed it.
    pub(crate) code: Option<i32>,
    /// All of its stdout.
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Watch {
    pub(crate) fn new(mut child: Child) -> Self {
        let out = Heard::from(child.stdout.take().unwrap());
        let err = Heard::from(child.stderr.take().unwrap());
        let child = Running(child);
        let line = out.line(0, LIMIT).unwrap_or_else(|| panic!("not ready: {:?}", err.text()));
        let ready = serde_json::from_slice(&line)
            .unwrap_or_else(|_| Value::String(String::from_utf8(line.clone()).unwrap()));
        let address = address_in(&ready);
        Self { child, ready, address, out, err, seen: 1 }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(self.address).unwrap()
    }

    /// Sends `request` over a connection of its own.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.send(request);
        client.answer()
    }

    /// The next line of stdout, whatever it is.
    pub(crate) fn next(&mut self) -> Value {
        let line = self
            .out
            .line(self.seen, LIMIT)
            .unwrap_or_else(|| panic!("no further line; stderr: {:?}", self.err.text()));
        self.seen += 1;
        serde_json::from_slice(&line).expect("a line of JSON")
    }

    /// The next record of this type; others are passed over.
    pub(crate) fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let record = self.next();
            if record["type"] == kind {
                return record;
            }
        }
    }

    /// The next delivery; no other record may come before it.
    pub(crate) fn delivery(&mut self) -> Value {
        let record = self.next();
        assert_eq!(record["type"], "delivery", "{record}");
        record
    }

    /// The next refusal; no other record may come before it.
    pub(crate) fn refusal(&mut self) -> Value {
        let record = self.next();
        assert_eq!(record["type"], "refusal", "{record}");
        record
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }

    /// Waits until nobody listens any more.
    pub(crate) fn closed_to_newcomers(&self) {
        until(|| TcpStream::connect(self.address).is_err(), "the listener to close");
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(self, signal: Signal) -> Ended {
        self.signal(signal);
        self.ended()
    }

    /// Waits for the end.
    pub(crate) fn ended(self) -> Ended {
        self.ended_within(LIMIT)
    }

    /// Waits for an end that takes longer than others.
    pub(crate) fn ended_within(mut self, limit: Duration) -> Ended {
        // Both pipes end with the process, so waiting for it does not block after that.
        let ended = self.err.ends_within(limit) && self.out.ends_within(limit);
        assert!(ended, "it did not end; stderr: {:?}", self.err.text());
        let status = self.child.0.wait().unwrap();
        Ended { code: status.code(), out: self.out.text(), err: self.err.text() }
    }
}

/// The address in the first line, as a client on this machine reaches it.
fn address_in(ready: &Value) -> SocketAddr {
    let listen = match ready {
        Value::String(sentence) => {
            sentence.split_once("http://").unwrap().1.split('/').next().unwrap()
        }
        record => record["listen"].as_str().unwrap(),
    };
    listen.replace("0.0.0.0", "127.0.0.1").parse().unwrap()
}

impl Ended {
    /// The records on stdout.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// What a pipe has said so far, line by line. Bounded by the test that makes it say things.
#[derive(Clone)]
pub(crate) struct Heard(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    lines: Vec<Vec<u8>>,
    over: bool,
}

impl Heard {
    pub(crate) fn from(pipe: impl Read + Send + 'static) -> Self {
        let heard = Self(Arc::default());
        let shared = Arc::clone(&heard.0);
        std::thread::spawn(move || {
            let (lines, changed) = &*shared;
            let mut pipe = BufReader::new(pipe);
            loop {
                let mut line = Vec::new();
                let over = !pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0);
                let mut lines = lines.lock().unwrap();
                if over {
                    lines.over = true;
                } else {
                    lines.lines.push(line);
                }
                changed.notify_all();
                if over {
                    return;
                }
            }
        });
        heard
    }

    /// Line `number`, from 0; `None` when the pipe ends or the limit passes without it.
    pub(crate) fn line(&self, number: usize, limit: Duration) -> Option<Vec<u8>> {
        let (lines, changed) = &*self.0;
        let lines = lines.lock().unwrap();
        let waits = |lines: &mut Lines| lines.lines.len() <= number && !lines.over;
        let (lines, _) = changed.wait_timeout_while(lines, limit, waits).unwrap();
        lines.lines.get(number).cloned()
    }

    /// Waits for the end of the pipe; whether it came.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        let (lines, changed) = &*self.0;
        let lines = lines.lock().unwrap();
        changed.wait_timeout_while(lines, limit, |lines| !lines.over).unwrap().0.over
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().lines.concat()).expect("UTF-8")
    }
}

/// A connection.
pub(crate) struct Client(pub(crate) TcpStream);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer")
    }

    /// The next answer, or why there is none.
    pub(crate) fn try_answer(&mut self) -> std::io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }
}

impl Answer {
    /// The head without what differs from answer to answer by itself.
    pub(crate) fn constant_head(&self) -> String {
        self.head.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n")
    }
}

/// A POST to the callback path with these headers and this body.
pub(crate) fn post(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    request("POST", "/callback", headers, body)
}

/// A request with a body of known length.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n").into_bytes();
    for (name, value) in headers {
        request.extend(format!("{name}: {value}\r\n").bytes());
    }
    request.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    request.extend(body);
    request
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// A callback's body; `id` makes it unique.
pub(crate) fn callback(id: impl std::fmt::Display) -> String {
    format!(
        r#"{{"event":"version_ready","asset_id":"ast_{id}","version_id":"ver_{id}","version_locale":"es-ES"}}"#
    )
}

/// The bytes in a record's `body_b64`.
pub(crate) fn body(record: &Value) -> Vec<u8> {
    STANDARD.decode(record["body_b64"].as_str().unwrap()).unwrap()
}

/// Asks again until `holds`, within the limit.
pub(crate) fn until(mut holds: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
