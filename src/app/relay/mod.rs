//! `dubwatch relay`: a store, its server and the operator's socket.
//!
//! | file | owns |
//! |---|---|
//! | `options` | the settings |
//! | `parts` | the parts that the supervisor runs |
//! | `operator` | the operator's commands |
//! | `certificate`, `certificate_watcher` | the TLS certificate; reloading it |
//! | `announce` | the message that the relay is ready |

mod announce;
mod certificate;
mod certificate_watcher;
mod operator;
mod options;
mod parts;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use super::listen::{Bound, bind};
use super::signals::Signals;
use super::supervisor::{self, in_runtime};
use super::worker::Worker;
use crate::config::ListenAddress;
use crate::relay::server::Server;
use crate::relay::store::{Log, Store};
use crate::serve::{self, ListeningSockets, serve};
use crate::signature::{PublicKey, TrustedKeys};
use crate::sqlite::Location;
use announce::announce;
use certificate::Certificate;
use certificate_watcher::{CertificateWatcher, check_certificate};
use operator::serve_operator;
use parts::{LogOnly, RelayParts};

pub use operator::relay_admin;
pub use options::RelayOptions;

/// Runs a relay until a signal arrives or a part fails. `print` receives messages for the operator.
pub fn relay(relay: &RelayOptions, print: fn(&str)) -> anyhow::Result<Exit> {
    // First: the server derives its number of connections from this limit.
    serve::raise_open_files();
    let mut keys = TrustedKeys::new(PublicKey::vendor());
    for path in &relay.public_keys {
        keys = keys.and(PublicKey::from_file(path)?);
    }
    let tls = match &relay.tls {
        Some((chain, key)) => Some(Certificate::open(chain, key)?),
        None => None,
    };
    let store = Arc::new(Store::open(&Location::File(relay.db.clone()), relay.caps.clone())?);
    in_runtime(run(relay, store, keys, tls, print))
}

async fn run(
    relay: &RelayOptions,
    store: Arc<Store>,
    keys: TrustedKeys,
    tls: Option<Arc<Certificate>>,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    let signals = Signals::new(false).context("cannot listen for signals")?;
    // SIGHUP asks a service to reload its files. On a terminal it means that the terminal is gone.
    let hangups = if io::stdout().is_terminal() {
        None
    } else {
        Some(signal(SignalKind::hangup()).context("cannot listen for signals")?)
    };
    let Bound { sockets, addresses: bound } = bind(&relay.listen).await?;
    let base = relay.base_url(bound.first().copied().map(ListenAddress::from));
    if relay.server.public_url.is_none()
        && let Some(every) = bound.iter().find(|bound| bound.ip().to_canonical().is_unspecified())
    {
        print(&format!(
            "listening on every address ({every}): the URLs of inboxes begin with {base}; if senders reach this machine under another name, set --public-url"
        ));
    }
    let operator = serve_operator(&store, &base, print);
    let server = Server::new(relay.server.clone(), Arc::clone(&store) as Arc<dyn Log>, keys);
    let socket = match &tls {
        Some(certificate) => ListeningSockets::from(sockets).with_tls(certificate.acceptor()?),
        None => sockets.into(),
    };
    let mut certificate = tls.map(CertificateWatcher::new);
    check_certificate(&mut certificate, &server, false);
    let counted = server.clone();
    let listener = Worker::task("listener", |stop| {
        let broken = move |broken| counted.broken(&broken);
        serve(socket, server.router(), relay.server.serve_limits(), stop, broken)
    });
    // A URL that an operator's command has stored counts until another one is set.
    let is_known = !relay.sets_base_url() && matches!(store.reached().await, Ok(Some(_)));
    if !is_known && let Err(error) = store.note_reached(&base).await {
        tracing::warn!(%error, "cannot store the relay's URL");
    }
    announce(&bound, &base, store.path());
    let health = store.health();
    let listener = Some(listener);
    let parts = RelayParts { store, server, listener, operator, certificate, hangups, health };
    supervisor::run(signals, parts, LogOnly).await
}
