//! The service's API as a source: asks it what the callbacks missed and writes the answers to the
//! journal. Starts with an API key alone.
//!
//! | file | owns |
//! |---|---|
//! | `reconciler` | the loop: what changed, the next question, its answer |
//! | `known` | what the journal knows of an asset, and what there is to ask |
//! | `report` | an answer as the journal takes it |
//! | `silence` | results that only the API reported, and the warnings about them |

mod known;
mod reconciler;
mod report;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::api_source::api_settings;
use super::worker::Worker;
use crate::api::ApiClient;
use crate::config::Config;
use crate::journal::{Follower, Journal};
use crate::status::ApiStatus;
use reconciler::{Reconciler, ReconcilerSettings};

/// Maximum number of queued warnings.
const WARNINGS: usize = 64;

/// The running reconciler.
pub(super) struct ApiSource {
    worker: Worker<()>,
    status: watch::Receiver<ApiStatus>,
    warnings: mpsc::Receiver<String>,
}

impl ApiSource {
    /// Starts it if an API key is set. `callback_url` is the URL that callbacks come to, for
    /// warnings, and `list_every` the time between two passes over the list, where the usual one is too
    /// long. Must be called inside a Tokio runtime.
    pub(super) fn start(
        config: &Config,
        journal: &Arc<Journal>,
        callback_url: Option<String>,
        list_every: Option<Duration>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(settings) = api_settings(config)? else { return Ok(None) };
        let client = ApiClient::new(settings);
        let follower = Follower::of_feed(journal.reader()?, journal.feed()).of_summaries();
        let (status, watched) = watch::channel(ApiStatus::new(client.address().host().to_string()));
        let (warnings, received) = mpsc::channel(WARNINGS);
        let settings = ReconcilerSettings {
            overdue: config.overdue,
            keeps_all: config.keep.is_none(),
            callback_url,
            list_every,
        };
        let reconciler =
            Reconciler::new(client, Arc::clone(journal), follower, settings, status, warnings);
        let runtime = Handle::current();
        // A thread, because reads of the journal block.
        let worker = Worker::thread("API client", move |stop| {
            runtime.block_on(async { stop.run_until_cancelled(reconciler.run()).await });
        })?;
        Ok(Some(Self { worker, status: watched, warnings: received }))
    }

    /// Returns a receiver of its status.
    pub(super) fn status(&self) -> watch::Receiver<ApiStatus> {
        self.status.clone()
    }

    /// Waits for the next warning. Waits forever once it has ended. Cancel safe.
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

    /// Stops asking. An answer that is being written is still committed.
    pub(super) async fn stop(self) {
        self.worker.stop().await;
    }
}
