//! Where it listens, which URL it says, and whose word about the client it takes.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Client, Site, Watch, callback, get, post};

/// Whether this machine has IPv6 at all.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// Every address that it says it listens on.
fn addresses(watch: &Watch) -> Vec<SocketAddr> {
    let first = std::iter::once(&watch.ready["listen"]);
    let further = watch.ready["also_listen"].as_array().into_iter().flatten();
    first.chain(further).map(|address| address.as_str().unwrap().parse().unwrap()).collect()
}

/// Whether a callback is received at this address.
fn receives(site: &Site, watch: &mut Watch, address: SocketAddr) -> bool {
    let mut client = Client::new(address).unwrap();
    client.send(site.signed(callback(address.port())));
    client.answer().status == 200 && watch.next_of("delivery")["seq"].is_u64()
}

#[test]
fn localhost_is_both_loopbacks() {
    let site = Site::new();
    let mut watch = site.watch_with(&["--listen", "localhost:0", "--public-key", "sender.pem"]);
    let found = addresses(&watch);
    assert_eq!(found.len(), if has_ipv6() { 2 } else { 1 }, "{found:?}");
    let port = found[0].port();
    for address in found {
        assert!(address.ip().is_loopback() && address.port() == port, "{address}");
        assert!(receives(&site, &mut watch, address), "{address}");
    }
    // On loopback alone, so the development key is trusted.
    assert!(site.db.with_file_name("dev.pem").exists());
}

#[test]
fn several_addresses_are_listened_on() {
    let site = Site::new();
    let several = [
        &["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"][..],
        &["--listen", "127.0.0.1:0,127.0.0.2:0"],
    ];
    for listen in several {
        let arguments = [listen, &["--public-key", "sender.pem"]].concat();
        let mut watch = site.watch_with(&arguments);
        let found = addresses(&watch);
        let hosts: Vec<_> = found.iter().map(|address| address.ip().to_string()).collect();
        assert_eq!(hosts, ["127.0.0.1", "127.0.0.2"], "{listen:?}");
        let url = format!("http://{}/callback", found[0]);
        assert_eq!(watch.ready["callback_url"], url);
        for address in found {
            assert!(receives(&site, &mut watch, address), "{address}");
        }
        assert_eq!(watch.stop(Signal::TERM).code, Some(143));
    }
}

#[test]
fn one_address_that_is_taken_stops_the_start() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, err) = site.fails(&["--listen", "127.0.0.1:0", "--listen", &address]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("cannot listen on {address};")), "{err}");
}

#[test]
fn no_url_that_is_said_names_every_address() {
    let site = Site::new();
    for listen in ["0.0.0.0:0", "[::]:0"] {
        if listen.starts_with('[') && !has_ipv6() {
            continue;
        }
        let mut watch = site.watch_with(&["--listen", listen]);
        let url = &watch.ready["callback_url"];
        let port = addresses(&watch)[0].port();
        let host = url.as_str().map(|url| {
            let end = format!(":{port}/callback");
            url.strip_prefix("http://").unwrap().strip_suffix(&*end).unwrap().to_owned()
        });
        assert!(
            host.is_none_or(|host| !["0.0.0.0", "[::]", "127.0.0.1"].contains(&&*host)),
            "{url}"
        );
        let warning = watch.next_of("warning")["message"].as_str().unwrap().to_owned();
        assert!(warning.contains("--public-url") && warning.contains("every address"), "{warning}");
        // That one works from here.
        let here = warning.split("http://").nth(1).unwrap().split('/').next().unwrap();
        let mut client = Client::new(here.parse().unwrap()).unwrap();
        client.send(get("/healthz"));
        assert_eq!(client.answer().status, 200);
    }
    let public = ["--listen", "0.0.0.0:0", "--public-url", "https://dubs.example/in"];
    let watch = site.watch_with(&public);
    assert_eq!(watch.ready["callback_url"], "https://dubs.example/in");
}

#[test]
fn a_proxys_word_about_the_client_is_taken_only_where_the_proxy_is_trusted() {
    let site = Site::new();
    let forwarded = ("x-forwarded-for", "10.9.9.9, 192.0.2.7");
    for (flag, expected) in [
        (None, "127.0.0.1:"),
        (Some("--trust-forwarded-for"), "192.0.2.7"),
        (Some("--trust-forwarded-for=127.0.0.0/8"), "192.0.2.7"),
        // Another machine is the proxy; this one is a stranger.
        (Some("--trust-forwarded-for=10.0.0.2"), "127.0.0.1:"),
        (Some("--trust-forwarded-for=false"), "127.0.0.1:"),
        (Some("--trust-forwarded-for=loopback,192.0.2.0/24"), "10.9.9.9"),
    ] {
        let mut arguments = vec!["--public-key", "sender.pem"];
        arguments.extend(flag);
        let mut watch = site.watch_with(&arguments);
        let body = callback(expected);
        let signature = site.signature(body.as_bytes());
        let sound = post(&[forwarded, ("x-signature", &signature)], body.as_bytes());
        assert_eq!(watch.ask(sound).status, 200);
        let peer = |record: &Value| record["peer"].as_str().unwrap().to_owned();
        let found = peer(&watch.next_of("delivery"));
        assert!(found.starts_with(expected), "{flag:?}: {found}");
        // Of a refusal too, and it counts for the client, not for the proxy.
        assert_eq!(watch.ask(post(&[forwarded], body.as_bytes())).status, 401);
        let found = peer(&watch.next_of("refusal"));
        assert!(found.starts_with(expected), "{flag:?}: {found}");
    }
}
