//! The events that a backend sends for a journal, and its answers to requests.

mod behind;
mod demo;
mod following;
mod forwards;
mod loading;
mod news;
mod notes;
mod searching;

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::backend::{BackendWorker, Sources};
use crate::callback::{
    Accepted, BodySample, Callback, Encoding, Headers, Received, Refusal, RefusalEntry,
    RefusalKind, SIGNATURE_HEADER, Source as Door, Verdict,
};
use crate::journal::{Follower, Journal, Location};
use crate::signature::{PrivateKey, TrustedKeys, fingerprint};
use crate::tui::effect::Request;
use crate::tui::event::{BackendEvent, News};
use crate::tui::model::asset::AssetView;
use crate::tui::model::row::Row;
use crate::tui::model::search::{Query, Search, SearchStart};
use crate::tui::model::target::Target;

/// Exceeded only by a test that hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A journal, a backend, and the events that it sends.
struct BackendHarness {
    journal: Arc<Journal>,
    key: PrivateKey,
    backend: BackendWorker,
    received: mpsc::Receiver<BackendEvent>,
    events: mpsc::Sender<BackendEvent>,
}

fn trusted(key: &PrivateKey) -> Arc<TrustedKeys> {
    Arc::new(TrustedKeys::new(key.public("dev")))
}

/// Returns a journal in a file. The file is deleted with the directory.
fn on_disk() -> (tempfile::TempDir, PathBuf, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let journal = Journal::open(&Location::File(path.clone()), None).unwrap();
    (dir, path, journal)
}

impl BackendHarness {
    fn open(journal: Journal, key: PrivateKey, room: usize) -> Self {
        let journal = Arc::new(journal);
        let follower = Follower::of_feed(journal.reader().unwrap(), journal.feed());
        let notes = Some(Arc::clone(&journal));
        Self::following(follower, notes, journal, key, room)
    }

    fn following(
        follower: Follower,
        notes: Option<Arc<Journal>>,
        journal: Arc<Journal>,
        key: PrivateKey,
        room: usize,
    ) -> Self {
        let (events, received) = mpsc::channel(room);
        let follower = follower.of_summaries();
        let keys = trusted(&key);
        let sources = Sources { follower, journal: notes, keys, api: None, shows_all: false };
        let backend = BackendWorker::start(sources, events.clone()).unwrap();
        Self { journal, key, backend, received, events }
    }

    /// Opens a read-only backend on a file that `journal` may write.
    fn read_only(path: &Path, journal: Journal, key: PrivateKey) -> Self {
        Self::following(Follower::open(path).unwrap(), None, Arc::new(journal), key, 64)
    }

    async fn next(&mut self) -> BackendEvent {
        match tokio::time::timeout(LIMIT, self.received.recv()).await.unwrap() {
            Some(event) => event,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the next request that is not answered, and why. Skips assets, which may be sent
    /// twice: for a written note and by the follower.
    async fn unanswered(&mut self) -> (Request, String) {
        loop {
            match self.next().await {
                BackendEvent::Unanswered(request, why) => return (request, why),
                BackendEvent::Asset(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn news(&mut self) -> News {
        match self.next().await {
            BackendEvent::News(news) => news,
            other => panic!("{other:?}"),
        }
    }

    /// Returns all events of the initial state.
    async fn start(&mut self) -> Vec<BackendEvent> {
        let mut sent = Vec::new();
        loop {
            match self.next().await {
                BackendEvent::Loaded => return sent,
                other => sent.push(other),
            }
        }
    }

    async fn ask(&self, request: Request) {
        self.backend.requests.send(request).await.unwrap();
    }

    async fn search(&self, id: u64, filter: &str, start: SearchStart, limit: usize) {
        self.ask(Request::Rows(Box::new(search(id, filter, start, limit)))).await;
    }

    /// Returns the rows of a whole search, in its direction. Panics if another event is sent
    /// meanwhile.
    async fn found(&mut self, id: u64, filter: &str, start: SearchStart, limit: usize) -> Vec<Row> {
        self.search(id, filter, start, limit).await;
        let mut rows = Vec::new();
        loop {
            let BackendEvent::Rows(page) = self.next().await else { panic!("no rows") };
            assert_eq!((page.id, page.start), (id, start));
            rows.extend(page.rows);
            if !page.goes_on {
                return rows;
            }
        }
    }
}

fn search(id: u64, filter: &str, start: SearchStart, limit: usize) -> Search {
    let filter = crate::filter::Filter::parse(filter, Timestamp::now()).unwrap();
    Search { id, query: Query { filter, failures_only: false }, start, limit, until: None }
}

fn at(second: i64) -> Timestamp {
    // Two days ago, which is within the horizon.
    let day = Timestamp::now().as_second() / 86_400 * 86_400 - 2 * 86_400;
    Timestamp::from_second(day + second).unwrap()
}

fn body(asset: &str) -> Vec<u8> {
    format!(
        r#"{{"event":"version_ready","asset_id":"{asset}","version_id":"v","version_locale":"es-ES"}}"#
    )
    .into_bytes()
}

async fn append(journal: &Journal, key: &PrivateKey, asset: &str, second: i64) -> u64 {
    let body = body(asset);
    let signature = hex::encode(key.sign(&body, Encoding::Der).unwrap());
    let headers = Headers::from_raw([(SIGNATURE_HEADER, signature.as_bytes())]);
    let accepted = Accepted {
        verdict: trusted(key).check(&[&signature], &body),
        callback: Callback::read(&body),
        fingerprint: fingerprint(&signature, &body),
        request: Received {
            received_at: at(second),
            source: Door::Direct,
            peer: "127.0.0.1:5".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers,
            body,
        },
    };
    journal.append(accepted).unwrap().receipt().await.unwrap()
}

/// Appends `count` unchecked deliveries, a millisecond apart.
async fn flood(journal: &Journal, event: &str, asset: &str, second: i64, count: u64) {
    let body = format!(
        r#"{{"event":"{event}","asset_id":"{asset}","version_id":"v","version_locale":"es-ES"}}"#
    );
    let mut pending = VecDeque::new();
    for number in 0..count {
        let accepted = Accepted {
            verdict: Verdict::Unchecked,
            callback: Callback::read(body.as_bytes()),
            fingerprint: fingerprint(&number.to_string(), body.as_bytes()),
            request: Received {
                received_at: at(second) + Duration::from_millis(number),
                source: Door::Direct,
                peer: "127.0.0.1:5".to_owned(),
                method: "POST".to_owned(),
                path: "/callback".to_owned(),
                headers: Headers::default(),
                body: body.clone().into_bytes(),
            },
        };
        pending.push_back(journal.append(accepted).unwrap());
        if pending.len() > 100 {
            pending.pop_front().unwrap().receipt().await.unwrap();
        }
    }
    for pending in pending {
        pending.receipt().await.unwrap();
    }
}

async fn refuse(journal: &Journal, id: u64, asset: &str, second: i64) {
    let refusal = Refusal {
        at: at(second),
        kind: RefusalKind::Missing,
        status: 401,
        why: "no header".to_owned(),
        count: 1,
        method: "POST".to_owned(),
        path: "/callback".to_owned(),
        peer: "127.0.0.1:5".to_owned(),
        headers: Headers::default(),
        body: BodySample::of(&body(asset)),
    };
    let pending = journal.list_refusals(vec![RefusalEntry::new(id, refusal)]);
    pending.unwrap().receipt().await.unwrap();
}

fn memory() -> Journal {
    Journal::open(&Location::Memory, None).unwrap()
}

fn targets(rows: &[Row]) -> Vec<Target> {
    rows.iter().map(Row::target).collect()
}

/// Returns a journal with 1,200 deliveries of 400 assets, a second apart, and a refusal after every
/// 100th.
async fn filled() -> (Journal, PrivateKey) {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    for second in 0..1_200 {
        append(&journal, &key, &format!("a{}", second % 400), second).await;
        if second % 100 == 99 {
            let id = u64::try_from(second / 100 + 1).unwrap();
            refuse(&journal, id, "a7", second).await;
        }
    }
    (journal, key)
}
