//! The HTTP server over real sockets and raw bytes. Clients block, so each test is a plain thread
//! and the server has a runtime of its own.

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use dubwatch::internals::serve::{
    ConnFailure, FailureReason, ListeningSockets, Peer, ServeLimits, serve,
};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use socket2::{Domain, Type};
use tokio::io::AsyncRead;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What is waited for comes in milliseconds; a test that waits this long has failed.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Gate {
    entered: SyncSender<()>,
    open: Arc<Semaphore>,
}

struct House {
    runtime: Runtime,
    address: SocketAddr,
    stop: CancellationToken,
    served: Option<JoinHandle<()>>,
    broken: Receiver<ConnFailure>,
    entered: Receiver<()>,
    gate: Arc<Semaphore>,
}

impl House {
    fn new(limits: ServeLimits) -> Self {
        Self::with(limits, ListeningSockets::from)
    }

    /// The same behind the TLS of the fixtures.
    fn with_tls(limits: ServeLimits) -> Self {
        let chain = CertificateDer::pem_file_iter(fixture("relay.pem")).unwrap();
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture("relay.key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::with(limits, |listener| ListeningSockets::from(listener).with_tls(acceptor))
    }

    fn with(limits: ServeLimits, socket: impl FnOnce(TcpListener) -> ListeningSockets) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = socket(listener);
        let (tell, broken) = sync_channel(100);
        let (entered_tx, entered) = sync_channel(100);
        let gate = Arc::new(Semaphore::new(0));
        let router = router(Gate { entered: entered_tx, open: Arc::clone(&gate) });
        let stop = CancellationToken::new();
        let served = runtime.spawn(serve(listener, router, limits, stop.clone(), move |broken| {
            let _ = tell.try_send(broken);
        }));
        Self { runtime, address, stop, served: Some(served), broken, entered, gate }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Client(stream)
    }

    /// A client that has room for a few bytes only, and asks with TLS or without.
    fn narrow(&self, tls: bool, request: &str) -> Box<dyn Any> {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&self.address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        if tls {
            let mut stream = StreamOwned::new(tls_client(), stream);
            stream.write_all(request.as_bytes()).unwrap();
            return Box::new(stream);
        }
        stream.write_all(request.as_bytes()).unwrap();
        Box::new(stream)
    }

    /// A connection with TLS or without.
    fn secured(&self, tls: bool) -> Box<dyn Talk> {
        let Client(stream) = self.connect();
        if tls { Box::new(StreamOwned::new(tls_client(), stream)) } else { Box::new(stream) }
    }

    /// Gets a place and an answer, whoever else holds one.
    fn newcomer_is_greeted(&self, tls: bool, whoever: &str) {
        let mut stream = self.secured(tls);
        let request = get_request("/hello").replace("host", "connection: close\r\nhost");
        let mut answer = String::new();
        let read =
            stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        assert!(answer.ends_with("hello"), "tls {tls}, beside {whoever}: {read:?} {answer}");
    }

    fn broken(&self) -> ConnFailure {
        self.broken.recv_timeout(LIMIT).expect("the observer was not told")
    }

    /// A client whose request is in its handler.
    fn held(&self) -> Client {
        let mut client = self.connect();
        client.send(get_request("/hold"));
        self.entered.recv_timeout(LIMIT).expect("the handler was not called");
        client
    }

    /// Waits until the server has returned.
    fn stopped(&mut self) {
        let served = self.served.take().unwrap();
        self.runtime
            .block_on(async { tokio::time::timeout(LIMIT, served).await.unwrap().unwrap() });
    }
}

trait Talk: Read + Write {}
impl<T: Read + Write> Talk for T {}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn tls_client() -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap()
}

fn router(gate: Gate) -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/peer", get(async |Extension(Peer(peer)): Extension<Peer>| peer.to_string()))
        .route("/echo", post(echo))
        .route("/refuse", post(async || StatusCode::PAYLOAD_TOO_LARGE))
        .route("/hold", get(hold))
        .route("/panic", get(panics))
        .route("/size/{kib}", get(async |Path(kib): Path<usize>| vec![b'x'; kib << 10]))
        .route("/large", get(async || vec![b'x'; 64 << 20]))
        .route("/upgrade", get(upgrade))
        .with_state(gate)
}

async fn echo(body: Body) -> Response {
    match to_bytes(body, 1 << 20).await {
        Ok(bytes) => bytes.into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn hold(State(gate): State<Gate>) -> &'static str {
    gate.entered.send(()).unwrap();
    gate.open.acquire().await.unwrap().forget();
    "held"
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

/// Switches to a protocol that says nothing and hangs up at the first byte.
async fn upgrade(mut request: Request<Body>) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut wire = TokioIo::new(upgraded.await.unwrap());
        let mut byte = [0];
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut wire).poll_read(cx, &mut buffer))
            .await
            .unwrap();
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "nothing")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

struct Client(TcpStream);

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// The next answer: its status, its head in lower case and its body.
    fn answer(&mut self) -> (u16, String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("an answer's head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).expect("an answer's body");
        (status, head, String::from_utf8(body).unwrap())
    }

    /// Asks and expects the greeting: the connection is alive.
    fn greets(&mut self) {
        self.send(get_request("/hello"));
        let (status, _, body) = self.answer();
        assert_eq!((status, body.as_str()), (200, "hello"));
    }

    /// Waits until the server has closed the connection, and expects no further answer.
    fn closed(&mut self) {
        match self.0.read(&mut [0; 100]) {
            Ok(0) => {}
            Ok(_) => panic!("an answer where none was expected"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("still open: {error}"),
        }
    }

    /// Returns whether the server has the connection open, as far as is known here.
    fn is_open(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).unwrap();
        match peeked {
            Ok(0) => false,
            Ok(_) => panic!("an answer where none was expected"),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    let mut requests = Vec::new();
    for i in 0..40 {
        write!(requests, "POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{i:02}").unwrap();
    }
    client.send(requests);
    for i in 0..40 {
        assert_eq!(client.answer().2, format!("{i:02}"));
    }
}

#[test]
fn a_chunked_body_arrives_whole() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    for piece in ["3\r\nabc", "\r\n2\r\nd", "e\r\n", "0\r\n", "\r\n"] {
        client.send(piece);
    }
    assert_eq!(client.answer().2, "abcde");
    client.greets();
}

#[test]
fn a_client_that_closed_its_side_gets_its_answer() {
    let house = House::new(ServeLimits::default());
    let mut client = house.held();
    client.0.shutdown(Shutdown::Write).unwrap();
    house.gate.add_permits(1);
    assert_eq!(client.answer().2, "held");
    client.closed();
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    client.0.set_nodelay(true).unwrap();
    for byte in get_request("/hello").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().2, "hello");
}

#[test]
fn a_request_knows_its_peer() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    client.send(get_request("/peer"));
    assert_eq!(client.answer().2, client.address().to_string());
}

#[test]
fn a_late_head_is_cut_and_an_idle_connection_lives_on() {
    let head_timeout = Duration::from_millis(500);
    let house = House::new(ServeLimits { head_timeout, ..ServeLimits::default() });
    let mut idle = house.connect();
    idle.greets();
    let mut silent = house.connect();
    silent.closed();

    for _ in 0..2 {
        let mut late = house.connect();
        let began = Instant::now();
        late.send("GET /hello HTTP/1.1\r\n");
        late.closed();
        assert!(began.elapsed() >= head_timeout);
        let broken = house.broken();
        assert_eq!(broken.peer, late.address());
        assert_eq!(broken.reason, FailureReason::HeadTooSlow { limit: head_timeout });
        assert_eq!(broken.status, None);
    }
    idle.greets();

    // The limit is one for the whole head, also for the second on a connection.
    idle.send("GET /hello");
    idle.closed();
    assert_eq!(house.broken().peer, idle.address());
}

#[test]
fn a_head_that_keeps_crawling_is_cut_as_well() {
    let head_timeout = Duration::from_millis(500);
    let house = House::new(ServeLimits { head_timeout, ..ServeLimits::default() });
    let mut crawling = house.connect();
    crawling.send("GET /hello HTTP/1.1\r\nx: ");
    crawling.0.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let began = Instant::now();
    while crawling.0.write_all(b"x").is_ok() {
        assert!(began.elapsed() < LIMIT, "still open");
        if matches!(crawling.0.read(&mut [0]), Ok(0)) {
            break;
        }
    }
    assert!(matches!(house.broken().reason, FailureReason::HeadTooSlow { .. }));
}

#[test]
fn an_idle_connection_is_closed_in_its_time_without_a_word() {
    let idle_timeout = Duration::from_millis(500);
    let house = House::new(ServeLimits { idle_timeout, ..ServeLimits::default() });
    let mut idle = house.connect();
    idle.greets();
    idle.closed();
    let mut held = house.held();
    let mut other = house.connect();
    other.greets();
    other.closed();
    house.gate.add_permits(1);
    assert_eq!(held.answer().2, "held");
    assert!(house.broken.try_recv().is_err());
}

#[test]
fn a_head_over_the_limit_is_answered_431() {
    let house = House::new(ServeLimits { max_head: 4_000, ..ServeLimits::default() });
    let mut client = house.connect();
    client.send(format!("GET /hello HTTP/1.1\r\nhost: x\r\nlong: {}\r\n", "x".repeat(4_000)));
    assert_eq!(client.answer().0, 431);
    client.closed();
    let broken = house.broken();
    assert_eq!(broken.status, Some(431));
    assert_eq!(broken.reason, FailureReason::HeadTooLarge { limit: 4_000 });

    let mut client = house.connect();
    client.send(format!("GET /hello HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(3_900)));
    assert_eq!(client.answer().0, 200);
}

#[test]
fn what_is_no_http_is_told() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    client.send("what is this\r\n\r\n");
    assert_eq!(client.answer().0, 400);
    client.closed();
    let broken = house.broken();
    assert_eq!((broken.peer, broken.status), (client.address(), Some(400)));
    assert!(matches!(broken.reason, FailureReason::Unparsable(_)), "{broken:?}");

    // The beginning of a ClientHello.
    let mut client = house.connect();
    client.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    assert_eq!(client.answer().0, 400);
    drop(client);
    let broken = house.broken();
    assert_eq!((&broken.reason, broken.status), (&FailureReason::Tls, Some(400)));
    assert!(broken.reason.to_string().starts_with("this is https"));

    let mut client = house.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.closed();
    assert_eq!(house.broken().reason, FailureReason::Http2);

    let mut client = house.connect();
    client.send("GET /hello HTTP/1.1\r\nhost");
    client.0.shutdown(Shutdown::Write).unwrap();
    client.closed();
    assert_eq!(house.broken().reason, FailureReason::BrokeOff);

    // Garbage after a good request takes nothing from its answer.
    let mut client = house.connect();
    client.send(get_request("/hello") + "\0\0\r\n\r\n");
    assert_eq!(client.answer().0, 200);
    assert_eq!(client.answer().0, 400);
    client.closed();
    assert!(matches!(house.broken().reason, FailureReason::Unparsable(_)));
}

#[test]
fn a_full_house_of_silence_lets_a_request_in() {
    let house = House::new(ServeLimits { max_connections: 4, ..ServeLimits::default() });
    let mut silent: Vec<_> = (0..4).map(|_| house.connect()).collect();
    let mut client = house.connect();
    client.greets();

    silent.remove(0).closed();
    for other in &mut silent {
        other.greets();
    }
    client.greets();
    assert!(house.broken.try_recv().is_err());
}

/// The house is full of connections that have asked before, and others come all the time.
#[test]
fn a_newcomer_in_a_full_house_has_time_for_its_request() {
    const ROUND_TRIP: Duration = Duration::from_millis(300);
    const FAIR_TIME: Duration = Duration::from_secs(2);
    for tls in [false, true] {
        let limits = ServeLimits { max_connections: 16, ..ServeLimits::default() };
        let house = if tls { House::with_tls(limits) } else { House::new(limits) };
        let request = get_request("/hello").replace("host", "connection: close\r\nhost");
        let (first, rest) = request.split_at(9);
        let mut others = Vec::new();
        let mut other = || {
            let mut other = house.secured(tls);
            other.write_all(get_request("/hello").as_bytes()).unwrap();
            other.read_exact(&mut [0; 9]).expect("an answer");
            others.push(other);
        };
        (0..16).for_each(|_| other());
        loop {
            let begin = Instant::now();
            let mut slow = house.secured(tls);
            slow.write_all(first.as_bytes()).unwrap();
            while begin.elapsed() < ROUND_TRIP {
                other();
            }
            let mut answer = String::new();
            let answered =
                slow.write_all(rest.as_bytes()).and_then(|()| slow.read_to_string(&mut answer));
            // On a busy machine it may have been later than it meant to.
            if answer.is_empty() && begin.elapsed() > FAIR_TIME {
                continue;
            }
            assert!(answer.ends_with("hello"), "tls {tls}: {answered:?} {answer}");
            break;
        }
    }
}

/// Only Linux has all of 127.0.0.0/8 on loopback.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_fills_the_house_takes_no_place_of_another() {
    let house = House::new(ServeLimits { max_connections: 8, ..ServeLimits::default() });
    let from = |last: u8| {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
        socket.connect(&house.address.into()).unwrap();
        let client = Client(TcpStream::from(socket));
        client.0.set_read_timeout(Some(LIMIT)).unwrap();
        client
    };
    let mut honest = from(2);
    honest.greets();
    let greedy: Vec<_> = (0..100)
        .map(|_| {
            let mut greedy = from(3);
            greedy.greets();
            greedy
        })
        .collect();
    honest.greets();
    let mut second = from(4);
    second.greets();
    honest.greets();
    // Which of them are closed depends on when the server saw each one's answer leave.
    let began = Instant::now();
    while greedy.iter().filter(|greedy| greedy.is_open()).count() > 6 {
        assert!(began.elapsed() < LIMIT, "more than six of the eight places");
        std::thread::yield_now();
    }
    honest.greets();
    second.greets();
}

#[test]
fn a_thousand_crawling_connections_keep_nobody_out() {
    let house = House::new(ServeLimits { max_connections: 50, ..ServeLimits::default() });
    let mut idle = house.connect();
    idle.greets();
    let mut crowd = Vec::new();
    for i in 0..1000 {
        let mut client = house.connect();
        if i % 2 == 0 {
            client.send("POST /echo HTTP/1.1\r\ncontent-length: 9\r\n\r\n1");
        }
        crowd.push(client);
        if i % 100 == 0 {
            house.connect().greets();
        }
    }
    // One that has asked before outlives all who have not.
    idle.greets();
}

#[test]
fn who_is_evicted_amid_a_request_is_told_of() {
    let house = House::new(ServeLimits { max_connections: 1, ..ServeLimits::default() });
    for half in ["POST /echo", "POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n1"] {
        let mut client = house.connect();
        client.send(half);
        // The bytes may come after the newcomer, who then finds a silent connection to evict.
        let mut newcomer = house.connect();
        newcomer.greets();
        client.closed();
    }
    let mut client = house.connect();
    client.send("POST /echo HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().0, 100);
    house.connect().greets();
    client.closed();
    let told: Vec<_> = house.broken.try_iter().collect();
    let told = told.iter().find(|broken| broken.peer == client.address()).expect("told");
    assert_eq!((&told.reason, told.status), (&FailureReason::Evicted, None));
}

#[test]
fn who_is_being_answered_is_never_evicted() {
    let house = House::new(ServeLimits { max_connections: 2, ..ServeLimits::default() });
    let mut first = house.held();
    let mut second = house.held();
    let mut third = house.connect();
    third.send(get_request("/hello"));
    let mut fourth = house.connect();
    fourth.send(get_request("/hello"));

    house.gate.add_permits(1);
    assert_eq!(third.answer().2, "hello");
    assert_eq!(fourth.answer().2, "hello");
    house.gate.add_permits(1);
    assert_eq!(first.answer().2, "held");
    assert_eq!(second.answer().2, "held");
}

#[test]
fn who_does_not_read_an_answer_is_not_being_answered() {
    let house = House::new(ServeLimits { max_connections: 1, ..ServeLimits::default() });
    let mut deaf = house.connect();
    deaf.send(get_request("/large"));
    let mut began = [0];
    deaf.0.read_exact(&mut began).unwrap();
    house.connect().greets();
}

/// Of answers of all these sizes, some end in the kernel's buffers, some between hyper and TLS, some
/// within the TLS library, which has taken every byte and only cannot send them.
#[test]
fn who_reads_nothing_is_not_being_answered_however_much_it_asked_for() {
    for tls in [false, true] {
        let limits = ServeLimits { max_connections: 1, ..ServeLimits::default() };
        let house = if tls { House::with_tls(limits) } else { House::new(limits) };
        for kib in (0..512).step_by(16) {
            let one = get_request(&format!("/size/{kib}"));
            let last = one.replace("host", "connection: close\r\nhost");
            let pipelined = get_request("/size/4").repeat(1 + kib / 4);
            for request in [one, last, pipelined] {
                let _deaf = house.narrow(tls, &request);
                house.newcomer_is_greeted(tls, &format!("{kib} KiB: {request:.60}"));
            }
        }
    }
}

#[test]
fn a_stop_lets_answers_out_and_closes_the_rest() {
    let mut house = House::new(ServeLimits { drain: 6 * LIMIT, ..ServeLimits::default() });
    let mut idle = house.connect();
    idle.greets();
    let mut half = house.connect();
    half.send("GET /hel");
    let mut silent = house.connect();
    let mut held = house.held();

    house.stop.cancel();
    idle.closed();
    half.closed();
    silent.closed();
    assert!(TcpStream::connect(house.address).is_err());
    house.gate.add_permits(1);
    assert_eq!(held.answer().2, "held");
    held.closed();
    house.stopped();
}

#[test]
fn a_stop_cuts_a_stuck_answer_when_the_drain_time_is_over() {
    let drain = Duration::from_millis(100);
    let mut house = House::new(ServeLimits { drain, ..ServeLimits::default() });
    let mut stuck = house.held();
    let began = Instant::now();
    house.stop.cancel();
    house.stopped();
    assert!(began.elapsed() >= drain);
    stuck.closed();
}

#[test]
fn a_panic_ends_its_own_connection_only() {
    let house = House::new(ServeLimits::default());
    let mut other = house.connect();
    other.greets();
    let mut client = house.connect();
    client.send(get_request("/panic"));
    client.closed();
    other.greets();
    house.connect().greets();
}

#[test]
fn a_client_that_is_still_sending_gets_its_answer() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    client.send("POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n");
    client.send(vec![b'x'; 500_000]);
    let (status, head, _) = client.answer();
    assert_eq!(status, 413);
    assert!(head.contains("connection: close"), "{head}");
    // The server is through with it; a client that writes before it reads must not be reset.
    client.send(vec![b'x'; 1_500_000]);
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    assert!(house.broken.try_recv().is_err());
}

#[test]
fn a_client_that_never_stops_sending_is_closed() {
    let house = House::new(ServeLimits::default());
    let mut client = house.connect();
    client.send("POST /refuse HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let began = Instant::now();
    while client.0.write_all(chunk.as_bytes()).is_ok() {
        assert!(began.elapsed() < LIMIT, "still open");
    }
}

#[test]
fn an_upgraded_connection_is_its_handlers() {
    let short = Duration::from_millis(300);
    let limits = ServeLimits {
        head_timeout: short,
        idle_timeout: short,
        drain: short,
        max_connections: 1,
        ..ServeLimits::default()
    };
    let mut house = House::new(limits);
    let mut upgraded = house.connect();
    let upgrade = "GET /upgrade HTTP/1.1\r\nconnection: upgrade\r\nupgrade: nothing\r\n\r\n";
    upgraded.send(upgrade);
    assert_eq!(upgraded.answer().0, 101);
    // It is late by any limit, and keeps its place.
    let mut next = house.connect();
    next.send(get_request("/hello"));
    next.0.set_read_timeout(Some(3 * short)).unwrap();
    assert_eq!(next.0.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    next.0.set_read_timeout(Some(LIMIT)).unwrap();
    upgraded.send("x");
    upgraded.closed();
    assert_eq!(next.answer().2, "hello");

    upgraded = house.connect();
    upgraded.send(upgrade);
    assert_eq!(upgraded.answer().0, 101);
    house.stop.cancel();
    house.stopped();
}
