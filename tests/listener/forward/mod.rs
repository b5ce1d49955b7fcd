//! Forwarding by the real binary to real apps: what arrives there, what is kept and told, and what
//! happens when the app is down, slow, broken, or killed.

mod app;
mod bytes;
mod down;
mod kill;
mod order;
mod tls;

use serde_json::Value;

use crate::common::{Site, Watch};

impl Site {
    /// A running dubwatch that forwards to `target`.
    fn forwards_to(&self, target: &str, more: &[&str]) -> Watch {
        let mut arguments = vec!["--public-key", "sender.pem", "--forward-to", target];
        arguments.extend(more);
        self.watch_with(&arguments)
    }
}

/// Posts a signed callback, which is accepted.
#[track_caller]
fn accepted(site: &Site, watch: &Watch, body: impl AsRef<[u8]>) {
    assert_eq!(watch.ask(site.signed(body)).status, 200);
}

/// The next attempts to forward that are told, so many.
fn forwards(watch: &mut Watch, count: usize) -> Vec<Value> {
    (0..count).map(|_| watch.next_of("forward")).collect()
}

/// The body of callback `n`, of a version.
fn lane(n: u64, version: u64) -> String {
    format!(
        r#"{{"n":{n},"event":"version_ready","asset_id":"ast","version_id":"ver_{version}","version_locale":"es-ES"}}"#
    )
}
