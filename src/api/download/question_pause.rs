//! The pause between two questions to the API: its limits are not known.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const PAUSE: Duration = Duration::from_secs(1);

/// Keeps questions a second apart.
#[derive(Debug, Default)]
pub struct QuestionPause {
    /// When the API may be asked again; `None` at the beginning.
    next: Option<Instant>,
}

impl QuestionPause {
    /// Waits until the API may be asked, and begins the next pause.
    pub async fn over(&mut self) {
        if let Some(next) = self.next {
            sleep_until(next).await;
        }
        self.next = Some(Instant::now() + PAUSE);
    }
}
