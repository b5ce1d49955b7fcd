//! Why a relay cannot be reached, in words that say what to do; and the ways that others take for
//! granted: a self-signed certificate, SOCKS, a password as it is.

use std::net::{SocketAddr, TcpListener};

use rustix::process::Signal;

use crate::common::Watch;
use crate::link::laptop::{Laptop, callbacks, link};
use crate::link::ways::secure;
use crate::link::wire::{answering, connect_proxy, socks_proxy};
use crate::relay_support::Relay;
use crate::relay_support::tls::FIXTURES;

/// A TLS record with the alert that the first record was none.
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 10];

/// A port that was free a moment ago.
pub(crate) fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A dubwatch that subscribes, with these flags and variables.
fn starts(laptop: &Laptop, flags: &[&str], variables: &[(&str, &str)]) -> Watch {
    let mut command = laptop.command(&[&["--json", "--relay-insecure"], flags].concat());
    command.envs(variables.iter().copied());
    Watch::new(command.spawn().unwrap())
}

/// Why such a dubwatch dials again.
fn why(url: &str, flags: &[&str], variables: &[(&str, &str)]) -> String {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::at(&relay, &inbox, url);
    let mut watch = starts(&laptop, flags, variables);
    let why = link(&mut watch, "retrying")["why"].as_str().unwrap().to_owned();
    watch.stop(Signal::TERM);
    why
}

fn has(why: &str, words: &[&str]) {
    for words in words {
        assert!(why.contains(words), "{words:?} is not in {why:?}");
    }
}

#[test]
fn a_self_signed_certificate_that_was_named_is_trusted() {
    let relay = secure("self_signed");
    let inbox = relay.inbox("one");
    let port = relay.address().port();
    let certificate = format!("{FIXTURES}/self_signed.pem");
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("wss://{host}:{port}");
        let laptop = Laptop::at(&relay, &inbox, &url);
        let mut watch = starts(&laptop, &["--cacert", &certificate], &[]);
        link(&mut watch, "up");
        watch.stop(Signal::TERM);
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_with_what_to_do() {
    let relay = secure("self_signed");
    let url = format!("wss://localhost:{}", relay.address().port());
    let ca = format!("{FIXTURES}/ca.pem");
    has(&why(&url, &["--cacert", &ca], &[]), &["CA:TRUE", "ca.pem (--cacert)", "basicConstraints"]);
    let system = format!("{FIXTURES}/ca.pem");
    has(&why(&url, &[], &[("SSL_CERT_FILE", &system)]), &["CA:TRUE", "--cacert with a file"]);

    let relay = secure("relay");
    let other = format!("{FIXTURES}/self_signed.pem");
    let url = format!("wss://localhost:{}", relay.address().port());
    has(&why(&url, &["--cacert", &other], &[]), &["self_signed.pem (--cacert)"]);
    has(&why(&url, &[], &[("SSL_CERT_FILE", &other)]), &["--cacert names a file"]);
    let (proxy, _) = connect_proxy(relay.address());
    let proxied = [("HTTPS_PROXY", format!("http://{proxy}"))];
    let proxied = proxied.each_ref().map(|(name, value)| (*name, value.as_str()));
    let said = why("wss://relay.test", &["--cacert", &ca], &proxied);
    has(&said, &["not for relay.test but for localhost"]);
}

#[test]
fn tls_to_a_plain_port_and_back_say_which_url_to_use() {
    let plain = Relay::start(&[]);
    let address = plain.address();
    let url = format!("wss://{address}");
    has(&why(&url, &[], &[]), &["answers without TLS", &format!("use ws://{address}")]);

    let secure = secure("relay");
    let address = secure.address();
    has(&why(&format!("ws://{address}"), &[], &[]), &["wss://"]);
    // Others send an alert, or only close.
    let (alerts, _) = answering(ALERT);
    has(&why(&format!("ws://{alerts}"), &[], &[]), &["speaks TLS: use wss://"]);
    let (closes, _) = answering(b"");
    has(&why(&format!("ws://{closes}"), &[], &[]), &["closed the connection", "wss://"]);
    has(&why(&format!("wss://{closes}"), &[], &[]), &["amid the handshake", "speaks TLS?"]);
    // nginx says it in a page.
    let (says, _) =
        answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 22\r\n\r\nThis port speaks TLS.\n");
    has(&why(&format!("ws://{says}"), &[], &[]), &["400", "This port speaks TLS."]);
    let (sends, _) = answering(
        b"HTTP/1.1 301 Moved\r\nlocation: https://relay.example/\r\ncontent-length: 0\r\n\r\n",
    );
    has(&why(&format!("ws://{sends}"), &[], &[]), &["301", "https://relay.example/", "--relay"]);
}

#[test]
fn a_proxy_that_does_not_help_is_named() {
    let closed = closed();
    let asks = |answer: &'static [u8]| answering(answer).0;
    let basic = asks(b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n");
    let ntlm = asks(
        b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\nproxy-authenticate: Negotiate\r\n\r\n",
    );
    let forbids = asks(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    let strange = asks(ALERT);
    let hangs_up = asks(b"");
    for (proxy, login, words) in [
        (closed, "", &["cannot connect to the proxy", "refused", "NO_PROXY=relay.invalid"][..]),
        (basic, "", &["asks for a login", "http://user:password@"]),
        (basic, "me:s3cret@", &["refused the login", "user name and password"]),
        (ntlm, "me:s3cret@", &["only NTLM, Negotiate", "cntlm"]),
        (forbids, "", &["403 Forbidden"]),
        (strange, "", &["does not answer as an HTTP proxy"]),
        (hangs_up, "", &["broke off"]),
    ] {
        let at = format!("http://{login}{proxy}");
        for (variable, url) in [
            ("HTTPS_PROXY", "wss://relay.invalid"),
            ("http_proxy", "ws://relay.invalid"),
            ("ALL_PROXY", "wss://relay.invalid"),
        ] {
            let why = why(url, &[], &[(variable, &at)]);
            has(&why, words);
            has(&why, &[&proxy.to_string(), variable]);
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}

#[test]
fn all_proxy_socks_and_a_password_as_it_is_lead_to_a_relay() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, callbacks(0..1));
    let up = |proxy: &str| {
        let variables = [("ALL_PROXY", proxy)];
        let laptop = Laptop::at(&relay, &inbox, "ws://relay.invalid");
        let mut watch = starts(&laptop, &[], &variables);
        link(&mut watch, "up");
        watch.stop(Signal::TERM);
    };
    let (proxy, heard) = connect_proxy(relay.address());
    up(&format!("http://me:p#s/s@{proxy}"));
    // `me:p#s/s`
    let login = "Proxy-Authorization: Basic bWU6cCNzL3M=\r\n";
    assert!(heard.lock().unwrap()[0].contains(login), "{heard:?}");

    let (proxy, asked) = socks_proxy(relay.address(), None);
    up(&format!("socks5h://{proxy}"));
    assert_eq!(asked.lock().unwrap()[0], "relay.invalid:80");
    let (proxy, asked) = socks_proxy(relay.address(), Some(("me", "p#ss")));
    up(&format!("socks5://me:p%23ss@{proxy}"));
    assert_eq!(asked.lock().unwrap()[0], "relay.invalid:80");

    let refused = |at: &str| why("ws://relay.invalid", &[], &[("all_proxy", at)]);
    has(&refused(&format!("socks5://{proxy}")), &["asks for a login", "socks5://user:password@"]);
    has(&refused(&format!("socks5://me:s3cret@{proxy}")), &["refused the login", "all_proxy"]);
    has(&refused(&format!("socks5://{}", closed())), &["cannot connect to the proxy"]);
}
