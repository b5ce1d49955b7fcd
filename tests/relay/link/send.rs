//! `dubwatch send` to other machines: TLS, proxies, and why a receiver cannot be reached.

use std::process::Command;

use crate::common::Site;
use crate::link::reasons::closed;
use crate::link::ways::secure;
use crate::link::wire::{answering, connect_proxy, socks_proxy};
use crate::relay_support::Relay;
use crate::relay_support::tls::FIXTURES;

/// A TLS record with the alert that the first record was none.
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 10];

/// `send` with the site's key, in an environment that names nobody's certificates or proxies.
fn send(site: &Site, to: &str, more: &[&str]) -> Command {
    std::fs::write(site.dir.path().join("key.pem"), site.key.to_pem().as_bytes()).unwrap();
    let mut command = site.bare();
    command.args(["send", "--key", "key.pem", "--to", to]).args(more);
    command
}

/// What it prints, where it succeeds.
fn sent(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// What it says, where it fails: one sentence, with all of these words, and without the password.
fn fails(mut command: Command, words: &[&str]) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for words in words {
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
    assert!(!said.contains("s3cret"), "{said}");
    said
}

#[test]
fn cacert_names_whom_to_trust_and_nobody_else_is() {
    let site = Site::new();
    for (name, trusted) in [("self_signed", "self_signed"), ("relay", "ca"), ("relay", "relay")] {
        let relay = secure(name);
        let inbox = relay.inbox("one");
        let url = format!("https://localhost:{}{}", relay.address().port(), inbox.path);
        let file = format!("{FIXTURES}/{trusted}.pem");
        assert!(sent(send(&site, &url, &["--cacert", &file])).starts_with("200 "));
        // By the system's.
        let mut command = send(&site, &url, &[]);
        command.env("SSL_CERT_FILE", format!("{FIXTURES}/proxied_ca.pem"));
        let said = fails(command, &["certificate", "--cacert", &url]);
        assert!(!said.contains("listening"), "{said}");
        let other = format!("{FIXTURES}/proxied_ca.pem");
        fails(
            send(&site, &url, &["--cacert", &other]),
            &["certificate", "proxied_ca.pem (--cacert)"],
        );
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_before_anything_is_sent() {
    let site = Site::new();
    for url in ["http://127.0.0.1:9/", "https://127.0.0.1:9/"] {
        let output = send(&site, url, &["--cacert", "nowhere.pem"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("nowhere.pem (--cacert)"), "{said}");
    }
}

#[test]
fn tls_to_a_plain_port_and_back_say_which_url_to_use() {
    let site = Site::new();
    let plain = Relay::start(&[]);
    let to = format!("https://{}/x", plain.address());
    let file = format!("{FIXTURES}/ca.pem");
    fails(send(&site, &to, &["--cacert", &file]), &["answers without TLS", "use http://"]);
    let (alerts, _) = answering(ALERT);
    fails(send(&site, &format!("http://{alerts}/"), &[]), &["speaks TLS: use https://"]);
    let (closes, _) = answering(b"");
    let said = fails(send(&site, &format!("http://{closes}/"), &[]), &["no answer", "https://"]);
    assert!(!said.contains("listening"), "{said}");
    let said = fails(
        send(&site, &format!("https://{closes}/"), &["--cacert", &file]),
        &["amid the handshake", "speaks TLS?"],
    );
    assert!(!said.contains("listening"), "{said}");
    fails(send(&site, &format!("http://{}/", closed()), &[]), &["is something listening there?"]);
}

#[test]
fn plain_requests_are_forwarded_by_a_proxy_and_others_go_through_it() {
    let site = Site::new();
    let (proxy, heads) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept");
    let at = format!("http://me:p#ss@{proxy}");
    for variable in ["http_proxy", "all_proxy"] {
        heads.lock().unwrap().clear();
        let mut command = send(&site, "http://receiver.invalid:81/callback", &[]);
        command.env(variable, &at);
        assert!(sent(command).starts_with("200 kept"));
        let head = heads.lock().unwrap()[0].clone();
        let line = "POST http://receiver.invalid:81/callback HTTP/1.1\r\n";
        assert!(head.starts_with(line), "{head}");
        // `me:p#ss`
        let head = head.to_ascii_lowercase();
        assert!(head.contains("\r\nproxy-authorization: basic bwu6ccnzcw==\r\n"), "{head}");
        assert!(head.contains("\r\nhost: receiver.invalid:81\r\n"), "{head}");
    }

    let relay = secure("proxied");
    let inbox = relay.inbox("one");
    let to = format!("https://relay.test{}", inbox.path);
    let file = format!("{FIXTURES}/proxied_ca.pem");
    let (proxy, heard) = connect_proxy(relay.address());
    let mut command = send(&site, &to, &["--cacert", &file]);
    command.env("HTTPS_PROXY", format!("http://{proxy}"));
    assert!(sent(command).starts_with("200 kept"));
    assert!(heard.lock().unwrap()[0].starts_with("CONNECT relay.test:443 HTTP/1.1\r\n"));

    let (proxy, asked) = socks_proxy(relay.address(), None);
    let mut command = send(&site, &to, &["--cacert", &file]);
    command.env("ALL_PROXY", format!("socks5://{proxy}"));
    assert!(sent(command).starts_with("200 kept"));
    assert_eq!(asked.lock().unwrap()[0], "relay.test:443");

    let plain = Relay::start(&[]);
    let inbox = plain.inbox("one");
    let (proxy, asked) = socks_proxy(plain.address(), None);
    let mut command = send(&site, &format!("http://relay.test{}", inbox.path), &[]);
    command.env("ALL_PROXY", format!("socks5h://{proxy}"));
    assert!(sent(command).starts_with("200 kept"));
    assert_eq!(asked.lock().unwrap()[0], "relay.test:80");

    // This machine is reached directly, whatever is set.
    let mut command = send(&site, &format!("http://{}{}", plain.address(), inbox.path), &[]);
    let closed = format!("http://{}", closed());
    command.env("http_proxy", &closed).env("ALL_PROXY", &closed);
    assert!(sent(command).starts_with("200 kept"));
    let mut command = send(&site, &format!("http://receiver.invalid{}", inbox.path), &[]);
    command.env("http_proxy", &closed).env("NO_PROXY", "receiver.invalid");
    fails(command, &["cannot connect to receiver.invalid:80"]);
}

#[test]
fn a_proxy_that_does_not_help_is_named() {
    let site = Site::new();
    let asks = |answer: &'static [u8]| answering(answer).0;
    let basic = asks(
        b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n",
    );
    let ntlm = asks(b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\ncontent-length: 0\r\n\r\n");
    for (proxy, login, words) in [
        (closed(), "", &["cannot connect to the proxy", "NO_PROXY=receiver.invalid"][..]),
        (basic, "", &["asks for a login", "http://user:password@"]),
        (basic, "me:s3cret@", &["refused the login"]),
        (ntlm, "me:s3cret@", &["only NTLM", "cntlm"]),
    ] {
        for (variable, to) in [
            ("http_proxy", "http://receiver.invalid/callback"),
            ("https_proxy", "https://receiver.invalid/callback"),
        ] {
            let file = format!("{FIXTURES}/ca.pem");
            let mut command = send(&site, to, &["--cacert", &file]);
            command.env(variable, format!("http://{login}{proxy}"));
            let said = fails(command, words);
            assert!(said.contains(&proxy.to_string()) && said.contains(variable), "{said}");
            assert!(!said.contains("listening"), "{said}");
        }
    }
    let mut command = send(&site, "http://receiver.invalid/callback", &[]);
    command.env("all_proxy", "socks4://127.0.0.1:1");
    fails(command, &["all_proxy", "SOCKS 4", "socks5://"]);
}

#[test]
fn a_variable_that_is_left_alone_is_pointed_out() {
    let site = Site::new();
    let mut command = send(&site, "http://receiver.invalid/callback", &[]);
    command.env("HTTP_PROXY", format!("http://{}", closed()));
    fails(command, &["cannot connect to receiver.invalid:80", "name the proxy in http_proxy"]);
}
