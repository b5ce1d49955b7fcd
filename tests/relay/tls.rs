//! The relay's own TLS: posts and subscriptions over it, and bad starts.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::common::{LIMIT, until};
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
}

/// As whoever renews a certificate does it: another file in the place of each.
#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let place = |from: &str, to: &str| {
        let new = dir.path().join("new");
        fs::copy(format!("{FIXTURES}/{from}"), &new).unwrap();
        fs::rename(new, dir.path().join(to)).unwrap();
    };
    place("relay.pem", "cert.pem");
    place("relay.key.pem", "key.pem");
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let mut relay = Relay::start(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
    let inbox = relay.inbox("one");
    let mut old = dial(&relay, "ca.pem", "localhost");
    post_all(&mut old, &relay, &inbox, ["1".to_owned()]);
    let asks = |ca: &str, name: &'static str| {
        let mut line = dial(&relay, ca, name);
        line.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        let _ = line.read_to_string(&mut answer);
        Some(answer)
    };
    let metrics = asks("ca.pem", "localhost").unwrap();
    assert!(metrics.contains("dubwatch_relay_certificate_expires_timestamp_seconds "), "{metrics}");

    // Half of a renewal changes nothing, and a SIGHUP ends nothing.
    place("proxied.pem", "cert.pem");
    relay.watch().signal(Signal::HUP);
    until(|| relay.watch().err.text().contains("do not belong together"), "a word about the pair");
    assert!(asks("ca.pem", "localhost").is_some());
    place("proxied.key.pem", "key.pem");
    until(|| asks("proxied_ca.pem", "relay.test").is_some(), "the new certificate");
    assert!(asks("ca.pem", "localhost").is_none());
    // Who is connected goes on.
    post_all(&mut old, &relay, &inbox, ["2".to_owned()]);
    drop(old);
    let err = relay.stop().err;
    assert!(err.contains("new connections get the renewed certificate"), "{err}");
}

/// Sends bytes as they are, and reads until the relay closes.
fn plainly(relay: &Relay, request: &[u8]) -> String {
    let mut plain = TcpStream::connect(relay.address()).unwrap();
    plain.set_read_timeout(Some(LIMIT)).unwrap();
    plain.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn plain_http_to_a_tls_port_is_answered_and_logged_and_never_served() {
    let flags = flags();
    let relay = Relay::start(&flags.each_ref().map(String::as_str));
    let inbox = relay.inbox("one");
    let healthz = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let posted = relay.signed(&inbox, b"in the clear");
    for request in [healthz.as_slice(), &posted, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = plainly(&relay, request);
        let is_http2 = request.starts_with(b"PRI");
        assert!(is_http2 || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            is_http2 || answer.contains("the port speaks TLS: use an https:// URL"),
            "{answer}"
        );
    }
    // What is neither costs nobody else an answer.
    let answer = plainly(&relay, &[0x80, 1, 2, 3, 4, 5, 6, 7]);
    assert!(!answer.starts_with("HTTP"), "{answer}");
    post_all(&mut dial(&relay, "ca.pem", "localhost"), &relay, &inbox, ["by TLS".to_owned()]);
    let authority = format!("localhost:{}", relay.address().port());
    let request = subscription(&authority, Some(&format!("Bearer {}", inbox.token)));
    let mut reader = Reader::over(dial(&relay, "ca.pem", "localhost"), request).unwrap();
    reader.hello(Some("a"), None);
    assert_eq!(reader.bodies(1), ["by TLS"], "what came in the clear was not kept");
    let logged = || relay.watch().err.text();
    crate::common::until(|| logged().contains("this is plain http"), "a line in the log");
    crate::common::until(|| logged().contains("the TLS handshake failed"), "another line");
    assert_eq!(logged().matches("this is plain http").count(), 1, "{}", logged());
}

#[test]
fn tls_to_a_plain_relay_and_a_client_without_trust_are_logged() {
    let relay = Relay::start(&[]);
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    assert!(plainly(&relay, &hello).starts_with("HTTP/1.1 400 "));
    let logged = || relay.watch().err.text();
    crate::common::until(|| logged().contains("this is https"), "a line in the log");

    let flags = flags();
    let relay = Relay::start(&flags.each_ref().map(String::as_str));
    let mut stranger = dial(&relay, "proxied_ca.pem", "localhost");
    assert!(stranger.write_all(b"x").is_err());
    let _ = stranger.flush();
    let logged = || relay.watch().err.text();
    crate::common::until(|| logged().contains("does not trust the certificate"), "a line");
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
    // Whoever can write one of them decides what the relay shows, and a pipe never ends.
    let open = other.dir.path().join("open.pem").to_str().unwrap().to_owned();
    let pipe = other.dir.path().join("pipe.pem").to_str().unwrap().to_owned();
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    for (place, text) in [("certificate", &certificate), ("private key", &key)] {
        fs::copy(text, &open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
        for (path, why) in [(&open, "every user can change it"), (&pipe, "it is a named pipe")] {
            let pair = if place == "certificate" { (path, &key) } else { (&certificate, path) };
            let (code, said) = other.fails(&["relay", "--tls-cert", pair.0, "--tls-key", pair.1]);
            assert_eq!(code, 1, "{said}");
            assert!(said.contains(&format!("cannot read the {place} {path}: {why}")), "{said}");
        }
    }
    for url in
        ["https://relay.example/a&b", "https://relay.example/a?b", "https://relay.example/(a)"]
    {
        let (code, said) = other.fails(&["relay", "--public-url", url]);
        assert_eq!(
            (code, said.contains("--public-url: a relay's is https://")),
            (2, true),
            "{said}"
        );
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
