//! How far a download is, and how fast.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What stands for a length that is not known.
const UNKNOWN: u64 = u64::MAX;
/// The time over which a rate is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// How far a download is. Shared between the download and what shows it.
#[derive(Debug)]
pub struct DownloadProgress {
    have: AtomicU64,
    total: AtomicU64,
}

impl Default for DownloadProgress {
    fn default() -> Self {
        Self { have: AtomicU64::new(0), total: AtomicU64::new(UNKNOWN) }
    }
}

impl DownloadProgress {
    /// Returns the number of bytes that are in the file.
    pub fn have(&self) -> u64 {
        self.have.load(Ordering::Relaxed)
    }

    /// Returns the length of the whole file, if it is announced.
    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN)
    }

    /// Sets where a download begins or goes on.
    pub(super) fn begin(&self, have: u64, total: Option<u64>) {
        self.have.store(have, Ordering::Relaxed);
        self.total.store(total.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub(super) fn set_have(&self, have: u64) {
        self.have.store(have, Ordering::Relaxed);
    }
}

/// Measures the rate of a download over the last seconds.
#[derive(Debug, Default)]
pub struct Pace {
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// Notes how many bytes there are. Returns the rate in bytes a second, as soon as there is one.
    pub fn note(&mut self, now: Instant, have: u64) -> Option<u64> {
        if self.seen.back().is_some_and(|(_, before)| *before > have) {
            // It began anew.
            self.seen.clear();
        }
        self.seen.push_back((now, have));
        while self.seen.len() > 2 && now.duration_since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
        let (since, before) = *self.seen.front()?;
        let millis = u64::try_from(now.duration_since(since).as_millis()).ok()?;
        (have - before).checked_mul(1000)?.checked_div(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.note(at(0), 1_000_000), None);
        assert_eq!(pace.note(at(1), 1_000_100), Some(100), "the bytes before it do not count");
        assert_eq!(pace.note(at(2), 1_000_400), Some(200));
        for second in 3..30 {
            pace.note(at(second), 1_000_400);
        }
        assert_eq!(pace.note(at(30), 1_000_400), Some(0), "it has stalled");
        assert_eq!(pace.note(at(31), 10), None, "it began anew");
        assert_eq!(pace.note(at(32), 20), Some(10));
        assert!(pace.seen.len() <= 12);
    }

    #[test]
    fn a_length_may_be_unknown() {
        let progress = DownloadProgress::default();
        assert_eq!((progress.have(), progress.total()), (0, None));
        progress.begin(5, Some(9));
        progress.set_have(7);
        assert_eq!((progress.have(), progress.total()), (7, Some(9)));
    }
}
