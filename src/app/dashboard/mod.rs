//! The backend of the dashboard: reads the journal and answers requests, forwards the status and
//! warnings, and runs a demo beside the run that is already there.

mod answer;
pub(super) mod backend;
mod catch_up;
pub(super) mod demo;
pub(super) mod facts;
pub(super) mod forward;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod told_assets;
mod writes;

use std::sync::Arc;

use super::receiver::Opened;
use backend::Sources;

/// How many events may wait for the dashboard. The backend waits with the next until there is room.
pub(super) const EVENTS: usize = 64;

/// What the backend of a receiver's journal works with.
pub(super) fn sources_of(opened: &Opened) -> anyhow::Result<Sources> {
    let follower = opened.follower()?.of_summaries();
    let (journal, keys) = (Some(Arc::clone(&opened.journal)), Arc::clone(&opened.keys));
    Ok(Sources { follower, journal, keys })
}
