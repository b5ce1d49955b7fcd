//! Rate limits for frames and notifications. Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::text::Printable;

/// Minimum time between two frames: more than thirty a second would not be visible.
pub(super) const FRAME_INTERVAL: Duration = Duration::from_millis(33);
/// Minimum time between two notifications.
pub(super) const NOTIFICATION_INTERVAL: Duration = Duration::from_secs(2);

/// Allows the first frame after a pause immediately, and delays the next ones.
#[derive(Debug, Default)]
pub(super) struct FrameLimiter {
    /// The earliest time of the next frame; `None` is immediately.
    due: Option<Instant>,
}

impl FrameLimiter {
    /// Creates a limiter. The first frame is drawn at `first`; `None` is immediately.
    pub(super) const fn from(first: Option<Instant>) -> Self {
        Self { due: first }
    }

    /// Returns the earliest time of the next frame.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.due.unwrap_or(now)
    }

    /// Records that a frame was drawn.
    pub(super) fn drawn(&mut self, now: Instant) {
        self.due = Some(now + FRAME_INTERVAL);
    }

    /// Allows the next frame immediately.
    pub(super) fn skip_delay(&mut self) {
        self.due = None;
    }
}

/// Allows the first notification immediately; those that follow soon after are combined.
#[derive(Debug, Default)]
pub(super) struct BellLimiter {
    last: Option<Instant>,
    /// The first waiting notification, and how many more are waiting.
    waiting: Option<(Printable, u32)>,
}

impl BellLimiter {
    /// Adds a notification.
    pub(super) fn add(&mut self, words: Printable) {
        match &mut self.waiting {
            Some((_, more)) => *more += 1,
            None => self.waiting = Some((words, 0)),
        }
    }

    /// Returns when the waiting notifications are due, or `None` if there are none.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.waiting.as_ref().map(|_| self.last.map_or(now, |last| last + NOTIFICATION_INTERVAL))
    }

    /// Returns the notification to send now, if one is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Printable> {
        if self.due(now)? > now {
            return None;
        }
        self.last = Some(now);
        self.waiting.take().map(|(words, more)| match more {
            0 => words,
            more => Printable::new(&format!("{words}, and {more} more")),
        })
    }
}
