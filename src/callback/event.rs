//! The event types of the contract and the state of a version that each one reports.

use serde::{Deserialize, Serialize};

/// The state of one version, as its last applied event left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being dubbed: the API lists the version, and no callback has arrived for it. No event of the
    /// contract reports it.
    NotReady,
    /// `version_ready`: waits for a person to check and edit it.
    Ready,
    /// `version_failed`: dubbing failed.
    Failed,
    /// `version_generating`: the final video is being made.
    Generating,
    /// `version_generated`: the final video exists.
    Generated,
    /// `version_generate_failed`: making the final video failed.
    GenerateFailed,
}

impl State {
    /// Every state, in the order of the documented lifecycle.
    pub const ALL: [Self; 6] = [
        Self::NotReady,
        Self::Ready,
        Self::Failed,
        Self::Generating,
        Self::Generated,
        Self::GenerateFailed,
    ];

    /// Returns how far along a cycle the state is: 0 being dubbed, 1 dubbed, 2 being generated, 3 the
    /// outcome.
    pub const fn rank(self) -> u8 {
        match self {
            Self::NotReady => 0,
            Self::Ready | Self::Failed => 1,
            Self::Generating => 2,
            Self::Generated | Self::GenerateFailed => 3,
        }
    }

    /// Returns whether a person has to act: dubbing or generating failed.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::GenerateFailed)
    }

    /// Returns whether a version in this state has got as far as `goal` in its cycle. One that failed
    /// has not.
    pub const fn has_reached(self, goal: Self) -> bool {
        !self.is_failure() && self.rank() >= goal.rank()
    }

    /// Returns the name used in NDJSON and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Generating => "generating",
            Self::Generated => "generated",
            Self::GenerateFailed => "generate_failed",
        }
    }

    /// Returns the state's index in [`State::ALL`], for tables with a field for each state.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the state called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An event type that the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// `asset_failed`: processing of the source video failed.
    AssetFailed,
    /// A version reached a state.
    Version(State),
}

impl Event {
    /// Every event type of the contract, in its order. Lacks `version_not_ready`, which only answers
    /// of the API report.
    pub const ALL: [Self; 6] = [
        Self::AssetFailed,
        Self::Version(State::Ready),
        Self::Version(State::Failed),
        Self::Version(State::Generating),
        Self::Version(State::Generated),
        Self::Version(State::GenerateFailed),
    ];

    /// Returns whether it reports a failure.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::AssetFailed => true,
            Self::Version(state) => state.is_failure(),
        }
    }

    /// Returns the event type as the sender writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AssetFailed => "asset_failed",
            Self::Version(State::NotReady) => "version_not_ready",
            Self::Version(State::Ready) => "version_ready",
            Self::Version(State::Failed) => "version_failed",
            Self::Version(State::Generating) => "version_generating",
            Self::Version(State::Generated) => "version_generated",
            Self::Version(State::GenerateFailed) => "version_generate_failed",
        }
    }

    /// Returns the event type called `name`; `None` for one that the contract does not know (yet).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        for event in Event::ALL {
            assert_eq!(Event::from_name(event.name()), Some(event));
        }
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            assert_eq!(State::ALL[state.index()], state);
        }
        assert_eq!(Event::from_name("version_archived"), None);
        assert_eq!(Event::from_name("version_not_ready"), None, "no callback reports it");
        assert_eq!(Event::from_name("Version_Ready"), None, "names are exact");
    }
}
