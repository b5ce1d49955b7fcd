//! Announces how far the journal goes. Carries no rows: a reader reads those.

use tokio::sync::watch;

use super::Watermarks;

/// Announces how far the journal goes. A slow receiver costs the writer nothing and loses nothing: it
/// continues after the last row that it read.
#[derive(Debug, Clone)]
pub struct Feed(watch::Receiver<Watermarks>);

impl Feed {
    pub(super) const fn new(watermarks: watch::Receiver<Watermarks>) -> Self {
        Self(watermarks)
    }

    /// Returns how far the journal goes now.
    pub fn watermarks(&mut self) -> Watermarks {
        *self.0.borrow_and_update()
    }

    /// Returns how far the journal goes, and still counts as not having looked.
    pub fn announced(&self) -> Watermarks {
        *self.0.borrow()
    }

    /// Waits until the journal goes further than at the last [`Feed::watermarks`]; returns `None` once
    /// it is closed.
    pub async fn further(&mut self) -> Option<Watermarks> {
        self.0.changed().await.ok()?;
        Some(self.watermarks())
    }
}
