//! One callback at a time: how long until it is on the disk of the dubwatch that it is for.

use std::fs::File;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dubwatch::internals::signature::PrivateKey;
use serde_json::Value;

use crate::figures::{millis, say, share};
use crate::load;
use crate::program::{Connection, Inbox, Program};

/// What lies between two probes, so that both ends are idle.
const IDLE: Duration = Duration::from_millis(20);
/// Callbacks a second that come beside probes.
pub(crate) const BESIDE: u32 = 500;

/// The two ways of a callback, and what waits at their ends.
pub(crate) struct Ways<'a> {
    home: &'a Path,
    key: &'a PrivateKey,
    relay: SocketAddr,
    inbox: &'a Inbox,
    client: &'a Program,
    direct: Program,
    listener: SocketAddr,
}

impl<'a> Ways<'a> {
    /// Waits for the client of `inbox`, and starts a dubwatch that listens itself.
    pub(crate) fn new(
        home: &'a Path,
        key: &'a PrivateKey,
        relay: SocketAddr,
        inbox: &'a Inbox,
        client: &'a Program,
    ) -> Result<Self> {
        client.line(&[r#""type":"link""#, r#""state":"up""#])?;
        let (direct, listener) = Program::direct(home)?;
        Ok(Self { home, key, relay, inbox, client, direct, listener })
    }

    /// One callback at a time, to the relay and to a listener in turn: from the first byte of the
    /// post to the line that the dubwatch behind it writes after its commit.
    pub(crate) fn compare(&self, what: &str, numbers: Range<usize>) -> Result<()> {
        let mut to_relay = Connection::new(self.relay)?;
        let mut to_listener = Connection::new(self.listener)?;
        let (mut by_relay, mut by_listener) = (Vec::new(), Vec::new());
        let (mut answers, mut added, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
        let scratch = File::create(self.home.join("scratch"))?;
        let requests = load::requests(self.key, numbers.clone())?;
        for (n, request) in numbers.zip(&requests) {
            let id = version_id(&load::body(n))?;
            let (there, _) = probe(&mut to_listener, request, &self.direct, &id)?;
            let relayed = self.inbox.request(request)?;
            let (here, answer) = probe(&mut to_relay, &relayed, self.client, &id)?;
            by_listener.push(millis(there));
            by_relay.push(millis(here));
            answers.push(millis(answer));
            added.push(millis(here) - millis(there));
            let begun = Instant::now();
            scratch.write_all_at(&[0x5a; 4096], (n % 256 * 4096) as u64)?;
            scratch.sync_all()?;
            syncs.push(millis(begun.elapsed()));
        }
        let row = |name, times: &[f64]| {
            say(&format!(
                "    {name:<34} p50 {:>6.2} ms   p99 {:>6.2} ms",
                share(times, 0.5),
                share(times, 0.99)
            ));
        };
        say(&format!("  POST to commit, {what} ({} each)", requests.len()));
        row("direct listener", &by_listener);
        row("by the relay", &by_relay);
        row("added, pair by pair", &added);
        row("the relay's own 200", &answers);
        row("one page written and synced here", &syncs);
        Ok(())
    }
}

/// One post, after a rest: the time until the commit was told of, and until the answer.
fn probe(
    connection: &mut Connection,
    request: &[u8],
    taker: &Program,
    id: &str,
) -> Result<(Duration, Duration)> {
    std::thread::park_timeout(IDLE);
    let begun = Instant::now();
    connection.send(request)?;
    connection.answered()?;
    let answered = begun.elapsed();
    let told = taker.line(&[r#""type":"delivery""#, id])?;
    Ok((told.duration_since(begun), answered))
}

fn version_id(body: &[u8]) -> Result<String> {
    let body: Value = serde_json::from_slice(body)?;
    Ok(body["version_id"].as_str().context("no version")?.to_owned())
}

/// Posts [`BESIDE`] callbacks a second until it is stopped; gives how many a second were answered.
pub(crate) fn paced(address: SocketAddr, requests: &[Vec<u8>], stop: &AtomicBool) -> Result<f64> {
    let mut connections = (0..4).map(|_| Connection::new(address)).collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    let mut posted = 0_u32;
    while !stop.load(Relaxed) {
        for connection in &mut connections {
            connection.send(&requests[posted as usize % requests.len()])?;
            posted += 1;
        }
        for connection in &mut connections {
            connection.answered()?;
        }
        let due = begun + Duration::from_secs(1) * posted / BESIDE;
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(wait);
        }
    }
    Ok(f64::from(posted) / begun.elapsed().as_secs_f64())
}
