//! The filter language: which deliveries and refusals a person wants to see; reads no journal and
//! no clock.
//!
//! A filter is a list of terms, and what matches all of them is shown. `!` before a term turns it
//! round. Quotes keep spaces and colons together: `peer:"[::1]:5000"`, `"a b"`; `\` takes the next
//! character as it is inside them. Case never matters.
//!
//! | term | matches |
//! |---|---|
//! | `valid` `invalid` `malformed` `missing` `unchecked` | the verdict |
//! | `failed` | every failure: of an asset, of dubbing, of generating |
//! | `ready` `generating` `generated` `generate_failed` | the state that the event reports |
//! | `applied` `repeat` `late` `new_cycle` `none` | the effect on the timeline |
//! | `uncertain` | effects that are a guess |
//! | `overdue` | versions that generate for too long; says nothing of deliveries |
//! | `unreadable` | deliveries that the timeline cannot read |
//! | `refused` | refusals |
//! | `wrong_path` `wrong_method` `too_large` `too_slow` `broken` | refusals of that kind |
//! | `asset:TEXT` `version:TEXT` `event:TEXT` `peer:TEXT` | the field has TEXT in it |
//! | `locale:RANGE` | the locale is RANGE or begins with it and a `-` |
//! | `verdict:WORD` `effect:WORD` `source:WORD` | exactly that word |
//! | `seq:N` `seq:N..M` | the place in the journal |
//! | `since:TIME` `until:TIME` | received at TIME or later; before TIME |
//! | `TEXT` | event, an id, the locale or the peer has TEXT in it |
//!
//! `overdue` depends on the time, which a delivery does not know: as terms about single deliveries
//! leave versions alone, this one leaves deliveries and refusals alone. A command that lists nothing
//! else refuses it ([`Filter::is_about_versions`]).
//!
//! The same table is [`TERMS`], from which the help comes. A refusal has a verdict, a time, a peer,
//! a path and a method, and the event, ids and locale that its body claims: it can be found by them,
//! although nobody vouches for them. It has no effect and no place in the journal.

mod parse;
mod terms;
mod test;

use jiff::Timestamp;

use crate::callback::{Callback, Delivery, Refusal, State};
use crate::text::Printable;

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

    /// Whether every term holds for `delivery`.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        self.matches_named(delivery, None)
    }

    /// The same where the asset has a local name, which counts like its id.
    pub fn matches_named(&self, delivery: &Delivery, name: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.delivery(delivery, name)))
    }

    /// Whether every term holds for `refusal` with a body that claims `claim`, where the asset that
    /// it claims may have a local name.
    pub fn matches_refusal(&self, refusal: &Refusal, claim: &Callback, name: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.lets_through(term.test.refusal(refusal, claim, name)))
    }

    /// Whether every term that says something about versions holds for this one.
    ///
    /// Terms about single deliveries (verdict, effect, peer, `seq`) leave versions alone.
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
