//! Why a connection ended without its request reaching the router, in words; acts on nothing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_rustls::rustls::{AlertDescription, Error as TlsError};

use super::slot::{Phase, Slot};

/// A connection that ended with something that is no routed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The client's address.
    pub peer: SocketAddr,
    /// What was wrong; its `Display` is a sentence for the developer on the other side.
    pub why: Trouble,
    /// The status that was answered, if one was.
    pub status: Option<u16>,
}

/// What was wrong with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A TLS handshake.
    Tls,
    /// Plain HTTP to a port that speaks TLS.
    Plain,
    /// A TLS handshake that failed, in the library's words.
    Handshake(String),
    /// HTTP/2 without an upgrade.
    Http2,
    /// No HTTP/1 request, in the parser's words; nothing of the input is in them.
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
    /// The client went away in the middle of a head.
    BrokeOff,
    /// Closed with a half-sent request, because all places were taken.
    Evicted,
}

impl fmt::Display for Trouble {
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

/// What to say of a connection that hyper ended with `error`; `None` where the router had the
/// request, or nothing was sent.
pub(super) fn of(slot: &Slot, error: &hyper::Error, max_head: usize) -> Option<Broken> {
    if slot.is_plain() {
        return Some(plain(slot));
    }
    // What hyper answers to broken heads: 1.12, `proto/h1/role.rs`, `Server::on_error`. Its 414
    // needs a target over 65,534 bytes, which is a head over the limit first, unless that is raised.
    let (why, status) = if error.is_parse_version_h2() {
        (Trouble::Http2, None)
    } else if error.is_parse_too_large() {
        (Trouble::HeadTooLarge { limit: max_head }, Some(431))
    } else if error.is_parse() {
        let why = if slot.tls() { Trouble::Tls } else { Trouble::Unparsable(error.to_string()) };
        (why, Some(400))
    } else if slot.phase().0 == Phase::Head {
        (if slot.tls() { Trouble::Tls } else { Trouble::BrokeOff }, None)
    } else {
        return None;
    };
    Some(Broken { peer: slot.peer, why, status })
}

/// What to say of a client that speaks plain HTTP to a port that speaks TLS.
pub(super) fn plain(slot: &Slot) -> Broken {
    Broken { peer: slot.peer, why: Trouble::Plain, status: Some(400) }
}

/// What to say of a handshake that failed; `None` where the client only went away, as what looks for
/// open ports does.
pub(super) fn handshake(slot: &Slot, error: &io::Error) -> Option<Broken> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let is_gone =
        matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe);
    let why = Trouble::Handshake(explain(error));
    (!is_gone).then_some(Broken { peer: slot.peer, why, status: None })
}

/// The library's words, and what they mean where it is the client that refuses.
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
