//! What the fold promises: each rule by a table, the rest by properties.

mod answers;
mod expectation;
mod properties;
mod provenance;
mod rules;
mod spans;

use jiff::{SignedDuration, Timestamp};

use super::{Occurrence, Version, fold_report};
use crate::callback::{
    Ambiguity, Basis, DeliveryEffect, Fingerprint, Outcome, Provenance, State, VersionReport,
    VersionStatus,
};

/// The moment that the tests' offsets count from.
fn epoch() -> Timestamp {
    "2026-11-23T21:00:00Z".parse().unwrap()
}

/// A moment by its offset, as in `15m1s` or `-2m`.
fn at(offset: &str) -> Timestamp {
    epoch() + offset.parse::<SignedDuration>().unwrap()
}

/// The digests of the `signing`th signature over an event's body. Equal numbers are equal bytes.
fn fingerprint(state: State, signing: u64) -> Fingerprint {
    let signature = u64::MAX - (signing * 8 + state.index() as u64);
    Fingerprint { signature, copy: signature.rotate_left(17) }
}

/// `ready`, or `ready/2` for the same event signed anew.
fn event(word: &str) -> (State, Fingerprint) {
    let (name, signing) = word.split_once('/').unwrap_or((word, "1"));
    let state = State::from_name(name).unwrap_or_else(|| panic!("no state {name:?}"));
    (state, fingerprint(state, signing.parse().unwrap()))
}

/// Takes away the `*` of an event that was not checked.
fn checked(word: &str) -> (&str, Provenance) {
    match word.strip_suffix('*') {
        Some(word) => (word, Provenance::Unchecked),
        None => (word, Provenance::Verified),
    }
}

/// `applied`, or `repeat?signed_anew`.
fn outcome(word: &str) -> Outcome {
    let (effect, ambiguity) = word.split_once('?').map_or((word, None), |(e, d)| (e, Some(d)));
    Outcome {
        effect: DeliveryEffect::from_name(effect).unwrap_or_else(|| panic!("no effect {effect:?}")),
        uncertain: ambiguity
            .map(|d| Ambiguity::from_code(d).unwrap_or_else(|| panic!("no ambiguity {d:?}"))),
    }
}

/// Plays lines of `offset event effect` and checks each effect; gives the version they make. An
/// answer of the API is `api:Completed`.
///
/// Events have the same bytes each time unless their word says otherwise, and were checked unless a
/// `*` ends it.
fn play(script: &str) -> Version {
    let mut version: Option<Version> = None;
    for line in script.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [offset, told, expected] = words[..] else { panic!("three words in {line:?}") };
        let at = at(offset);
        if let Some(status) = told.strip_prefix("api:") {
            let found = answer(&mut version, status, at);
            assert_eq!(found, outcome(expected), "{line:?} of {script:?}");
            continue;
        }
        let (told, provenance) = checked(told);
        let (state, fingerprint) = event(told);
        let occurrence = Occurrence { state, at, locale: None, fingerprint, provenance };
        let found = if let Some(version) = &mut version {
            version.apply(&occurrence)
        } else {
            let (begun, found) = Version::begin(&occurrence);
            version = Some(begun);
            found
        };
        assert_eq!(found, outcome(expected), "{line:?} of {script:?}");
    }
    version.unwrap()
}

/// Folds in an answer of the API with this status, asked for at `asked_at`.
fn answer(version: &mut Option<Version>, status: &str, asked_at: Timestamp) -> Outcome {
    let report = VersionReport {
        asset_id: "a".to_owned(),
        version_id: "v".to_owned(),
        locale: None,
        status: VersionStatus::from_name(status).unwrap_or_else(|| panic!("no status {status:?}")),
    };
    fold_report(&report, asked_at, &mut None, version).0
}

/// A version in short: `generated 2`, `generated* 2`, or `generated 2?second_outcome`; with `api` or
/// `both` at its end where it rests on that.
fn sum(version: &Version) -> String {
    let ambiguity =
        version.uncertain().map_or(String::new(), |ambiguity| format!("?{}", ambiguity.code()));
    let star = star(version.provenance());
    let basis = match version.basis() {
        Basis::Callback => String::new(),
        basis => format!(" {}", basis.name()),
    };
    format!("{}{star} {}{ambiguity}{basis}", version.state().name(), version.cycle())
}

/// The mark of what was not checked.
fn star(provenance: Provenance) -> &'static str {
    if provenance.is_unchecked() { "*" } else { "" }
}
