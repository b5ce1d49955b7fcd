//! The result of folding one delivery.

use serde::{Deserialize, Serialize};

/// The effect of a delivery on the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryEffect {
    /// It became the state of its version, or marked its asset failed.
    Applied,
    /// A copy of an earlier event; changes nothing.
    Repeat,
    /// An earlier step that arrived after a later one; fills history, changes nothing.
    Late,
    /// It began a new cycle of its version.
    NewCycle,
    /// Kept and shown, but no event that the timeline knows.
    None,
}

impl DeliveryEffect {
    /// Every effect.
    pub const ALL: [Self; 5] =
        [Self::Applied, Self::Repeat, Self::Late, Self::NewCycle, Self::None];

    /// Returns the name used in NDJSON and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeat => "repeat",
            Self::Late => "late",
            Self::NewCycle => "new_cycle",
            Self::None => "none",
        }
    }

    /// Returns the effect called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name)
    }
}

/// Why an effect is a guess: callbacks carry no id and no time, so a retry can equal a second
/// occurrence byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ambiguity {
    /// The current state was reported again after the window in which copies are expected.
    SameEventLater,
    /// Taken for a copy, but signed anew: a retry would carry the same signature.
    SignedAnew,
    /// Reported before and signed anew, after the version had reached an outcome.
    TakenForNewRun,
    /// Two events of the same rank close together: their order is not known.
    OrderUnknown,
    /// Two outcomes in one cycle.
    SecondOutcome,
    /// A failure that the documented lifecycle does not have at this point.
    FailureOutOfOrder,
    /// A step that the documented lifecycle does not have at this point.
    UndocumentedStep,
    /// The very bytes of an earlier copy, long after it.
    SameBytesLater,
    /// The API says that the version failed, and not which step of it.
    FailureResolved,
    /// The API says that a version that was further along is not ready.
    RestartedElsewhere,
}

impl Ambiguity {
    const ALL: [Self; 10] = [
        Self::SameEventLater,
        Self::SignedAnew,
        Self::TakenForNewRun,
        Self::OrderUnknown,
        Self::SecondOutcome,
        Self::FailureOutOfOrder,
        Self::UndocumentedStep,
        Self::SameBytesLater,
        Self::FailureResolved,
        Self::RestartedElsewhere,
    ];

    /// Returns the code kept in the journal.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SameEventLater => "same_event_later",
            Self::SignedAnew => "signed_anew",
            Self::TakenForNewRun => "taken_for_new_run",
            Self::OrderUnknown => "order_unknown",
            Self::SecondOutcome => "second_outcome",
            Self::FailureOutOfOrder => "failure_out_of_order",
            Self::UndocumentedStep => "undocumented_step",
            Self::SameBytesLater => "same_bytes_later",
            Self::FailureResolved => "failure_resolved",
            Self::RestartedElsewhere => "restarted_elsewhere",
        }
    }

    /// Returns the ambiguity with this code, if there is one.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ambiguity| ambiguity.code() == code)
    }

    /// Returns the sentence for people: what was seen and what it may mean.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SameEventLater => {
                "the same event again after a quarter of an hour: a late retry, or a new cycle whose other steps were lost"
            }
            Self::SignedAnew => {
                "taken for a repeat, but its signature differs from the earlier copy's"
            }
            Self::TakenForNewRun => {
                "signed anew: taken for a new run; a retry could look like this"
            }
            Self::OrderUnknown => {
                "two events of one rank close together: the later to arrive was taken for the later to happen"
            }
            Self::SecondOutcome => {
                "a second outcome without a new generation between: one may have been lost"
            }
            Self::FailureOutOfOrder => {
                "a failure after a later step; taken as a new failure, so that none is missed"
            }
            Self::UndocumentedStep => {
                "the documented lifecycle has no such step: something between may have been lost"
            }
            Self::SameBytesLater => {
                "the very same bytes came before: a very late retry, or the same step again"
            }
            Self::FailureResolved => {
                "the API says Failed and not which step: dubbing or generating, by the last known state"
            }
            Self::RestartedElsewhere => {
                "the API says NotReady after a later state: a new run that no callback reported"
            }
        }
    }
}

/// The fold's result for one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The effect.
    pub effect: DeliveryEffect,
    /// Why that is a guess, where it is one.
    pub uncertain: Option<Ambiguity>,
}

impl Outcome {
    /// The outcome of a delivery that the timeline cannot read.
    pub const NONE: Self = Self { effect: DeliveryEffect::None, uncertain: None };

    /// Returns the outcome of an effect that is not a guess.
    pub const fn certain(effect: DeliveryEffect) -> Self {
        Self { effect, uncertain: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_lead_back() {
        for effect in DeliveryEffect::ALL {
            assert_eq!(DeliveryEffect::from_name(effect.name()), Some(effect));
        }
        for ambiguity in Ambiguity::ALL {
            assert_eq!(Ambiguity::from_code(ambiguity.code()), Some(ambiguity));
        }
    }
}
