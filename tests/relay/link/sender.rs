//! A sender that posts numbered callbacks at a pace, and posts again what was not answered 200.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::Client;
use crate::link::laptop::callbacks;
use crate::relay_support::{Inbox, Relay, form, signed, within};

/// A sender at work.
pub(crate) struct Sender {
    thread: JoinHandle<Vec<usize>>,
    /// Closed when everything was answered.
    over: Receiver<()>,
    answered: Arc<AtomicUsize>,
    stop: SyncSender<()>,
}

impl Sender {
    /// Posts `count` callbacks, so many a second (0: as fast as they are answered), to wherever the
    /// relay is.
    pub(crate) fn start(
        relay: &Relay,
        inbox: &Inbox,
        to: Arc<Mutex<SocketAddr>>,
        count: usize,
        per_second: u32,
    ) -> Self {
        let (key, path) = (relay.site.key.clone(), inbox.path.clone());
        let requests = callbacks(0..count).map(move |body| signed(&key, &path, body.as_bytes()));
        let answered = Arc::new(AtomicUsize::new(0));
        let done = Arc::clone(&answered);
        let (end, over) = sync_channel(0);
        let (stop, stopped) = sync_channel(0);
        let gap = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        let thread = std::thread::spawn(move || {
            let _end = end;
            post(requests, gap, &to, &stopped, &done)
        });
        Self { thread, over, answered, stop }
    }

    /// Posts callbacks until it is stopped.
    pub(crate) fn endless(
        relay: &Relay,
        inbox: &Inbox,
        to: Arc<Mutex<SocketAddr>>,
        per_second: u32,
    ) -> Self {
        Self::start(relay, inbox, to, usize::MAX, per_second)
    }

    /// Waits, not longer than this, for the end; whether it came.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        self.over.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }

    /// How many were answered 200 so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(SeqCst)
    }

    /// Waits for the end; gives how often each was posted, of which only the last was answered.
    pub(crate) fn ended(self) -> Vec<usize> {
        self.thread.join().unwrap()
    }

    /// Ends when the relay answers; gives the same.
    pub(crate) fn stopped(self) -> Vec<usize> {
        let before = self.answered();
        within(|| self.answered() > before, form::patience(), "an answer of the relay");
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

fn post(
    requests: impl Iterator<Item = Vec<u8>>,
    gap: Duration,
    to: &Mutex<SocketAddr>,
    stopped: &Receiver<()>,
    answered: &AtomicUsize,
) -> Vec<usize> {
    let mut posted = Vec::new();
    let mut client: Option<Client> = None;
    let mut due = Instant::now();
    for request in requests {
        due += gap;
        if is_stopped(stopped, due.saturating_duration_since(Instant::now())) {
            break;
        }
        let mut times = 0;
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < form::patience(), "the relay answers no more");
            if client.is_none() {
                let address = *to.lock().unwrap();
                client = Client::new(address).ok();
            }
            let Some(line) = &mut client else {
                // The relay is being started anew, or the test has failed.
                if is_stopped(stopped, Duration::from_millis(5)) {
                    return posted;
                }
                continue;
            };
            times += 1;
            match line.0.write_all(&request).and_then(|()| line.try_answer()) {
                Ok(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    break;
                }
                Err(_) => client = None,
            }
        }
        posted.push(times);
        answered.fetch_add(1, SeqCst);
    }
    posted
}

/// Waits; whether the test is over meanwhile.
fn is_stopped(stopped: &Receiver<()>, time: Duration) -> bool {
    stopped.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
}
