//! The versions that are expected of an asset, and how many of them are done; no rule of the fold.
//!
//! Callbacks never say how many versions an asset will have, so an expectation comes from elsewhere.
//! It changes no state, no effect and no ambiguity: it is compared with what the fold computed.
//!
//! # The rules
//!
//! A version is *done* while its state is `generated`, and *failing* while it is `failed` or
//! `generate_failed`. The *newest* version of a locale is the one whose current state was reported
//! last ([`Version::since`]); of several at the same time, a failing one.
//!
//! 1. A locale is expected once. Locales are compared without case.
//! 2. An expected locale is done if one of its versions is done and its newest one is not failing: a
//!    failure that is newer than the result is never hidden by it.
//! 3. An expected locale without a version is missing.
//! 4. A version in another locale, or without one, is unexpected. It is counted beside the expectation
//!    and never for it.
//! 5. An expected number is compared with the versions of the asset, each counted by itself. Versions
//!    above the number are unexpected, and at most the number are done.
//! 6. An asset is complete if all that is expected is done. It stays so whatever unexpected versions do.
//!
//! `dubwatch wait` also compares with an earlier goal than `generated`: then a version that is at the goal
//! or further along is done, unless it is failing.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use super::VersionRow;
use crate::callback::State;
use crate::text::Printable;

#[cfg(doc)]
use super::Version;

/// Maximum number of versions that can be expected of one asset, as locales or as a number.
const MAX_VERSIONS: usize = 200;
/// Maximum length of a locale: what RFC 5646 asks of every implementation.
const MAX_LOCALE: usize = 35;

/// The versions that are expected of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// At least one version in each of these locales.
    Locales(Locales),
    /// This many versions, in whatever locales.
    Count(usize),
}

/// Locales as they were written, in that order: at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locales(Box<[Box<str>]>);

impl Expectation {
    /// Maximum length of the text of an expectation, in characters, with a blank after each comma.
    pub const MAX_TEXT: usize = MAX_VERSIONS * (MAX_LOCALE + 2);

    /// Parses locales separated by commas or blanks, or a number. The error says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = text.split([',', ' ']).map(str::trim).filter(|piece| !piece.is_empty());
        let pieces: Vec<&str> = pieces.take(MAX_VERSIONS + 1).collect();
        match pieces.as_slice() {
            [] => {
                Err("it names no locale; expected locales like es-ES,fr-FR, or a number".to_owned())
            }
            [number] if is_number(number) => count(number),
            [_, .., _] if pieces.len() > MAX_VERSIONS => Err(format!(
                "it names more locales than {MAX_VERSIONS}, the most that can be expected"
            )),
            _ => locales(&pieces),
        }
    }
}

fn is_number(piece: &str) -> bool {
    piece.bytes().all(|byte| byte.is_ascii_digit())
}

fn count(number: &str) -> Result<Expectation, String> {
    let count = number.parse().ok().filter(|count| (1..=MAX_VERSIONS).contains(count));
    count.map(Expectation::Count).ok_or_else(|| {
        let number = Printable::new(number).cut(80);
        format!("{number} is no number of versions; expected 1 to {MAX_VERSIONS}")
    })
}

fn locales(pieces: &[&str]) -> Result<Expectation, String> {
    let mut locales: Vec<Box<str>> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let is_locale = piece.len() <= MAX_LOCALE
            && piece.starts_with(|c: char| c.is_ascii_alphabetic())
            && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let shown = Printable::new(piece).cut(80);
        if !is_locale {
            return Err(format!(
                "{shown} is no locale; expected at most {MAX_LOCALE} letters, digits and -, like es-ES"
            ));
        }
        if locales.iter().any(|other| other.eq_ignore_ascii_case(piece)) {
            return Err(format!("{shown} is named twice; name each locale once"));
        }
        locales.push((*piece).into());
    }
    Ok(Expectation::Locales(Locales(locales.into())))
}

impl Expectation {
    /// Returns the expected version that failed last, if one is failing: of an expected locale the
    /// newest version counts, of an expected number each version.
    pub fn failing<'a>(&self, versions: &'a [VersionRow]) -> Option<&'a VersionRow> {
        let age = |row: &&VersionRow| (row.version.since(), row.version.state().is_failure());
        let is_failing = |row: &&VersionRow| row.version.state().is_failure();
        match self {
            Self::Count(_) => versions.iter().filter(is_failing).max_by_key(age),
            Self::Locales(Locales(locales)) => {
                let mut newest: HashMap<String, Option<&VersionRow>> =
                    locales.iter().map(|locale| (locale.to_ascii_lowercase(), None)).collect();
                for row in versions {
                    let locale = row.version.locale().map(str::to_ascii_lowercase);
                    if let Some(last) = locale.and_then(|locale| newest.get_mut(&locale))
                        && last.is_none_or(|last| age(&last) <= age(&row))
                    {
                        *last = Some(row);
                    }
                }
                newest.into_values().flatten().filter(is_failing).max_by_key(age)
            }
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locales(Locales(locales)) => f.write_str(&locales.join(",")),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// How much of an expectation is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// How many of the expected versions are done; at most [`Self::expected`].
    pub done: usize,
    /// How many versions are expected.
    pub expected: usize,
    /// How many of the expected versions nothing was received of.
    pub waiting: usize,
    /// How many versions there are beyond the expected ones.
    pub unexpected: usize,
    /// The missing locales in the order of the expectation, in the usual spelling. Empty if a number
    /// is expected.
    pub missing: Vec<String>,
}

impl Progress {
    /// Compares versions with an expectation.
    pub fn of(versions: &[VersionRow], expectation: &Expectation) -> Self {
        Self::towards(State::Generated, versions, expectation)
    }

    /// Compares versions with an expectation; a version is done if it has reached `goal`.
    pub fn towards(goal: State, versions: &[VersionRow], expectation: &Expectation) -> Self {
        match expectation {
            Expectation::Locales(Locales(locales)) => Self::of_locales(goal, versions, locales),
            Expectation::Count(expected) => {
                let is_done = |row: &&VersionRow| row.version.state().has_reached(goal);
                Self {
                    done: versions.iter().filter(is_done).count().min(*expected),
                    expected: *expected,
                    waiting: expected.saturating_sub(versions.len()),
                    unexpected: versions.len().saturating_sub(*expected),
                    missing: Vec::new(),
                }
            }
        }
    }

    fn of_locales(goal: State, versions: &[VersionRow], locales: &[Box<str>]) -> Self {
        // A sender chooses the number of versions, so each is looked up instead of compared with all.
        let mut found: HashMap<String, Option<LocaleState>> =
            locales.iter().map(|locale| (locale.to_ascii_lowercase(), None)).collect();
        let mut unexpected = 0;
        for VersionRow { version, .. } in versions {
            let locale = version.locale().map(str::to_ascii_lowercase);
            let Some(state) = locale.and_then(|locale| found.get_mut(&locale)) else {
                unexpected += 1;
                continue;
            };
            let newest = (version.since(), version.state().is_failure());
            let state = state.get_or_insert(LocaleState { has_done: false, newest });
            state.has_done |= version.state().has_reached(goal);
            state.newest = state.newest.max(newest);
        }
        let missing = locales.iter().filter(|locale| found[&locale.to_ascii_lowercase()].is_none());
        let missing: Vec<String> = missing.map(|locale| usual_spelling(locale)).collect();
        Self {
            done: found.values().flatten().filter(|state| state.is_done()).count(),
            expected: locales.len(),
            waiting: missing.len(),
            unexpected,
            missing,
        }
    }

    /// Returns whether all that is expected is done.
    pub const fn is_complete(&self) -> bool {
        self.done == self.expected
    }

    /// Returns whether no version was received in a locale that is expected.
    pub fn is_missing(&self, locale: &str) -> bool {
        self.missing.iter().any(|missing| missing.eq_ignore_ascii_case(locale))
    }
}

/// The versions of one locale, taken together.
struct LocaleState {
    has_done: bool,
    /// When the newest version's state was reported, and whether that is a failure.
    newest: (Timestamp, bool),
}

impl LocaleState {
    const fn is_done(&self) -> bool {
        self.has_done && !self.newest.1
    }
}

/// Returns a locale in the usual spelling, like `zh-Hant-TW`, as senders write it: so that a locale
/// typed in small letters gets no column of its own.
fn usual_spelling(locale: &str) -> String {
    let mut spelt = locale.to_ascii_lowercase();
    let mut from = 0;
    for part in locale.split('-') {
        let to = from + part.len();
        let is_word = from > 0 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
        match part.len() {
            2 if is_word => spelt[from..to].make_ascii_uppercase(),
            4 if is_word => spelt[from..=from].make_ascii_uppercase(),
            _ => {}
        }
        from = to + 1;
    }
    spelt
}
