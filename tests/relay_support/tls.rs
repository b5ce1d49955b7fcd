//! TLS to a relay that has a certificate of the fixtures: for senders, and for readers by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Inbox, Relay};
use crate::common::LIMIT;

pub(crate) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

/// A connection to the relay under this name, which the CA in this file of the fixtures vouches for.
pub(crate) fn dial(
    relay: &Relay,
    ca: &str,
    name: &'static str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(format!("{FIXTURES}/{ca}")).unwrap()).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(relay.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    StreamOwned::new(connection, stream)
}

/// Posts over a connection that is there; all are kept.
pub(crate) fn post_all(
    line: &mut StreamOwned<ClientConnection, TcpStream>,
    relay: &Relay,
    inbox: &Inbox,
    bodies: impl IntoIterator<Item = String>,
) {
    for body in bodies {
        line.write_all(&relay.signed(inbox, body.as_bytes())).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nkept\n") {
            let mut byte = [0];
            line.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{body}");
    }
}
