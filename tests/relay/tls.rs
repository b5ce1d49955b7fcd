//! The relay's own TLS: posts and subscriptions over it, and bad starts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::common::LIMIT;
use crate::relay_support::{Inbox, Reader, Relay, subscription};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

pub(crate) fn flags() -> [String; 4] {
    [
        "--tls-cert".to_owned(),
        format!("{FIXTURES}/relay.pem"),
        "--tls-key".to_owned(),
        format!("{FIXTURES}/relay.key.pem"),
    ]
}

fn dial(relay: &Relay) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(format!("{FIXTURES}/ca.pem")).unwrap()).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(relay.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    StreamOwned::new(connection, stream)
}

fn over_tls(relay: &Relay, inbox: &Inbox, body: &[u8]) -> String {
    let mut stream = dial(relay);
    stream.write_all(&relay.signed(inbox, body)).unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn posts_and_subscriptions_go_over_tls() {
    let flags = flags();
    let relay = Relay::start(&flags.each_ref().map(String::as_str));
    let inbox = relay.inbox("one");
    assert_eq!(over_tls(&relay, &inbox, b"1"), "HTTP/1.1 200");
    let authority = format!("localhost:{}", relay.address().port());
    let request = subscription(&authority, Some(&format!("Bearer {}", inbox.token)));
    let mut reader = Reader::over(dial(&relay), request).unwrap();
    let welcome = reader.hello(Some("a"), None);
    assert_eq!(welcome.callback_url, format!("https://{authority}{}", inbox.path));
    assert_eq!(reader.bodies(1), ["1"]);
    over_tls(&relay, &inbox, b"2");
    assert_eq!(reader.bodies(1), ["2"]);
    // Who speaks no TLS gets no answer, and costs nobody else one.
    let mut plain = TcpStream::connect(relay.address()).unwrap();
    plain.set_read_timeout(Some(LIMIT)).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(over_tls(&relay, &inbox, b"3"), "HTTP/1.1 200");
}

#[test]
fn a_bad_start_says_what_is_wrong() {
    let relay = Relay::start(&[]);
    let other = crate::common::Site::new();
    let [_, certificate, _, key] = flags();
    let ca = format!("{FIXTURES}/ca.pem");
    for (certificate, key, words) in [
        ("nowhere.pem", key.as_str(), "cannot read the certificate nowhere.pem"),
        (certificate.as_str(), "nowhere.pem", "cannot read the private key nowhere.pem"),
        (certificate.as_str(), certificate.as_str(), "cannot read the private key"),
        (key.as_str(), key.as_str(), "no certificate in"),
        (ca.as_str(), key.as_str(), "do not belong together"),
    ] {
        let (code, said) = other.fails(&["relay", "--tls-cert", certificate, "--tls-key", key]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(words), "{said}");
    }
    let (code, said) = other.fails(&["relay", "--tls-cert", &certificate]);
    assert_eq!((code, said.contains("--tls-key")), (2, true), "{said}");
    let taken = relay.address().to_string();
    let (code, said) = other.fails(&["relay", "--listen", &taken]);
    assert_eq!((code, said.contains("--listen")), (1, true), "{said}");
    let db = relay.site.db.to_str().unwrap();
    let (code, said) = other.fails(&["relay", "--db", db]);
    assert_eq!((code, said.contains("in use")), (1, true), "{said}");
}
