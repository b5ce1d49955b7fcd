//! How often things may be done: frames, and calls to the user. Pure: the moment is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::text::Printable;

/// The time between two frames, at least: thirty a second are as many as anybody sees.
pub(super) const FRAME: Duration = Duration::from_millis(33);
/// The time between two calls, at least.
pub(super) const CALL: Duration = Duration::from_secs(2);

/// Lets the first frame after a pause through at once, and delays the next ones.
#[derive(Debug, Default)]
pub(super) struct FrameLimiter {
    /// The time before which none is drawn.
    due: Option<Instant>,
}

impl FrameLimiter {
    /// The first frame is drawn at `first`; `None` means at once.
    pub(super) const fn from(first: Option<Instant>) -> Self {
        Self { due: first }
    }

    /// From when on the next frame may be drawn.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.due.unwrap_or(now)
    }

    /// One was drawn.
    pub(super) fn drawn(&mut self, now: Instant) {
        self.due = Some(now + FRAME);
    }

    /// The next one must not wait.
    pub(super) fn hurry(&mut self) {
        self.due = None;
    }
}

/// Lets the first call through at once; those that come soon after become one.
#[derive(Debug, Default)]
pub(super) struct BellLimiter {
    last: Option<Instant>,
    /// The first of those that wait, and how many more there are.
    waiting: Option<(Printable, u32)>,
}

impl BellLimiter {
    /// Takes a call in; it may have to wait.
    pub(super) fn add(&mut self, words: Printable) {
        match &mut self.waiting {
            Some((_, more)) => *more += 1,
            None => self.waiting = Some((words, 0)),
        }
    }

    /// When the waiting calls are due; `None` where none waits.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.waiting.as_ref().map(|_| self.last.map_or(now, |last| last + CALL))
    }

    /// What is to be called out now; `None` where nothing is.
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
