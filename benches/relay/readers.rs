//! Readers that speak protocol 1 and keep nothing, many in one thread of this process: what a
//! relay does for a hundred laptops without a hundred processes beside it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use dubwatch::internals::relay::protocol::{
    ClientFrame, Cursor, Hello, PingPayload, RelayFrame, SUBPROTOCOL, SUBSCRIBE_PATH, Versions,
};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::program::until;

/// Deliveries after which an ack goes out although more came already.
const ACK_EVERY: usize = 128;

/// Readers at work until they are dropped.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Default)]
struct Shared {
    welcomed: AtomicUsize,
    received: AtomicUsize,
    /// The first thing that went wrong.
    failed: Mutex<Option<String>>,
}

impl Readers {
    /// Subscribes one for each token, named by its number, and waits until all were welcomed.
    pub(crate) fn start(relay: SocketAddr, tokens: Vec<String>) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let stop = CancellationToken::new();
        let (all, count, stopped) = (Arc::clone(&shared), tokens.len(), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            for (number, token) in tokens.into_iter().enumerate() {
                let shared = Arc::clone(&all);
                runtime.spawn(async move {
                    let name = format!("reader{number}");
                    if let Err(error) = take(relay, &token, &name, &shared).await {
                        let mut failed =
                            shared.failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.get_or_insert(format!("{name}: {error:#}"));
                    }
                });
            }
            runtime.block_on(stopped.cancelled());
        });
        let readers = Self { shared, _stop: stop.drop_guard() };
        until(|| Ok(readers.check()?.welcomed.load(Relaxed) == count))?;
        Ok(readers)
    }

    /// Deliveries that all of them have had.
    pub(crate) fn received(&self) -> Result<usize> {
        Ok(self.check()?.received.load(Relaxed))
    }

    fn check(&self) -> Result<&Shared> {
        match &*self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(why) => bail!("a reader broke off: {why}"),
            None => Ok(&self.shared),
        }
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn subscribe(relay: SocketAddr, token: &str, name: Option<&str>) -> Result<Socket> {
    let mut request = format!("ws://{relay}{SUBSCRIBE_PATH}").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
    headers.insert("authorization", format!("Bearer {token}").parse()?);
    let stream = TcpStream::connect(relay).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(request, stream).await?;
    let reader = name.map(str::parse).transpose()?;
    let hello = Hello { protocol: Versions::OURS, reader, resume: None, agent: None };
    say(&mut socket, &ClientFrame::Hello(hello)).await?;
    Ok(socket)
}

async fn say(socket: &mut Socket, frame: &ClientFrame) -> Result<()> {
    Ok(socket.send(Message::text(frame.encode())).await?)
}

fn decode(message: &Message) -> Result<RelayFrame> {
    match message {
        Message::Text(text) => Ok(RelayFrame::decode_text(text)?),
        Message::Binary(bytes) => Ok(RelayFrame::decode_binary(bytes)?),
        other => bail!("{other:?}"),
    }
}

/// Receives and acks what was received, together what came together.
async fn take(relay: SocketAddr, token: &str, name: &str, shared: &Shared) -> Result<()> {
    let mut socket = subscribe(relay, token, Some(name)).await?;
    let mut unacked: Option<Cursor> = None;
    let mut count = 0;
    loop {
        let message = match socket.next().now_or_never() {
            Some(message) if count < ACK_EVERY => message,
            waiting => {
                if let Some(cursor) = unacked.take() {
                    say(&mut socket, &ClientFrame::Ack(cursor)).await?;
                }
                count = 0;
                match waiting {
                    Some(message) => message,
                    None => socket.next().await,
                }
            }
        };
        match decode(&message.context("the end")??)? {
            RelayFrame::Delivery(delivery) => {
                unacked = Some(delivery.cursor);
                count += 1;
                shared.received.fetch_add(1, Relaxed);
            }
            RelayFrame::Welcome(_) => {
                shared.welcomed.fetch_add(1, Relaxed);
            }
            RelayFrame::Ping(PingPayload { id }) => {
                say(&mut socket, &ClientFrame::Pong(PingPayload { id })).await?;
            }
            other => bail!("{other:?}"),
        }
    }
}

/// The bodies of the first `count` deliveries of an inbox in its order, and how long they took from
/// the welcome: a reader without a name, for which no window holds.
pub(crate) fn read_all(
    relay: SocketAddr,
    token: &str,
    count: usize,
) -> Result<(Vec<Vec<u8>>, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut socket = subscribe(relay, token, None).await?;
        let mut begun = Instant::now();
        let mut bodies = Vec::with_capacity(count);
        while bodies.len() < count {
            match decode(&socket.next().await.context("the end")??)? {
                RelayFrame::Delivery(delivery) => bodies.push(delivery.body),
                RelayFrame::Welcome(_) => begun = Instant::now(),
                RelayFrame::Ping(PingPayload { id }) => {
                    say(&mut socket, &ClientFrame::Pong(PingPayload { id })).await?;
                }
                other => bail!("{other:?}"),
            }
        }
        Ok((bodies, begun.elapsed()))
    })
}
