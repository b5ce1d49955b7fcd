//! A line to a relay that can be spoilt, and what it really did; a proxy that does `CONNECT`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::LIMIT;
use crate::relay_support::Seeded;

/// Silence after which a line that loses bytes ends: nobody waits for the heartbeat to notice.
const SILENCE: Duration = Duration::from_millis(300);
/// Bytes that are lost before such a line ends.
const LOST: usize = 20_000;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    ToReader,
    ToRelay,
}

/// What a line does to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Both ways end.
    Cut,
    /// They end here, while those of the other way go on. To the relay: acks are lost.
    Truncate,
    /// A piece comes twice.
    Repeat,
    /// A piece is late.
    Delay,
}

/// Every fault in either direction.
pub(crate) const FAULTS: [(Fault, Way); 8] = [
    (Fault::Cut, Way::ToReader),
    (Fault::Cut, Way::ToRelay),
    (Fault::Truncate, Way::ToReader),
    (Fault::Truncate, Way::ToRelay),
    (Fault::Repeat, Way::ToReader),
    (Fault::Repeat, Way::ToRelay),
    (Fault::Delay, Way::ToReader),
    (Fault::Delay, Way::ToRelay),
];

/// A line to a relay, whose address can change.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

/// What a line does to the connections that are made from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sound,
    Spoilt,
    /// All is lost that the reader says after its hello.
    Deaf,
}

struct Shared {
    to: Arc<Mutex<SocketAddr>>,
    story: Mutex<Seeded>,
    mode: Mutex<Mode>,
    open: Mutex<Vec<TcpStream>>,
    done: Mutex<BTreeMap<(Fault, Way), usize>>,
}

impl Wire {
    pub(crate) fn to(relay: SocketAddr, story: Seeded) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::sound(relay, story));
        let line = Arc::clone(&shared);
        std::thread::spawn(move || {
            for reader in listener.incoming() {
                let Ok(reader) = reader else { return };
                let address = *line.to.lock().unwrap();
                let Ok(relay) = TcpStream::connect(address) else { continue };
                let mut open = line.open.lock().unwrap();
                open.retain(|stream| stream.peer_addr().is_ok());
                open.push(reader.try_clone().unwrap());
                carry(reader, relay, &line);
            }
        });
        Self { address, shared }
    }

    /// The relay is at another address now.
    pub(crate) fn lead_to(&self, relay: SocketAddr) {
        *self.shared.to.lock().unwrap() = relay;
    }

    /// Where the relay is, for those that follow it.
    pub(crate) fn end(&self) -> Arc<Mutex<SocketAddr>> {
        Arc::clone(&self.shared.to)
    }

    /// Spoils connections from now on, or no more.
    pub(crate) fn spoil(&self, spoil: bool) {
        *self.shared.mode.lock().unwrap() = if spoil { Mode::Spoilt } else { Mode::Sound };
    }

    /// Loses what readers say after their hello, on connections from now on.
    pub(crate) fn deafen(&self) {
        *self.shared.mode.lock().unwrap() = Mode::Deaf;
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// What it did so far.
    pub(crate) fn faults(&self) -> BTreeMap<(Fault, Way), usize> {
        self.shared.done.lock().unwrap().clone()
    }

    /// How many faults that were.
    pub(crate) fn count(&self) -> usize {
        self.shared.done.lock().unwrap().values().sum()
    }
}

/// A fault to come.
#[derive(Clone, Copy)]
struct Planned {
    fault: Fault,
    /// The byte it begins at.
    at: u64,
    /// Whether it spares what comes in one piece with that byte before it.
    splits: bool,
    late: Duration,
}

impl Shared {
    fn sound(to: SocketAddr, story: Seeded) -> Self {
        Self {
            to: Arc::new(Mutex::new(to)),
            story: Mutex::new(story),
            mode: Mutex::new(Mode::Sound),
            open: Mutex::default(),
            done: Mutex::default(),
        }
    }

    /// The next fault of one way of a connection on which so much passed.
    fn plan(&self, way: Way, passed: u64) -> Planned {
        let mut story = self.story.lock().unwrap();
        let fault = [Fault::Cut, Fault::Truncate, Fault::Repeat, Fault::Delay][story.pick(4)];
        let reach = if way == Way::ToReader { 60_000 } else { 1_500 };
        Planned {
            fault,
            at: passed + story.below(reach),
            splits: story.below(2) == 0,
            late: Duration::from_millis(5 + story.below(300)),
        }
    }

    fn did(&self, fault: Fault, way: Way) {
        *self.done.lock().unwrap().entry((fault, way)).or_default() += 1;
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// Carries bytes both ways, in threads that end with the connection.
fn carry(reader: TcpStream, relay: TcpStream, line: &Arc<Shared>) {
    for stream in [&reader, &relay] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
    }
    let mode = *line.mode.lock().unwrap();
    let spoilt = (mode == Mode::Spoilt).then(|| line.story.lock().unwrap().below(2) == 0);
    let (reader_too, relay_too) = (reader.try_clone().unwrap(), relay.try_clone().unwrap());
    let welcomed = Arc::new(AtomicBool::new(false));
    let mut down = Pump::new(line, Way::ToReader, spoilt == Some(true), mode, &welcomed);
    let mut up = Pump::new(line, Way::ToRelay, spoilt == Some(false), mode, &welcomed);
    std::thread::spawn(move || down.run(relay_too, reader_too));
    std::thread::spawn(move || up.run(reader, relay));
}

/// One way of a connection.
struct Pump {
    line: Arc<Shared>,
    way: Way,
    planned: Option<Planned>,
    passed: u64,
    lost: usize,
    is_deaf: bool,
    /// The head of the relay's answer, until it is over.
    head: Option<Vec<u8>>,
    /// Whether the relay answered the hello: what the reader says then is no part of it.
    welcomed: Arc<AtomicBool>,
}

impl Pump {
    fn new(
        line: &Arc<Shared>,
        way: Way,
        is_spoilt: bool,
        mode: Mode,
        welcomed: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            line: Arc::clone(line),
            way,
            planned: is_spoilt.then(|| line.plan(way, 0)),
            passed: 0,
            lost: 0,
            is_deaf: mode == Mode::Deaf,
            head: (way == Way::ToReader).then(Vec::new),
            welcomed: Arc::clone(welcomed),
        }
    }

    fn run(&mut self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 4096];
        loop {
            let read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if self.lost > 0 {
                        break;
                    }
                    continue;
                }
                Err(_) => break,
            };
            self.look(&bytes[..read]);
            if !self.pass(&bytes[..read], &mut to).is_ok_and(|goes_on| goes_on) {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Notices when the relay says more than the head of its answer.
    fn look(&mut self, bytes: &[u8]) {
        let Some(head) = &mut self.head else { return };
        head.extend(bytes);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n")
            && head.len() > end + 4
        {
            self.welcomed.store(true, SeqCst);
            self.head = None;
        }
    }

    /// Passes a piece on, or does to it what is planned; whether the connection goes on.
    fn pass(&mut self, piece: &[u8], to: &mut TcpStream) -> std::io::Result<bool> {
        if self.is_deaf && self.way == Way::ToRelay && self.welcomed.load(SeqCst) {
            return Ok(true);
        }
        let Some(planned) =
            self.planned.filter(|planned| self.passed + piece.len() as u64 > planned.at)
        else {
            self.passed += piece.len() as u64;
            return to.write_all(piece).map(|()| true);
        };
        let before = if planned.splits { planned.at.saturating_sub(self.passed) } else { 0 };
        let (before, piece) = piece.split_at(index(before));
        to.write_all(before)?;
        self.passed += before.len() as u64;
        // Late bytes first: whoever sees the count does not overtake them.
        if planned.fault == Fault::Delay {
            wait(planned.late);
        }
        if self.lost == 0 {
            self.line.did(planned.fault, self.way);
        }
        match planned.fault {
            Fault::Cut => return Ok(false),
            Fault::Truncate => {
                self.lost += piece.len();
                return Ok(self.lost < LOST);
            }
            Fault::Repeat => to.write_all(piece)?,
            Fault::Delay => {}
        }
        self.passed += piece.len() as u64;
        // Some repetitions do no harm, like that of a whole pong: the line must go on doing its worst.
        self.planned = Some(self.line.plan(self.way, self.passed));
        to.write_all(piece).map(|()| true)
    }
}

/// Lets time pass on the line.
fn wait(time: Duration) {
    let (never, clock) = std::sync::mpsc::sync_channel::<()>(0);
    let _ = clock.recv_timeout(time);
    drop(never);
}

/// A tiny proxy that does `CONNECT`, to one address whatever it is asked for; gives its own address
/// and the requests that it got.
pub(crate) fn connect_proxy(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let requests = Arc::clone(&heard);
    // Behind the `CONNECT` it is a sound line.
    let line = Arc::new(Shared::sound(to, Seeded(0)));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            client.set_read_timeout(Some(LIMIT)).unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            // A spoilt line before it can cut the request.
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            requests.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            let Ok(relay) = TcpStream::connect(to) else { continue };
            if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").is_ok() {
                carry(client, relay, &line);
            }
        }
    });
    (address, heard)
}

/// What a server hears that answers every head alike: the heads.
pub(crate) type Heads = Arc<Mutex<Vec<String>>>;

/// A server, or a proxy, that answers every head with these bytes, and closes.
pub(crate) fn answering(answer: &'static [u8]) -> (SocketAddr, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Heads::default();
    let heard = Arc::clone(&heads);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            client.set_read_timeout(Some(LIMIT)).unwrap();
            let mut head = Vec::new();
            let mut bytes = [0; 4096];
            // What is no HTTP has no end to wait for.
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match client.read(&mut bytes) {
                    Ok(count @ 1..) => head.extend_from_slice(&bytes[..count]),
                    _ => break,
                }
                if head.first().is_some_and(|first| !first.is_ascii_uppercase()) {
                    break;
                }
            }
            heard.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            let _ = client.write_all(answer);
            let _ = client.shutdown(Shutdown::Write);
            // Until the client has read the answer: closed with unread bytes it could be lost.
            while client.read(&mut bytes).is_ok_and(|count| count > 0) {}
        }
    });
    (address, heads)
}

/// A SOCKS 5 proxy (RFC 1928, 1929) that leads everything to `to`, and only those in who have this
/// login, where there is one. What it was asked for: host and port.
pub(crate) fn socks_proxy(
    to: SocketAddr,
    login: Option<(&'static str, &'static str)>,
) -> (SocketAddr, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Heads::default();
    let heard = Arc::clone(&asked);
    let line = Arc::new(Shared::sound(to, Seeded(0)));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            client.set_read_timeout(Some(LIMIT)).unwrap();
            let Ok(Some(target)) = greet(&mut client, login) else { continue };
            heard.lock().unwrap().push(target);
            let Ok(relay) = TcpStream::connect(to) else { continue };
            if client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).is_ok() {
                carry(client, relay, &line);
            }
        }
    });
    (address, asked)
}

/// The part of SOCKS before the connection; what the client wants to be led to, unless it is refused.
fn greet(client: &mut TcpStream, login: Option<(&str, &str)>) -> std::io::Result<Option<String>> {
    let field = |client: &mut TcpStream| {
        let mut length = [0];
        client.read_exact(&mut length)?;
        let mut bytes = vec![0; length[0].into()];
        client.read_exact(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let mut version = [0];
    client.read_exact(&mut version)?;
    let method = if login.is_some() { 2 } else { 0 };
    if !field(client)?.contains(&method) {
        client.write_all(&[5, 0xff])?;
        return Ok(None);
    }
    client.write_all(&[5, method])?;
    if let Some((user, password)) = login {
        client.read_exact(&mut version)?;
        let given = (field(client)?, field(client)?);
        let is_right =
            (given.0.as_slice(), given.1.as_slice()) == (user.as_bytes(), password.as_bytes());
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Ok(None);
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request)?;
    assert_eq!(request, [5, 1, 0, 3], "CONNECT to a name");
    let host = String::from_utf8(field(client)?).unwrap();
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    Ok(Some(format!("{host}:{}", u16::from_be_bytes(port))))
}
