//! What stands behind a dashboard: a backend that reads the journal for it, what else is passed on to
//! it, and a demo beside the real run.

mod answer;
pub(super) mod aside;
pub(super) mod backend;
mod catch_up;
pub(super) mod facts;
pub(super) mod forward;
pub(super) mod route;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod told_assets;
mod writes;

use std::sync::Arc;

use super::receiver::Opened;
use crate::tui::msg::Stage;
use backend::Sources;

/// What the backend of a receiver's journal works with.
pub(super) fn sources_of(opened: &Opened, stage: Stage) -> anyhow::Result<Sources> {
    let follower = opened.follower()?.of_summaries();
    let (journal, keys) = (Some(Arc::clone(&opened.journal)), Arc::clone(&opened.keys));
    Ok(Sources { stage, follower, journal, keys })
}
