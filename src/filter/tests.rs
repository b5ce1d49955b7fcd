//! Tests of the filter language: what matches, what is refused, and that table and parser agree.

use proptest::prelude::*;
use rstest::rstest;

use super::parse::TermKey;
use super::test::Test;
use super::*;
use crate::callback::{
    Ambiguity, Basis, BodySample, Callback, DeliveryEffect, Encoding, Event, Headers, Outcome,
    Provenance, Received, RefusalKind, Source, Verdict,
};

fn now() -> Timestamp {
    "2026-11-23T21:00:00Z".parse().unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, now()).unwrap()
}

/// Number 7: a Spanish version failed to generate, half an hour ago.
fn delivery() -> Delivery {
    let body = br#"{"event":"version_generate_failed","asset_id":"ast_9f3c81","version_id":"ver_03","version_locale":"es-ES"}"#;
    Delivery {
        seq: 7,
        committed_at: now(),
        request: Received {
            received_at: "2026-11-23T20:30:00Z".parse().unwrap(),
            source: Source::Direct,
            peer: "127.0.0.1:50312".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers: Headers::default(),
            body: body.to_vec(),
        },
        verdict: Verdict::Valid { key: "panjaya".into(), encoding: Encoding::Der },
        callback: Callback::read(body),
        outcome: Outcome::certain(DeliveryEffect::Applied),
    }
}

fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        at: "2026-11-23T20:30:00Z".parse().unwrap(),
        kind,
        status: 401,
        why: "no trusted key made it".to_owned(),
        count: 3,
        method: "POST".to_owned(),
        path: "/callbacks".to_owned(),
        peer: "[::1]:5000".to_owned(),
        headers: Headers::default(),
        body: BodySample::of(
            br#"{"event":"version_generate_failed","asset_id":"ast_9f3c81","version_id":"ver_03","version_locale":"es-ES"}"#,
        ),
    }
}

#[rstest]
#[case::all("", true)]
#[case::of_the_design("failed locale:es asset:9f3 valid since:1h", true)]
#[case::one_term_does_not_hold("failed locale:es asset:9f3 !valid since:1h", false)]
#[case("valid", true)]
#[case("invalid", false)]
#[case("VERDICT:Valid", true)]
#[case("verdict:missing", false)]
#[case("failed", true)]
#[case("generate_failed", true)]
#[case("ready", false)]
#[case("!generated", true)]
#[case("applied", true)]
#[case("effect:applied", true)]
#[case("effect:repeat", false)]
#[case("uncertain", false)]
#[case("unreadable", false)]
#[case("refused", false)]
#[case("!refused", true)]
#[case("too_large", false)]
#[case("asset:AST_9F", true)]
#[case("asset:ast_51", false)]
#[case("version:ver_0", true)]
#[case("event:generate", true)]
#[case("event:ready", false)]
#[case::locale_range("locale:ES", true)]
#[case::locale_whole("locale:es-es", true)]
#[case::locale_other("locale:es-MX", false)]
#[case::locale_is_no_substring("locale:s-es", false)]
#[case("peer:127.0.0.1", true)]
#[case("peer:127.0.0.1:50312", true)]
#[case("source:direct", true)]
#[case("source:relay", false)]
#[case("seq:7", true)]
#[case("seq:8", false)]
#[case("seq:7..", true)]
#[case("seq:..6", false)]
#[case("seq:1..7", true)]
#[case("since:30m", true)]
#[case("since:29m", false)]
#[case("until:30m", false)]
#[case("until:29m", true)]
#[case("since:2026-11-23T20:30:00Z", true)]
#[case("since:2026-11-23T21:30:01+01:00", false)]
#[case::spans_have_spaces_in_quotes("since:\"1 day 2 hours\"", true)]
#[case::a_span_longer_than_time("since:7304484d", true)]
#[case::text_in_event("VERSION_gen", true)]
#[case::text_in_id("9f3c", true)]
#[case::text_in_peer("127.0.0.1:50312", true)]
#[case::text_nowhere("trailer", false)]
#[case::quotes_make_text_of_a_word("\"valid\"", false)]
#[case::quotes_keep_spaces("\"ver 03\"", false)]
#[case::quotes_keep_colons("asset:\"9f3c81\"", true)]
#[case::twice_turned_round("!!valid", true)]
fn matches(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(filter(text).matches(&delivery()), expected);
}

#[test]
fn failed_means_every_failure_and_state_words_one_state() {
    for event in Event::ALL {
        let mut delivery = delivery();
        delivery.callback.event = Some(event.name().to_owned());
        let failure = event.name().ends_with("failed");
        assert_eq!(filter("failed").matches(&delivery), failure, "{}", event.name());
        for word in ["ready", "generating", "generated", "generate_failed"] {
            let same = event.name() == format!("version_{word}");
            assert_eq!(filter(word).matches(&delivery), same, "{word} {}", event.name());
        }
    }
}

/// Answers of the API, versions whose state rests on one, and assets that it does not know.
#[test]
fn the_word_of_the_api_is_found() {
    let facts = |basis, foreign| VersionFacts {
        asset_id: "ast",
        name: None,
        version_id: Some("ver"),
        locale: None,
        state: Some(State::NotReady),
        failed: false,
        provenance: Provenance::Verified,
        basis,
        uncertain: false,
        overdue: false,
        foreign,
        last_at: Timestamp::UNIX_EPOCH,
    };
    for (text, basis, foreign, matches) in [
        ("api", Basis::Api, false, true),
        ("api", Basis::Both, false, true),
        ("api", Basis::Callback, false, false),
        ("!api", Basis::Callback, false, true),
        ("foreign", Basis::Callback, true, true),
        ("foreign", Basis::Callback, false, false),
        ("not_ready", Basis::Api, false, true),
    ] {
        assert_eq!(
            filter(text).matches_version(&facts(basis, foreign)),
            matches,
            "{text} {basis:?}"
        );
    }
    assert!(filter("foreign").is_about_versions());
    let mut answer = delivery();
    answer.verdict = Verdict::Api;
    answer.request.source = Source::Api;
    answer.callback.event = Some("version_not_ready".to_owned());
    for text in ["api", "verdict:api", "source:api", "not_ready", "!valid"] {
        assert!(filter(text).matches(&answer), "{text}");
    }
    assert!(!filter("api").matches(&delivery()));
}

/// A delivery knows no clock: `overdue` asks versions, and leaves everything else alone.
#[test]
fn overdue_is_asked_of_versions_alone() {
    let facts = |overdue| VersionFacts {
        asset_id: "ast_9f3c81",
        name: None,
        version_id: Some("ver_03"),
        locale: Some("es-ES"),
        state: Some(crate::callback::State::Generating),
        failed: false,
        provenance: Provenance::Verified,
        uncertain: false,
        overdue,
        foreign: false,
        basis: Basis::Callback,
        last_at: now(),
    };
    for (text, of_overdue, of_others) in [
        ("overdue", true, false),
        ("!overdue", false, true),
        ("OVERDUE generating locale:es", true, false),
        ("overdue locale:fr", false, false),
    ] {
        let filter = filter(text);
        assert!(filter.is_about_versions());
        assert_eq!(filter.matches_version(&facts(true)), of_overdue, "{text}");
        assert_eq!(filter.matches_version(&facts(false)), of_others, "{text}");
    }
    for text in ["overdue", "!overdue"] {
        assert!(filter(text).matches(&delivery()), "{text}");
        assert!(matches_refusal_of(RefusalKind::Invalid, text), "{text}");
    }
    assert!(!filter("overdue locale:fr").matches(&delivery()));
    assert!(!filter("generating \"overdue\"").is_about_versions(), "in quotes it is text");
}

/// A state keeps whether it was checked; no other verdict is one of a state.
#[test]
fn unchecked_states_are_found_like_unchecked_deliveries() {
    let facts = |unchecked| VersionFacts {
        asset_id: "ast_9f3c81",
        name: None,
        version_id: Some("ver_03"),
        locale: Some("es-ES"),
        state: Some(crate::callback::State::Ready),
        failed: false,
        provenance: Provenance::from(unchecked),
        uncertain: false,
        overdue: false,
        foreign: false,
        basis: Basis::Callback,
        last_at: now(),
    };
    for (text, of_unchecked, of_others) in [
        ("unchecked", true, false),
        ("verdict:unchecked", true, false),
        ("!unchecked", false, true),
        ("unchecked locale:fr", false, false),
        ("valid", true, true),
        ("!valid", true, true),
    ] {
        let filter = filter(text);
        assert_eq!(filter.matches_version(&facts(true)), of_unchecked, "{text}");
        assert_eq!(filter.matches_version(&facts(false)), of_others, "{text}");
        assert_eq!(filter.is_about_deliveries(), text.contains("valid"), "{text}");
        assert!(!filter.is_about_versions(), "{text}");
    }
}

#[test]
fn terms_about_deliveries_are_known() {
    for text in ["valid", "!repeat", "refused", "event:version_ready", "failed seq:1..", "peer:x"] {
        assert!(filter(text).is_about_deliveries(), "{text}");
    }
    for text in ["", "failed", "overdue", "ready locale:es", "uncertain since:1h", "\"valid\"", "x"]
    {
        assert!(!filter(text).is_about_deliveries(), "{text}");
    }
}

#[test]
fn doubts_and_unreadable_deliveries_are_found() {
    let mut ambiguous = delivery();
    ambiguous.outcome.uncertain = Some(Ambiguity::SignedAnew);
    assert!(filter("uncertain").matches(&ambiguous));

    let mut odd = delivery();
    odd.callback = Callback::read(b"no JSON");
    assert!(filter("unreadable").matches(&odd));
    assert!(filter("!failed !asset:9f3 !locale:es").matches(&odd));
}

#[rstest]
#[case("", true)]
#[case("refused", true)]
#[case("!refused", false)]
#[case("invalid", true)]
#[case("verdict:invalid", true)]
#[case("!valid", true)]
#[case("missing", false)]
#[case("broken", false)]
#[case::claimed_failure("failed", true)]
#[case::claimed_asset("asset:9F3", true)]
#[case::another_asset("asset:9f4", false)]
#[case::claimed_asset_by_name("asset:\"launch film\"", true)]
#[case::claimed_version("version:ver_03", true)]
#[case::claimed_locale("locale:es", true)]
#[case::another_locale("locale:es-MX", false)]
#[case::claimed_event("event:generate_f", true)]
#[case::claimed_state("generate_failed", true)]
#[case::another_state("ready", false)]
#[case::all_of_it("invalid failed asset:9f3 version:ver_03 locale:es-ES event:failed", true)]
#[case::text_in_the_claim("ver_0", true)]
#[case::text_in_the_name("launch", true)]
#[case::without_effect("applied", false)]
#[case("none", false)]
#[case("peer:\"[::1]\"", true)]
#[case("[::1]:5000", true)]
#[case("/callbacks", true)]
#[case("since:1h", true)]
#[case("until:1h", false)]
#[case("seq:1..", false)]
fn matches_refusals(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(matches_refusal_of(RefusalKind::Invalid, text), expected);
}

/// Whether a filter lets a refusal of this kind through.
fn matches_refusal_of(kind: RefusalKind, text: &str) -> bool {
    let refusal = refusal(kind);
    let claim = Callback::claimed(&refusal.body.bytes);
    filter(text).matches_refusal(&refusal, &claim, Some("Launch film"))
}

#[test]
fn a_refusal_without_a_body_claims_nothing() {
    for text in ["failed", "asset:9f3", "version:ver", "locale:es", "event:version", "ast_9f3"] {
        let refusal = refusal(RefusalKind::WrongPath);
        let claim = Callback::claimed(b"");
        assert!(!filter(text).matches_refusal(&refusal, &claim, None), "{text}");
        assert!(filter(&format!("!{text}")).matches_refusal(&refusal, &claim, None), "!{text}");
    }
}

#[test]
fn every_kind_of_refusal_has_its_word() {
    for kind in RefusalKind::ALL {
        for other in RefusalKind::ALL {
            let found = matches_refusal_of(other, kind.name());
            assert_eq!(found, kind == other, "{}", kind.name());
        }
    }
}

#[rstest]
#[case(
    "failed locl:es",
    "locl:es: there is no such key; did you mean locale? (keys: asset, version, event, peer, locale, verdict, effect, source, seq, since, until; text with a colon in it goes into quotes)"
)]
#[case(
    "verdict:vald",
    "verdict:vald is not understood; did you mean valid? (expected valid, invalid, malformed, missing, unchecked, api)"
)]
#[case(
    "!effect:xyz",
    "!effect:xyz is not understood (expected applied, repeat, late, new_cycle, none)"
)]
#[case("source:", "source: is not finished (expected direct, relay, imported, api)")]
#[case("valid !", "! is not finished (expected a term)")]
#[case(
    "seq:9..2",
    "seq:9..2 is not understood (expected a number or a range, like 7, 7..20, 7.. or ..20)"
)]
#[case(
    "since:yesterday",
    "since:yesterday is not understood (expected a span back from now, like 90m, 1h or 2d, or a time with its offset, like 2026-11-23T21:04:05Z)"
)]
#[case("valid asset:\"a b", "asset:\"a b: the quote is not closed")]
#[case(
    "seq:\u{1b}[2J",
    r"seq:\u{1b}[2J is not understood (expected a number or a range, like 7, 7..20, 7.. or ..20)"
)]
fn says_what_is_wrong(#[case] text: &str, #[case] message: &str) {
    assert_eq!(Filter::parse(text, now()).unwrap_err().to_string(), message);
}

#[test]
fn no_error_repeats_much_of_what_was_typed() {
    let long = "€".repeat(6000);
    for text in [
        format!("seq:{long}"),
        format!("{}:x", "k".repeat(9000)),
        format!("\"{long}"),
        format!("{}verdict:", "!".repeat(9000)),
    ] {
        let said = Filter::parse(&text, now()).unwrap_err().to_string();
        assert!(said.chars().count() < 350 && said.contains('…'), "{said}");
    }
}

#[test]
fn months_and_negative_spans_are_refused() {
    for text in ["since:-1h", "since:\"1h ago\"", "since:2mo", "until:1y"] {
        assert!(Filter::parse(text, now()).is_err(), "{text}");
    }
}

/// The table, the parser and the documentation speak the same language.
#[test]
fn the_table_is_the_language() {
    let forms: Vec<&str> = TERMS.iter().flat_map(|row| row.forms.split(' ')).collect();
    for form in &forms {
        let is_word = !form.contains(':') && form.chars().any(|c| c.is_ascii_lowercase());
        if is_word {
            let [Term { test, .. }] = filter(form).terms.try_into().unwrap();
            assert!(!matches!(test, Test::Text(_)), "{form} is taken for text");
        }
    }
    for key in TermKey::ALL {
        assert!(forms.iter().any(|form| form.split(':').next() == Some(key.name())), "{key:?}");
    }
    let outcomes = [
        DeliveryEffect::Applied,
        DeliveryEffect::Repeat,
        DeliveryEffect::Late,
        DeliveryEffect::NewCycle,
        DeliveryEffect::None,
    ];
    let words = (outcomes.into_iter().map(DeliveryEffect::name))
        .chain(RefusalKind::ALL.map(RefusalKind::name))
        .chain(crate::callback::State::ALL.map(crate::callback::State::name));
    for word in words {
        assert!(forms.contains(&word), "{word} has no row");
    }

    let documentation = include_str!("../docs/filter.md");
    for row in TERMS {
        filter(row.example);
        assert!(documentation.contains(row.matches), "{}", row.matches);
        assert!(Filter::help().contains(row.forms));
        for form in row.forms.split(' ') {
            assert!(documentation.contains(&format!("`{form}`")), "{form}");
        }
    }
    let verdicts = [
        Verdict::Valid { key: "k".into(), encoding: Encoding::Der },
        Verdict::Invalid { why: String::new() },
        Verdict::Malformed { why: String::new() },
        Verdict::Missing,
        Verdict::Unchecked,
        Verdict::Api,
    ];
    for verdict in verdicts {
        let mut delivery = delivery();
        delivery.verdict = verdict;
        assert!(filter(delivery.verdict.name()).matches(&delivery), "{:?}", delivery.verdict);
    }
}

#[test]
fn help_is_readable() {
    insta::assert_snapshot!(Filter::help(), @r"
    Separate terms with spaces; entries that match all of them are shown. ! before
    a term negates it, quotes allow spaces and colons in a term, TIME is a time ago
    (90m, 2d) or an RFC 3339 time.

      valid invalid malformed missing
          the verdict (like !valid)
      unchecked
          the verdict; also versions whose state is unchecked (like unchecked)
      api
          answers of the service's API; also versions whose state rests on one (like api)
      failed
          every failure: of an asset, of dubbing, of generating (like failed)
      not_ready ready generating generated generate_failed
          the state that the event or the API reports (like generated)
      applied repeat late new_cycle none
          the effect on the timeline (like !repeat)
      uncertain
          effects that are a guess (like uncertain)
      overdue
          versions that have been generating too long; does not apply to deliveries (like overdue)
      foreign
          assets that are not in the account, as the API says; not deliveries (like foreign)
      unreadable
          deliveries that the timeline cannot read (like unreadable)
      refused
          refusals (like !refused)
      wrong_path wrong_method cross_site too_large too_slow broken
          refusals of that kind (like too_large)
      asset:TEXT version:TEXT event:TEXT peer:TEXT
          the field contains TEXT (like asset:9f3)
      locale:RANGE
          the locale is RANGE or begins with it and a `-` (like locale:es)
      verdict:WORD effect:WORD source:WORD
          exactly that word (like source:relay)
      seq:N seq:N..M
          the place in the journal (like seq:100..)
      since:TIME until:TIME
          received at TIME or later; before TIME (like since:1h)
      TEXT
          the event, an id, the locale or the peer contains TEXT (like ast_51)
    ");
}

proptest! {
    #[test]
    fn never_panics(text in "[a-z!:\". \\\\0-9\u{e9}\u{130}-]{0,40}") {
        if let Ok(filter) = Filter::parse(&text, now()) {
            filter.matches(&delivery());
            let claim = Callback::claimed(&refusal(RefusalKind::TooLarge).body.bytes);
            filter.matches_refusal(&refusal(RefusalKind::TooLarge), &claim, None);
        }
    }

    #[test]
    fn a_term_and_its_opposite_share_out_everything(term in "[a-z0-9_]{1,8}") {
        let delivery = delivery();
        let (plain, opposite) = (filter(&term), filter(&format!("!{term}")));
        prop_assert_ne!(plain.matches(&delivery), opposite.matches(&delivery));
    }

    #[test]
    fn quoted_text_is_looked_for_as_it_is(text in "[ -~]{1,12}") {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut delivery = delivery();
        delivery.callback.asset_id = Some(format!("x{text}x"));
        prop_assert!(filter(&quoted).matches(&delivery));
    }
}
