//! Tests of the server over its sockets, with a paused clock: cases that would take half a minute.
//!
//! The sockets are real, but the time is paused. So no test may sleep: while all tasks wait, the
//! paused clock would run ahead of the kernel. Tests poll instead, see [`until`].

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::callback::{Encoding, Headers, SIGNATURE_HEADER};
use crate::relay::protocol::{
    ClientFrame, CloseCode, DEAD_AFTER, HEARTBEAT, Hello, PingPayload, ReaderName, RelayFrame,
    Resume, SUBPROTOCOL, Versions,
};
use crate::relay::store::{
    Arrival, Caps, Inbox, InboxId, Item, LogFuture, Store, SubscriptionStart,
};
use crate::serve::serve;
use crate::signature::{PrivateKey, PublicKey};
use crate::sqlite::Location;

#[test]
fn readers_never_take_the_places_of_senders() {
    let settings = ServerSettings::default();
    assert_eq!(settings.max_readers(settings.connections + SENDERS), settings.connections);
    assert_eq!(settings.max_readers(896), 672);
    assert_eq!(settings.max_readers(100), 68);
    assert_eq!(settings.max_readers(20), 1);
    assert_eq!(ServerSettings { connections: 3, ..settings }.max_readers(896), 3);
}

/// Limit for every wait, in real time.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);
/// The receive buffer of a reader, in bytes: small, so that little data is in transit.
const RECEIVE: u32 = 32 << 10;

/// Polls a condition until it returns a value. Paused time does not advance meanwhile.
async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        tokio::task::yield_now().await;
    }
}

/// Polls a future until it is ready, in the same way.
async fn spun<F: Future>(what: &str, work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    until(what, || work.as_mut().now_or_never()).await
}

/// Advances time, one second at a time, so that no timer is skipped.
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

struct Fixture {
    address: SocketAddr,
    token: String,
    inbox: i64,
    store: Arc<Store>,
    stop: CancellationToken,
}

impl Fixture {
    /// Starts a server with a store in memory and one inbox. `shape` wraps its log.
    async fn new(shape: impl FnOnce(Arc<Store>) -> Arc<dyn Log>) -> Self {
        let store = Arc::new(Store::open(&Location::Memory, Caps::default()).unwrap());
        let issued = store.create("one".parse().unwrap()).await.unwrap();
        let inbox = store.by_publish_id(&issued.publish_id).unwrap().id;
        let settings = ServerSettings { max_body: 8 << 20, ..ServerSettings::default() };
        let limits = settings.serve_limits();
        let keys = TrustedKeys::new(PublicKey::vendor());
        let server = Server::new(settings, shape(Arc::clone(&store)), keys);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, server.router(), limits, stop.clone(), |_| {}));
        tokio::time::pause();
        Self { address, token: issued.token.reveal().to_owned(), inbox, store, stop }
    }

    async fn append(&self, body: Vec<u8>) {
        let arrival = Arrival {
            received_at: Timestamp::now(),
            verified: true,
            method: "POST".to_owned(),
            tail: String::new(),
            query: None,
            headers: Headers::default(),
            peer: "192.0.2.1:7".to_owned(),
            body,
        };
        spun("the disk", self.store.append(self.inbox, arrival)).await.unwrap();
    }

    /// Opens a subscription and sends hello.
    async fn reader(&self) -> WebSocketStream<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE).unwrap();
        let stream = spun("a connection", socket.connect(self.address)).await.unwrap();
        let url = format!("ws://{}{SUBSCRIBE_PATH}", self.address);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        headers.insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        let (mut socket, _) = spun("the upgrade", client_async(request, stream)).await.unwrap();
        let reader: Option<ReaderName> = "a".parse().ok();
        let hello = Hello { protocol: Versions::OURS, reader, resume: None, agent: None };
        say(&mut socket, &ClientFrame::Hello(hello)).await;
        socket
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, frame: &ClientFrame) {
    spun("the reader to send", socket.send(Message::text(frame.encode()))).await.unwrap();
}

/// Returns the code of the close, and skips all frames before it.
async fn code(socket: &mut WebSocketStream<TcpStream>) -> Option<CloseCode> {
    loop {
        match spun("the close", socket.next()).await {
            Some(Ok(Message::Close(Some(close)))) => {
                return CloseCode::from_number(close.code.into());
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

async fn welcome(socket: &mut WebSocketStream<TcpStream>) {
    match spun("the welcome", socket.next()).await {
        Some(Ok(Message::Text(text))) => {
            let frame = RelayFrame::decode_text(&text).unwrap();
            assert!(matches!(frame, RelayFrame::Welcome(_)), "{frame:?}");
        }
        other => panic!("no welcome: {other:?}"),
    }
}

#[tokio::test]
async fn a_reader_on_a_slow_line_gets_its_long_body_and_one_that_takes_nothing_is_cut() {
    // More than any kernel buffers.
    const BODY: usize = 7 << 20;
    const STEP: usize = 40 << 10;
    let f = Fixture::new(|store| store).await;
    f.append(vec![b'x'; BODY]).await;
    let mut socket = f.reader().await;
    welcome(&mut socket).await;
    // Reads 8 KiB a second and sends nothing, because pings are queued behind the body.
    let stream = socket.get_mut();
    let mut chunk = vec![0; STEP];
    for _ in 0..BODY / STEP - 10 {
        spun("the next part", stream.read_exact(&mut chunk)).await.unwrap();
        pass(5).await;
    }
    // It stops reading, and is disconnected although it still sends.
    for _ in 0..(2 * DEAD_AFTER).as_secs() / HEARTBEAT.as_secs() {
        let ping = Message::text(ClientFrame::Ping(PingPayload { id: 1 }).encode());
        let _gone = spun("a ping to go", socket.send(ping)).await;
        pass(HEARTBEAT.as_secs()).await;
    }
    let stream = socket.get_mut();
    let mut rest = Vec::new();
    let _reset = spun("the end", stream.read_to_end(&mut rest)).await;
    assert!(rest.len() < 10 * STEP, "{} bytes", rest.len());
    let _gone = spun("the end", stream.shutdown()).await;
}

/// A store in which one operation hangs.
struct Hung {
    store: Arc<Store>,
    at: Hangs,
    /// Number of verified and of other arrivals that were queued.
    handed: [AtomicUsize; 2],
    /// Whether an operator replaces the token right after it was accepted.
    replaces: AtomicBool,
}

impl Hung {
    fn new(store: Arc<Store>, at: Hangs) -> Self {
        Self { store, at, handed: Default::default(), replaces: AtomicBool::new(false) }
    }

    fn handed(&self, verified: bool) -> usize {
        self.handed[usize::from(verified)].load(Relaxed)
    }
}

#[derive(PartialEq, Eq)]
enum Hangs {
    Nowhere,
    Keeping,
    Attaching,
    Reading,
}

impl Log for Hung {
    fn by_publish_id(&self, publish_id: &str) -> Option<Arc<Inbox>> {
        self.store.by_publish_id(publish_id)
    }

    fn by_token(&self, token: &str) -> Option<Arc<Inbox>> {
        let found = self.store.by_token(token);
        if self.replaces.swap(false, Relaxed) {
            let mut replaced = std::pin::pin!(self.store.rotate("one", None));
            while replaced.as_mut().now_or_never().is_none() {
                std::thread::yield_now();
            }
        }
        found
    }

    fn append(&self, inbox: InboxId, arrival: Arrival) -> LogFuture<'_, u64> {
        self.handed[usize::from(arrival.verified)].fetch_add(1, Relaxed);
        match self.at {
            Hangs::Keeping => Box::pin(std::future::pending()),
            _ => self.store.append(inbox, arrival),
        }
    }

    fn refused(&self, inbox: InboxId) {
        self.store.refused(inbox);
    }

    fn attach(
        &self,
        inbox: InboxId,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
    ) -> LogFuture<'_, SubscriptionStart> {
        match self.at {
            Hangs::Attaching => Box::pin(std::future::pending()),
            _ => self.store.attach(inbox, reader, resume),
        }
    }

    fn read(
        &self,
        inbox: InboxId,
        after: u64,
        items: usize,
        bytes: usize,
    ) -> LogFuture<'_, Vec<Item>> {
        match self.at {
            Hangs::Reading => Box::pin(std::future::pending()),
            _ => self.store.read(inbox, after, items, bytes),
        }
    }

    fn ack(&self, inbox: InboxId, reader: ReaderName, seq: u64) -> LogFuture<'_, ()> {
        self.store.ack(inbox, reader, seq)
    }

    fn touch(&self, inbox: InboxId, reader: ReaderName) -> LogFuture<'_, ()> {
        self.store.touch(inbox, reader)
    }

    fn is_writing(&self) -> bool {
        self.store.is_writing()
    }

    fn is_damaged(&self) -> bool {
        self.store.is_damaged()
    }

    fn inboxes(&self) -> Vec<Arc<Inbox>> {
        self.store.inboxes()
    }
}

/// Returns whether a reader is disconnected after the disk has hung for this many seconds.
async fn sends_away(at: Hangs, patience: u64) -> bool {
    let attaches = at == Hangs::Reading;
    let f = Fixture::new(|store| Arc::new(Hung::new(store, at))).await;
    f.append(b"{}".to_vec()).await;
    let mut socket = f.reader().await;
    if attaches {
        welcome(&mut socket).await;
    }
    // It sends pings: no other reason disconnects it.
    for _ in 0..patience / 2 {
        say(&mut socket, &ClientFrame::Ping(PingPayload { id: 1 })).await;
        pass(2).await;
    }
    pass(5).await;
    code(&mut socket).await == Some(CloseCode::Unavailable)
}

#[tokio::test]
async fn a_disk_that_hangs_keeps_no_newcomer_waiting() {
    assert!(sends_away(Hangs::Attaching, 6).await);
}

#[tokio::test]
async fn a_disk_that_hangs_keeps_no_reader_waiting() {
    assert!(sends_away(Hangs::Reading, 30).await);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_count_leaves_the_queue_to_what_does() {
    const BODY: usize = 1 << 20;
    let store = Arc::new(Store::open(&Location::Memory, Caps::default()).unwrap());
    let issued = store.create("one".parse().unwrap()).await.unwrap();
    let hung = Arc::new(Hung::new(store, Hangs::Keeping));
    let key = PrivateKey::generate().unwrap();
    let keys = TrustedKeys::new(key.public("sender"));
    let server = Server::new(ServerSettings::default(), Arc::clone(&hung) as Arc<dyn Log>, keys);
    let post = |signature: &[u8]| {
        let request = http::Request::post(ServerSettings::callback_url("", &issued.publish_id))
            .header(SIGNATURE_HEADER, signature)
            .body(axum::body::Body::from(vec![b'x'; BODY]));
        tokio::spawn(answer(State(server.clone()), request.unwrap()))
    };
    let quarter = super::Queue::default().bytes / 4 / BODY;
    // With the head, one less. These senders disconnect, but their posts stay queued.
    for handed in 1..quarter {
        let sender = post(b"none");
        until("an arrival", || (hung.handed(false) == handed).then_some(())).await;
        sender.abort();
        let _gone = spun("it to be gone", sender).await;
    }
    let refused = spun("the answer", post(b"none")).await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(hung.handed(false), quarter - 1);
    let signature = hex::encode(key.sign(&vec![b'x'; BODY], Encoding::Der).unwrap());
    let _counts = post(signature.as_bytes());
    until("what counts", || (hung.handed(true) == 1).then_some(())).await;
}

#[tokio::test]
async fn a_token_that_is_replaced_while_it_is_looked_at_opens_nothing() {
    let store = Arc::new(Store::open(&Location::Memory, Caps::default()).unwrap());
    let issued = store.create("one".parse().unwrap()).await.unwrap();
    let hung = Arc::new(Hung::new(store, Hangs::Nowhere));
    let keys = TrustedKeys::new(PublicKey::vendor());
    let server = Server::new(ServerSettings::default(), Arc::clone(&hung) as Arc<dyn Log>, keys);
    let subscribe = || async {
        let request = http::Request::get(SUBSCRIBE_PATH)
            .header("authorization", format!("Bearer {}", issued.token.reveal()))
            .body(axum::body::Body::empty());
        answer(State(server.clone()), request.unwrap()).await.status()
    };
    // The token is valid, but this is not a websocket.
    let good = subscribe().await;
    assert_ne!(good, 401);
    hung.replaces.store(true, Relaxed);
    assert_eq!(subscribe().await, 401);
}
