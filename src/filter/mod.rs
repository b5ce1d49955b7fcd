//! The filter language: which deliveries and refusals a person wants to see; reads no journal and
//! no clock.
//!
//! A filter is a list of terms, all of which must match. `!` before a term negates it. Quotes keep
//! spaces and colons together: `peer:"[::1]:5000"`, `"a b"`; inside them, `\` takes the next
//! character literally. Case is ignored.
//!
//! The terms are those of [`TERMS`], from which the help and `docs/filter.md` are made.
//!
//! `overdue` depends on the time and does not apply to deliveries and refusals, nor does `foreign`; terms about single
//! deliveries do not apply to versions. A term that does not apply excludes nothing. A command that
//! lists only one of the two refuses terms about the other ([`Filter::is_about_versions`],
//! [`Filter::is_about_deliveries`]).
//!
//! A refusal has a verdict, a time, a peer,
//! a path and a method, and the event, ids and locale that its body claims: filters find it by
//! these although they are not verified. It has no effect and no number in the journal.

mod parse;
mod terms;
mod test;

use std::ops::RangeInclusive;

use jiff::Timestamp;

use crate::callback::{
    Basis, Callback, Delivery, DeliverySummary, Event, Outcome, Provenance, Refusal, State, Verdict,
};
use crate::text::Printable;
use crate::timeline::{AssetRow, Notes, Version, VersionRow};
use test::Test;

pub use terms::TERMS;

/// The condition for a delivery or a refusal to be shown. The default filter matches everything.
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
    /// `holds` is the result of its test; `None` if the test does not apply.
    fn lets_through(&self, holds: Option<bool>) -> bool {
        holds.is_none_or(|holds| holds != self.negated)
    }
}

/// The fields of a delivery that a filter can test. Borrowed, so that a search through a journal
/// does not copy deliveries that do not match.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryFacts<'a> {
    /// Its number in the journal.
    pub seq: u64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The word of its source.
    pub source: &'a str,
    /// The client's address and port.
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
    /// Returns whether it reports that something failed.
    pub fn is_failure(&self) -> bool {
        self.event.and_then(Event::from_name).is_some_and(Event::is_failure)
    }
}

/// The fields of a version, or of an asset as a whole, that a filter can test.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the language")]
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
    /// What its state rests on.
    pub basis: Basis,
    /// Whether its state is a guess.
    pub uncertain: bool,
    /// Whether it has been generating for too long.
    pub overdue: bool,
    /// Whether the service's API does not know the asset.
    pub foreign: bool,
    /// When the last delivery for the asset arrived.
    pub last_at: Timestamp,
}

impl<'a> VersionFacts<'a> {
    /// Returns the fields of a version, or with `None` of the asset as a whole. `is_overdue` says which
    /// versions have been generating for too long.
    pub fn of(
        row: &'a AssetRow,
        notes: &'a Notes,
        version: Option<&'a VersionRow>,
        is_overdue: impl FnOnce(&Version) -> bool,
    ) -> Self {
        Self {
            asset_id: &row.asset_id,
            name: notes.shown_name(),
            version_id: version.map(|row| row.version_id.as_str()),
            locale: version.and_then(|row| row.version.locale()),
            state: version.map(|row| row.version.state()),
            failed: row.asset.failure.is_some(),
            provenance: version
                .map_or_else(|| row.asset.provenance(), |row| row.version.provenance()),
            basis: version.map_or(Basis::Callback, |row| row.version.basis()),
            uncertain: version.is_some_and(|row| row.version.uncertain().is_some()),
            overdue: version.is_some_and(|row| is_overdue(&row.version)),
            foreign: notes.listing.is_foreign,
            last_at: row.asset.last_at,
        }
    }
}

/// What is wrong with a filter: names the term and the known ones.
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
        /// What is expected there.
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
        /// The values that the key takes.
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

    /// Returns whether it matches everything.
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns whether a term applies to versions only.
    pub fn is_about_versions(&self) -> bool {
        let is_of_versions = |test| matches!(test, &test::Test::Overdue | &test::Test::Foreign);
        self.terms.iter().any(|term| is_of_versions(&term.test))
    }

    /// Returns whether a term applies to single deliveries and refusals only.
    pub fn is_about_deliveries(&self) -> bool {
        let any = VersionFacts {
            asset_id: "",
            name: None,
            version_id: None,
            locale: None,
            state: None,
            failed: false,
            provenance: Provenance::Verified,
            basis: Basis::Callback,
            uncertain: false,
            overdue: false,
            foreign: false,
            last_at: Timestamp::UNIX_EPOCH,
        };
        self.terms.iter().any(|term| term.test.version(&any).is_none())
    }

    /// Returns whether every term matches `delivery`.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        self.matches_named(delivery, None)
    }

    /// Returns the same for an asset with a local name, which is matched like its id.
    pub fn matches_named(&self, delivery: &Delivery, name: Option<&str>) -> bool {
        self.matches_facts(&delivery.into(), name)
    }

    /// Returns the same for the fields that a journal has.
    pub fn matches_facts(&self, delivery: &DeliveryFacts<'_>, name: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.delivery(delivery, name)))
    }

    /// Returns the range of numbers outside of which no delivery matches; `None` if none matches at
    /// all.
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

    /// Returns whether the local name of an asset can make a difference.
    pub fn looks_at_names(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Asset(_) | Test::Text(_)))
    }

    /// Returns whether the same text, read at a later time, matches a subset.
    pub fn only_narrows_with_time(&self) -> bool {
        !self.terms.iter().any(|term| match term.test {
            Test::Since(_) => term.negated,
            Test::Until(_) => !term.negated,
            _ => false,
        })
    }

    /// Returns whether every term matches `refusal` with a body that claims `claim`. `name` is the
    /// local name of the claimed asset.
    pub fn matches_refusal(&self, refusal: &Refusal, claim: &Callback, name: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.refusal(refusal, claim, name)))
    }

    /// Returns whether every term that applies to versions matches this one.
    ///
    /// Terms about single deliveries (verdicts except `unchecked` and `api`, effect, peer, `seq`) do
    /// not apply.
    pub fn matches_version(&self, version: &VersionFacts<'_>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.version(version)))
    }

    /// Returns the language on one screen: a line for each row of [`TERMS`].
    pub fn help() -> String {
        terms::help()
    }
}

#[cfg(test)]
mod tests;
