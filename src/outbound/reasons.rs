//! Explains why a TLS handshake failed, and what to do.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error, InvalidMessage};

use super::Destination;
use crate::text::Printable;

/// Maximum width of a library's message, in columns.
const MAX_WORDS: usize = 160;
/// Maximum number of a certificate's names in a message.
const MAX_NAMES: usize = 5;

/// Explains why a handshake with a target failed. `cacert` is the file that replaces the system's
/// certificates, if any.
pub(super) fn handshake(target: &Destination, cacert: Option<&Path>, cause: &io::Error) -> String {
    match cause.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(why)) => certificate(target, cacert, why),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => format!(
            "it answers without TLS; use {}{target}, or the port that speaks TLS",
            target.scheme.plain()
        ),
        Some(Error::AlertReceived(alert)) => format!("it refused the handshake ({alert:?})"),
        Some(Error::PeerIncompatible(_)) => format!(
            "it offers nothing that is safe to use, TLS 1.2 and 1.3 are ({})",
            Printable::new(&cause.to_string()).cut(MAX_WORDS)
        ),
        None if is_end(cause.kind()) => {
            format!(
                "it closed the connection amid the handshake; is {target} a port that speaks TLS?"
            )
        }
        _ => Printable::new(&cause.to_string()).cut(MAX_WORDS).to_string(),
    }
}

/// Returns whether the other side closed the connection.
fn is_end(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn certificate(target: &Destination, cacert: Option<&Path>, why: &CertificateError) -> String {
    let file = cacert.map(|path| Printable::new(&path.display().to_string()));
    match why {
        CertificateError::UnknownIssuer => match file {
            Some(file) => format!(
                "neither its certificate nor one that signed it is in {file} (--cacert); name a file that has one of them"
            ),
            None => "nobody whom this machine trusts signed its certificate, or it does not send the certificates between; --cacert names a file with whom to trust".to_owned(),
        },
        CertificateError::Other(other) if is_ca(&other.0) => match file {
            Some(file) => format!(
                "its certificate is one of a CA (CA:TRUE) and not one that is in {file} (--cacert); name a file that has it, or give it one made with `-addext basicConstraints=critical,CA:FALSE`"
            ),
            None => "its certificate is one of a CA (CA:TRUE); --cacert with a file of that very certificate trusts it, or give it one made with `-addext basicConstraints=critical,CA:FALSE`".to_owned(),
        },
        CertificateError::ExpiredContext { time, not_after } => format!(
            "its certificate expired on {}, and today is {}; renew it, or set this machine's clock",
            day(*not_after),
            day(*time)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate is not valid before {}, and today is {}; set this machine's clock, or wait",
            day(*not_before),
            day(*time)
        ),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
            "its certificate has no subjectAltName, so it is for no host; make one with `-addext subjectAltName={}`",
            alternative(&target.host)
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().take(MAX_NAMES).map(|name| bare(name)).collect();
            let more = if presented.len() > MAX_NAMES { " and others" } else { "" };
            format!(
                "its certificate is not for {} but for {}{more}; use a name that it has",
                Printable::new(&target.host),
                Printable::new(&names.join(", ")).cut(MAX_WORDS)
            )
        }
        other => Printable::new(&format!("its certificate cannot be used: {other}"))
            .cut(MAX_WORDS)
            .to_string(),
    }
}

/// Returns whether the error is that a server uses a CA certificate. Compares text, because the
/// verifier's error type is not public.
pub(super) fn is_ca(error: &dyn std::error::Error) -> bool {
    format!("{error:?}") == "CaUsedAsEndEntity"
}

fn day(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(second).map_or_else(
        |_| "a day beyond the calendar".to_owned(),
        |at| at.strftime("%Y-%m-%d").to_string(),
    )
}

/// Returns the name in `DnsName("…")` or `IpAddress(…)`, the library's format.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// Returns a host in the format of OpenSSL's command line.
fn alternative(host: &str) -> String {
    let kind = if host.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
    format!("{kind}:{}", Printable::new(host))
}
