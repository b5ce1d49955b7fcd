//! From an address to a websocket: connection, proxy, TLS, upgrade; says nothing on it.

use std::io;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use http::header::{SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::protocol::{MAX_TEXT, SUBPROTOCOL, message_limit};
use super::Settings;
use super::counted::Counted;
use super::proxy::{self, ProxyError};
use super::tls;
use crate::text::Printable;

/// How long it may take, all of it.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest body that is read off a websocket, in bytes: the longest that any relay can be told
/// to take. What is longer than our own limit is refused one by one; a connection that broke on it
/// would break on it for ever, and what comes behind it would never come.
const MAX_BODY: usize = 64 << 20;
/// Bytes that may wait to be written: acks and beats, which are short.
const MAX_WRITE: usize = 4 * MAX_TEXT;

/// A connection's bytes, whatever carries them.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A websocket to a relay.
pub(super) type Socket = WebSocketStream<Counted>;

/// Why there is no websocket.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("cannot connect to {to}: {cause}")]
    Connect { to: Printable, cause: io::Error },
    #[error("{0}")]
    Proxy(#[from] ProxyError),
    #[error("cannot speak TLS with {host}: {cause}{}", advice(cause))]
    Tls { host: Printable, cause: io::Error },
    #[error("the name {0} cannot be in a certificate; use another one in --relay")]
    Name(Printable),
    #[error(
        "the relay does not accept the token (401): it is wrong, was replaced or revoked; put the one that `dubwatch relay inbox` printed into DUBWATCH_RELAY_TOKEN or the token file"
    )]
    Unauthorized,
    #[error("there is no relay at this URL: it answered {0}; check --relay")]
    NoRelay(StatusCode),
    #[error("the relay cannot serve us now: it answered {0}")]
    Busy(StatusCode),
    #[error("the relay does not speak our protocol ({SUBPROTOCOL})")]
    Protocol,
    #[error("the relay did not upgrade the connection: {0}")]
    Upgrade(Printable),
    #[error("no connection within {} s", PATIENCE.as_secs())]
    Late,
    #[error("{0}")]
    Setup(#[from] tls::TlsError),
}

fn advice(cause: &io::Error) -> &'static str {
    let words = cause.to_string();
    if words.contains("UnknownIssuer") { "; --cacert names whom to trust" } else { "" }
}

impl DialError {
    /// Whether a person has to change something before it can go better. A proxy before a relay that
    /// is being started anew answers as if there were none, so that is no such thing.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Unauthorized | Self::Protocol)
    }
}

/// Connects.
pub(super) async fn dial(settings: &Settings) -> Result<Socket, DialError> {
    tokio::time::timeout(PATIENCE, connect(settings)).await.unwrap_or(Err(DialError::Late))
}

async fn connect(settings: &Settings) -> Result<Socket, DialError> {
    let address = &settings.address;
    let proxy = settings.proxies.to(address)?;
    let (host, port) =
        proxy.map_or((&address.host, address.port), |proxy| (&proxy.host, proxy.port));
    let failed =
        |cause| DialError::Connect { to: Printable::new(&format!("{host}:{port}")), cause };
    let mut tcp = TcpStream::connect((host.as_str(), port)).await.map_err(failed)?;
    // With Nagle's algorithm acks wait for each other.
    tcp.set_nodelay(true).map_err(failed)?;
    if let Some(proxy) = proxy {
        proxy::connect(&mut tcp, proxy, address).await?;
    }
    if !address.tls {
        return upgrade(settings, Box::new(tcp)).await;
    }
    let connector = match &settings.connector {
        Some(connector) => connector.clone(),
        // Reads files, once a dial: certificates change while a dashboard runs for weeks.
        None => tokio::task::spawn_blocking(|| tls::connector(None))
            .await
            .map_err(|error| failed(io::Error::other(error)))??,
    };
    let host = || Printable::new(&address.host);
    let name = ServerName::try_from(address.host.clone()).map_err(|_| DialError::Name(host()))?;
    let secured = connector
        .connect(name, tcp)
        .await
        .map_err(|cause| DialError::Tls { host: host(), cause })?;
    upgrade(settings, Box::new(secured)).await
}

async fn upgrade(settings: &Settings, stream: Box<dyn Stream>) -> Result<Socket, DialError> {
    let mut request = Request::get(settings.address.subscribe())
        .header(HOST, &settings.address.authority)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, generate_key())
        .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .header(USER_AGENT, concat!("dubwatch/", env!("CARGO_PKG_VERSION")));
    if let Some(token) = settings.token.header() {
        request = request.header(AUTHORIZATION, token);
    }
    let refused = |error: &dyn std::fmt::Display| {
        DialError::Upgrade(Printable::new(&error.to_string()).cut(120))
    };
    let request = request.body(()).map_err(|error| refused(&error))?;
    let limit = message_limit(MAX_BODY);
    let config = WebSocketConfig::default()
        .read_buffer_size(MAX_TEXT)
        .write_buffer_size(MAX_TEXT)
        .max_write_buffer_size(MAX_WRITE)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    match client_async_with_config(request, Counted::new(stream), Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(match answer.status() {
            StatusCode::UNAUTHORIZED => DialError::Unauthorized,
            status @ (StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::BAD_REQUEST) => DialError::NoRelay(status),
            status if status.is_redirection() => DialError::NoRelay(status),
            status => DialError::Busy(status),
        }),
        Err(tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
            Err(DialError::Protocol)
        }
        Err(error) => Err(refused(&error)),
    }
}
