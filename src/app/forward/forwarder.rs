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
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::report::ForwardReporter;
use super::settings::TargetSettings;
use crate::callback::{DeliverySummary, Received, Source};
use crate::forward::{
    AfterAttempt, BegunAttempt, Contact, ForwardAnswer, ForwardAttempt, ForwardBatch,
    ForwardClient, ForwardLane, ForwardQueue, SentForward, look_delay,
};
use crate::journal::{Follower, Journal, JournalBatch, JournalError, WriteError};
use crate::status::ForwardState;

/// Number of deliveries per read.
const PAGE: u32 = 256;
/// Maximum number of deliveries that are not done and in memory, without their bodies.
const WINDOW: usize = 1024;
/// Delay before a batch that was not written is written again.
const WRITE_AGAIN: Duration = Duration::from_millis(250);
/// Time for answers that are still on their way at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// The reason of an attempt whose end nothing is known of.
const KILLED: &str = "dubwatch ended before there was an answer; it may have arrived";
/// The same where dubwatch was stopped.
const STOPPED: &str = "dubwatch was stopped before there was an answer; it may have arrived";

/// Why a forwarder ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal cannot be written: {0}")]
    Write(WriteError),
}

/// How a wait, or the whole loop, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Next,
    Stop,
}

/// A target that does not take connections.
#[derive(Debug)]
struct Down {
    since: Timestamp,
    why: String,
    /// Number of attempts since then.
    looks: u32,
    /// When the next attempt is made, if deliveries wait for it.
    look_at: Instant,
}

/// Forwards to one target.
pub(super) struct Forwarder {
    client: Arc<ForwardClient>,
    settings: TargetSettings,
    target: Arc<str>,
    journal: Arc<Journal>,
    follower: Follower,
    reporter: ForwardReporter,
    queue: ForwardQueue,
    /// Number of attempts so far, of open deliveries that had some.
    attempts: HashMap<u64, u32>,
    /// Deliveries behind the place that were done by an earlier run.
    done_before: HashSet<u64>,
    /// What the next batch begins, withdraws and ends.
    begun: Vec<BegunAttempt>,
    withdrawn: Vec<BegunAttempt>,
    ended: Vec<ForwardAttempt>,
    /// The requests of `begun`.
    starting: Vec<(BegunAttempt, Received)>,
    sending: JoinSet<(BegunAttempt, SentForward)>,
    /// The attempts of `sending`.
    in_flight: HashMap<u64, BegunAttempt>,
    /// Taken deliveries that are sent again, with the time.
    delayed: BTreeSet<(Instant, u64)>,
    down: Option<Down>,
    /// The place on disk.
    written_place: u64,
}

impl Forwarder {
    /// Creates a forwarder that begins where forwarding to the target was, or where the settings say.
    pub(super) fn new(
        settings: TargetSettings,
        journal: Arc<Journal>,
        follower: Follower,
        reporter: ForwardReporter,
    ) -> Result<Self, JournalError> {
        let target: Arc<str> = Arc::from(settings.url());
        let reader = follower.reader();
        let kept = reader.forward_place(&target)?;
        let place = match (kept, settings.since) {
            (Some(place), _) => place,
            (None, None) => reader.head()?,
            (None, Some(span)) => {
                let since = Timestamp::now().checked_sub(span).unwrap_or(Timestamp::MIN);
                reader.seq_received_before(since)?
            }
        };
        let known = reader.known_forwards(&target)?;
        if kept.is_some() && settings.is_since_set {
            reporter.warn(format!(
                "{target} was forwarded to before: it goes on after delivery {place}, and --forward-since is for a new target"
            ));
        }
        let mut forwarder = Self {
            client: Arc::new(ForwardClient::new(settings.client.clone())),
            settings,
            target,
            journal,
            follower: follower.of_summaries().of_deliveries().behind(place),
            reporter,
            queue: ForwardQueue::new(place),
            attempts: HashMap::new(),
            done_before: HashSet::new(),
            begun: Vec::new(),
            withdrawn: Vec::new(),
            ended: Vec::new(),
            starting: Vec::new(),
            sending: JoinSet::new(),
            in_flight: HashMap::new(),
            delayed: BTreeSet::new(),
            down: None,
            written_place: place,
        };
        for (seq, known) in known {
            if known.is_done {
                forwarder.done_before.insert(seq);
            } else {
                forwarder.attempts.insert(seq, known.attempts);
            }
            if let Some(open) = known.open {
                forwarder.cut_short(open, KILLED);
            }
        }
        Ok(forwarder)
    }

    /// Writes where it begins, and which attempts an earlier run left open.
    pub(super) async fn begin(&mut self) -> Result<(), ForwardError> {
        let batch = Arc::new(self.batch());
        let pending = self.journal.forward(batch).map_err(ForwardError::Write)?;
        pending.receipt().await.map_err(ForwardError::Write)?;
        Ok(())
    }

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

    fn has_batch(&self) -> bool {
        !(self.begun.is_empty() && self.withdrawn.is_empty() && self.ended.is_empty())
            || self.queue.place() >= self.written_place + u64::from(PAGE)
    }

    fn batch(&mut self) -> ForwardBatch {
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

    /// Notes the end of an attempt.
    fn sent(&mut self, sent: Result<(BegunAttempt, SentForward), tokio::task::JoinError>) {
        // An attempt neither panics nor is it cancelled before the end of the run.
        let Ok((begun, SentForward { contact, answer })) = sent else { return };
        self.in_flight.remove(&begun.seq);
        let BegunAttempt { seq, attempt, at } = begun;
        self.note_contact(contact, at, answer.error.as_deref());
        let after = self.settings.policy.after(contact, attempt);
        if after == AfterAttempt::WaitForTarget {
            self.reporter.not_reached(answer.error.as_deref().unwrap_or_default());
            self.withdrawn.push(begun);
            self.queue.put_back(seq);
            return;
        }
        let is_last = after == AfterAttempt::Done;
        let target = Arc::clone(&self.target);
        let ended = ForwardAttempt { seq, target, attempt, at, is_last, answer };
        self.reporter.ended(&ended);
        self.ended.push(ended);
        match after {
            AfterAttempt::Again(delay) => {
                self.attempts.insert(seq, attempt);
                self.delayed.insert((Instant::now() + delay, seq));
            }
            AfterAttempt::Done | AfterAttempt::WaitForTarget => {
                self.attempts.remove(&seq);
                self.queue.done(seq);
            }
        }
    }

    /// Notes whether the target takes connections, and warns when that changes.
    fn note_contact(&mut self, contact: Contact, at: Timestamp, why: Option<&str>) {
        let why = why.unwrap_or_default();
        match (contact, &mut self.down) {
            (Contact::None, Some(down)) => {
                // One that began before says nothing new.
                if at >= down.since {
                    why.clone_into(&mut down.why);
                    down.looks += 1;
                    down.look_at = Instant::now() + look_delay(down.looks);
                }
            }
            (Contact::None, None) => {
                let then = if self.settings.policy.waits {
                    "callbacks wait for it, and are forwarded in order once it is back"
                } else {
                    "callbacks are not forwarded to it until it is back (--forward-when-down skip)"
                };
                self.reporter.warn(format!("the app at {} is down: {why}; {then}", self.target));
                self.down = Some(Down {
                    since: Timestamp::now(),
                    why: why.to_owned(),
                    looks: 0,
                    look_at: Instant::now() + look_delay(0),
                });
            }
            (_, Some(_)) => {
                self.down = None;
                let waiting = match self.queue.len().saturating_sub(1) {
                    0 => String::new(),
                    1 => "; 1 more callback waits for it".to_owned(),
                    more => format!("; {more} more callbacks wait for it"),
                };
                self.reporter.warn(format!("the app at {} is back{waiting}", self.target));
            }
            (_, None) => {}
        }
    }

    /// Ends an attempt that nothing more is known of.
    fn cut_short(&mut self, begun: BegunAttempt, why: &str) {
        let BegunAttempt { seq, attempt, at } = begun;
        let answer = ForwardAnswer::failed(why.to_owned(), Duration::ZERO);
        let target = Arc::clone(&self.target);
        self.ended.push(ForwardAttempt { seq, target, attempt, at, is_last: false, answer });
    }

    /// Waits a little for answers that are on their way, and writes the rest as cut short.
    async fn finish(&mut self) {
        let last = timeout(LAST_ANSWERS, async {
            while let Some(sent) = self.sending.join_next().await {
                self.sent(sent);
            }
        });
        let _ = last.await;
        self.sending.abort_all();
        let open: Vec<_> = self.in_flight.drain().map(|(_, begun)| begun).collect();
        for begun in open {
            self.cut_short(begun, STOPPED);
        }
        if !self.has_batch() && self.queue.place() == self.written_place {
            return;
        }
        let batch = Arc::new(self.batch());
        if let Ok(pending) = self.journal.forward(batch)
            && let Err(error) = pending.receipt().await
        {
            tracing::warn!("the last answers of {} were not written: {error}", self.target);
        }
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
