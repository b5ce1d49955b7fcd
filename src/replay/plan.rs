//! Which deliveries are sent again.

use jiff::{SignedDuration, Timestamp};

use super::ReplaySpeed;
use crate::callback::Source;
use crate::filter::{DeliveryFacts, Filter};
use crate::journal::{JournalError, JournalReader};

/// Rows scanned at once.
const PAGE: u32 = 4096;

/// The deliveries to send, as they were when the plan was made.
#[derive(Debug, Clone)]
pub struct ReplayPlan {
    pub(super) filter: Filter,
    /// How many there are.
    pub count: u64,
    /// How many answers of the service's API fit too: those were no requests.
    pub answers: u64,
    /// The numbers of the first and the last of them; `None` if there are none.
    pub(super) seqs: Option<(u64, u64)>,
    /// When the first and the last of them were received, by their times.
    times: Option<(Timestamp, Timestamp)>,
}

impl ReplayPlan {
    /// Finds the deliveries that fit.
    pub fn new(reader: &JournalReader, filter: Filter) -> Result<Self, JournalError> {
        let head = reader.head()?;
        let mut plan = Self { filter, count: 0, answers: 0, seqs: None, times: None };
        let Some(range) = plan.filter.seqs() else { return Ok(plan) };
        let by_name = plan.filter.looks_at_names();
        let mut seq = range.start().saturating_sub(1);
        let last = head.min(*range.end());
        let mut failed = None;
        while seq < last {
            let scanned = reader.scan_after(seq, last, PAGE, usize::MAX, |facts| {
                let name = match facts.asset_id.filter(|_| by_name).map(|id| reader.name(id)) {
                    Some(Ok(name)) => name,
                    None => None,
                    Some(Err(error)) => {
                        failed.get_or_insert(error);
                        None
                    }
                };
                if plan.filter.matches_facts(facts, name.as_deref()) {
                    Self::add(
                        &mut plan.count,
                        &mut plan.answers,
                        &mut plan.seqs,
                        &mut plan.times,
                        facts,
                    );
                }
                // Counted, not copied.
                false
            })?;
            let Some((scanned, _)) = scanned.last else { break };
            seq = scanned;
        }
        failed.map_or(Ok(plan), Err)
    }

    fn add(
        count: &mut u64,
        answers: &mut u64,
        seqs: &mut Option<(u64, u64)>,
        times: &mut Option<(Timestamp, Timestamp)>,
        facts: &DeliveryFacts<'_>,
    ) {
        if facts.source == Source::Api.name() {
            *answers += 1;
            return;
        }
        *count += 1;
        let (seq, at) = (facts.seq, facts.received_at);
        *seqs = Some(seqs.map_or((seq, seq), |(first, _)| (first, seq)));
        *times = Some(times.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    /// Returns the time over which they were received.
    pub fn span(&self) -> SignedDuration {
        self.times.map_or(SignedDuration::ZERO, |(first, last)| last.duration_since(first))
    }

    /// Returns when the first of them was received.
    pub(super) fn first_at(&self) -> Timestamp {
        self.times.map_or(Timestamp::UNIX_EPOCH, |(first, _)| first)
    }

    /// Returns about how long sending takes at a speed, if every answer comes at once.
    pub fn takes(&self, speed: ReplaySpeed) -> std::time::Duration {
        self.times.map_or_else(Default::default, |(first, last)| speed.due(first, last))
    }
}
