//! What became of forwarding the deliveries that are held.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Model;
use crate::forward::ForwardMark;
use crate::status::{ForwardState, ForwardStatus};

/// Maximum number of marks held.
const MAX_MARKS: usize = 20_000;

/// Marks by `seq`. A copy is cheap.
#[derive(Debug, Clone, Default)]
pub struct ForwardMarks(Arc<BTreeMap<u64, ForwardMark>>);

impl ForwardMarks {
    /// Adds marks; each replaces the one of its delivery. Of too many, drops those that are farthest
    /// from the new one.
    pub fn add(&mut self, marks: Vec<ForwardMark>) {
        let held = Arc::make_mut(&mut self.0);
        for mark in marks {
            held.insert(mark.seq, mark);
            if held.len() > MAX_MARKS {
                let (first, last) = (held.first_key_value(), held.last_key_value());
                let distance =
                    |end: Option<(&u64, _)>| end.map_or(0, |(s, _)| s.abs_diff(mark.seq));
                if distance(first) >= distance(last) {
                    held.pop_first()
                } else {
                    held.pop_last()
                };
            }
        }
    }

    /// Returns the mark of a delivery.
    pub fn get(&self, seq: u64) -> Option<ForwardMark> {
        self.0.get(&seq).copied()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a list shows of forwarding a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardWord {
    /// It was answered, or failed.
    Ended(ForwardMark),
    /// It waits for an app that is down.
    Down,
    /// It waits for its turn or for an answer.
    Waiting,
}

impl Model {
    /// Returns whether anything is forwarded, or was.
    pub fn has_forwards(&self) -> bool {
        !(self.shown().forwards.is_empty() && self.shown().marks.is_empty())
    }

    /// Returns what became of forwarding a delivery; `None` if it is not forwarded.
    pub fn forward_word(&self, seq: u64) -> Option<ForwardWord> {
        let shown = self.shown();
        if let Some(mark) = shown.marks.get(seq) {
            return Some(ForwardWord::Ended(mark));
        }
        let mut waiting = shown.forwards.iter().filter(|target| {
            target.place < seq && target.place > 0 && target.state != ForwardState::Ended
        });
        let is_down = |target: &ForwardStatus| matches!(target.state, ForwardState::Down { .. });
        if waiting.clone().any(is_down) {
            return Some(ForwardWord::Down);
        }
        waiting.next().map(|_| ForwardWord::Waiting)
    }

    /// Returns the first target that is down, since when, and why.
    pub fn down_target(&self) -> Option<(&ForwardStatus, Timestamp, &str)> {
        self.shown().forwards.iter().find_map(|target| match &target.state {
            ForwardState::Down { since, why } => Some((target, *since, why.as_str())),
            _ => None,
        })
    }
}
