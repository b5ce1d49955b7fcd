//! The parts of a running relay, and its frontend.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::super::Exit;
use super::super::frontend::Frontend;
use super::super::parts::{PartEvent, Parts};
use super::super::worker::{Worker, or_never};
use super::certificate_watcher::{CertificateWatcher, check_certificate};
use crate::relay::server::Server;
use crate::relay::store::Store;
use crate::sqlite::Health;
use crate::status::Counts;

/// The parts of a relay.
pub(super) struct RelayParts {
    pub(super) store: Arc<Store>,
    pub(super) server: Server,
    pub(super) listener: Option<Worker<()>>,
    pub(super) operator: Option<Worker<()>>,
    pub(super) certificate: Option<CertificateWatcher>,
    /// SIGHUP signals; `None` on a terminal, where SIGHUP ends the process.
    pub(super) hangups: Option<Signal>,
    pub(super) health: watch::Receiver<Health>,
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
pub(super) struct LogOnly;

impl Frontend for LogOnly {
    fn warn(&self, _: String) {}

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        std::future::pending().await
    }

    async fn leave(&mut self) {}

    async fn finish(self, _: Option<Counts>) {}
}
