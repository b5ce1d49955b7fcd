//! Crowds: a thousand ill-mannered connections and a flood of forgeries, and a signed callback that
//! is answered all the same.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dubwatch::internals::journal::{JournalReader, MAX_REFUSALS};
use rustix::process::Signal;

use crate::common::{Client, LIMIT, Site, callback, get, post};

/// Ways to be a burden, a tenth of the crowd each.
#[derive(Debug, Clone, Copy)]
enum Manners {
    Silent,
    HalfHead,
    HalfBody,
    /// A byte of a body each time.
    SlowBody,
    Garbage,
    TlsHello,
    HugeHead,
    /// Asks without end and reads no answer.
    NeverReads,
    OpensAndCloses,
    Forges,
}

impl Manners {
    const ALL: [Self; 10] = [
        Self::Silent,
        Self::HalfHead,
        Self::HalfBody,
        Self::SlowBody,
        Self::Garbage,
        Self::TlsHello,
        Self::HugeHead,
        Self::NeverReads,
        Self::OpensAndCloses,
        Self::Forges,
    ];

    /// What it says first.
    fn first(self) -> Vec<u8> {
        let unfinished = b"POST /callback HTTP/1.1\r\nhost: x\r\nx-signature: 30\r\n";
        match self {
            Self::Silent | Self::OpensAndCloses => Vec::new(),
            Self::HalfHead => unfinished.to_vec(),
            Self::HalfBody | Self::SlowBody => {
                [unfinished.as_slice(), b"content-length: 10000\r\n\r\n{\"event\":"].concat()
            }
            Self::Garbage => (0..=255).cycle().skip(128).take(2000).collect(),
            Self::TlsHello => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40),
            Self::HugeHead => {
                let mut head = unfinished.to_vec();
                head.extend(b"x-long: ");
                head.resize(100 << 10, b'x');
                head
            }
            Self::NeverReads => get("/healthz").repeat(500).into_bytes(),
            Self::Forges => post(&[("x-signature", "30")], b"{}").repeat(20),
        }
    }

    /// What it goes on with, as long as it is listened to.
    fn then(self) -> Vec<u8> {
        match self {
            Self::SlowBody | Self::HalfHead => b" ".to_vec(),
            Self::NeverReads | Self::Forges => self.first(),
            _ => Vec::new(),
        }
    }
}

/// One place in the crowd.
struct Rude {
    manners: Manners,
    stream: Option<TcpStream>,
}

impl Rude {
    /// Comes again where it was thrown out, or annoys a little more.
    fn act(&mut self, address: SocketAddr) {
        let bytes = if self.stream.is_some() {
            self.manners.then()
        } else {
            // Nobody is owed a place: a crowd that is kept out is no failure.
            let Ok(stream) = TcpStream::connect_timeout(&address, LIMIT) else { return };
            stream.set_nonblocking(true).unwrap();
            self.stream = Some(stream);
            self.manners.first()
        };
        let Some(stream) = &mut self.stream else { return };
        let written = stream.write(&bytes);
        let read = match self.manners {
            Manners::NeverReads => Ok(1),
            _ => stream.read(&mut [0; 4096]),
        };
        let blocks = |result: &std::io::Result<usize>| match result {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        let gone = !blocks(&written) || !blocks(&read) || matches!(read, Ok(0));
        if gone || matches!(self.manners, Manners::OpensAndCloses) {
            self.stream = None;
        }
    }
}

#[test]
fn a_thousand_ill_mannered_connections_keep_no_callback_out() {
    dubwatch::internals::serve::raise_open_files();
    let site = Site::new();
    let watch = site.watch();
    let address = watch.address;
    let laps = AtomicUsize::new(0);
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let callbacks = std::thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            let stopped = stopped;
            let mut crowd: Vec<Rude> = (0..1000)
                .map(|n| Rude { manners: Manners::ALL[n % Manners::ALL.len()], stream: None })
                .collect();
            while matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
                for rude in &mut crowd {
                    rude.act(address);
                }
                laps.fetch_add(1, Ordering::Relaxed);
            }
            crowd.iter().filter(|rude| rude.stream.is_some()).count()
        });
        let begin = Instant::now();
        let mut callbacks = 0;
        // Some while the crowd gathers, and then while all of it is there.
        while callbacks < 100 || laps.load(Ordering::Relaxed) < 5 {
            // Only against a test that hangs: a thousand connections take long on a busy machine.
            assert!(begin.elapsed() < 10 * LIMIT, "the crowd does not gather");
            assert!(!crowd.is_finished(), "the crowd has gone");
            let mut client = Client::new(address).unwrap();
            client.send(site.signed(callback(callbacks)));
            assert_eq!(client.answer().status, 200);
            callbacks += 1;
        }
        drop(stop);
        let standing = crowd.join().unwrap();
        assert!(standing > 300, "only {standing} of the crowd were there at the end");
        callbacks
    });
    assert_eq!(site.deliveries().len(), callbacks);
    let ended = watch.stop(Signal::TERM);
    assert_eq!(ended.code, Some(143));
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

/// The journal's files together, in bytes.
fn on_disk(site: &Site) -> u64 {
    let directory = site.db.parent().unwrap();
    site.files()
        .iter()
        .filter(|name| name.starts_with("journal.db"))
        .map(|name| fs::metadata(directory.join(name)).unwrap().len())
        .sum()
}

#[test]
fn a_flood_of_forgeries_holds_up_nobody_and_fills_no_disk() {
    const FLOODERS: usize = 4;
    const BATCHES: usize = 60;
    const BATCH: usize = 50;
    const GENUINE: usize = 60;
    let site = Site::new();
    let watch = site.watch();
    assert_eq!(watch.ask(site.signed(callback("first"))).status, 200);
    // A reason that is rare.
    assert_eq!(watch.ask(get("/callbacks")).status, 404);
    let before = on_disk(&site);
    let forged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for flooder in 0..FLOODERS {
            let (forged, address) = (&forged, watch.address);
            scope.spawn(move || {
                let mut client = Client::new(address).unwrap();
                for batch in 0..BATCHES {
                    let requests: Vec<u8> =
                        (0..BATCH).flat_map(|n| forgery(flooder, batch, n)).collect();
                    client.send(&requests);
                    for _ in 0..BATCH {
                        assert_eq!(client.answer().status, 401);
                        forged.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for n in 0..GENUINE {
            // Spread over the flood, so that the genuine ones themselves do not fill the disk.
            let due = n * FLOODERS * BATCHES * BATCH / GENUINE;
            crate::common::until(|| forged.load(Ordering::Relaxed) >= due, "the flood");
            assert_eq!(watch.ask(site.signed(callback(n))).status, 200);
        }
    });
    watch.signal(Signal::TERM);
    // The last of the refusals are looked into first, which takes long in a build for tests.
    let ended = watch.ended_within(5 * LIMIT);
    // The forged bodies had 24 MB. The log holds 1,000 of at most 4 KiB and 8 MiB of earlier ones,
    // however long the flood takes; how much of it the write-ahead log holds twice until the end
    // depends on that.
    let grown = on_disk(&site) - before;
    assert!(grown < 13 << 20, "the journal's files grew by {grown} bytes");

    let reader = JournalReader::open(&site.db).unwrap();
    let (listed, _) = reader.refusals_after(0, 10_000).unwrap();
    assert!(listed.len() <= MAX_REFUSALS, "{} refusals are listed", listed.len());
    let rare = listed.iter().any(|listed| listed.refusal.status == 404);
    assert!(rare, "the rare reason was pushed out");
    assert_eq!(site.deliveries().len(), GENUINE + 1);
    let summary = ended.records().pop().unwrap();
    assert_eq!(summary["refused"], FLOODERS * BATCHES * BATCH + 1, "every one was counted");
    let listed: u64 = listed.iter().map(|listed| listed.refusal.count).sum();
    let unlisted = summary["unlisted"].as_u64().unwrap();
    assert_eq!(summary["refused"], listed + unlisted, "in the log, or said not to be");
}

/// A different forgery each time: a body of 2 KB and a signature that is one, of something else.
fn forgery(flooder: usize, batch: usize, n: usize) -> Vec<u8> {
    let name = format!("{flooder}-{batch}-{n}");
    let body = format!("{{\"event\":\"{name:>2000}\"}}");
    let mut signature = [0x5a; 64];
    signature[..8].copy_from_slice(&(1 + flooder * 1_000_000 + batch * 1000 + n).to_be_bytes());
    post(&[("x-signature", &hex::encode(signature))], body.as_bytes())
}
