//! The announcement that a relay is ready.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use crate::output::write_line;
use crate::text::Printable;

/// Announces that the relay is ready: as text on a terminal, otherwise as a line of JSON.
pub(super) fn announce(bound: &[SocketAddr], url: &str, store: &Path) {
    let store = store.display().to_string();
    let bound: Vec<String> = bound.iter().map(ToString::to_string).collect();
    tracing::info!(
        listen = bound.join(", "),
        url,
        store,
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
    let mut out = io::stdout();
    let _ = if out.is_terminal() {
        let (url, store) = (Printable::new(url), Printable::new(&store));
        writeln!(
            out,
            "Relaying on {}, reached at {url}, store {store}\n\
             Make an inbox with `dubwatch relay inbox create NAME`.",
            bound.join(" and ")
        )
    } else {
        let mut ready = serde_json::json!({
            "v": 1, "type": "ready", "listen": bound.first(), "url": url, "store": store,
        });
        if let [_, further @ ..] = bound.as_slice()
            && !further.is_empty()
        {
            ready["also_listen"] = further.into();
        }
        write_line(&mut out, &ready)
    };
    let _ = out.flush();
}
