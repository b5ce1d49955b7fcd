//! Parses the text of a filter into its terms; compares nothing.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use super::test::{Needle, Test};
use super::{FilterError, Term};
use crate::callback::{DeliveryEffect, RefusalKind, Source, State};
use crate::text::{Printable, nearest};

/// The words of [`crate::callback::Verdict::name`], which carries data and so has no list.
const VERDICTS: [&str; 6] = ["valid", "invalid", "malformed", "missing", "unchecked", "api"];

/// Maximum number of columns of a term that an error repeats.
const REPEATED: usize = 100;

/// The word before a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TermKey {
    Asset,
    Version,
    Event,
    Peer,
    Locale,
    Verdict,
    Effect,
    Source,
    Seq,
    Since,
    Until,
}

impl TermKey {
    pub(super) const ALL: [Self; 11] = [
        Self::Asset,
        Self::Version,
        Self::Event,
        Self::Peer,
        Self::Locale,
        Self::Verdict,
        Self::Effect,
        Self::Source,
        Self::Seq,
        Self::Since,
        Self::Until,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Version => "version",
            Self::Event => "event",
            Self::Peer => "peer",
            Self::Locale => "locale",
            Self::Verdict => "verdict",
            Self::Effect => "effect",
            Self::Source => "source",
            Self::Seq => "seq",
            Self::Since => "since",
            Self::Until => "until",
        }
    }

    /// Returns a description of its values.
    fn expects(self) -> String {
        match self {
            Self::Asset | Self::Version | Self::Event | Self::Peer => "some text".to_owned(),
            Self::Locale => "a language tag or its beginning, like es or es-ES".to_owned(),
            Self::Verdict => VERDICTS.join(", "),
            Self::Effect => DeliveryEffect::ALL.map(DeliveryEffect::name).join(", "),
            Self::Source => Source::ALL.map(Source::name).join(", "),
            Self::Seq => "a number or a range, like 7, 7..20, 7.. or ..20".to_owned(),
            Self::Since | Self::Until => {
                "a span back from now, like 90m, 1h or 2d, or a time with its offset, like \
                 2026-11-23T21:04:05Z"
                    .to_owned()
            }
        }
    }
}

/// A term as typed, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawTerm<'a> {
    raw: &'a str,
    negated: bool,
    key: Option<&'a str>,
    value: String,
    /// Whether any of the value was quoted: then it is never one of the language's words.
    quoted: bool,
}

/// Splits a filter at the white space outside of quotes.
pub(super) fn split(text: &str) -> Result<Vec<RawTerm<'_>>, FilterError> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = RawTerm::take(rest)?;
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

impl<'a> RawTerm<'a> {
    /// Returns the first term of `text`, which does not begin with white space, and the rest.
    fn take(text: &'a str) -> Result<(Self, &'a str), FilterError> {
        let bare = text.trim_start_matches('!');
        let marks = text.len() - bare.len();
        // A key is made of letters, so that addresses with ports need no quotes.
        let letters = bare.find(|c: char| !c.is_ascii_alphabetic() && !matches!(c, '_' | '-'));
        let (key, body) = match letters.map(|end| bare.split_at(end)) {
            Some((key, body)) if !key.is_empty() && body.starts_with(':') => {
                (Some(key), &body[1..])
            }
            _ => (None, bare),
        };

        let mut value = String::new();
        let mut quoted = false;
        let mut open = false;
        let mut end = body.len();
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    open = !open;
                    quoted = true;
                }
                '\\' if open => value.extend(chars.next().map(|(_, c)| c)),
                c if c.is_whitespace() && !open => {
                    end = at;
                    break;
                }
                c => value.push(c),
            }
        }
        if open {
            return Err(FilterError::OpenQuote { term: repeated(text) });
        }
        let after = &body[end..];
        let raw = &text[..text.len() - after.len()];
        Ok((Self { raw, negated: marks % 2 == 1, key, value, quoted }, after))
    }

    pub(super) fn term(&self, now: Timestamp) -> Result<Term, FilterError> {
        let test = match self.key {
            Some(key) => self.keyed(key, now)?,
            None if self.value.is_empty() => return Err(self.incomplete("a term".to_owned())),
            None => self.bare(),
        };
        Ok(Term { negated: self.negated, test })
    }

    fn bare(&self) -> Test {
        let text = || Test::Text(Needle::new(&self.value));
        if self.quoted { text() } else { word(&self.value).unwrap_or_else(text) }
    }

    fn keyed(&self, key: &str, now: Timestamp) -> Result<Test, FilterError> {
        let key =
            one_of(TermKey::ALL, TermKey::name, key).ok_or_else(|| FilterError::UnknownKey {
                term: self.shown(),
                hint: hint(key, TermKey::ALL.map(TermKey::name)),
                known: TermKey::ALL.map(TermKey::name).join(", "),
            })?;
        let value = self.value.as_str();
        if value.is_empty() {
            return Err(self.incomplete(key.expects()));
        }
        let needle = || Needle::new(value);
        let bad =
            |hint| FilterError::BadValue { term: self.shown(), hint, expected: key.expects() };
        match key {
            TermKey::Asset => Ok(Test::Asset(needle())),
            TermKey::Version => Ok(Test::Version(needle())),
            TermKey::Event => Ok(Test::Event(needle())),
            TermKey::Peer => Ok(Test::Peer(needle())),
            TermKey::Locale => Ok(Test::Locale(needle())),
            TermKey::Verdict => one_of(VERDICTS, |name| name, value)
                .map(Test::Verdict)
                .ok_or_else(|| bad(hint(value, VERDICTS))),
            TermKey::Effect => one_of(DeliveryEffect::ALL, DeliveryEffect::name, value)
                .map(Test::Effect)
                .ok_or_else(|| bad(hint(value, DeliveryEffect::ALL.map(DeliveryEffect::name)))),
            TermKey::Source => one_of(Source::ALL, Source::name, value)
                .map(Test::Source)
                .ok_or_else(|| bad(hint(value, Source::ALL.map(Source::name)))),
            TermKey::Seq => seq(value).ok_or_else(|| bad(String::new())),
            TermKey::Since => time(value, now).map(Test::Since).ok_or_else(|| bad(String::new())),
            TermKey::Until => time(value, now).map(Test::Until).ok_or_else(|| bad(String::new())),
        }
    }

    fn incomplete(&self, expected: String) -> FilterError {
        FilterError::Incomplete { term: self.shown(), expected }
    }

    fn shown(&self) -> Printable {
        repeated(self.raw)
    }
}

/// Returns as much of a term as an error repeats: a pasted body must not fill the screen.
fn repeated(term: &str) -> Printable {
    Printable::new(term).cut(REPEATED)
}

/// Returns the test of a word of the language.
fn word(word: &str) -> Option<Test> {
    match word.to_ascii_lowercase().as_str() {
        "failed" => Some(Test::Failure),
        "uncertain" => Some(Test::Uncertain),
        "overdue" => Some(Test::Overdue),
        "foreign" => Some(Test::Foreign),
        "unreadable" => Some(Test::Unreadable),
        "refused" => Some(Test::Refused),
        // A verdict comes before a refusal of the same name: it matches both.
        word => (one_of(VERDICTS, |name| name, word).map(Test::Verdict))
            .or_else(|| State::from_name(word).map(Test::State))
            .or_else(|| DeliveryEffect::from_name(word).map(Test::Effect))
            .or_else(|| RefusalKind::from_name(word).map(Test::RefusalKind)),
    }
}

/// Returns the one of `all` that is called `word`, ignoring case.
fn one_of<T: Copy, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
    word: &str,
) -> Option<T> {
    all.into_iter().find(|one| name(*one).eq_ignore_ascii_case(word))
}

/// Returns a `did you mean` for an unknown word; empty if no known word is near.
fn hint<const N: usize>(word: &str, known: [&str; N]) -> String {
    nearest(word, known).map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

/// Parses `7`, `7..20`, `7..` or `..20`.
fn seq(text: &str) -> Option<Test> {
    let Some((first, last)) = text.split_once("..") else {
        let only = text.parse().ok()?;
        return Some(Test::Seq(only, only));
    };
    if first.is_empty() && last.is_empty() {
        return None;
    }
    let bound = |text: &str, open| if text.is_empty() { Some(open) } else { text.parse().ok() };
    let (first, last) = (bound(first, 0)?, bound(last, u64::MAX)?);
    (first <= last).then_some(Test::Seq(first, last))
}

/// Parses an RFC 3339 time, or a span back from `now`; a day has 24 hours.
fn time(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let span = text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    if span < SignedDuration::ZERO {
        return None;
    }
    // A span longer than time itself goes back to its beginning.
    Some(now.saturating_sub(span).unwrap_or(Timestamp::MIN))
}
