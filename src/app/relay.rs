//! `dubwatch relay`: a store, its server and the operator's socket.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::Exit;
use super::certificate::{Certificate, CertificateWatcher};
use super::frontend::Frontend;
use super::listen::{Bound, bind};
use super::signals::Signals;
use super::supervisor::{self, PartEvent, Parts, in_runtime, runtime};
use super::welcome::host_name;
use super::worker::{Worker, or_never};
use crate::config::{ConfigError, ListenAddress};
use crate::output::write_line;
use crate::relay::admin::{self, AdminCommand, AdminReply};
use crate::relay::server::{Server, ServerSettings};
use crate::relay::store::{Caps, Log, Store, StoreError};
use crate::serve::{self, ListeningSockets, serve};
use crate::signature::{PublicKey, TrustedKeys};
use crate::sqlite::{Health, Location, OpenError};
use crate::status::Counts;
use crate::text::Printable;

/// The settings of a relay.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// The addresses to listen on.
    pub listen: Vec<ListenAddress>,
    /// The flags on the command line that set the address or TLS. An operator's command rejects
    /// them if the relay is running, because then they have no effect.
    pub placed_by: Vec<&'static str>,
    /// Whether a flag or the configuration file sets the address or TLS.
    pub is_placed: bool,
    /// The path of the store.
    pub db: PathBuf,
    /// How much the store keeps.
    pub caps: Caps,
    /// The settings of the server.
    pub server: ServerSettings,
    /// PEM files of the certificate chain and its key; `None` for plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// PEM files of the keys that are trusted besides the vendor's.
    pub public_keys: Vec<PathBuf>,
}

impl RelayOptions {
    /// Returns the URL at which clients reach the relay: `--public-url`, or a guess from the
    /// address.
    fn base_url(&self, bound: Option<ListenAddress>) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let here = || match bound {
            Some(ListenAddress::Socket(every)) if every.ip().to_canonical().is_unspecified() => {
                let host = host_name().unwrap_or_else(|| "localhost".to_owned());
                format!("{scheme}://{host}:{}", every.port())
            }
            Some(bound) => format!("{scheme}://{}", bound.reachable()),
            None => format!("{scheme}://localhost"),
        };
        self.server.public_url.clone().unwrap_or_else(here)
    }

    /// Returns whether the URL comes from a flag or setting and is not only a default.
    fn sets_base_url(&self) -> bool {
        self.server.public_url.is_some() || self.is_placed
    }
}

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
    let operator = operator(&store, &base, print);
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

/// Serves the operator's commands while the relay runs; `None` if the socket cannot be created.
fn operator(store: &Arc<Store>, base: &str, print: fn(&str)) -> Option<Worker<()>> {
    match admin::listen(store.path()) {
        Ok(socket) => {
            let (store, base) = (Arc::clone(store), base.to_owned());
            Some(Worker::task("operator's socket", |stop| admin::serve(socket, store, base, stop)))
        }
        Err(error) => {
            // The relay works without it; inboxes can be created while it is stopped.
            let path = admin::socket_path(store.path());
            print(&format!(
                "`dubwatch relay inbox` does not work while this relay runs: cannot create {}: {error}",
                path.display()
            ));
            None
        }
    }
}

/// The parts of a relay.
struct RelayParts {
    store: Arc<Store>,
    server: Server,
    listener: Option<Worker<()>>,
    operator: Option<Worker<()>>,
    certificate: Option<CertificateWatcher>,
    /// SIGHUP signals; `None` on a terminal, where SIGHUP ends the process.
    hangups: Option<Signal>,
    health: watch::Receiver<Health>,
}

impl Parts for RelayParts {
    async fn next(&mut self) -> PartEvent {
        let Self { server, listener, certificate, hangups, health, .. } = self;
        let Some(listener) = listener else { return std::future::pending().await };
        loop {
            tokio::select! {
                Some(()) = or_never(hangups.as_mut().map(Signal::recv)) => check_certificate(certificate, server, true),
                () = or_never(certificate.as_ref().map(CertificateWatcher::wait)) => check_certificate(certificate, server, false),
                changed = health.changed() => {
                    if changed.is_err() {
                        let why = "the store's thread ended unexpectedly";
                        return PartEvent::Over(Err(anyhow::anyhow!(why)));
                    }
                    tracing::warn!(health = ?*health.borrow_and_update(), "the store");
                }
                error = listener.failed() => return PartEvent::Over(Err(error)),
            }
        }
    }

    async fn stop(&mut self) {
        let listener = self.listener.take();
        tokio::join!(self.server.drain(), async {
            if let Some(listener) = listener {
                listener.stop().await;
            }
        });
        if let Some(operator) = self.operator.take() {
            operator.stop().await;
        }
    }

    async fn close(self) {
        let store = self.store;
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// The frontend of a relay: it has only the log.
struct LogOnly;

impl Frontend for LogOnly {
    fn warn(&self, _: String) {}

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        std::future::pending().await
    }

    async fn leave(&mut self) {}

    async fn finish(self, _: Option<Counts>) {}
}

/// Reloads the certificate if its files have changed or if `forced`; updates log and metrics.
fn check_certificate(certificate: &mut Option<CertificateWatcher>, server: &Server, forced: bool) {
    let Some(certificate) = certificate else {
        if forced {
            tracing::info!("SIGHUP: there is no certificate to reload");
        }
        return;
    };
    for message in certificate.check(forced, Timestamp::now()) {
        tracing::warn!("{message}");
    }
    server.note_certificate(certificate.expires());
}

/// Announces that the relay is ready: as text on a terminal, otherwise as a line of JSON.
fn announce(bound: &[SocketAddr], url: &str, store: &Path) {
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

/// Executes an operator's command: sends it to the relay that runs on the store, or opens the store
/// itself if none runs. Returns the reply, or an error if neither is possible.
pub fn relay_admin(relay: &RelayOptions, command: AdminCommand) -> anyhow::Result<AdminReply> {
    let runtime = runtime()?;
    // The caps of the relay are not known here, so a command must not delete anything by its own.
    let caps = relay.caps.clone().without_expiry();
    let prepared = match command {
        AdminCommand::Create { .. } => Store::open(&Location::File(relay.db.clone()), caps),
        // These need an inbox, so they must not create an empty store.
        AdminCommand::List
        | AdminCommand::Rotate { .. }
        | AdminCommand::Revoke { .. }
        | AdminCommand::Forget { .. }
        | AdminCommand::Prune { .. } => Store::open_existing(&relay.db, caps),
    };
    match prepared {
        Ok(store) => {
            let reply = runtime.block_on(async {
                let configured = relay.base_url(relay.listen.first().copied());
                let base = if relay.sets_base_url() {
                    if command != AdminCommand::List {
                        // If the store cannot be written, the command itself reports it.
                        let _ = store.note_reached(&configured).await;
                    }
                    configured
                } else {
                    store.reached().await.ok().flatten().unwrap_or(configured)
                };
                admin::carry_out(&store, &base, command).await
            });
            store.close();
            Ok(reply)
        }
        Err(StoreError::Open(OpenError::InUse { .. })) => {
            if !relay.placed_by.is_empty() {
                return Err(ConfigError::Conflict(format!(
                    "a relay runs on {} and knows where it listens: leave out {}; --public-url says what its URLs begin with for others",
                    relay.db.display(),
                    relay.placed_by.join(" and ")
                ))
                .into());
            }
            let reply = runtime.block_on(admin::ask(&relay.db, &command)).with_context(|| {
                format!(
                    "a relay runs on {} and does not answer at {}",
                    relay.db.display(),
                    admin::socket_path(&relay.db).display()
                )
            })?;
            Ok(match &relay.server.public_url {
                Some(base) => reply.reached_at(base),
                None => reply,
            })
        }
        Err(error) => Err(error.into()),
    }
}
