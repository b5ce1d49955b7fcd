//! Forwards deliveries to the apps that the settings name: follows the journal, sends, and writes the
//! answers to the journal. Never in the way of intake: it reads what is on disk already.
//!
//! | file | owns |
//! |---|---|
//! | `settings` | what the settings say about each target |
//! | `forwarder` | the loop of one target |
//! | `start` | where it begins |
//! | `outcome` | what follows the end of an attempt |
//! | `down` | a target that takes no connections |
//! | `error` | why it ends |
//! | `report` | its status and its warnings |

mod down;
mod error;
mod forwarder;
mod outcome;
mod report;
mod settings;
mod start;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::worker::Worker;
use crate::config::Config;
use crate::journal::{Follower, Journal};
use crate::status::ForwardStatus;
use forwarder::Forwarder;
use report::ForwardReporter;

pub(super) use settings::forward_settings;

/// Maximum number of queued warnings.
const WARNINGS: usize = 64;

/// The running forwarders.
pub(super) struct ForwardSource {
    workers: Vec<Worker<()>>,
    status: watch::Receiver<Vec<ForwardStatus>>,
    warnings: mpsc::Receiver<String>,
}

impl ForwardSource {
    /// Starts a forwarder for each target; `None` if there is none. `bound` are the addresses of our own
    /// listener. Must be called inside a Tokio runtime, before anything is received: a new target begins
    /// with the next delivery.
    pub(super) async fn start(
        config: &Config,
        journal: &Arc<Journal>,
        bound: &[SocketAddr],
    ) -> anyhow::Result<Option<Self>> {
        let settings = forward_settings(config)?;
        if settings.is_empty() {
            return Ok(None);
        }
        settings::refuse_circles(&settings, bound)?;
        let first = settings.iter().map(|settings| ForwardStatus::new(settings.url().to_owned()));
        let (status, watched) = watch::channel(first.collect());
        let status = Arc::new(status);
        let (warnings, received) = mpsc::channel(WARNINGS);
        let mut workers = Vec::new();
        for (number, settings) in settings.into_iter().enumerate() {
            let reporter = ForwardReporter::new(Arc::clone(&status), number, warnings.clone());
            let follower = Follower::of_feed(journal.reader()?, journal.feed());
            let mut forwarder = Forwarder::new(settings, Arc::clone(journal), follower, reporter)?;
            forwarder.begin().await.context("cannot begin to forward")?;
            let runtime = Handle::current();
            // A thread, because reads of the journal block.
            workers.push(Worker::thread("forwarder", move |stop| {
                runtime.block_on(forwarder.run(stop));
            })?);
        }
        Ok(Some(Self { workers, status: watched, warnings: received }))
    }

    /// Returns a receiver of the status of each target.
    pub(super) fn status(&self) -> watch::Receiver<Vec<ForwardStatus>> {
        self.status.clone()
    }

    /// Waits for the next warning. Waits forever once all have ended. Cancel safe.
    pub(super) async fn warning(&mut self) -> String {
        match self.warnings.recv().await {
            Some(warning) => warning,
            None => std::future::pending().await,
        }
    }

    /// Returns the next warning that is already queued, if any.
    pub(super) fn waiting_warning(&mut self) -> Option<String> {
        self.warnings.try_recv().ok()
    }

    /// Stops forwarding. Answers that come within a second are still written; what is not done is
    /// forwarded after the next start.
    pub(super) async fn stop(self) {
        let stops: Vec<_> =
            self.workers.into_iter().map(|worker| tokio::spawn(worker.stop())).collect();
        for stop in stops {
            let _ = stop.await;
        }
    }
}
