//! Expectations: what is accepted, and each rule by a table.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::asset_expectation::ExpectationSource;
use super::super::{
    Asset, AssetExpectation, AssetListing, AssetRow, Expectation, Notes, Progress, VersionRow,
};
use super::*;

fn expectation(text: &str) -> Expectation {
    Expectation::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Versions from `locale state` words, each a second after the one before; `=` in front: at the same
/// time. `-` is no locale.
fn versions(script: &str) -> Vec<VersionRow> {
    let mut at = epoch();
    let words = script.split(';').map(str::trim).filter(|words| !words.is_empty());
    words
        .enumerate()
        .map(|(number, words)| {
            let words = words.strip_prefix('=').unwrap_or_else(|| {
                at += SignedDuration::from_secs(1);
                words
            });
            let (locale, state) = words.split_once(' ').unwrap();
            let (state, fingerprint) = event(state);
            let locale = Some(locale).filter(|locale| *locale != "-");
            let provenance = Provenance::Verified;
            let first = Occurrence { state, at, locale, fingerprint, provenance };
            VersionRow { version_id: format!("v{number}"), version: Version::begin(&first).0 }
        })
        .collect()
}

/// `done/expected`, `-waiting` and `+unexpected` where there are any, and the missing locales.
fn summary(versions: &[VersionRow], expected: &str) -> String {
    let Progress { done, expected, waiting, unexpected, missing } =
        Progress::of(versions, &expectation(expected));
    let mut words = vec![format!("{done}/{expected}")];
    words.extend((waiting > 0).then(|| format!("-{waiting}")));
    words.extend((unexpected > 0).then(|| format!("+{unexpected}")));
    words.extend(missing);
    words.join(" ")
}

#[test]
fn an_expectation_is_printed_as_it_was_written() {
    for (text, printed) in [
        ("es-ES,fr-FR", "es-ES,fr-FR"),
        (" ES-es , zh-hant-TW ", "ES-es,zh-hant-TW"),
        ("es-ES fr-FR,", "es-ES,fr-FR"),
        ("x", "x"),
        ("es-419", "es-419"),
        ("12", "12"),
        ("012", "12"),
        ("200", "200"),
    ] {
        assert_eq!(expectation(text).to_string(), printed);
        assert_eq!(expectation(printed), expectation(text));
    }
    let longest = vec!["a".repeat(35); 1];
    assert_eq!(expectation(&longest[0]).to_string(), longest[0]);
    let most: Vec<String> = (0..200).map(|number| format!("l-{number:033}")).collect();
    let text = most.join(", ");
    assert!(text.chars().count() <= Expectation::MAX_TEXT);
    assert_eq!(expectation(&text).to_string(), most.join(","));
}

#[test]
fn what_cannot_be_expected_gets_a_sentence() {
    let many = (0..201).map(|number| format!("l{number}")).collect::<Vec<_>>().join(",");
    let long = "a".repeat(36);
    for (text, sentence) in [
        ("", "it names no locale; expected locales like es-ES,fr-FR, or a number"),
        (" , ", "it names no locale; expected locales like es-ES,fr-FR, or a number"),
        ("0", "0 is no number of versions; expected 1 to 200"),
        ("201", "201 is no number of versions; expected 1 to 200"),
        (
            "99999999999999999999999",
            "99999999999999999999999 is no number of versions; expected 1 to 200",
        ),
        ("es_ES", "es_ES is no locale; expected at most 35 letters, digits and -, like es-ES"),
        ("es-ES,12", "12 is no locale; expected at most 35 letters, digits and -, like es-ES"),
        ("-es", "-es is no locale; expected at most 35 letters, digits and -, like es-ES"),
        ("é", "é is no locale; expected at most 35 letters, digits and -, like es-ES"),
        (
            "es;\u{1b}[2J",
            "es;\\u{1b}[2J is no locale; expected at most 35 letters, digits and -, like es-ES",
        ),
        ("es-ES,fr-FR,ES-es", "ES-es is named twice; name each locale once"),
        (&many, "it names more locales than 200, the most that can be expected"),
        (
            &long,
            &format!("{long} is no locale; expected at most 35 letters, digits and -, like es-ES"),
        ),
    ] {
        assert_eq!(Expectation::parse(text).unwrap_err(), sentence);
    }
}

// 1 and 3.
#[test]
fn locales_are_compared_without_case_and_missing_ones_are_named_in_the_usual_spelling() {
    let seen = versions("es-ES generated; FR-fr ready");
    assert_eq!(summary(&seen, "ES-es,fr-FR"), "1/2");
    let missing = "1/4 -3 +1 de-DE zh-Hant-TW es-419";
    assert_eq!(summary(&seen, "DE-de,es-es,ZH-HANT-tw,ES-419"), missing);
    assert_eq!(summary(&[], "x-ab-abcd-a1,en"), "0/2 -2 x-AB-Abcd-a1 en");
}

// 2.
#[test]
fn a_locale_is_done_by_one_version_unless_its_newest_one_is_failing() {
    for (script, done) in [
        ("es-ES generated", 1),
        ("es-ES ready", 0),
        ("es-ES generating", 0),
        ("es-ES failed", 0),
        ("es-ES generate_failed", 0),
        ("es-ES generated; es-ES ready", 1),
        ("es-ES generated; es-ES generating", 1),
        ("es-ES generated; es-ES failed", 0),
        ("es-ES generated; es-ES generate_failed", 0),
        ("es-ES failed; es-ES generated", 1),
        ("es-ES failed; es-ES generated; es-ES ready", 1),
        ("es-ES generated; es-ES failed; es-ES ready", 1),
        ("es-ES generated; es-ES ready; es-ES failed", 0),
        ("es-ES generated; =es-es failed", 0),
        ("es-ES failed; =es-es generated", 0),
        ("es-ES failed; es-ES ready", 0),
        ("es-ES generated; fr-FR failed", 1),
    ] {
        let progress = Progress::of(&versions(script), &expectation("es-ES"));
        assert_eq!((progress.done, progress.expected), (done, 1), "{script}");
        assert_eq!(progress.is_complete(), done == 1, "{script}");
    }
}

// 4.
#[test]
fn versions_in_other_locales_are_counted_beside_the_expectation() {
    let seen = versions("es-ES generated; fr-FR generated; - generated; - ready");
    assert_eq!(summary(&seen, "es-ES"), "1/1 +3");
    assert_eq!(summary(&seen, "de-DE"), "0/1 -1 +4 de-DE");
    let twice = versions("es-ES generated; es-ES generated");
    assert_eq!(summary(&twice, "es-ES"), "1/1", "a second version of an expected locale");
}

// 5.
#[test]
fn a_number_counts_versions_and_no_more_than_it() {
    for (script, expected, counted) in [
        ("", "3", "0/3 -3"),
        ("es-ES generated; fr-FR failed", "3", "1/3 -1"),
        ("es-ES generated; es-ES generated", "2", "2/2"),
        ("es-ES generated; fr-FR generated; de-DE generated", "2", "2/2 +1"),
        ("es-ES generated; fr-FR generated; de-DE failed", "2", "2/2 +1"),
        ("es-ES generated; fr-FR failed; de-DE ready", "2", "1/2 +1"),
    ] {
        assert_eq!(summary(&versions(script), expected), counted, "{script}");
    }
}

#[test]
fn what_was_set_by_hand_wins_over_the_api_and_that_over_the_setting() {
    let row = AssetRow {
        asset_id: "ast".to_owned(),
        asset: Asset::new(epoch()),
        versions: versions("es-ES generated"),
    };
    let by_hand = Notes { expected: Some(Arc::new(expectation("es-ES"))), ..Notes::default() };
    let setting = Arc::new(expectation("12"));
    let of = |notes: &Notes, setting| {
        let found = AssetExpectation::of(&row, notes, setting)?;
        Some((found.expectation.to_string(), found.source, found.progress.done))
    };
    assert_eq!(of(&Notes::default(), None), None);
    let for_all = ("12".to_owned(), ExpectationSource::Setting, 1);
    assert_eq!(of(&Notes::default(), Some(&setting)), Some(for_all));
    let own = Some(("es-ES".to_owned(), ExpectationSource::ByHand, 1));
    assert_eq!(of(&by_hand, Some(&setting)), own);
    assert_eq!(of(&by_hand, None), own);
    let listing = AssetListing { is_complete: true, ..AssetListing::default() };
    let listed = Notes { listing: listing.clone(), ..Notes::default() };
    let all = Some(("1".to_owned(), ExpectationSource::Api, 1));
    assert_eq!(of(&listed, Some(&setting)), all);
    assert_eq!(of(&Notes { listing, ..by_hand }, Some(&setting)), own);
    // A list without versions says nothing.
    let empty = AssetRow { versions: Vec::new(), ..row.clone() };
    assert_eq!(AssetExpectation::of(&empty, &listed, None), None);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_in_one_bounded_line(text in ".{0,300}") {
        match Expectation::parse(&text) {
            Ok(parsed) => prop_assert_eq!(Expectation::parse(&parsed.to_string()), Ok(parsed)),
            Err(error) => {
                prop_assert!(error.chars().count() < 250);
                prop_assert!(!error.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn counts_agree_whatever_the_versions_are(
        seen in prop::collection::vec((0..6_usize, 0..5_usize), 0..12),
        expected in prop_oneof![Just("a,b,c"), Just("C,e"), Just("3"), Just("1"), Just("200")],
    ) {
        let words = seen.iter().map(|(locale, state)| {
            format!("{} {}", ["a", "B", "c", "d", "E", "-"][*locale], State::ALL[*state].name())
        });
        let seen = versions(&words.collect::<Vec<_>>().join(";"));
        let progress = Progress::of(&seen, &expectation(expected));
        prop_assert!(progress.done <= progress.expected);
        prop_assert!(progress.done + progress.waiting <= progress.expected);
        prop_assert!(progress.unexpected <= seen.len());
        let generated = seen.iter().filter(|row| row.version.state() == State::Generated).count();
        prop_assert!(progress.done <= generated);
        prop_assert_eq!(progress.is_complete(), progress.done == progress.expected);
        prop_assert!(progress.missing.len() <= progress.waiting);
        for missing in &progress.missing {
            prop_assert!(progress.is_missing(&missing.to_uppercase()));
            let has = |row: &VersionRow| {
                row.version.locale().is_some_and(|locale| locale.eq_ignore_ascii_case(missing))
            };
            prop_assert!(!seen.iter().any(has));
        }
    }
}
