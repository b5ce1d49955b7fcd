//! Explains why a connection ended before its request reached the router.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_rustls::rustls::{AlertDescription, Error as TlsError};

use super::conn_state::{ConnState, Phase};

/// A connection that ended before its request reached the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnFailure {
    /// The client's address.
    pub peer: SocketAddr,
    /// The reason; its `Display` is a sentence for the developer of the client.
    pub reason: FailureReason,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
}

/// Why a connection failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureReason {
    /// A TLS handshake to a port that speaks plain HTTP.
    Tls,
    /// Plain HTTP to a port that speaks TLS.
    Plain,
    /// A TLS handshake that failed, with the library's message.
    Handshake(String),
    /// HTTP/2 without an upgrade.
    Http2,
    /// No HTTP/1 request, with the parser's message, which contains none of the input.
    Unparsable(String),
    /// A head over the limit, in bytes, or of more than 100 headers.
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A head that was not complete in time.
    HeadTooSlow {
        /// The time it had.
        limit: Duration,
    },
    /// The client closed the connection in the middle of a head.
    BrokeOff,
    /// The request was half sent when its connection was closed to make room for another.
    Evicted,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => f.write_str(
                "this is https, the listener speaks plain http: use an http:// URL, or a proxy that ends the TLS",
            ),
            Self::Plain => f.write_str(
                "this is plain http, the port speaks TLS: use an https:// URL (wss:// for a websocket)",
            ),
            Self::Handshake(words) => write!(f, "the TLS handshake failed: {words}"),
            Self::Http2 => f.write_str("this is HTTP/2, the listener speaks HTTP/1.1"),
            Self::Unparsable(words) => write!(f, "this is no HTTP/1.1 request: {words}"),
            Self::HeadTooLarge { limit } => {
                write!(f, "request line and headers are over {limit} bytes, or over 100 headers")
            }
            Self::HeadTooSlow { limit } => {
                write!(f, "the request's headers were not complete within {limit:?} of their first byte")
            }
            Self::BrokeOff => f.write_str("the client closed the connection amid the headers"),
            Self::Evicted => {
                f.write_str("closed amid the request to make room: all connections were taken")
            }
        }
    }
}

/// Returns the failure of a connection that hyper ended with `error`; `None` if the router had the
/// request, or if nothing was sent.
pub(super) fn from_hyper(
    conn: &ConnState,
    error: &hyper::Error,
    max_head: usize,
) -> Option<ConnFailure> {
    if conn.is_plain() {
        return Some(plain_http(conn));
    }
    // What hyper answers to broken heads: 1.12, `proto/h1/role.rs`, `Server::on_error`. Its 414
    // needs a target over 65,534 bytes, which is a head over the limit first, unless that is raised.
    let (reason, status) = if error.is_parse_version_h2() {
        (FailureReason::Http2, None)
    } else if error.is_parse_too_large() {
        (FailureReason::HeadTooLarge { limit: max_head }, Some(431))
    } else if error.is_parse() {
        let reason = if conn.tls() {
            FailureReason::Tls
        } else {
            FailureReason::Unparsable(error.to_string())
        };
        (reason, Some(400))
    } else if conn.phase().0 == Phase::Head {
        (if conn.tls() { FailureReason::Tls } else { FailureReason::BrokeOff }, None)
    } else {
        return None;
    };
    Some(ConnFailure { peer: conn.peer, reason, status })
}

/// Returns the failure of a client that speaks plain HTTP to a TLS port.
pub(super) fn plain_http(conn: &ConnState) -> ConnFailure {
    ConnFailure { peer: conn.peer, reason: FailureReason::Plain, status: Some(400) }
}

/// Returns the failure of a TLS handshake; `None` if the client only closed the connection, as port
/// scanners do.
pub(super) fn failed_handshake(conn: &ConnState, error: &io::Error) -> Option<ConnFailure> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let is_gone =
        matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe);
    let reason = FailureReason::Handshake(explain(error));
    (!is_gone).then_some(ConnFailure { peer: conn.peer, reason, status: None })
}

/// Returns the library's message, explained if the client rejected the certificate.
fn explain(error: &io::Error) -> String {
    use AlertDescription::{
        BadCertificate, CertificateExpired, CertificateUnknown, UnknownCA, UnsupportedCertificate,
    };
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
    match inner {
        Some(TlsError::AlertReceived(
            alert @ (BadCertificate
            | CertificateExpired
            | CertificateUnknown
            | UnknownCA
            | UnsupportedCertificate),
        )) => format!("the client does not trust the certificate ({alert:?})"),
        _ => error.to_string(),
    }
}
