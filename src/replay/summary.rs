//! What became of the deliveries that were sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::StatusCode;

use super::poster::{ReplayAnswer, Unanswered};

/// Maximum number of reasons that are told apart, and of numbers that are listed.
const MAX_LISTED: usize = 10;
/// What stands for all further reasons.
const OTHER: &str = "other failures";

/// Counts of answers and failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// How many were sent, answered or not.
    pub sent: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Why others got no answer, and how many.
    pub failures: BTreeMap<String, u64>,
    /// The first deliveries that were not answered 2xx, by number.
    pub bad: BTreeSet<u64>,
    /// The longest time to an answer.
    pub slowest: Duration,
}

impl ReplaySummary {
    pub(super) fn answered(&mut self, seq: u64, answer: ReplayAnswer) {
        self.sent += 1;
        *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
        self.slowest = self.slowest.max(answer.took);
        if !answer.status.is_success() {
            self.note(seq);
        }
    }

    pub(super) fn unanswered(&mut self, seq: u64, why: &Unanswered) {
        self.sent += 1;
        let (Unanswered::NoWay(why) | Unanswered::Lost(why)) = why;
        let is_known = self.failures.contains_key(why) || self.failures.len() < MAX_LISTED;
        let why = if is_known { why.as_str() } else { OTHER };
        *self.failures.entry(why.to_owned()).or_default() += 1;
        self.note(seq);
    }

    fn note(&mut self, seq: u64) {
        self.bad.insert(seq);
        if self.bad.len() > MAX_LISTED {
            self.bad.pop_last();
        }
    }

    /// Returns how many were not answered 2xx.
    pub fn failed(&self) -> u64 {
        let is_bad = |status: u16| StatusCode::from_u16(status).is_ok_and(|s| !s.is_success());
        let refused = self.statuses.iter().filter(|(status, _)| is_bad(**status));
        refused.map(|(_, count)| count).sum::<u64>() + self.failures.values().sum::<u64>()
    }
}
