//! Logs why connections ended without a whole request: each reason at most once a minute, with the
//! number of repetitions. Any client can cause these, so the number of lines and the memory are
//! bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::serve::ConnFailure;
use crate::text::Printable;

/// Minimum interval between two lines of one reason.
const INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of distinct reasons. There are about ten; some contain text of a library.
const MAX_REASONS: usize = 64;
/// Maximum width of a reason, in columns.
const MAX_WORDS: usize = 200;

/// When each reason was logged.
#[derive(Debug, Default)]
pub(super) struct BrokenLog(Mutex<HashMap<String, Logged>>);

#[derive(Debug)]
struct Logged {
    at: Instant,
    /// Number of repetitions since then.
    since: u64,
}

impl BrokenLog {
    /// Logs a connection, unless its reason was logged within the interval.
    pub(super) fn log(&self, broken: &ConnFailure, now: Instant) {
        let why = Printable::new(&broken.reason.to_string()).cut(MAX_WORDS).to_string();
        if let Some(more) = self.due(&why, now) {
            let (peer, status) = (broken.peer, broken.status);
            tracing::warn!(%peer, why, status, more, "a connection ended without a whole request");
        }
    }

    /// Returns the number of repetitions since the last line of a reason, if another line is due.
    fn due(&self, why: &str, now: Instant) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(logged) = reasons.get_mut(why) {
            if now.saturating_duration_since(logged.at) < INTERVAL {
                logged.since += 1;
                return None;
            }
            logged.at = now;
            return Some(std::mem::take(&mut logged.since));
        }
        if reasons.len() >= MAX_REASONS {
            reasons.retain(|_, logged| now.saturating_duration_since(logged.at) < INTERVAL);
            if reasons.len() >= MAX_REASONS {
                return None;
            }
        }
        reasons.insert(why.to_owned(), Logged { at: now, since: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_logged_once_a_minute_with_how_often_it_came() {
        let log = BrokenLog::default();
        let begun = Instant::now();
        assert_eq!(log.due("a", begun), Some(0));
        assert_eq!(log.due("b", begun), Some(0));
        for second in 0..60 {
            assert_eq!(log.due("a", begun + Duration::from_secs(second)), None);
        }
        assert_eq!(log.due("a", begun + INTERVAL), Some(60));
        assert_eq!(log.due("b", begun + INTERVAL), Some(0));
    }

    #[test]
    fn a_flood_of_reasons_is_bounded_and_passes() {
        let log = BrokenLog::default();
        let begun = Instant::now();
        let lines = (0..1000).filter(|n| log.due(&n.to_string(), begun).is_some()).count();
        assert_eq!(lines, MAX_REASONS);
        assert_eq!(log.due("later", begun + INTERVAL), Some(0));
        assert_eq!(log.0.lock().unwrap().len(), 1);
    }
}
