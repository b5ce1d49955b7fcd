//! The filter language: which deliveries and refusals a person wants to see; reads no journal and
//! no clock.
//!
//! A filter is a list of terms, and what matches all of them is shown. `!` before a term turns it
//! round. Quotes keep spaces and colons together: `peer:"[::1]:5000"`, `"a b"`; `\` takes the next
//! character as it is inside them. Case never matters.
//!
//! | term | matches |
//! |---|---|
//! | `valid` `invalid` `malformed` `missing` | the verdict |
//! | `unchecked` | the verdict; also versions whose state is unchecked |
//! | `failed` | every failure: of an asset, of dubbing, of generating |
//! | `ready` `generating` `generated` `generate_failed` | the state that the event reports |
//! | `applied` `repeat` `late` `new_cycle` `none` | the effect on the timeline |
//! | `uncertain` | effects that are a guess |
//! | `overdue` | versions that generate for too long; says nothing of deliveries |
//! | `unreadable` | deliveries that the timeline cannot read |
//! | `refused` | refusals |
//! | `wrong_path` `wrong_method` `cross_site` `too_large` `too_slow` `broken` | refusals of that kind |
//! | `asset:TEXT` `version:TEXT` `event:TEXT` `peer:TEXT` | the field has TEXT in it |
//! | `locale:RANGE` | the locale is RANGE or begins with it and a `-` |
//! | `verdict:WORD` `effect:WORD` `source:WORD` | exactly that word |
//! | `seq:N` `seq:N..M` | the place in the journal |
//! | `since:TIME` `until:TIME` | received at TIME or later; before TIME |
//! | `TEXT` | event, an id, the locale or the peer has TEXT in it |
//!
//! `overdue` depends on the time, which a delivery does not know: as terms about single deliveries
//! leave versions alone, this one leaves deliveries and refusals alone. A command that lists only one
//! of the two refuses terms about the other ([`Filter::is_about_versions`],
//! [`Filter::is_about_deliveries`]).
//!
//! The same table is [`TERMS`], from which the help comes. A refusal has a verdict, a time, a peer,
//! a path and a method, and the event, ids and locale that its body claims: it can be found by them,
//! although nobody vouches for them. It has no effect and no place in the journal.

mod parse;
mod terms;
mod test;

use std::ops::RangeInclusive;

use jiff::Timestamp;

use crate::callback::{
    Callback, Delivery, DeliverySummary, Event, Outcome, Provenance, Refusal, State, Verdict,
};
use crate::text::Printable;
use test::Test;

pub use terms::{TERMS, TermDoc};

/// What has to hold for a delivery or a refusal to be shown. The default one holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

/// One condition, or its opposite.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    negated: bool,
    test: test::Test,
}

impl Term {
    /// `holds`: the answer to its question; `None` where the question is about something else.
    fn lets_through(&self, holds: Option<bool>) -> bool {
        holds.is_none_or(|holds| holds != self.negated)
    }
}

/// What a filter can ask of a delivery. It borrows, so that a search through a journal makes no
/// copy of what does not fit.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryFacts<'a> {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The word of its source.
    pub source: &'a str,
    /// Where it came from.
    pub peer: &'a str,
    /// The word of its verdict.
    pub verdict: &'a str,
    /// The event.
    pub event: Option<&'a str>,
    /// The asset.
    pub asset_id: Option<&'a str>,
    /// The version.
    pub version_id: Option<&'a str>,
    /// The locale.
    pub version_locale: Option<&'a str>,
    /// Whether the timeline cannot use it.
    pub is_unreadable: bool,
    /// The word of its effect.
    pub effect: &'a str,
    /// Whether that is a guess.
    pub is_uncertain: bool,
}

impl<'a> From<&'a Delivery> for DeliveryFacts<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let Delivery { seq, request, verdict, callback, outcome, .. } = delivery;
        let (source, peer) = (request.source.name(), request.peer.as_str());
        Self::of((*seq, request.received_at), (source, peer), verdict, callback, outcome)
    }
}

impl<'a> From<&'a DeliverySummary> for DeliveryFacts<'a> {
    fn from(delivery: &'a DeliverySummary) -> Self {
        let DeliverySummary { seq, received_at, source, peer, verdict, callback, outcome, .. } =
            delivery;
        Self::of((*seq, *received_at), (source.name(), peer), verdict, callback, outcome)
    }
}

impl<'a> DeliveryFacts<'a> {
    fn of(
        (seq, received_at): (u64, Timestamp),
        (source, peer): (&'a str, &'a str),
        verdict: &'a Verdict,
        callback: &'a Callback,
        outcome: &'a Outcome,
    ) -> Self {
        Self {
            seq,
            received_at,
            source,
            peer,
            verdict: verdict.name(),
            event: callback.event.as_deref(),
            asset_id: callback.asset_id.as_deref(),
            version_id: callback.version_id.as_deref(),
            version_locale: callback.version_locale.as_deref(),
            is_unreadable: callback.unreadable.is_some(),
            effect: outcome.effect.name(),
            is_uncertain: outcome.uncertain.is_some(),
        }
    }
}

impl DeliveryFacts<'_> {
    /// Whether it reports that something failed.
    pub fn is_failure(&self) -> bool {
        self.event.and_then(Event::from_name).is_some_and(Event::is_failure)
    }
}

/// What a filter can ask of a version, or of an asset as a whole.
#[derive(Debug, Clone, Copy)]
pub struct VersionFacts<'a> {
    /// The asset's id.
    pub asset_id: &'a str,
    /// The asset's local name.
    pub name: Option<&'a str>,
    /// The version's id; `None` for the asset as a whole.
    pub version_id: Option<&'a str>,
    /// Its locale.
    pub locale: Option<&'a str>,
    /// The state it is in.
    pub state: Option<State>,
    /// Whether the asset as a whole failed.
    pub failed: bool,
    /// The provenance of its state, or of the failure of an asset as a whole.
    pub provenance: Provenance,
    /// Whether its state is a guess.
    pub uncertain: bool,
    /// Whether it has been generating for too long.
    pub overdue: bool,
    /// When anything last came for the asset.
    pub last_at: Timestamp,
}

/// What is wrong with a filter: names the term and what is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A quote was opened and not closed.
    #[error("{term}: the quote is not closed")]
    OpenQuote {
        /// From the quote's term to the end.
        term: Printable,
    },
    /// A `!` or a key with nothing after it.
    #[error("{term} is not finished (expected {expected})")]
    Incomplete {
        /// The term.
        term: Printable,
        /// What could stand there.
        expected: String,
    },
    /// A key that does not exist.
    #[error(
        "{term}: there is no such key{hint} (keys: {known}; text with a colon in it goes into quotes)"
    )]
    UnknownKey {
        /// The term.
        term: Printable,
        /// `; did you mean …?`, or nothing.
        hint: String,
        /// Every key.
        known: String,
    },
    /// A key with a value that it does not take.
    #[error("{term} is not understood{hint} (expected {expected})")]
    BadValue {
        /// The term.
        term: Printable,
        /// `; did you mean …?`, or nothing.
        hint: String,
        /// What the key takes.
        expected: String,
    },
}

impl Filter {
    /// Reads a filter; spans like `since:1h` count back from `now`.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, FilterError> {
        let terms =
            parse::split(text)?.into_iter().map(|word| word.term(now)).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// Whether it holds for everything.
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a term asks something that only versions can answer.
    pub fn is_about_versions(&self) -> bool {
        self.terms.iter().any(|term| term.test == test::Test::Overdue)
    }

    /// Whether a term asks something that only single deliveries and refusals can answer.
    pub fn is_about_deliveries(&self) -> bool {
        let any = VersionFacts {
            asset_id: "",
            name: None,
            version_id: None,
            locale: None,
            state: None,
            failed: false,
            provenance: Provenance::Verified,
            uncertain: false,
            overdue: false,
            last_at: Timestamp::UNIX_EPOCH,
        };
        self.terms.iter().any(|term| term.test.version(&any).is_none())
    }

    /// Whether every term holds for `delivery`.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        self.matches_named(delivery, None)
    }

    /// The same where the asset has a local name, which counts like its id.
    pub fn matches_named(&self, delivery: &Delivery, name: Option<&str>) -> bool {
        self.matches_facts(&delivery.into(), name)
    }

    /// The same of what a journal has of it.
    pub fn matches_facts(&self, delivery: &DeliveryFacts<'_>, name: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.delivery(delivery, name)))
    }

    /// The numbers outside of which no delivery fits; `None` where none fits at all.
    pub fn seqs(&self) -> Option<RangeInclusive<u64>> {
        let (mut first, mut last) = (0, u64::MAX);
        for term in self.terms.iter().filter(|term| !term.negated) {
            match term.test {
                Test::Seq(from, to) => (first, last) = (first.max(from), last.min(to)),
                Test::Refused | Test::RefusalKind(_) => return None,
                _ => {}
            }
        }
        (first <= last).then_some(first..=last)
    }

    /// Whether the local name of an asset can make a difference.
    pub fn looks_at_names(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Asset(_) | Test::Text(_)))
    }

    /// Whether less fits, and nothing else, when the same text is read at a later time.
    pub fn only_narrows_with_time(&self) -> bool {
        !self.terms.iter().any(|term| match term.test {
            Test::Since(_) => term.negated,
            Test::Until(_) => !term.negated,
            _ => false,
        })
    }

    /// Whether every term holds for `refusal` with a body that claims `claim`, where the asset that
    /// it claims may have a local name.
    pub fn matches_refusal(&self, refusal: &Refusal, claim: &Callback, name: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.refusal(refusal, claim, name)))
    }

    /// Whether every term that says something about versions holds for this one.
    ///
    /// Terms about single deliveries (a verdict but `unchecked`, effect, peer, `seq`) leave versions alone.
    pub fn matches_version(&self, version: &VersionFacts<'_>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.version(version)))
    }

    /// The language in a screenful: a line for each row of [`TERMS`].
    pub fn help() -> String {
        terms::help()
    }
}

#[cfg(test)]
mod tests;
