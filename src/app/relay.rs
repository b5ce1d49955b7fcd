//! `dubwatch relay`: a store, a server before it and the operator's socket.

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

/// What a relay is told by its settings.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Where it listens.
    pub listen: Vec<ListenAddress>,
    /// The flags of the command line that say where it listens and how; a relay that runs already
    /// knows that better.
    pub placed_by: Vec<&'static str>,
    /// Whether a flag or the configuration file says where it listens or how.
    pub is_placed: bool,
    /// Its store.
    pub db: PathBuf,
    /// How much it keeps.
    pub caps: Caps,
    /// What its server is told.
    pub server: ServerSettings,
    /// PEM files of its certificate chain and key, where it speaks TLS itself.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// PEM files of keys whose signatures count beside the vendor's.
    pub public_keys: Vec<PathBuf>,
}

impl RelayOptions {
    /// The URL at which it is reached, as far as is known before anybody has called.
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

    /// Whether a flag or setting says where it is reached, and it is not only a default.
    fn says_where(&self) -> bool {
        self.server.public_url.is_some() || self.is_placed
    }
}

/// Runs a relay until a signal comes or something breaks.
pub fn relay(relay: &RelayOptions, print: fn(&str)) -> anyhow::Result<Exit> {
    // Before the server counts how many connections it may have.
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
    // It asks a service to read its files again. On a terminal it says that the terminal is gone.
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
            "listening on every address ({every}): the URLs of inboxes begin with {base}; where senders know this machine by another name, say it with --public-url"
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
    // What was said to a command counts until something else is said.
    let is_known = !relay.says_where() && matches!(store.reached().await, Ok(Some(_)));
    if !is_known && let Err(error) = store.note_reached(&base).await {
        tracing::warn!(%error, "where the relay is reached was not noted");
    }
    announce(&bound, &base, store.path());
    let health = store.health();
    let listener = Some(listener);
    let parts = RelayParts { store, server, listener, operator, certificate, hangups, health };
    supervisor::run(signals, parts, LogOnly).await
}

/// Answers the operator's commands beside the relay.
fn operator(store: &Arc<Store>, base: &str, print: fn(&str)) -> Option<Worker<()>> {
    match admin::listen(store.path()) {
        Ok(socket) => {
            let (store, base) = (Arc::clone(store), base.to_owned());
            Some(Worker::task("operator's socket", |stop| admin::serve(socket, store, base, stop)))
        }
        Err(error) => {
            // It relays all the same; inboxes can be made when it is stopped.
            let path = admin::socket_path(store.path());
            print(&format!(
                "no `dubwatch relay inbox` beside this relay: cannot make {}: {error}",
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
    /// SIGHUPs; `None` where they mean that the terminal is gone.
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

/// A relay shows itself by its log.
struct LogOnly;

impl Frontend for LogOnly {
    fn warn(&self, _: String) {}

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        std::future::pending().await
    }

    async fn leave(&mut self) {}

    async fn finish(self, _: Option<Counts>) {}
}

/// Keeps the certificate up with its files, and says in log and metrics what becomes of it.
fn check_certificate(certificate: &mut Option<CertificateWatcher>, server: &Server, asked: bool) {
    let Some(certificate) = certificate else {
        if asked {
            tracing::info!("SIGHUP: there is no certificate to be read again");
        }
        return;
    };
    for sentence in certificate.check(asked, Timestamp::now()) {
        tracing::warn!("{sentence}");
    }
    server.note_certificate(certificate.expires());
}

/// Says that the relay is ready: a sentence on a terminal, a line of JSON elsewhere.
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

/// Carries out an operator's command: by the relay that runs on the store, or on the store itself
/// where none does.
pub fn relay_admin(relay: &RelayOptions, command: AdminCommand) -> anyhow::Result<AdminReply> {
    let runtime = runtime()?;
    // The command knows nothing of the caps that the relay runs with: it must delete nothing by its
    // own.
    let caps = relay.caps.clone().without_expiry();
    let prepared = match command {
        AdminCommand::Create { .. } => Store::open(&Location::File(relay.db.clone()), caps),
        // In a store that was not there, there is nothing that these are about.
        AdminCommand::List
        | AdminCommand::Rotate { .. }
        | AdminCommand::Revoke { .. }
        | AdminCommand::Forget { .. }
        | AdminCommand::Prune { .. } => Store::open_existing(&relay.db, caps),
    };
    match prepared {
        Ok(store) => {
            let reply = runtime.block_on(async {
                let said = relay.base_url(relay.listen.first().copied());
                let base = if relay.says_where() {
                    if command != AdminCommand::List {
                        // A failed write is the command's to tell of.
                        let _ = store.note_reached(&said).await;
                    }
                    said
                } else {
                    store.reached().await.ok().flatten().unwrap_or(said)
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
