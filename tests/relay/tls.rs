//! The relay's own TLS: posts and subscriptions over it, and bad starts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::common::LIMIT;
use crate::relay_support::tls::{FIXTURES, dial, post_all};
use crate::relay_support::{Reader, Relay, subscription};

pub(crate) fn flags() -> [String; 4] {
    [
        "--tls-cert".to_owned(),
        format!("{FIXTURES}/relay.pem"),
        "--tls-key".to_owned(),
        format!("{FIXTURES}/relay.key.pem"),
    ]
}

#[test]
fn posts_and_subscriptions_go_over_tls() {
    let flags = flags();
    let relay = Relay::start(&flags.each_ref().map(String::as_str));
    let inbox = relay.inbox("one");
    let dial = || dial(&relay, "ca.pem", "localhost");
    let post = |body: &str| post_all(&mut dial(), &relay, &inbox, [body.to_owned()]);
    post("1");
    let authority = format!("localhost:{}", relay.address().port());
    let request = subscription(&authority, Some(&format!("Bearer {}", inbox.token)));
    let mut reader = Reader::over(dial(), request).unwrap();
    let welcome = reader.hello(Some("a"), None);
    assert_eq!(welcome.callback_url, format!("https://{authority}{}", inbox.path));
    assert_eq!(reader.bodies(1), ["1"]);
    post("2");
    assert_eq!(reader.bodies(1), ["2"]);
    // Who speaks no TLS gets no answer, and costs nobody else one.
    let mut plain = TcpStream::connect(relay.address()).unwrap();
    plain.set_read_timeout(Some(LIMIT)).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    post("3");
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
