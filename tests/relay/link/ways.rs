//! The ways to a relay: TLS, through a proxy, with the relay as the only door.

use rustix::process::Signal;

use crate::link::laptop::{Laptop, callbacks, link};
use crate::link::wire::connect_proxy;
use crate::relay_support::Relay;
use crate::relay_support::tls::FIXTURES;

/// A relay that speaks TLS by itself, with this certificate of the fixtures.
pub(crate) fn secure(name: &str) -> Relay {
    let (certificate, key) =
        (format!("{FIXTURES}/{name}.pem"), format!("{FIXTURES}/{name}.key.pem"));
    let rate = ["--max-rate", "100000"];
    Relay::start(&[&["--tls-cert", &certificate, "--tls-key", &key][..], &rate].concat())
}

/// Posts over TLS are the relay's own affair: here what a reader by TLS gets is what came before.
#[test]
fn wss_with_a_certificate_of_ones_own() {
    let relay = secure("relay");
    let inbox = relay.inbox("one");
    let url = format!("wss://localhost:{}", relay.address().port());
    let laptop = Laptop::at(&relay, &inbox, &url);
    let ca = format!("{FIXTURES}/ca.pem");
    let mut watch = laptop.start(&["--json", "--cacert", &ca]);
    let up = link(&mut watch, "up");
    let base = format!("https://localhost:{}/in/", relay.address().port());
    assert!(up["callback_url"].as_str().unwrap().starts_with(&base), "{up}");
    watch.stop(Signal::TERM);
    // Without it nobody vouches for the relay.
    let mut watch = laptop.start(&["--json"]);
    let why = link(&mut watch, "retrying")["why"].clone();
    let why = why.as_str().unwrap();
    assert!(why.contains("certificate") && why.contains("--cacert"), "{why}");
    watch.stop(Signal::TERM);
}

#[test]
fn through_a_proxy_and_around_it() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, callbacks(0..2));
    let (proxy, heard) = connect_proxy(relay.address());
    // A name that only the proxy can resolve.
    let laptop = Laptop::at(&relay, &inbox, "ws://relay.invalid");
    let mut command = laptop.command(&["--json", "--relay-insecure"]);
    command.env("http_proxy", format!("http://me:p%40ss@{proxy}"));
    let mut watch = crate::common::Watch::new(command.spawn().unwrap());
    link(&mut watch, "up");
    laptop.has(2);
    watch.stop(Signal::TERM);
    let heard = heard.lock().unwrap().clone();
    assert!(heard[0].starts_with("CONNECT relay.invalid:80 HTTP/1.1\r\n"), "{heard:?}");
    assert!(heard[0].contains("\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n"), "{heard:?}");

    let mut command = laptop.command(&["--json", "--relay-insecure"]);
    command.env("http_proxy", format!("http://{proxy}")).env("NO_PROXY", ".invalid");
    let mut watch = crate::common::Watch::new(command.spawn().unwrap());
    let why = link(&mut watch, "retrying")["why"].clone();
    assert!(why.as_str().unwrap().contains("cannot connect to relay.invalid:80"), "{why}");
    watch.stop(Signal::TERM);
}

#[test]
fn wss_through_a_proxy() {
    let relay = secure("proxied");
    let inbox = relay.inbox("one");
    let (proxy, heard) = connect_proxy(relay.address());
    let laptop = Laptop::at(&relay, &inbox, "wss://relay.test");
    let ca = format!("{FIXTURES}/proxied_ca.pem");
    let mut command = laptop.command(&["--json", "--cacert", &ca]);
    command.env("HTTPS_PROXY", format!("http://{proxy}"));
    let mut watch = crate::common::Watch::new(command.spawn().unwrap());
    let url = link(&mut watch, "up")["callback_url"].clone();
    assert_eq!(url, format!("https://relay.test{}", inbox.path));
    watch.stop(Signal::TERM);
    assert!(heard.lock().unwrap()[0].starts_with("CONNECT relay.test:443 HTTP/1.1\r\n"));
}

#[test]
fn the_relay_can_be_the_only_door() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, callbacks(0..3));
    let laptop = Laptop::of(&relay, &inbox);
    let mut child = laptop.command(&["--json", "--no-listen"]).spawn().unwrap();
    let out = crate::common::Heard::from(child.stdout.take().unwrap());
    let running = crate::common::Running(child);
    let ready = out.line(0, crate::common::LIMIT).unwrap();
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    assert_eq!((&ready["listen"], &ready["callback_url"]), (&().into(), &().into()));
    laptop.has(3);
    drop(running);
}
