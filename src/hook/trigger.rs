//! What a program can run for.

use crate::callback::{Callback, DeliveryEffect, Event, Outcome, State};
use crate::text::{Printable, nearest};

/// Something that a program can run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// An asset, dubbing or generating failed.
    Failed,
    /// A version is ready for review.
    Ready,
    /// A version's final video exists.
    Generated,
    /// All that is expected of an asset is done.
    Complete,
    /// A version is generating for too long.
    Overdue,
    /// A request was refused.
    Refused,
    /// A relay will not send what it took.
    Gap,
}

impl Trigger {
    /// Every one, in the order of the help.
    pub const ALL: [Self; 7] = [
        Self::Failed,
        Self::Ready,
        Self::Generated,
        Self::Complete,
        Self::Overdue,
        Self::Refused,
        Self::Gap,
    ];

    /// Returns its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Ready => "ready",
            Self::Generated => "generated",
            Self::Complete => "complete",
            Self::Overdue => "overdue",
            Self::Refused => "refused",
            Self::Gap => "gap",
        }
    }

    /// Returns what a delivery is; `None` if it changed no state, or to one that nothing runs for.
    pub fn of(callback: &Callback, outcome: Outcome) -> Option<Self> {
        let changes = matches!(outcome.effect, DeliveryEffect::Applied | DeliveryEffect::NewCycle);
        let event = callback.event.as_deref().and_then(Event::from_name)?;
        match event {
            _ if !changes => None,
            event if event.is_failure() => Some(Self::Failed),
            Event::Version(State::Ready) => Some(Self::Ready),
            Event::Version(State::Generated) => Some(Self::Generated),
            Event::Version(_) | Event::AssetFailed => None,
        }
    }
}

/// A set of them: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggers(Vec<Trigger>);

impl Triggers {
    /// Parses words separated by commas. The error says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut found = Vec::new();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            let trigger = Trigger::ALL.into_iter().find(|trigger| trigger.name() == word);
            let Some(trigger) = trigger else {
                let near = nearest(word, Trigger::ALL.map(Trigger::name));
                let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                let word = Printable::new(word).cut(40);
                return Err(format!(
                    "{word} is nothing to run a program for{near} (expected {})",
                    words()
                ));
            };
            if !found.contains(&trigger) {
                found.push(trigger);
            }
        }
        if found.is_empty() {
            return Err(format!("it names nothing to run a program for (expected {})", words()));
        }
        Ok(Self(found))
    }

    /// Returns whether a program runs for it.
    pub fn has(&self, trigger: Trigger) -> bool {
        self.0.contains(&trigger)
    }
}

fn words() -> String {
    Trigger::ALL.map(Trigger::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_others_named() {
        let read = |text: &str| Triggers::parse(text).map(|triggers| triggers.0);
        assert_eq!(read("failed,gap, failed").unwrap(), [Trigger::Failed, Trigger::Gap]);
        for (wrong, said) in [
            ("", "it names nothing"),
            (",", "it names nothing"),
            ("faild", "did you mean failed?"),
            ("Failed", "did you mean failed?"),
            ("generating", "expected failed, ready, generated, complete, overdue, refused, gap"),
        ] {
            assert!(read(wrong).unwrap_err().contains(said), "{wrong}");
        }
    }
}
