//! The status of one target, and the warnings about it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::error::ForwardError;
use crate::forward::ForwardAttempt;
use crate::status::{ForwardState, ForwardStatus};

/// Minimum interval between two changes of the numbers.
const EVERY: Duration = Duration::from_millis(250);

/// Reports on one target.
pub(super) struct ForwardReporter {
    all: Arc<watch::Sender<Vec<ForwardStatus>>>,
    /// The position of the target among all.
    number: usize,
    warnings: mpsc::Sender<String>,
    /// The status now, which is shown with some delay.
    now: ForwardStatus,
    shown_at: Option<Instant>,
}

impl ForwardReporter {
    pub(super) fn new(
        all: Arc<watch::Sender<Vec<ForwardStatus>>>,
        number: usize,
        warnings: mpsc::Sender<String>,
    ) -> Self {
        let now = all.borrow()[number].clone();
        Self { all, number, warnings, now, shown_at: None }
    }

    /// Sends a warning. If the queue is full, the log file must suffice.
    pub(super) fn warn(&self, message: String) {
        if let Err(error) = self.warnings.try_send(message) {
            tracing::warn!("{}", error.into_inner());
        }
    }

    /// Notes an attempt that has ended.
    pub(super) fn ended(&mut self, attempt: &ForwardAttempt) {
        let at = Timestamp::now();
        if attempt.is_accepted() {
            self.now.accepted += 1;
        } else {
            self.now.failed += 1;
        }
        if let Some(status) = attempt.answer.status {
            self.now.last_answer = Some((at, status));
        }
        if let Some(why) = &attempt.answer.error {
            self.now.last_error = Some((at, why.clone()));
        }
    }

    /// Notes that there was no connection.
    pub(super) fn not_reached(&mut self, why: &str) {
        self.now.last_error = Some((Timestamp::now(), why.to_owned()));
    }

    /// Notes what is done now.
    pub(super) fn set(&mut self, state: ForwardState, place: u64, waiting: u64) {
        self.now.state = state;
        self.now.place = place;
        self.now.waiting = waiting;
    }

    /// Shows the status if it has changed: a change of the state at once, others not too often. Returns
    /// when to show the rest.
    pub(super) fn show(&mut self) -> Option<Instant> {
        let (is_same, is_same_state) = {
            let shown = &self.all.borrow()[self.number];
            (*shown == self.now, shown.state == self.now.state)
        };
        if is_same {
            return None;
        }
        let due = self.shown_at.map(|shown| shown + EVERY).filter(|due| *due > Instant::now());
        if is_same_state && due.is_some() {
            return due;
        }
        self.all.send_modify(|all| all[self.number] = self.now.clone());
        self.shown_at = Some(Instant::now());
        None
    }

    /// Shows that nothing more is forwarded.
    pub(super) fn end(&mut self, error: Option<&ForwardError>) {
        if let Some(error) = error {
            self.warn(format!("nothing more is forwarded to {}: {error}", self.now.target));
            self.now.last_error = Some((Timestamp::now(), error.to_string()));
        }
        self.now.state = ForwardState::Ended;
        self.all.send_modify(|all| all[self.number] = self.now.clone());
    }
}
