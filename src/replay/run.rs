//! Reads deliveries, waits until each is due, and posts them: the deliveries of a version one after the
//! other, those of different versions beside each other.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::poster::{Poster, Unanswered};
use super::{ReplayPlan, ReplaySpeed, ReplaySummary};
use crate::callback::{Callback, Delivery, Source};
use crate::journal::{JournalError, JournalReader};

/// Deliveries read at once.
const PAGE: u32 = 64;
/// Deliveries that are read ahead.
const AHEAD: usize = 32;
/// Requests that are on their way at once. A version always takes the same of these lanes.
const LANES: usize = 16;
/// Deliveries that wait in a lane.
const IN_LANE: usize = 4;

/// Why a replay ended early.
#[derive(Debug)]
pub enum ReplayStop {
    /// The receiver cannot be reached: a sentence, and the first delivery that it did not get.
    NoWay {
        /// Why.
        why: String,
        /// The number of the first delivery that was not sent.
        next: u64,
    },
    /// The journal cannot be read.
    Journal(JournalError),
}

/// A replay that runs.
pub struct Replay {
    shared: Arc<ReplayProgress>,
}

#[derive(Default)]
struct ReplayProgress {
    state: Mutex<ReplayState>,
    stop: CancellationToken,
}

#[derive(Default)]
struct ReplayState {
    summary: ReplaySummary,
    /// The deliveries that have no answer yet.
    underway: BTreeSet<u64>,
    /// Why none can be sent any more.
    no_way: Option<String>,
}

impl ReplayProgress {
    fn state(&self) -> MutexGuard<'_, ReplayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if the receiver could not be reached.
    fn no_way(&self) -> Result<(), ReplayStop> {
        let mut state = self.state();
        let Some(why) = state.no_way.take() else { return Ok(()) };
        Err(ReplayStop::NoWay { why, next: state.underway.first().copied().unwrap_or_default() })
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self::new()
    }
}

impl Replay {
    /// Creates a replay that has sent nothing.
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Returns what became of the deliveries so far.
    pub fn summary(&self) -> ReplaySummary {
        self.shared.state().summary.clone()
    }

    /// Returns how many were sent.
    pub fn sent(&self) -> u64 {
        self.shared.state().summary.sent
    }

    /// Sends the deliveries of a plan. Ends early if the receiver cannot be reached.
    pub async fn run(
        &self,
        plan: &ReplayPlan,
        reader: JournalReader,
        poster: Poster,
        speed: ReplaySpeed,
    ) -> Result<(), ReplayStop> {
        let (ahead, deliveries) = mpsc::channel(AHEAD);
        let stop = self.shared.stop.clone();
        // Cancelled when this future is dropped: the reading ends then.
        let _guard = stop.clone().drop_guard();
        let read_plan = plan.clone();
        let reading = tokio::task::spawn_blocking(move || read(&reader, &read_plan, &ahead, &stop));
        let mut lanes = JoinSet::new();
        let senders = self.lanes(&mut lanes, &Arc::new(poster));
        self.dispatch(plan, deliveries, &senders, speed).await;
        drop(senders);
        while lanes.join_next().await.is_some() {}
        self.shared.no_way()?;
        match reading.await {
            Ok(Err(error)) => Err(ReplayStop::Journal(error)),
            _ => Ok(()),
        }
    }

    /// Starts the lanes.
    fn lanes(&self, lanes: &mut JoinSet<()>, poster: &Arc<Poster>) -> Vec<mpsc::Sender<Delivery>> {
        let start = |_| {
            let (sender, lane) = mpsc::channel(IN_LANE);
            lanes.spawn(post_all(Arc::clone(&self.shared), Arc::clone(poster), lane));
            sender
        };
        (0..LANES).map(start).collect()
    }

    /// Hands each delivery to its lane when it is due.
    async fn dispatch(
        &self,
        plan: &ReplayPlan,
        mut deliveries: mpsc::Receiver<Delivery>,
        senders: &[mpsc::Sender<Delivery>],
        speed: ReplaySpeed,
    ) {
        let begun = Instant::now();
        let hand_over = async {
            while let Some(delivery) = deliveries.recv().await {
                let due = speed.due(plan.first_at(), delivery.request.received_at);
                if let Some(at) = begun.checked_add(due) {
                    sleep_until(at).await;
                }
                self.shared.state().underway.insert(delivery.seq);
                let lane = lane_of(&delivery.callback);
                if senders[lane].send(delivery).await.is_err() {
                    return;
                }
            }
        };
        self.shared.stop.run_until_cancelled(hand_over).await;
    }
}

/// Returns the lane of a callback: always the same for a version.
fn lane_of(callback: &Callback) -> usize {
    let mut hasher = DefaultHasher::new();
    (&callback.asset_id, &callback.version_id).hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default()
}

/// Posts the deliveries of a lane, one after the other.
async fn post_all(
    shared: Arc<ReplayProgress>,
    poster: Arc<Poster>,
    mut lane: mpsc::Receiver<Delivery>,
) {
    while let Some(delivery) = lane.recv().await {
        if shared.stop.is_cancelled() {
            return;
        }
        let seq = delivery.seq;
        let posted = poster.post(delivery.request).await;
        let mut state = shared.state();
        match posted {
            Ok(answer) => state.summary.answered(seq, answer),
            Err(Unanswered::NoWay(why)) => {
                state.no_way.get_or_insert(why);
                shared.stop.cancel();
                return;
            }
            Err(lost) => state.summary.unanswered(seq, &lost),
        }
        state.underway.remove(&seq);
    }
}

/// Reads the deliveries of a plan until nobody takes them.
fn read(
    reader: &JournalReader,
    plan: &ReplayPlan,
    ahead: &mpsc::Sender<Delivery>,
    stop: &CancellationToken,
) -> Result<(), JournalError> {
    let Some((first, last)) = plan.seqs else { return Ok(()) };
    let mut seq = first.saturating_sub(1);
    while seq < last && !stop.is_cancelled() {
        let page = reader.deliveries_after(seq, PAGE)?;
        let Some(newest) = page.last() else { break };
        seq = newest.seq;
        for delivery in page.into_iter().filter(|delivery| delivery.seq <= last) {
            let is_request = delivery.request.source != Source::Api;
            let name = reader.name_of(&delivery)?;
            if is_request
                && plan.filter.matches_named(&delivery, name.as_deref())
                && ahead.blocking_send(delivery).is_err()
            {
                return Ok(());
            }
        }
    }
    Ok(())
}
