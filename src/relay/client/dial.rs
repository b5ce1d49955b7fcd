//! Opens a websocket to a relay: connection and upgrade.

use std::io;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, LOCATION, SEC_WEBSOCKET_KEY};
use http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT};
use http::{Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::protocol::{MAX_TEXT, SUBPROTOCOL, message_limit};
use super::ClientSettings;
use super::counting_stream::CountingStream;
use super::token::TokenPlace;
use crate::outbound::{AnyStream, ConnectError, SpeaksTls};
use crate::text::Printable;

/// Time limit for connection and upgrade together.
const PATIENCE: Duration = Duration::from_secs(15);
/// Maximum size of a body on the websocket, in bytes: the highest limit that a relay can be
/// configured with. A body over our own limit is refused on its own. If it broke the connection, it
/// would do so after every reconnect, and later deliveries would never arrive.
const MAX_BODY: usize = 64 << 20;
/// Size of the write buffer, in bytes: acks and heartbeats are short.
const MAX_WRITE: usize = 4 * MAX_TEXT;

/// A websocket to a relay.
pub(super) type RelaySocket = WebSocketStream<CountingStream>;

/// Why the websocket could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{0}")]
    Connect(ConnectError),
    #[error(
        "the relay does not accept the token (401): it is wrong, was replaced or revoked; put the one that `dubwatch relay inbox` printed {0}"
    )]
    Unauthorized(TokenPlace),
    #[error("there is no relay at this URL: it answered {status}{}; check --relay", aside(says))]
    NoRelay { status: StatusCode, says: Printable },
    #[error("there is no relay at this URL: it sends us to {to} ({status}); check --relay")]
    Elsewhere { status: StatusCode, to: Printable },
    #[error("{0} speaks TLS: use wss:// in --relay")]
    SpeaksTls(Printable),
    #[error(
        "{0} closed the connection in place of an answer; is a relay there? One that speaks TLS needs wss://"
    )]
    ClosedPlain(Printable),
    #[error("{0} closed the connection in place of an answer; is a relay there?")]
    Closed(Printable),
    #[error("the relay cannot serve us now: it answered {0}")]
    Busy(StatusCode),
    #[error("the relay does not speak our protocol ({SUBPROTOCOL})")]
    Protocol,
    #[error("the relay did not upgrade the connection: {0}")]
    Upgrade(Printable),
    #[error("no connection within {} s", PATIENCE.as_secs())]
    Late,
}

/// Returns the other side's message in brackets, to append to a status; empty if there is none.
fn aside(says: &Printable) -> String {
    if says.as_str().is_empty() { String::new() } else { format!(" ({says})") }
}

impl DialError {
    /// Returns whether the user has to change something before a retry can succeed. Not for the
    /// answers of a proxy while its relay is restarted.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Unauthorized(_) | Self::Protocol)
    }
}

/// Opens the websocket. Returns an error if a step fails or takes too long.
pub(super) async fn dial(settings: &ClientSettings) -> Result<RelaySocket, DialError> {
    tokio::time::timeout(PATIENCE, connect(settings)).await.unwrap_or(Err(DialError::Late))
}

async fn connect(settings: &ClientSettings) -> Result<RelaySocket, DialError> {
    let connection = settings.outbound.connect(settings.address.target()).await;
    upgrade(settings, connection.map_err(DialError::Connect)?.stream).await
}

async fn upgrade(settings: &ClientSettings, stream: AnyStream) -> Result<RelaySocket, DialError> {
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
    match client_async_with_config(request, CountingStream::new(stream), Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(not_upgraded(settings, &answer)),
        Err(tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
            Err(DialError::Protocol)
        }
        Err(error) => {
            let target = settings.address.target();
            let to = Printable::new(&target.to_string());
            Err(match &error {
                tungstenite::Error::Io(cause) if speaks_tls(cause) => DialError::SpeaksTls(to),
                error if is_end(error) && target.scheme.is_tls() => DialError::Closed(to),
                error if is_end(error) => DialError::ClosedPlain(to),
                error => refused(error),
            })
        }
    }
}

/// Returns the error for an answer that is not an upgrade.
fn not_upgraded(settings: &ClientSettings, answer: &Response<Option<Vec<u8>>>) -> DialError {
    let status = answer.status();
    match status {
        StatusCode::UNAUTHORIZED => DialError::Unauthorized(settings.token_place.clone()),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => {
            DialError::NoRelay { status, says: said(answer) }
        }
        status if status.is_redirection() => match answer.headers().get(LOCATION) {
            Some(to) => {
                DialError::Elsewhere { status, to: Printable::from_bytes(to.as_bytes()).cut(120) }
            }
            None => DialError::NoRelay { status, says: Printable::default() },
        },
        status => DialError::Busy(status),
    }
}

/// Returns the first line of an answer's body, if it is plain text.
fn said(answer: &Response<Option<Vec<u8>>>) -> Printable {
    let kind = answer.headers().get(CONTENT_TYPE);
    let is_text = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let body = answer.body().as_deref().filter(|_| is_text).unwrap_or_default();
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Printable::from_bytes(line.trim_ascii()).cut(120)
}

fn speaks_tls(cause: &io::Error) -> bool {
    cause.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<SpeaksTls>)
}

/// Returns whether the other side closed the connection.
fn is_end(error: &tungstenite::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error {
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => true,
        tungstenite::Error::Io(cause) => {
            matches!(cause.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        }
        _ => false,
    }
}
