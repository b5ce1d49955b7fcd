//! A version's history as the spans of its lane; decides nothing about state.

use jiff::Timestamp;

use super::Step;
use crate::callback::{Basis, Provenance, State};

/// A part of a lane: one state, from its arrival to that of the next.
///
/// The spans of a version are in order and never overlap: each begins where the one before it ends,
/// and the last, which is the current state, is open. A span may have no length: the step was
/// reported, but how long it took is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The state.
    pub state: State,
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; `None` for the current state.
    pub to: Option<Timestamp>,
    /// The cycle that it belongs to.
    pub cycle: u32,
    /// Verified where any delivery of the step was (rule 11).
    pub provenance: Provenance,
    /// Whether a callback reported the step, the API, or both (rules 12 to 19).
    pub basis: Basis,
}

/// Returns the spans of a history, which is in order of arrival.
///
/// A late step goes to its place in the lifecycle: before the first step of its cycle that ranks
/// higher. It has a length if it was received before that step, as through a relay, and none if it
/// was received after it. If that step has been dropped from the history, the late one is left out
/// too. A time before that of the previous step is raised to it.
pub(super) fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<Span> {
    let mut ordered: Vec<Step> = Vec::with_capacity(steps.size_hint().0);
    for step in steps {
        if step.late {
            let place = ordered.iter().position(|other| {
                other.cycle == step.cycle && other.state.rank() > step.state.rank()
            });
            if let Some(place) = place {
                ordered.insert(place, *step);
            }
        } else {
            ordered.push(*step);
        }
    }

    let mut next = Timestamp::MAX;
    for step in ordered.iter_mut().rev() {
        if step.late {
            step.at = step.at.min(next);
        }
        next = step.at;
    }

    let mut spans: Vec<Span> = Vec::with_capacity(ordered.len());
    for step in ordered {
        let mut from = step.at;
        if let Some(before) = spans.last_mut() {
            from = from.max(before.from);
            before.to = Some(from);
        }
        let Step { state, cycle, provenance, basis, .. } = step;
        spans.push(Span { state, from, to: None, cycle, provenance, basis });
    }
    spans
}
