//! The backend of the dashboard: reads the journal and answers requests, forwards the status and
//! warnings, and runs a demo beside the run that is already there.

mod answer;
pub(super) mod backend;
mod catch_up;
pub(super) mod demo;
pub(super) mod forward;
mod rows;
pub(super) mod run_info;
mod search;
mod sent_assets;
#[cfg(test)]
mod tests;
mod writes;

use std::sync::Arc;

use super::receiver::PreparedReceiver;
use backend::Sources;

/// How many events may wait for the dashboard. The backend waits with the next until there is room.
pub(super) const EVENTS: usize = 64;

/// What the backend of a receiver's journal works with.
pub(super) fn sources_of(prepared: &PreparedReceiver) -> anyhow::Result<Sources> {
    let follower = prepared.follower()?.of_summaries();
    let (journal, keys) = (Some(Arc::clone(&prepared.journal)), Arc::clone(&prepared.keys));
    Ok(Sources { follower, journal, keys })
}
