//! Detects that the machine slept: the wall clock advanced more than the monotonic clock.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Interval of checks while nothing happens.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Minimum difference between the clocks. Few corrections of the time are as large; one that is
/// only causes a reconnect.
const JUMP: SignedDuration = SignedDuration::from_secs(3);

/// Compares the two clocks since the last check.
pub struct SleepDetector {
    wall: fn() -> Timestamp,
    last: Mutex<(Timestamp, Instant)>,
}

impl SleepDetector {
    /// Creates a detector that compares with the wall clock `wall`.
    pub fn new(wall: fn() -> Timestamp) -> Self {
        Self { wall, last: Mutex::new((wall(), Instant::now())) }
    }

    /// Returns whether the wall clock advanced without the monotonic one since the last check.
    pub fn has_jumped(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = ((self.wall)(), Instant::now());
        let wall = now.0.duration_since(last.0);
        let steady = SignedDuration::try_from(now.1.duration_since(last.1));
        *last = now;
        wall.saturating_sub(steady.unwrap_or(SignedDuration::MAX)) >= JUMP
    }
}
