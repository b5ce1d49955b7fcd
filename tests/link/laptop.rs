//! A dubwatch that subscribes, and a line to its relay that can be spoiled.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::common::{LIMIT, Site, Watch, until};
use crate::relay_support::{Inbox, Relay, Seeded};

/// Where a subscribing dubwatch lives. It outlives the runs.
pub(crate) struct Laptop {
    pub(crate) site: Site,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Laptop {
    /// One that trusts the key which signs what is posted to `relay`.
    pub(crate) fn of(relay: &Relay, inbox: &Inbox) -> Self {
        Self::at(relay, inbox, &format!("ws://{}", relay.address()))
    }

    /// The same, by another URL.
    pub(crate) fn at(relay: &Relay, inbox: &Inbox, url: &str) -> Self {
        let site = Site::new();
        std::fs::write(site.dir.path().join("sender.pem"), relay.site.key.public_pem()).unwrap();
        Self { site, url: url.to_owned(), token: inbox.token.clone() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let own = ["--public-key", "sender.pem", "--relay", &self.url, "--relay-name", "laptop"];
        let mut command = self.site.command(&[&own, arguments].concat());
        command.env("DUBWATCH_RELAY_TOKEN", &self.token).env("DUBWATCH_LOG", "trace");
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Watch {
        Watch::new(self.command(arguments).spawn().unwrap())
    }

    /// The bodies in its journal, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let deliveries = self.site.deliveries().into_iter();
        deliveries.map(|delivery| String::from_utf8(delivery.request.body).unwrap()).collect()
    }

    /// Waits until its journal has `count` deliveries.
    pub(crate) fn has(&self, count: u64) {
        let head = || dubwatch::journal::Reader::open(&self.site.db).unwrap().head().unwrap();
        until(|| head() >= count, "the journal to have them all");
    }
}

/// The next record of the link with this state.
pub(crate) fn link(watch: &mut Watch, state: &str) -> Value {
    loop {
        let record = watch.next_of("link");
        if record["state"] == state {
            return record;
        }
    }
}

/// What a line does to one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// Both ways are cut after this many bytes from the relay.
    Cut(u64),
    /// The relay's bytes end here, while the reader's go on.
    Truncate(u64),
    /// A piece of the relay's bytes comes twice.
    Repeat(u64),
    /// Every piece of the relay's bytes is late by this many milliseconds.
    Delay(u64),
    /// What the reader says is lost after this many bytes.
    Deaf(u64),
}

/// A line to a relay, whose address can change.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    to: Arc<Mutex<SocketAddr>>,
    faults: Arc<Mutex<Seeded>>,
    spoilt: Arc<Mutex<bool>>,
}

impl Wire {
    pub(crate) fn to(relay: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            to: Arc::new(Mutex::new(relay)),
            faults: Arc::new(Mutex::new(Seeded(seed))),
            spoilt: Arc::new(Mutex::new(false)),
        };
        let (to, faults, spoilt) =
            (Arc::clone(&wire.to), Arc::clone(&wire.faults), Arc::clone(&wire.spoilt));
        std::thread::spawn(move || {
            for reader in listener.incoming() {
                let Ok(reader) = reader else { return };
                let address = *to.lock().unwrap();
                let Ok(relay) = TcpStream::connect(address) else { continue };
                let fault = if *spoilt.lock().unwrap() {
                    fault(&mut faults.lock().unwrap())
                } else {
                    Fault::None
                };
                carry(reader, relay, fault);
            }
        });
        wire
    }

    /// The relay is at another address now.
    pub(crate) fn lead_to(&self, relay: SocketAddr) {
        *self.to.lock().unwrap() = relay;
    }

    /// Spoils connections from now on, or no more.
    pub(crate) fn spoil(&self, spoil: bool) {
        *self.spoilt.lock().unwrap() = spoil;
    }
}

fn fault(seeded: &mut Seeded) -> Fault {
    let after = 200 + seeded.below(60_000);
    match seeded.below(5) {
        0 => Fault::Cut(after),
        1 => Fault::Truncate(after),
        2 => Fault::Repeat(after),
        3 => Fault::Delay(1 + seeded.below(20)),
        _ => Fault::Deaf(200 + seeded.below(2_000)),
    }
}

/// Carries bytes both ways, in threads that end with the connection.
fn carry(reader: TcpStream, relay: TcpStream, fault: Fault) {
    for stream in [&reader, &relay] {
        stream.set_nodelay(true).unwrap();
        // A line that a fault left half open does not stay for ever.
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    }
    let (reader_too, relay_too) = (reader.try_clone().unwrap(), relay.try_clone().unwrap());
    std::thread::spawn(move || {
        pump(relay_too, reader_too, |passed| match fault {
            Fault::Cut(after) if passed >= after => Pass::Cut,
            Fault::Truncate(after) if passed >= after => Pass::Lose,
            Fault::Repeat(after) if passed >= after => Pass::Twice,
            Fault::Delay(ms) => Pass::Late(Duration::from_millis(ms)),
            _ => Pass::On,
        });
    });
    std::thread::spawn(move || {
        pump(reader, relay, |passed| match fault {
            Fault::Deaf(after) if passed >= after => Pass::Lose,
            _ => Pass::On,
        });
    });
}

enum Pass {
    On,
    Twice,
    Late(Duration),
    Lose,
    Cut,
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut pass: impl FnMut(u64) -> Pass) {
    let (mut passed, mut lost, mut twice) = (0, 0, false);
    let mut bytes = [0; 4096];
    loop {
        let read = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // Nobody waits the half minute until the silence is noticed.
                if lost > 0 {
                    break;
                }
                continue;
            }
            Err(_) => break,
        };
        passed += read as u64;
        let piece = &bytes[..read];
        let sent = match pass(passed) {
            Pass::Twice if !twice => {
                twice = true;
                to.write_all(piece).and_then(|()| to.write_all(piece))
            }
            Pass::On | Pass::Twice => to.write_all(piece),
            Pass::Late(time) => {
                let (never, clock) = std::sync::mpsc::sync_channel::<()>(0);
                let _ = clock.recv_timeout(time);
                drop(never);
                to.write_all(piece)
            }
            Pass::Lose => {
                lost += read;
                // A while of silence, then the end.
                if lost > 20_000 {
                    break;
                }
                Ok(())
            }
            Pass::Cut => break,
        };
        if sent.is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Numbered callbacks.
pub(crate) fn callbacks(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(crate::common::callback)
}

/// A tiny proxy that does `CONNECT`, to one address whatever it is asked for; gives its own address
/// and the requests that it got.
pub(crate) fn connect_proxy(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let requests = Arc::clone(&heard);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            client.set_read_timeout(Some(LIMIT)).unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            requests.lock().unwrap().push(String::from_utf8(head).unwrap());
            let relay = TcpStream::connect(to).unwrap();
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            carry(client, relay, Fault::None);
        }
    });
    (address, heard)
}
