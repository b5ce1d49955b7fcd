//! What follows the end of an attempt: the delivery is done, sent again, or waits for the target.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinError;
use tokio::time::timeout;

use super::down::Down;
use super::forwarder::Forwarder;
use crate::forward::{
    AfterAttempt, BegunAttempt, Contact, ForwardAnswer, ForwardAttempt, SentForward, look_delay,
};

/// Time for answers that are still on their way at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// The reason of an attempt without an answer at the end.
const STOPPED: &str = "dubwatch was stopped before there was an answer; it may have arrived";

impl Forwarder {
    /// Notes the end of an attempt.
    pub(super) fn sent(&mut self, sent: Result<(BegunAttempt, SentForward), JoinError>) {
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
    pub(super) fn cut_short(&mut self, begun: BegunAttempt, why: &str) {
        let BegunAttempt { seq, attempt, at } = begun;
        let answer = ForwardAnswer::failed(why.to_owned(), Duration::ZERO);
        let target = Arc::clone(&self.target);
        self.ended.push(ForwardAttempt { seq, target, attempt, at, is_last: false, answer });
    }

    /// Waits a little for answers that are on their way, and writes the rest as cut short.
    pub(super) async fn finish(&mut self) {
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
}
