//! One version's state under rules 2 to 8 and 10, and in `answer` under those of the API; knows nothing of its asset or of how it is drawn.

mod answer;

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Span, Step, elapsed, nanos, spans, within_window};
use crate::callback::{Ambiguity, Basis, DeliveryEffect, Fingerprint, Outcome, Provenance, State};

/// The number of steps that a version remembers. Older ones are only counted, so that the state
/// that the journal rewrites on every event stays small.
pub const HISTORY: usize = 64;

// `Version::first_seen` reads the current cycle from the history, which therefore must contain all
// of it: a cycle has at most one step for each state.
const _: () = assert!(HISTORY >= State::ALL.len());

pub use answer::ApiAnswer;

/// One delivery, as far as its version is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Occurrence<'a> {
    /// The state that it reports.
    pub state: State,
    /// When it arrived: its `received_at`.
    pub at: Timestamp,
    /// The locale that it names.
    pub locale: Option<&'a str>,
    /// Digests of its bytes.
    pub fingerprint: Fingerprint,
    /// Whether its signature was checked.
    pub provenance: Provenance,
}

/// A copy of `generating` that was taken for a repeat and may have begun a new cycle (rule 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct GeneratingCopy {
    #[serde(with = "nanos")]
    at: Timestamp,
    /// The provenance of it and of the copies after it (rule 11).
    #[serde(rename = "n", default, skip_serializing_if = "Provenance::is_verified")]
    provenance: Provenance,
}

/// The last copy of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LastCopy {
    /// [`Fingerprint::copy`] of it.
    #[serde(rename = "f")]
    digest: u64,
    #[serde(with = "nanos")]
    at: Timestamp,
}

/// The state of one version, folded from its deliveries.
///
/// Its size is bounded: [`HISTORY`] steps, a fingerprint for each event, one locale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    state: State,
    #[serde(with = "nanos")]
    since: Timestamp,
    #[serde(with = "nanos")]
    last: Timestamp,
    cycle: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uncertain: Option<Ambiguity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    repeats: u64,
    late: u64,
    /// The first copy of `generating` that was taken for a repeat since the current outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generating_again: Option<GeneratingCopy>,
    /// The last copy of each event in any cycle, by [`State::index`].
    #[serde(default)]
    copies: Option<Box<[Option<LastCopy>; State::ALL.len()]>>,
    /// In order of arrival, never empty.
    steps: VecDeque<Step>,
    dropped: u64,
}

impl Version {
    /// Creates a version from its first delivery. Returns it and the outcome (rule 2).
    pub fn begin(first: &Occurrence<'_>) -> (Self, Outcome) {
        let mut version = Self::blank(first.state, first.at);
        let outcome = Outcome::certain(DeliveryEffect::Applied);
        version.record(first, outcome);
        (version, outcome)
    }

    /// Returns a version in its first cycle, without a step yet.
    fn blank(state: State, at: Timestamp) -> Self {
        Self {
            state,
            since: at,
            last: at,
            cycle: 1,
            uncertain: None,
            locale: None,
            repeats: 0,
            late: 0,
            generating_again: None,
            copies: None,
            steps: VecDeque::with_capacity(1),
            dropped: 0,
        }
    }

    /// Folds one more delivery into the version. Returns its outcome.
    pub fn apply(&mut self, occurrence: &Occurrence<'_>) -> Outcome {
        if let Some(outcome) = self.answered(occurrence) {
            return outcome;
        }
        let outcome = self.judge(occurrence);
        self.record(occurrence, outcome);
        outcome
    }

    /// Returns the state that the version is in.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns when the current state was first reported in this cycle.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Returns the latest arrival of the current state's event, copies included.
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// Returns the cycle that the version is in: 1 and up.
    pub const fn cycle(&self) -> u32 {
        self.cycle
    }

    /// Returns why the current state is a guess, if it is one.
    pub const fn uncertain(&self) -> Option<Ambiguity> {
        self.uncertain
    }

    /// Returns the provenance of the current state (rule 11).
    pub fn provenance(&self) -> Provenance {
        // The history contains all of the current cycle, and the state is a step of it.
        let step = self.steps.iter().rev().find(|step| step.state == self.state);
        step.map_or(Provenance::Unchecked, |step| step.provenance)
    }

    /// Returns the last locale that a delivery named.
    pub fn locale(&self) -> Option<&str> {
        self.locale.as_deref()
    }

    /// Returns the version without the fingerprints of the last copies, which are more than half of
    /// it. For showing only: folding needs the fingerprints.
    #[must_use]
    pub fn without_fingerprints(mut self) -> Self {
        self.copies = None;
        self.steps.shrink_to_fit();
        self
    }

    /// Returns the number of copies.
    pub const fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Returns the number of deliveries that arrived after a later step.
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Returns the newest [`HISTORY`] steps, in order of arrival.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.steps.iter()
    }

    /// Returns the number of forgotten steps, all of them older than [`Version::steps`].
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the first arrival of the event that reports `state` in this cycle; `None` if it has
    /// not arrived.
    pub fn first_seen(&self, state: State) -> Option<Timestamp> {
        let mut this_cycle = self.steps.iter().rev().take_while(|step| step.cycle == self.cycle);
        this_cycle.find(|step| step.state == state).map(|step| step.at)
    }

    /// Returns the beginning of the run whose outcome arrived `at`, if a copy of `generating` that
    /// had been taken for a repeat began it (rule 6).
    pub fn hindsight(&self, outcome: State, at: Timestamp) -> Option<Timestamp> {
        let mut steps = self.steps.iter().rev();
        let reached = steps.find(|step| step.state == outcome && step.at == at)?;
        steps.find(|step| step.hindsight && step.cycle == reached.cycle).map(|step| step.at)
    }

    /// Returns whether it has been generating for longer than `limit` (rule 10).
    pub fn overdue(&self, now: Timestamp, limit: SignedDuration) -> bool {
        self.state == State::Generating && elapsed(self.since, now) > limit
    }

    /// Returns the spans of its lane, the last of them open: see [`Span`].
    pub fn spans(&self) -> Vec<Span> {
        spans::of(self.steps())
    }

    /// Rules 3 to 8: returns the effect of a delivery on the version.
    fn judge(&self, occurrence: &Occurrence<'_>) -> Outcome {
        let event = occurrence.state;
        if event == self.state {
            // Rule 4.
            return if within_window(self.last, occurrence.at) {
                Outcome::certain(DeliveryEffect::Repeat)
            } else {
                guess(DeliveryEffect::NewCycle, Ambiguity::SameEventLater)
            };
        }
        let close = within_window(self.since, occurrence.at);
        let same_bytes = self.same_bytes(occurrence);
        if let Some(first) = self.first_seen(event) {
            // Rule 5.
            return if !close && !within_window(first, occurrence.at) {
                self.revise(occurrence)
            } else if same_bytes.is_some() {
                Outcome::certain(DeliveryEffect::Repeat)
            } else if event == State::Failed || self.is_over() {
                guess(DeliveryEffect::NewCycle, Ambiguity::TakenForNewRun)
            } else {
                guess(DeliveryEffect::Repeat, Ambiguity::SignedAnew)
            };
        }
        if same_bytes.is_some_and(|copy| within_window(copy.at, occurrence.at)) {
            // Rule 5, for a retry of the previous cycle.
            return Outcome::certain(DeliveryEffect::Repeat);
        }
        match event.rank().cmp(&self.state.rank()) {
            // Rule 3.
            std::cmp::Ordering::Greater => {
                let uncertain = same_bytes.map(|_| Ambiguity::SameBytesLater);
                Outcome { effect: DeliveryEffect::Applied, uncertain }
            }
            // Rule 6.
            std::cmp::Ordering::Equal => match event {
                State::Generated | State::GenerateFailed => {
                    let uncertain =
                        self.generating_again.is_none().then_some(Ambiguity::SecondOutcome);
                    Outcome { effect: DeliveryEffect::NewCycle, uncertain }
                }
                State::NotReady | State::Ready | State::Failed | State::Generating => {
                    let uncertain = close.then_some(Ambiguity::OrderUnknown);
                    Outcome { effect: DeliveryEffect::Applied, uncertain }
                }
            },
            // Rules 8 and 7.
            std::cmp::Ordering::Less if !close => self.revise(occurrence),
            std::cmp::Ordering::Less if event.is_failure() => {
                guess(DeliveryEffect::NewCycle, Ambiguity::FailureOutOfOrder)
            }
            std::cmp::Ordering::Less => Outcome::certain(DeliveryEffect::Late),
        }
    }

    /// Returns whether the service does nothing more for this version by itself: a person must
    /// start what happens next.
    const fn is_over(&self) -> bool {
        matches!(self.state, State::Failed | State::Generated | State::GenerateFailed)
    }

    /// Rule 8: returns a new cycle, and whether it is a guess.
    ///
    /// If both ambiguities apply, returns the same bytes: they are evidence from this delivery and
    /// explain the odd step (a very late retry), while the odd step alone would make the reader
    /// look for a lost callback. The lane shows the step either way.
    fn revise(&self, occurrence: &Occurrence<'_>) -> Outcome {
        let uncertain = if self.same_bytes(occurrence).is_some() {
            Some(Ambiguity::SameBytesLater)
        } else if self.state == State::Generating {
            // Whatever ranks below `generating` is `ready` or `failed`.
            Some(Ambiguity::UndocumentedStep)
        } else {
            None
        };
        Outcome { effect: DeliveryEffect::NewCycle, uncertain }
    }

    /// Records the outcome of a delivery.
    fn record(&mut self, occurrence: &Occurrence<'_>, outcome: Outcome) {
        match outcome.effect {
            DeliveryEffect::Repeat => {
                self.repeats = self.repeats.saturating_add(1);
                self.uncertain = outcome.uncertain.or(self.uncertain);
                if occurrence.state == self.state {
                    // The latest, not the newest: a relay may pass on an older copy, which must not
                    // make the next retry look like a new cycle.
                    self.last = self.last.max(occurrence.at);
                }
                // What was received before the outcome says nothing about a run after it.
                if occurrence.state == State::Generating
                    && self.state.rank() > occurrence.state.rank()
                    && occurrence.at >= self.since
                {
                    self.generating_again.get_or_insert(GeneratingCopy {
                        at: occurrence.at,
                        provenance: occurrence.provenance,
                    });
                }
                if occurrence.provenance.is_verified() {
                    self.prove(occurrence.state);
                }
            }
            DeliveryEffect::Late => {
                self.late = self.late.saturating_add(1);
                self.remember(occurrence.state, occurrence.at, occurrence.provenance, outcome);
            }
            DeliveryEffect::Applied | DeliveryEffect::NewCycle => {
                let again = self.generating_again.take();
                if outcome.effect == DeliveryEffect::NewCycle {
                    self.cycle = self.cycle.saturating_add(1);
                    if let Some(again) = again
                        && occurrence.state != self.state
                        && occurrence.state.rank() == self.state.rank()
                    {
                        // Rule 6, in hindsight: that copy was the first step of this cycle.
                        self.repeats = self.repeats.saturating_sub(1);
                        let GeneratingCopy { at, provenance } = again;
                        let outcome = Outcome::certain(DeliveryEffect::NewCycle);
                        self.remember(State::Generating, at, provenance, outcome);
                        if let Some(step) = self.steps.back_mut() {
                            step.hindsight = true;
                        }
                    }
                }
                self.state = occurrence.state;
                self.since = occurrence.at;
                self.last = occurrence.at;
                self.uncertain = outcome.uncertain;
                self.remember(occurrence.state, occurrence.at, occurrence.provenance, outcome);
            }
            // Not for a readable delivery.
            DeliveryEffect::None => {}
        }
        self.copies.get_or_insert_default()[occurrence.state.index()] =
            Some(LastCopy { digest: occurrence.fingerprint.copy, at: occurrence.at });
        self.learn_locale(occurrence.locale);
    }

    fn learn_locale(&mut self, locale: Option<&str>) {
        if let Some(locale) = locale
            && self.locale.as_deref() != Some(locale)
        {
            self.locale = Some(locale.to_owned());
        }
    }

    /// Rule 11, for a repeat that was verified.
    fn prove(&mut self, state: State) {
        if let Some(step) = self.steps.iter_mut().rev().find(|step| step.state == state) {
            step.provenance = Provenance::Verified;
        }
        if state == State::Generating
            && let Some(again) = &mut self.generating_again
        {
            again.provenance = Provenance::Verified;
        }
    }

    fn remember(&mut self, state: State, at: Timestamp, provenance: Provenance, outcome: Outcome) {
        if self.steps.len() >= HISTORY {
            self.steps.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.steps.push_back(Step {
            state,
            at,
            cycle: self.cycle,
            late: outcome.effect == DeliveryEffect::Late,
            uncertain: outcome.uncertain,
            hindsight: false,
            provenance,
            basis: Basis::Callback,
        });
    }

    fn last_copy(&self, state: State) -> Option<LastCopy> {
        self.copies.as_ref()?[state.index()]
    }

    /// Returns the last copy of the event, if it had the very same bytes.
    fn same_bytes(&self, occurrence: &Occurrence<'_>) -> Option<LastCopy> {
        self.last_copy(occurrence.state).filter(|copy| copy.digest == occurrence.fingerprint.copy)
    }
}

const fn guess(effect: DeliveryEffect, ambiguity: Ambiguity) -> Outcome {
    Outcome { effect, uncertain: Some(ambiguity) }
}
