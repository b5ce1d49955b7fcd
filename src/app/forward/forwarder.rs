//! The loop of one target: reads new deliveries, sends them in order per version, and writes the
//! answers.
//!
//! Each turn commits at most one batch: the attempts that have ended since the last turn, and those
//! that begin. An attempt is sent only once the journal has it, so that the kept answers say how often
//! a delivery may have arrived, even after the process was killed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::down::Down;
use super::error::ForwardError;
use super::report::ForwardReporter;
use super::settings::TargetSettings;
use crate::callback::{DeliverySummary, Received, Source};
use crate::forward::{
    BegunAttempt, ForwardAttempt, ForwardBatch, ForwardClient, ForwardLane, ForwardQueue,
    SentForward,
};
use crate::journal::{Follower, Journal, JournalBatch, JournalError, WriteError};
use crate::status::ForwardState;

/// Number of deliveries per read.
const PAGE: u32 = 256;
/// Maximum number of deliveries that are not done and in memory, without their bodies.
const WINDOW: usize = 1024;
/// Delay before a batch that was not written is written again.
const WRITE_AGAIN: Duration = Duration::from_millis(250);

/// How a wait, or the whole loop, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Next,
    Stop,
}

/// Forwards to one target.
pub(super) struct Forwarder {
    pub(super) client: Arc<ForwardClient>,
    pub(super) settings: TargetSettings,
    pub(super) target: Arc<str>,
    pub(super) journal: Arc<Journal>,
    pub(super) follower: Follower,
    pub(super) reporter: ForwardReporter,
    pub(super) queue: ForwardQueue,
    /// Number of attempts so far, of open deliveries that had some.
    pub(super) attempts: HashMap<u64, u32>,
    /// Deliveries behind the place that were done by an earlier run.
    pub(super) done_before: HashSet<u64>,
    /// What the next batch begins, withdraws and ends.
    pub(super) begun: Vec<BegunAttempt>,
    pub(super) withdrawn: Vec<BegunAttempt>,
    pub(super) ended: Vec<ForwardAttempt>,
    /// The requests of `begun`.
    pub(super) starting: Vec<(BegunAttempt, Received)>,
    pub(super) sending: JoinSet<(BegunAttempt, SentForward)>,
    /// The attempts of `sending`.
    pub(super) in_flight: HashMap<u64, BegunAttempt>,
    /// Taken deliveries that are sent again, with the time.
    pub(super) delayed: BTreeSet<(Instant, u64)>,
    pub(super) down: Option<Down>,
    /// The place on disk.
    pub(super) written_place: u64,
}

impl Forwarder {
    /// Runs until it is stopped, or the journal cannot be read; the run as a whole goes on then.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        match self.work(&stop).await {
            Ok(()) => {
                self.finish().await;
                self.reporter.end(None);
            }
            Err(error) => {
                self.reporter.end(Some(&error));
                stop.cancelled().await;
            }
        }
    }

    async fn work(&mut self, stop: &CancellationToken) -> Result<(), ForwardError> {
        loop {
            while let Some(sent) = self.sending.try_join_next() {
                self.sent(sent);
            }
            self.wake();
            self.read()?;
            self.begin_attempts()?;
            if self.has_batch() {
                if self.write(stop).await? == Turn::Stop {
                    return Ok(());
                }
                continue;
            }
            if self.wait(stop).await? == Turn::Stop {
                return Ok(());
            }
        }
    }

    /// Reads new deliveries, as long as there is room for them.
    fn read(&mut self) -> Result<(), ForwardError> {
        while self.queue.len() < WINDOW
            && let Some(batch) = self.follower.next(PAGE)?
        {
            let JournalBatch::Summaries(page) = batch else { continue };
            for row in page {
                if !self.done_before.remove(&row.seq) && self.is_wanted(&row)? {
                    self.queue.add(row.seq, ForwardLane::of(&row.callback));
                } else {
                    self.queue.pass(row.seq);
                }
            }
        }
        Ok(())
    }

    fn is_wanted(&self, row: &DeliverySummary) -> Result<bool, JournalError> {
        if !matches!(row.source, Source::Direct | Source::Relay) {
            return Ok(false);
        }
        let filter = &self.settings.filter;
        let name = match &row.callback.asset_id {
            Some(asset_id) if filter.looks_at_names() => self.follower.reader().name(asset_id)?,
            _ => None,
        };
        Ok(filter.matches_facts(&row.into(), name.as_deref()))
    }

    /// Makes deliveries ready whose delay is over.
    fn wake(&mut self) {
        let now = Instant::now();
        while let Some((due, seq)) = self.delayed.first().copied()
            && due <= now
        {
            self.delayed.pop_first();
            self.queue.put_back(seq);
        }
    }

    /// Takes the deliveries to send next.
    fn begin_attempts(&mut self) -> Result<(), ForwardError> {
        loop {
            let busy = self.in_flight.len() + self.starting.len();
            let at_once = match &self.down {
                // One at a time, until one arrives.
                Some(down) if self.settings.policy.waits => {
                    usize::from(down.look_at <= Instant::now())
                }
                _ => self.settings.at_once,
            };
            if busy >= at_once {
                return Ok(());
            }
            let Some(seq) = self.queue.take() else { return Ok(()) };
            let Some(delivery) = self.follower.reader().delivery(seq)? else {
                // It was deleted meanwhile.
                self.queue.done(seq);
                continue;
            };
            let attempt = self.attempts.get(&seq).copied().unwrap_or(0) + 1;
            let begun = BegunAttempt { seq, attempt, at: Timestamp::now() };
            self.begun.push(begun);
            self.starting.push((begun, delivery.request));
        }
    }

    pub(super) fn has_batch(&self) -> bool {
        !(self.begun.is_empty() && self.withdrawn.is_empty() && self.ended.is_empty())
            || self.queue.place() >= self.written_place + u64::from(PAGE)
    }

    pub(super) fn batch(&mut self) -> ForwardBatch {
        self.written_place = self.queue.place();
        ForwardBatch {
            target: Arc::clone(&self.target),
            place: self.written_place,
            begun: std::mem::take(&mut self.begun),
            withdrawn: std::mem::take(&mut self.withdrawn),
            ended: std::mem::take(&mut self.ended),
        }
    }

    /// Writes a batch, as often as needed, then sends what it begins.
    async fn write(&mut self, stop: &CancellationToken) -> Result<Turn, ForwardError> {
        let batch = Arc::new(self.batch());
        let mut is_told = false;
        loop {
            let written = match self.journal.forward(Arc::clone(&batch)) {
                Ok(pending) => pending.receipt().await,
                Err(error) => Err(error),
            };
            match written {
                Ok(_) => break,
                Err(WriteError::Closed) => return Ok(Turn::Stop),
                Err(error) if !is_told => {
                    tracing::warn!("cannot write what was forwarded to {}: {error}", self.target);
                    is_told = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(Turn::Stop),
                () = sleep(WRITE_AGAIN) => {}
            }
        }
        for (begun, request) in std::mem::take(&mut self.starting) {
            let client = Arc::clone(&self.client);
            self.in_flight.insert(begun.seq, begun);
            self.sending.spawn(async move { (begun, client.send(request).await) });
        }
        Ok(Turn::Next)
    }

    /// Waits for an answer, a new delivery, or the time of an attempt.
    async fn wait(&mut self, stop: &CancellationToken) -> Result<Turn, ForwardError> {
        let look_at = self.down.as_ref().filter(|_| self.settings.policy.waits);
        let look_at = look_at.map(|down| down.look_at).filter(|_| self.queue.next().is_some());
        let look_at = look_at.filter(|_| self.in_flight.is_empty());
        let delayed = self.delayed.first().map(|(due, _)| *due);
        let shown = self.show();
        let until = [look_at, delayed, shown].into_iter().flatten().min();
        tokio::select! {
            () = stop.cancelled() => return Ok(Turn::Stop),
            Some(sent) = self.sending.join_next(), if !self.sending.is_empty() => self.sent(sent),
            changed = self.follower.changed(), if self.queue.len() < WINDOW => {
                if !changed? {
                    return Ok(Turn::Stop);
                }
            }
            () = sleep_until(until.unwrap_or_else(Instant::now).into()), if until.is_some() => {}
        }
        Ok(Turn::Next)
    }

    /// Reports what is done now. Returns when to report the rest.
    fn show(&mut self) -> Option<Instant> {
        let state = match &self.down {
            Some(down) => ForwardState::Down { since: down.since, why: down.why.clone() },
            None if self.queue.len() > 0 => ForwardState::Sending,
            None => ForwardState::Idle,
        };
        let unread = self.follower.head().saturating_sub(self.queue.read());
        self.reporter.set(state, self.queue.place(), self.queue.len() as u64 + unread);
        self.reporter.show()
    }
}
