//! An attempt to forward a delivery, and its answer, as the journal keeps them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::callback::Headers;

/// Maximum number of bytes of an answer's body that are kept.
pub const MAX_ANSWER_BODY: usize = 16 << 10;

/// An attempt that has ended: the answer of the target, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardAttempt {
    /// The delivery.
    pub seq: u64,
    /// The target's URL.
    pub target: Arc<str>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// When it was sent.
    pub at: Timestamp,
    /// Whether the delivery is done with it: no further attempt follows.
    pub is_last: bool,
    /// What came of it.
    pub answer: ForwardAnswer,
}

impl ForwardAttempt {
    /// Returns whether the target accepted the delivery.
    pub fn is_accepted(&self) -> bool {
        self.answer.is_accepted()
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardAnswer {
    /// The status; `None` without an answer.
    pub status: Option<u16>,
    /// From the beginning of the attempt to its end.
    pub took: Duration,
    /// What went wrong, printable.
    pub error: Option<String>,
    /// The headers of the answer.
    pub headers: Headers,
    /// The beginning of the answer's body.
    pub body: Vec<u8>,
    /// Whether the body was longer.
    pub is_truncated: bool,
}

impl ForwardAnswer {
    /// Returns the answer of an attempt that got none.
    pub fn failed(why: String, took: Duration) -> Self {
        Self { error: Some(why), took, ..Self::default() }
    }

    /// Returns whether it is a complete 2xx.
    pub fn is_accepted(&self) -> bool {
        self.error.is_none() && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// An attempt that is about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BegunAttempt {
    /// The delivery.
    pub seq: u64,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// When it is sent.
    pub at: Timestamp,
}

/// What the journal writes about a target at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardBatch {
    /// The target's URL.
    pub target: Arc<str>,
    /// Every delivery up to this one is done.
    pub place: u64,
    /// Attempts that begin once this is on disk.
    pub begun: Vec<BegunAttempt>,
    /// Attempts that did not begin after all, because there was no connection.
    pub withdrawn: Vec<BegunAttempt>,
    /// Attempts that have ended.
    pub ended: Vec<ForwardAttempt>,
}

impl ForwardBatch {
    /// Returns the approximate size, in bytes.
    pub fn size(&self) -> usize {
        let of_answer = |ended: &ForwardAttempt| {
            let ForwardAnswer { headers, body, error, .. } = &ended.answer;
            128 + headers.size() + body.len() + error.as_ref().map_or(0, String::len)
        };
        let marks = 64 * (self.begun.len() + self.withdrawn.len());
        self.target.len() + marks + self.ended.iter().map(of_answer).sum::<usize>()
    }
}

/// What the journal knows of a delivery that may not be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownAttempts {
    /// Number of attempts.
    pub attempts: u32,
    /// Whether the last one was the last.
    pub is_done: bool,
    /// An attempt that was begun and whose end is not known.
    pub open: Option<BegunAttempt>,
}
