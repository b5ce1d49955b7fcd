//! The real binary in a home of its own, a journal to read, and a receiver to post to; asserts
//! nothing about what the program says.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dubwatch::internals::callback::Verdict;
use dubwatch::internals::callback::{
    Accepted, Callback, Encoding, Fingerprint, Headers, Received, Source,
};
use dubwatch::internals::journal::{Journal, Location};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::tui_support::STARTING;

/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A directory in which the program finds nothing of anybody's.
pub(crate) struct Home {
    _dir: TempDir,
    /// Its name without symbolic links, as the program finds it out.
    root: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { root: dir.path().canonicalize().unwrap(), _dir: dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The journal's default place.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path("data/dubwatch/journal.db")
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dubwatch"));
        command
            .args(args)
            .env_clear()
            .env("HOME", &self.root)
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("TZ", "UTC")
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command line to its end; words are separated by spaces.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.ran(&mut self.command(line.split_whitespace()))
    }

    pub(crate) fn ran(&self, command: &mut Command) -> Ran {
        self.ended(start(command))
    }

    pub(crate) fn ended(&self, child: Child) -> Ran {
        let pid = Pid::from_child(&child);
        let (sender, receiver) = sync_channel(1);
        std::thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
        let Ok(Output { status, stdout, stderr }) = receiver.recv_timeout(LIMIT) else {
            let _ = kill_process(pid, Signal::KILL);
            panic!("the program did not end");
        };
        Ran {
            code: status.code(),
            out: self.neutral(&String::from_utf8(stdout).unwrap()),
            err: self.neutral(&String::from_utf8(stderr).unwrap()),
        }
    }

    /// Runs another program in this home; `None` where there is no such program.
    pub(crate) fn checked(&self, program: &str, args: &[&str]) -> Option<Ran> {
        let found = std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|directory| directory.join(program))
            .find(|file| file.is_file())?;
        let mut command = Command::new(found);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        Some(self.ran(command.stdout(Stdio::piped()).stderr(Stdio::piped())))
    }

    /// Text without the name of this home.
    fn neutral(&self, text: &str) -> String {
        text.replace(self.root.to_str().unwrap(), "~")
    }

    /// Starts `dubwatch --json` on a free port and waits until it listens.
    pub(crate) fn watch(&self) -> Watch {
        let args = ["watch", "--listen", "0", "--json"];
        let mut child = start(&mut self.command(args));
        let lines = lines_of(child.stdout.take().unwrap());
        let mut watch = Watch { child: Some(child), lines, url: String::new() };
        let ready = watch.line("ready");
        ready["callback_url"].as_str().unwrap().clone_into(&mut watch.url);
        watch
    }

    /// Puts deliveries into the journal: received how long ago in hours, and the body.
    pub(crate) fn fill(&self, deliveries: impl IntoIterator<Item = (i64, String)>) {
        std::fs::create_dir_all(self.journal().parent().unwrap()).unwrap();
        let _alone = STARTING.write().unwrap();
        let journal = Journal::open(&Location::File(self.journal()), None).unwrap();
        let mut pending = Vec::new();
        for (copy, (hours, body)) in (1..).zip(deliveries) {
            let accepted = accepted(hours, body.into_bytes(), copy);
            pending.push(journal.append(accepted).unwrap());
        }
        for pending in pending {
            pending.blocking_receipt().unwrap();
        }
        journal.close();
    }
}

/// Starts a program.
pub(crate) fn start(command: &mut Command) -> Child {
    let _started = STARTING.read().unwrap();
    command.spawn().unwrap()
}

fn accepted(hours: i64, body: Vec<u8>, copy: u64) -> Accepted {
    Accepted {
        callback: Callback::read(&body),
        request: Received {
            received_at: Timestamp::now() - jiff::SignedDuration::from_hours(hours),
            source: Source::Direct,
            peer: "192.0.2.7:4711".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers: Headers::from_raw([("X-Signature", b"3045".as_slice())]),
            body,
        },
        verdict: Verdict::Valid { key: "panjaya".into(), encoding: Encoding::Der },
        fingerprint: Fingerprint { signature: copy, copy },
    }
}

/// The body of a callback about a version in Spanish.
pub(crate) fn body(event: &str, asset: &str, version: &str) -> String {
    format!(
        r#"{{"event":"{event}","asset_id":"{asset}","version_id":"{version}","version_locale":"es-ES"}}"#
    )
}

/// How a command ended; the home's path is `~` in what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it wrote to standard output, having ended well without a complaint.
    #[track_caller]
    pub(crate) fn done(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        &self.out
    }

    /// What it complained about, having ended with `code` and written nothing else.
    #[track_caller]
    pub(crate) fn complaint(&self, code: i32) -> &str {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        &self.err
    }
}

/// A running `dubwatch --json`.
pub(crate) struct Watch {
    child: Option<Child>,
    lines: Receiver<String>,
    pub(crate) url: String,
}

impl Watch {
    /// The next line, which has to be of this type.
    #[track_caller]
    pub(crate) fn line(&self, kind: &str) -> serde_json::Value {
        let line = self.lines.recv_timeout(LIMIT).expect("there is a line");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["type"], kind, "{line}");
        value
    }

    /// Ends it by SIGTERM.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        // Its standard output ends when it does.
        while self.lines.recv_timeout(LIMIT).is_ok() {}
        let status = child.wait().unwrap();
        std::os::unix::process::ExitStatusExt::signal(&status).or(status.code())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn lines_of(out: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1 << 12);
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Posted {
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An HTTP server that answers what it is told to.
pub(crate) struct Target {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Target {
    /// Answers each request with the status and body that `answer` gives for its number, from 1.
    pub(crate) fn new(
        answer: impl Fn(usize) -> (u16, &'static str) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let posted = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&posted);
        std::thread::spawn(move || {
            let answer = Arc::new(answer);
            for stream in listener.incoming() {
                let (stream, list, answer) =
                    (stream.unwrap(), Arc::clone(&list), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream, &list, &*answer));
            }
        });
        Self { address, posted }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?a=1", self.address)
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }
}

fn serve(
    stream: &TcpStream,
    list: &Mutex<Vec<Posted>>,
    answer: &impl Fn(usize) -> (u16, &'static str),
) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut input, mut output) = (BufReader::new(stream), stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if input.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let mut posted = Posted { head, body: Vec::new() };
        let length = posted.headers("content-length").first().map_or(0, |n| n.parse().unwrap());
        posted.body.resize(length, 0);
        input.read_exact(&mut posted.body).unwrap();
        let number = {
            let mut list = list.lock().unwrap();
            list.push(posted);
            list.len()
        };
        let (status, body) = answer(number);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} Any\r\ncontent-length: {length}\r\n\r\n{body}");
        output.write_all(answer.as_bytes()).unwrap();
    }
}

/// The permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}
