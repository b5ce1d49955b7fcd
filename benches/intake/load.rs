//! Signed callbacks and the connections that post them; measures answers, starts no server.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::PrivateKey;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The length of every body, in bytes.
pub(crate) const BODY: usize = 200;
const LOCALES: [&str; 6] = ["es-ES", "fr-FR", "de-DE", "it-IT", "pt-BR", "ja-JP"];
const EVENTS: [&str; 3] = ["version_ready", "version_generating", "version_generated"];

/// The body of the callback number `n` of a night: assets of six versions with three events each,
/// twelve assets at a time.
pub(crate) fn body(n: usize) -> Vec<u8> {
    let (group, within) = (n / 216, n % 216);
    let (event, lane) = (within / 72, within % 72);
    let (asset, version) = (group * 12 + lane / 6, lane % 6);
    let mut body = format!(
        r#"{{"event":"{}","asset_id":"{}","version_id":"{}","version_locale":"{}""#,
        EVENTS[event],
        id(asset as u64),
        id((asset * 6 + version) as u64 | 1 << 40),
        LOCALES[version]
    );
    // Whitespace in front of the last brace: JSON of the same length whatever the event.
    while body.len() < BODY - 1 {
        body.push(' ');
    }
    body.push('}');
    body.into_bytes()
}

/// An id that looks as if drawn at random.
fn id(n: u64) -> String {
    let mixed = |n: u64| {
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    };
    let (a, b) = (mixed(n + 1), mixed(n ^ 0x9e37_79b9_7f4a_7c15));
    format!("{:08x}-{:04x}-4{:03x}-{:016x}", a >> 32, a >> 16 & 0xffff, a & 0xfff, b)
        .chars()
        .take(32)
        .collect()
}

/// Whole requests, signed.
pub(crate) fn requests(key: &PrivateKey, numbers: std::ops::Range<usize>) -> Result<Vec<Vec<u8>>> {
    numbers
        .map(|n| {
            let body = body(n);
            let signature = hex::encode(key.sign(&body, Encoding::Der)?);
            let mut request = format!(
                "POST /callback HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: python-requests/2.32.3\r\n\
                 accept: */*\r\ncontent-type: application/json\r\nx-signature: {signature}\r\n\
                 x-signature-algorithm: ES256\r\ncontent-length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            request.extend_from_slice(&body);
            Ok(request)
        })
        .collect()
}

/// What a server did under load.
pub(crate) struct Answers {
    pub(crate) took: Duration,
    /// From the first byte sent to the last byte read, ascending.
    pub(crate) times: Vec<Duration>,
}

impl Answers {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }

    /// The time within which a `share` of the answers came.
    pub(crate) fn within(&self, share: f64) -> Duration {
        let place = (self.times.len() as f64 * share) as usize;
        self.times.get(place.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Where in the requests the next one is taken from; it goes round.
pub(crate) type Next = Rc<Cell<usize>>;

/// Posts on `connections` kept-alive connections, one request at a time on each, until `enough`.
pub(crate) fn drive(
    address: SocketAddr,
    requests: &Rc<Vec<Vec<u8>>>,
    next: &Next,
    connections: usize,
    enough: Enough,
) -> Result<Answers> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begun = Instant::now();
        let left = Rc::new(Cell::new(match enough {
            Enough::Requests(count) => count,
            Enough::Time(_) => usize::MAX,
        }));
        let until = match enough {
            Enough::Requests(_) => None,
            Enough::Time(time) => Some(begun + time),
        };
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                let (requests, next, left) =
                    (Rc::clone(requests), Rc::clone(next), Rc::clone(&left));
                tokio::task::spawn_local(async move {
                    let mut times = Vec::new();
                    while left.get() > 0 && until.is_none_or(|until| Instant::now() < until) {
                        left.set(left.get() - 1);
                        let place = next.replace((next.get() + 1) % requests.len());
                        let sent = Instant::now();
                        exchange(&stream, &requests[place]).await?;
                        times.push(sent.elapsed());
                    }
                    anyhow::Ok(times)
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        let took = begun.elapsed();
        times.sort_unstable();
        Ok(Answers { took, times })
    })
}

/// When to stop posting.
#[derive(Clone, Copy)]
pub(crate) enum Enough {
    Requests(usize),
    Time(Duration),
}

/// One request and the whole of its answer, which has to be 200.
async fn exchange(stream: &TcpStream, mut request: &[u8]) -> Result<()> {
    while !request.is_empty() {
        match stream.try_write(request) {
            Ok(written) => request = &request[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    let mut answer = [0; 1024];
    let mut filled = 0;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut answer[filled..]) {
            Ok(0) => {
                bail!("the connection was closed: {}", String::from_utf8_lossy(&answer[..filled]))
            }
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        }
        if is_whole(&answer[..filled])? {
            return Ok(());
        }
    }
}

pub(crate) fn is_whole(answer: &[u8]) -> Result<bool> {
    let text = std::str::from_utf8(answer)?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(false) };
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("the answer is no 200: {head}");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("an answer without content-length")?;
    Ok(body.len() >= length.parse()?)
}
