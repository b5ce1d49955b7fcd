//! One version under rules 12 to 19: answers of the service's API, and callbacks that confirm or
//! correct them.

use jiff::Timestamp;

use super::{LastCopy, Occurrence, Version, guess};
use crate::callback::{
    Ambiguity, Basis, DeliveryEffect, Outcome, Provenance, State, VersionStatus,
};
use crate::timeline::within_window;

/// One answer of the API, as far as its version is concerned.
#[derive(Debug, Clone, Copy)]
pub struct ApiAnswer<'a> {
    /// The status that it reports.
    pub status: VersionStatus,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// The locale that it names.
    pub locale: Option<&'a str>,
}

impl Version {
    /// Creates a version from an answer. Returns it and the outcome (rule 14).
    pub fn begin_with_answer(first: &ApiAnswer<'_>) -> (Self, Outcome) {
        let state = first.status.state(None);
        let uncertain = resolved(first.status);
        let mut version = Self::blank(state, first.asked_at);
        let outcome = Outcome { effect: DeliveryEffect::Applied, uncertain };
        version.take_over(state, first.asked_at, outcome);
        version.learn_locale(first.locale);
        (version, outcome)
    }

    /// Folds an answer into the version. Returns its outcome; a `repeat` that changes nothing, like
    /// every `late` one, leaves the version equal to what it was.
    pub fn apply_answer(&mut self, answer: &ApiAnswer<'_>) -> Outcome {
        if answer.asked_at < self.last {
            // Rule 13.
            return Outcome::certain(DeliveryEffect::Late);
        }
        let is_failed_already = answer.status == VersionStatus::Failed && self.state.is_failure();
        let state =
            if is_failed_already { self.state } else { answer.status.state(Some(self.state)) };
        self.learn_locale(answer.locale);
        if state == self.state {
            // Rule 15.
            let is_as_vague = answer.status == VersionStatus::Failed
                && self.uncertain == Some(Ambiguity::FailureResolved);
            self.prove(state);
            let step = self.steps.iter_mut().rev().find(|step| step.state == state);
            if let Some(step) = step {
                step.basis = step.basis.and(Basis::Api);
                if !is_as_vague {
                    step.uncertain = None;
                }
            }
            if !is_as_vague {
                self.uncertain = None;
            }
            return Outcome::certain(DeliveryEffect::Repeat);
        }
        let outcome = match state.rank().cmp(&self.state.rank()) {
            // Rule 16.
            std::cmp::Ordering::Greater => {
                Outcome { effect: DeliveryEffect::Applied, uncertain: resolved(answer.status) }
            }
            std::cmp::Ordering::Equal if state.rank() == State::Ready.rank() => {
                Outcome { effect: DeliveryEffect::Applied, uncertain: resolved(answer.status) }
            }
            // Rule 17.
            _ if state == State::NotReady => {
                guess(DeliveryEffect::NewCycle, Ambiguity::RestartedElsewhere)
            }
            _ => Outcome { effect: DeliveryEffect::NewCycle, uncertain: resolved(answer.status) },
        };
        if outcome.effect == DeliveryEffect::NewCycle {
            self.cycle = self.cycle.saturating_add(1);
        }
        self.take_over(state, answer.asked_at, outcome);
        outcome
    }

    /// Returns what the current state rests on.
    pub fn basis(&self) -> Basis {
        let step = self.steps.iter().rev().find(|step| step.state == self.state);
        step.map_or(Basis::Callback, |step| step.basis)
    }

    /// Rules 18 and 19: folds in a callback for a step that so far only the API has reported.
    /// Returns its outcome, or `None` if it is not one.
    pub(super) fn answered(&mut self, occurrence: &Occurrence<'_>) -> Option<Outcome> {
        let (cycle, state, uncertain) = (self.cycle, self.state, self.uncertain);
        // A failure whose step was a guess is told from the other one by its callback.
        let is_corrected = |of: State| {
            of == state
                && uncertain == Some(Ambiguity::FailureResolved)
                && of.is_failure()
                && occurrence.state.is_failure()
        };
        let step =
            self.steps.iter_mut().rev().take_while(|step| step.cycle == cycle).find(|step| {
                step.basis == Basis::Api
                    && (step.state == occurrence.state || is_corrected(step.state))
                    && within_window(step.at, occurrence.at)
            })?;
        let is_current = step.state == state;
        step.state = occurrence.state;
        step.basis = Basis::Both;
        if is_current {
            self.state = occurrence.state;
            self.last = self.last.max(occurrence.at);
            if self.uncertain == Some(Ambiguity::FailureResolved) {
                step.uncertain = None;
                self.uncertain = None;
            }
        } else {
            self.late = self.late.saturating_add(1);
        }
        self.copies.get_or_insert_default()[occurrence.state.index()] =
            Some(LastCopy { digest: occurrence.fingerprint.copy, at: occurrence.at });
        self.learn_locale(occurrence.locale);
        let effect = if is_current { DeliveryEffect::Applied } else { DeliveryEffect::Late };
        Some(Outcome::certain(effect))
    }

    /// Makes `state` the current one, as the API reports it.
    fn take_over(&mut self, state: State, at: Timestamp, outcome: Outcome) {
        self.generating_again = None;
        self.state = state;
        self.since = at;
        self.last = at;
        self.uncertain = outcome.uncertain;
        self.remember(state, at, Provenance::Verified, outcome);
        if let Some(step) = self.steps.back_mut() {
            step.basis = Basis::Api;
        }
    }
}

/// Returns the ambiguity of a failure that the API reports without its step.
fn resolved(status: VersionStatus) -> Option<Ambiguity> {
    (status == VersionStatus::Failed).then_some(Ambiguity::FailureResolved)
}
