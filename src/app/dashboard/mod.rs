//! The dashboard's backend: reads the journal, answers requests, forwards the status and warnings,
//! and runs a demo on request.

mod answer;
pub(super) mod backend;
mod browser;
mod catch_up;
pub(super) mod demo;
mod download_queue;
mod downloads;
mod marks;
mod note_writer;
pub(super) mod reporter;
mod rows;
pub(super) mod run_info;
mod running_search;
mod search;
mod sent_assets;
mod studio_asker;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::api_source::api_client;
use super::receiver::PreparedReceiver;
use crate::config::Config;
use backend::Sources;

/// Maximum number of events that wait for the dashboard. The backend blocks while there are as
/// many.
pub(super) const EVENTS: usize = 64;

/// Returns the backend's sources for a receiver's journal.
pub(super) fn sources_of(config: &Config, prepared: &PreparedReceiver) -> anyhow::Result<Sources> {
    let follower = prepared.follower()?.of_summaries();
    let (journal, keys) = (Some(Arc::clone(&prepared.journal)), Arc::clone(&prepared.keys));
    Ok(Sources { follower, journal, keys, api: api_client(config)?, shows_all: false })
}
