//! Hardened HTTP/1.1 for any router: accepts connections, limits their number, size and time, and
//! stops gracefully. Uses no other module of this crate.
//!
//! One task runs each connection, and one loop owns all of them: it accepts, closes late
//! connections and makes room. Each task shares a `ConnState` with the loop. It consists of
//! atomics, so a request takes no lock and wakes only its own task. Without connections the loop
//! sleeps until the next one.
//!
//! hyper's own `header_read_timeout` stays off. It starts when a connection begins to *wait* for a
//! head (hyper 1.12, `proto/h1/conn.rs`, `poll_read_head`), so one value would have to serve both a
//! crawling head and an idle kept-alive connection, and it arms a new timer for every request.

mod body;
mod conn_failure;
mod conn_io;
mod conn_state;
mod conn_table;
mod connection;
mod forwarded;
mod open_files;
mod service;
mod socket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{any::Any, io};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use conn_io::ConnIo;
use conn_state::{Clock, ConnState, Phase};
use conn_table::ConnTable;
use connection::ConnContext;
use service::RouterService;
use socket::{AcceptedStream, accept};

pub use body::{BodyError, MemoryBudget, read_body};
pub use conn_failure::{ConnFailure, FailureReason};
pub use forwarded::TrustedProxies;
pub use open_files::raise_open_files;
pub use service::{Peer, WriteProgress};
pub use socket::ListeningSockets;

/// Pause after a failed accept, because the next one would fail as well.
const REST: Duration = Duration::from_millis(50);
/// Interval at which a full table is searched for a connection to evict.
const FULL_HOUSE: Duration = Duration::from_millis(20);
/// Maximum time by which a late connection exceeds its limit.
const SLACK: Duration = Duration::from_secs(1);
/// Minimum size of hyper's buffer, in bytes.
const SMALLEST_BUFFER: usize = 8192;
/// Maximum logged length of a panic's message, in characters.
const PANIC_TEXT: usize = 200;

/// The limits of a server: time, bytes, connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeLimits {
    /// From a request's first byte to the end of its head, and from connecting to a first byte.
    pub head_timeout: Duration,
    /// Between two requests, and for a client that does not read its answer.
    pub idle_timeout: Duration,
    /// Request line and headers together, in bytes; also hyper's buffer for one connection, and
    /// never less than 8 KiB of that. More is answered 431.
    pub max_head: usize,
    /// Open connections. The process's limit of open files, less 128, is a limit as well. When it
    /// is reached, the least useful connection is closed for the newcomer: one that has sent no
    /// complete request for 2 s, otherwise the one that has been idle longest, first of the address
    /// (in IPv6 the /64) that has more than its share.
    pub max_connections: usize,
    /// How long a graceful stop waits for requests that are being answered.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            max_head: 64 * 1024,
            max_connections: 1024,
            drain: Duration::from_secs(5),
        }
    }
}

impl ServeLimits {
    /// Returns the effective number of connections: the limit of open files may reduce it.
    pub fn room(&self) -> usize {
        self.max_connections.min(open_files::connections()).max(1)
    }

    /// Returns the shortest time after which a connection that is in time now can be late.
    fn shortest(&self) -> Duration {
        self.head_timeout.min(self.idle_timeout)
    }
}

/// Serves `router` on `socket` (one or several listeners, with or without TLS) until `stop`.
/// Returns when all connections have ended.
///
/// Every request carries its [`Peer`] and [`WriteProgress`] as extensions. `observer` is called for
/// every connection that ended before its whole request reached the router, except those that never
/// sent a byte. It runs in the connection's task or the accept loop and must neither block nor
/// panic. The router must limit the time for a *body*. A client that disconnects does not cancel
/// its handler; eviction of a half-sent request and the end of the drain time do.
///
/// On `stop` the listening socket is closed at once, and with it all connections without a complete
/// head; requests that are being received or answered get [`ServeLimits::drain`] and then end
/// unanswered.
///
/// A connection that a handler upgraded counts until the handler drops it. It is neither timed nor
/// evicted, and a stop waits for it no longer than [`ServeLimits::drain`].
pub async fn serve(
    socket: impl Into<ListeningSockets>,
    router: Router,
    limits: ServeLimits,
    stop: CancellationToken,
    observer: impl Fn(ConnFailure) + Send + Sync + 'static,
) {
    let ListeningSockets { listeners, tls } = socket.into();
    let mut server = AcceptLoop::new(router, limits, tls, Arc::new(observer));
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = server.turn(&listeners) => {}
        }
    }
    drop(listeners);
    server.drain().await;
}

type Observer = Arc<dyn Fn(ConnFailure) + Send + Sync>;

/// The state of the accept loop: all connections, and when to check them next.
struct AcceptLoop {
    router: Router,
    limits: ServeLimits,
    tls: Option<TlsAcceptor>,
    observer: Observer,
    http: http1::Builder,
    /// Maximum number of open connections.
    room: usize,
    clock: Clock,
    tasks: JoinSet<()>,
    table: ConnTable,
    /// Number of connections so far.
    accepted: u64,
    /// An accepted connection without a place; no more are accepted meanwhile.
    waiting: Option<(TcpStream, SocketAddr)>,
    /// When to accept again after a pause.
    resume_at: Option<Instant>,
    /// When the next connection may be late. `None` without connections.
    sweep_at: Option<Instant>,
    /// Whether the last accept failed, so that an error that repeats is logged once.
    failing: bool,
}

impl AcceptLoop {
    fn new(
        router: Router,
        limits: ServeLimits,
        tls: Option<TlsAcceptor>,
        observer: Observer,
    ) -> Self {
        let mut http = http1::Builder::new();
        // A half-closed client still gets its answer, and while a request is being answered the
        // socket is not read, which is what `ConnState::starved` relies on.
        http.half_close(true)
            .header_read_timeout(None)
            .max_header_size(limits.max_head)
            .max_buf_size(limits.max_head.max(SMALLEST_BUFFER));
        Self {
            room: limits.room(),
            router,
            limits,
            tls,
            observer,
            http,
            clock: Clock::start(),
            tasks: JoinSet::new(),
            table: ConnTable::default(),
            accepted: 0,
            waiting: None,
            resume_at: None,
            sweep_at: None,
            failing: false,
        }
    }

    /// Waits for one event and handles it. Cancel safe.
    async fn turn(&mut self, listeners: &[TcpListener]) {
        let wake_at = [self.sweep_at, self.resume_at].into_iter().flatten().min();
        let accepting = self.resume_at.is_none();
        tokio::select! {
            // Accepting is last, so that a flood of connections delays neither timers nor ended
            // connections.
            biased;
            () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => self.wake(),
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
            accepted = accept(listeners, self.accepted), if accepting => match accepted {
                Ok((stream, peer)) => {
                    self.failing = false;
                    self.admit(stream, peer);
                }
                Err(error) => self.accept_failed(&error),
            },
        }
    }

    fn wake(&mut self) {
        let now = Instant::now();
        if self.resume_at.is_some_and(|at| at <= now) {
            self.resume();
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep();
        }
    }

    /// Resumes accepting with the waiting connection.
    fn resume(&mut self) {
        self.resume_at = None;
        if let Some((stream, peer)) = self.waiting.take() {
            self.admit(stream, peer);
        }
    }

    /// Opens a connection and evicts another if needed. If none can be evicted, the connection
    /// waits, and all later ones wait in the listen queue.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        if self.table.len() < self.room || self.evict(Some(peer.ip())) {
            self.open(stream, peer);
        } else {
            self.waiting = Some((stream, peer));
            self.resume_at = Some(Instant::now() + FULL_HOUSE);
        }
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        self.accepted += 1;
        let conn = Arc::new(ConnState::new(peer, self.accepted, self.clock));
        let (asked, finish) = oneshot::channel();
        let (held, closed) = oneshot::channel();
        let router = self.router.clone();
        let (http, tls, of) = (self.http.clone(), self.tls.clone(), Arc::clone(&conn));
        let open = async move {
            let stream = AcceptedStream::open(stream, tls, Arc::clone(&of)).await?;
            let router = if of.is_plain() { service::reject_plain_http() } else { router };
            let routed = RouterService::new(router, Arc::clone(&of));
            let socket = TokioIo::new(ConnIo::new(stream, of, held));
            Ok(http.serve_connection(socket, routed).with_upgrades())
        };
        let context = ConnContext {
            conn: Arc::clone(&conn),
            finish,
            closed,
            observer: Arc::clone(&self.observer),
            max_head: self.limits.max_head,
        };
        let task = self.tasks.spawn(connection::run(open, context));
        self.table.insert(task, conn, asked);
        self.sweep_at.get_or_insert_with(|| Instant::now() + self.limits.shortest());
    }

    /// Closes one connection to make room. Returns `false` if none may be closed now.
    fn evict(&mut self, newcomer: Option<IpAddr>) -> bool {
        let now = self.clock.at(Instant::now());
        let Some((peer, phase)) = self.table.evict(now, newcomer, self.room) else { return false };
        if matches!(phase, Phase::Head | Phase::Body) {
            (self.observer)(ConnFailure { peer, reason: FailureReason::Evicted, status: None });
        }
        true
    }

    /// Closes late connections and schedules the next check.
    fn sweep(&mut self) {
        let now = Instant::now();
        let Self { table, limits, observer, clock, .. } = self;
        let next = table.expire(clock.at(now), limits, |peer, phase| {
            if phase == Phase::Head {
                let reason = FailureReason::HeadTooSlow { limit: limits.head_timeout };
                observer(ConnFailure { peer, reason, status: None });
            }
        });
        // A connection that changes phase later is not late before the shortest limit has passed.
        let latest = now + limits.shortest();
        let soonest = now + SLACK.min(limits.shortest() / 8).max(Duration::from_millis(1));
        let next = next.map_or(latest, |millis| clock.instant(millis).min(latest)).max(soonest);
        self.sweep_at = (!self.table.is_empty()).then_some(next);
    }

    /// Removes a connection. The waiting one gets its place.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                let id = error.id();
                if let Ok(panic) = error.try_into_panic() {
                    tracing::error!(message = ?panic_text(&*panic), "a handler panicked");
                }
                id
            }
        };
        self.table.remove(id);
        if self.table.is_empty() {
            self.sweep_at = None;
        }
        if self.waiting.is_some() {
            self.resume();
        }
    }

    fn accept_failed(&mut self, error: &io::Error) {
        // These errors concern only that connection.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
        {
            return;
        }
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, open = self.table.len(), "cannot accept connections");
        }
        if matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE)) {
            self.evict(None);
        }
        self.resume_at = Some(Instant::now() + REST);
    }

    /// Ends all connections: at once without a complete head, otherwise after their answer.
    async fn drain(mut self) {
        self.waiting = None;
        self.table.finish();
        let drain = self.limits.drain;
        let all = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.ended(ended);
            }
        };
        if timeout(drain, all).await.is_err() {
            let cut = self.table.len();
            tracing::warn!(cut, "stopped with connections still open");
            self.tasks.shutdown().await;
        }
    }
}

/// Returns the beginning of a panic's message.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    text.chars().take(PANIC_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream as Client};

    use axum::routing::get;

    async fn within<T>(work: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(10), work).await.expect("nothing happened for 10 s")
    }

    async fn bound() -> (AcceptLoop, TcpListener) {
        let router = Router::new().route("/", get(async || "hello"));
        let server = AcceptLoop::new(router, ServeLimits::default(), None, Arc::new(|_| {}));
        (server, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    #[tokio::test]
    async fn the_loop_forgets_connections_and_then_has_nothing_to_wake_for() {
        let (mut server, listener) = bound().await;
        let mut clients = Vec::new();
        for open in 1..=5 {
            let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            within(server.turn(std::slice::from_ref(&listener))).await;
            assert_eq!(server.table.len(), open);
            clients.push(client);
        }
        assert!(server.sweep_at.is_some());

        for client in &clients {
            client.shutdown(Shutdown::Write).unwrap();
        }
        while !server.table.is_empty() {
            within(server.turn(std::slice::from_ref(&listener))).await;
        }
        assert_eq!((server.sweep_at, server.resume_at), (None, None));
        assert!(server.tasks.is_empty());
        for mut client in clients {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("hello"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_burst_of_accept_errors_rests_and_evicts_only_when_files_run_out() {
        let (mut server, listener) = bound().await;
        let _client = Client::connect(listener.local_addr().unwrap()).unwrap();
        within(server.turn(std::slice::from_ref(&listener))).await;

        server.accept_failed(&Errno::CONNABORTED.into());
        assert_eq!((server.table.len(), server.resume_at), (1, None));
        server.accept_failed(&Errno::NOBUFS.into());
        assert_eq!(server.table.len(), 1);
        assert!(server.resume_at.is_some());
        while !server.table.is_empty() {
            within(server.turn(std::slice::from_ref(&listener))).await;
            server.accept_failed(&Errno::MFILE.into());
        }
        while server.resume_at.is_some() {
            within(server.turn(std::slice::from_ref(&listener))).await;
        }
    }

    #[test]
    fn a_panics_text_is_bounded() {
        assert_eq!(panic_text(&"short"), "short");
        assert_eq!(panic_text(&"x".repeat(5000)).len(), PANIC_TEXT);
        assert_eq!(panic_text(&7), "no text");
    }
}
