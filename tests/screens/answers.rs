//! What the service's API says, on every screen: what a state rests on, versions that are being
//! dubbed, names, assets of another account, and how the questions are doing.

use std::collections::BTreeSet;

use dubwatch::internals::callback::{Headers, ReportedName, Verdict, VersionStatus};
use dubwatch::internals::simulate::Message;
use dubwatch::internals::status::{ApiState, ApiStatus};
use dubwatch::internals::timeline::AssetListing;
use dubwatch::internals::tui::effect::{Effect, Request, StudioUse};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::detail::Detail;
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use crate::states::{open, state};
use crate::tui_harness::{COLOR, TuiHarness, now};

use VersionStatus::{Completed, Failed, Generating, NotReady, ReadyToEdit};

const REEL: &str = "ast_reel";
const ASCII: Theme = Theme { color: false, ascii: true, light: false };

fn minute(minute: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minute)
}

/// Delivers a callback of a version, named by its locale; returns the effects.
fn deliver(
    tui: &mut TuiHarness,
    asset: &str,
    (locale, event): (&str, &str),
    at: Timestamp,
) -> Vec<Effect> {
    let message = Message {
        event: format!("version_{event}"),
        asset_id: asset.to_owned(),
        version_id: Some(format!("ver_{locale}")),
        version_locale: Some(locale.to_owned()),
    };
    let row = tui.delivery(&message, at);
    tui.news(vec![row], &BTreeSet::from([asset.to_owned()]), false)
}

/// Lets the API say the status of a version; returns the effects.
fn answer(
    tui: &mut TuiHarness,
    asset: &str,
    (locale, status): (&str, VersionStatus),
    at: Timestamp,
) -> Vec<Effect> {
    let row = tui.answer(asset, locale, status, at);
    tui.news(row.into_iter().collect(), &BTreeSet::from([asset.to_owned()]), false)
}

fn notifications(effects: &[Effect]) -> Vec<String> {
    let words = |effect: &Effect| match effect {
        Effect::Notify(words) => Some(words.to_string()),
        _ => None,
    };
    effects.iter().filter_map(words).collect()
}

/// Sets what the API lists about an asset, as the backend reports it.
fn list(tui: &mut TuiHarness, asset: &str, listing: AssetListing) {
    tui.listings.insert(asset.to_owned(), listing);
    let asset = tui.asset(asset);
    tui.event(BackendEvent::Asset(Box::new(asset)));
}

fn complete() -> AssetListing {
    AssetListing { is_complete: true, ..AssetListing::default() }
}

fn named(name: &str, field: &str) -> AssetListing {
    let name = ReportedName { text: name.to_owned(), field: field.to_owned() };
    AssetListing { name: Some(name), ..complete() }
}

fn foreign() -> AssetListing {
    AssetListing { is_foreign: true, ..AssetListing::default() }
}

pub(crate) fn paused() -> ApiState {
    ApiState::Paused {
        until: minute(4),
        why: "api.panjaya.ai is busy (429 Too Many Requests)".to_owned(),
    }
}

/// Adds an asset with a version for each basis, which the API named and listed, one of another
/// account, and the status of the questions.
pub(crate) fn every_basis(tui: &mut TuiHarness, state: ApiState) {
    tui.listings.insert(REEL.to_owned(), named("Harbour Lights, reel 2", "title"));
    tui.listings.insert("ast_other".to_owned(), foreign());
    for (locale, event, at) in [
        ("es-ES", "ready", -40),
        ("es-ES", "generating", -30),
        ("fr-FR", "generated", -20),
        ("ja-JP", "ready", -19),
        ("pt-BR", "generating", -50),
    ] {
        deliver(tui, REEL, (locale, event), minute(at));
    }
    deliver(tui, "ast_other", ("es-ES", "ready"), minute(-9));
    for (locale, status) in [
        ("de-DE", NotReady),
        ("fr-FR", Completed),
        ("it-IT", Failed),
        ("ko-KR", Generating),
        ("nl-NL", ReadyToEdit),
        ("pt-BR", NotReady),
        ("es-ES", Completed),
    ] {
        answer(tui, REEL, (locale, status), minute(2));
    }
    tui.tick(minute(3));
    let status = ApiStatus {
        state,
        asked: 1204,
        waiting: 17,
        last_answer: Some(minute(2)),
        looked_over: Some(minute(1)),
        last_error: Some((minute(1), "api.panjaya.ai did not answer within 30 s".to_owned())),
        foreign: 1,
        ..ApiStatus::new("api.panjaya.ai".to_owned())
    };
    tui.event(BackendEvent::Api(Box::new(status)));
    tui.model.selection.asset = Some(REEL.into());
    tui.model.selection.chosen = true;
    tui.model.selection.row = None;
    tui.model.selection.version = Some("ver_es-ES".to_owned());
}

/// Returns an answer as it is read from the journal.
pub(crate) fn detail(row: &Row) -> Detail {
    let Row::Delivery(delivery) = row else { unreachable!("answers are deliveries") };
    let callback = &delivery.callback;
    let body = format!(
        r#"{{"asset_id":"{}","version_id":"{}","version_locale":"{}","status":"Completed"}}"#,
        callback.asset_id.as_deref().unwrap_or_default(),
        callback.version_id.as_deref().unwrap_or_default(),
        callback.version_locale.as_deref().unwrap_or_default(),
    );
    Detail {
        row: row.clone(),
        committed_at: Some(delivery.committed_at),
        request: format!("GET /v1/assets/{REEL}"),
        headers: Headers::default(),
        body: body.into_bytes(),
        truncated: false,
        earlier: Vec::new(),
        verdict: Verdict::Api,
        steps: Vec::new(),
    }
}

fn lines(tui: &mut TuiHarness, size: (u16, u16), theme: Theme) -> Vec<String> {
    let buffer = tui.frame(size, theme);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(|y| row(y).trim_end().to_owned()).collect()
}

fn text(tui: &mut TuiHarness) -> String {
    lines(tui, (120, 40), COLOR).join("\n")
}

/// Returns what is beside the list of assets, if it is shown, in one line.
fn beside_list(lines: &[String]) -> String {
    let beside = lines.iter().filter_map(|line| line.split(['│', '|']).next_back());
    beside.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn sentence(tui: &mut TuiHarness) -> String {
    beside_list(&lines(tui, (120, 40), COLOR))
}

#[rstest]
#[case((200, 50), COLOR, ["✓«es-ES", "✓+fr-FR", "◔«de-DE", "✗?it-IT", "○ ja-JP", "◔?pt-BR"])]
#[case((120, 40), COLOR, ["✓«es-ES", "✓+fr-FR", "◔«de-DE", "✗?it-IT", "○ ja-JP", "◔?pt-BR"])]
#[case((80, 24), COLOR, ["✓«es-ES", "✓+fr-FR", "◔«de-DE", "✗?it-IT", "○ ja-JP", "◔?pt-BR"])]
#[case((120, 40), ASCII, ["v<es-ES", "v+fr-FR", ",<de-DE", "x?it-IT", "o ja-JP", ",?pt-BR"])]
fn a_lane_shows_what_its_state_rests_on(
    #[case] size: (u16, u16),
    #[case] theme: Theme,
    #[case] marks: [&str; 6],
) {
    let mut tui = state("api");
    tui.press("tab");
    let lines = lines(&mut tui, size, theme);
    for mark in marks {
        assert!(lines.iter().any(|line| line.contains(mark)), "{mark} {size:?}\n{lines:#?}");
    }
    let sentence = beside_list(&lines);
    assert!(sentence.contains("says the API, no callback came"), "{size:?}\n{lines:#?}");
}

#[test]
fn words_say_what_a_state_rests_on_where_there_is_room() {
    let mut tui = state("api");
    let seen = lines(&mut tui, (120, 40), COLOR);
    let lane = |locale: &str| seen.iter().find(|line| line.contains(locale)).unwrap().clone();
    assert!(lane("«es-ES").ends_with(" API only"), "{seen:#?}");
    assert!(lane("+fr-FR").ends_with(" + API"), "{seen:#?}");
    // No callback reports it, so none is missing.
    assert!(lane("«de-DE").ends_with("not ready"), "{seen:#?}");
    assert!(!lane(" ja-JP").contains("API"), "{seen:#?}");
    tui.model.selection.version = Some("ver_fr-FR".to_owned());
    assert!(text(&mut tui).contains("; callback and API"));
    tui.model.selection.version = Some("ver_de-DE".to_owned());
    let words = text(&mut tui);
    assert!(words.contains("being dubbed: the API said so 14:02"), "{words}");
    assert!(!words.contains("no callback came"), "{words}");
    tui.model.selection.version = Some("ver_ja-JP".to_owned());
    assert!(!text(&mut tui).contains("callback and API"));
}

#[test]
fn the_matrix_marks_and_explains_what_a_state_rests_on() {
    for size in [(200, 50), (120, 40), (80, 24)] {
        let mut tui = state("api");
        tui.press("2");
        let seen = lines(&mut tui, size, COLOR);
        let row = seen.iter().find(|line| line.contains("Harbour") && line.contains("2/8"));
        let row = row.unwrap_or_else(|| panic!("{seen:#?}"));
        assert!(row.contains("◔«"), "{row}");
        let legend = seen.iter().find(|line| line.contains("✗ failed")).unwrap();
        for mark in ["◔ dub", "« API", "+ ", "≠ ", "✓ done", "? "] {
            assert!(legend.contains(mark), "{mark} {legend:?}");
        }
        assert!(!legend.contains('…'), "{legend:?}");
    }
    let mut tui = state("api");
    tui.model.selection.locale = Some(Some("es-ES".to_owned()));
    tui.press("2");
    assert!(text(&mut tui).contains("✓ done since 14:02, API only"));
    // Without answers the legend is as it was.
    let mut tui = state("failed");
    tui.press("2");
    let seen = text(&mut tui);
    assert!(!seen.contains("API") && !seen.contains('◔'), "{seen}");
}

#[test]
fn versions_that_are_being_dubbed_are_counted_everywhere() {
    let mut tui = TuiHarness::empty();
    for locale in ["de-DE", "es-ES", "fr-FR", "it-IT"] {
        answer(&mut tui, "ast_a", (locale, NotReady), now());
    }
    list(&mut tui, "ast_a", complete());
    let timeline = text(&mut tui);
    for words in ["0 of 4 done · 4 dubbing", "RUNNING 1", "◔ ast_a", "◔◔◔◔", "0/4"] {
        assert!(timeline.contains(words), "{words}: {timeline}");
    }
    assert_eq!(view::title(&tui.model).to_string(), "dubwatch 0/4 ✓");
    let lane = timeline.lines().find(|line| line.contains("de-DE")).unwrap();
    assert!(lane.contains("dubbing") && lane.contains('░') && lane.contains("not ready"), "{lane}");
    let small = lines(&mut tui, (40, 10), COLOR);
    assert!(small[0].contains("◔ 4"), "{small:#?}");
    // Those that are done come last, those that a person has to check first.
    answer(&mut tui, "ast_a", ("fr-FR", Completed), minute(1));
    answer(&mut tui, "ast_a", ("it-IT", ReadyToEdit), minute(1));
    let lanes: Vec<String> =
        tui.asset("ast_a").lanes().iter().map(|row| row.version_id.clone()).collect();
    assert_eq!(lanes, ["ver_it-IT", "ver_de-DE", "ver_es-ES", "ver_fr-FR"]);
    let counts = *tui.model.live.asset_list.counts();
    assert_eq!((counts.all, counts.done, counts.ready, counts.not_ready), (4, 1, 1, 2));
}

#[test]
fn an_asset_that_the_api_listed_expects_all_of_its_versions() {
    let mut tui = TuiHarness::expecting("12");
    deliver(&mut tui, "ast_a", ("es-ES", "generated"), now());
    assert!(text(&mut tui).contains("1 of 12 done"), "--expect, until more is known");
    let none = Vec::<String>::new();
    assert_eq!(notifications(&answer(&mut tui, "ast_a", ("fr-FR", NotReady), minute(1))), none);
    list(&mut tui, "ast_a", complete());
    assert!(text(&mut tui).contains("1 of 2 done · 1 dubbing"));
    // By hand wins.
    tui.expected.insert("ast_a".to_owned(), "es-ES,fr-FR,de-DE".to_owned());
    list(&mut tui, "ast_a", complete());
    let seen = sentence(&mut tui);
    assert!(seen.contains("still expected: de-DE (set by hand)"), "{seen}");
    tui.expected.clear();
    list(&mut tui, "ast_a", complete());
    // The last one completes it at once, whether a callback or the API reports it.
    let all = ["ast_a: all 2 expected versions done"];
    let effects = answer(&mut tui, "ast_a", ("fr-FR", Completed), minute(2));
    assert_eq!(notifications(&effects), all);
    assert!(text(&mut tui).contains("DONE 1"));
    let effects = deliver(&mut tui, "ast_a", ("fr-FR", "generated"), minute(3));
    assert_eq!(notifications(&effects), none, "the callback comes after all");
}

/// Of an asset that was done already, it is no news that the API knows of no other version; and the
/// history of an account is none either.
#[test]
fn what_the_api_merely_confirms_or_remembers_rings_no_bell() {
    let none = Vec::<String>::new();
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, "ast_a", ("es-ES", "generating"), now());
    let effects = deliver(&mut tui, "ast_a", ("es-ES", "generated"), minute(1));
    assert_eq!(notifications(&effects), ["ast_a: all known versions done"]);
    tui.listings.insert("ast_a".to_owned(), complete());
    let effects = answer(&mut tui, "ast_a", ("es-ES", Completed), minute(2));
    assert_eq!(notifications(&effects), none);
    assert!(text(&mut tui).contains("1 of 1 done"));
    for (asset, status) in [("ast_b", Completed), ("ast_c", Failed), ("ast_d", ReadyToEdit)] {
        tui.listings.insert(asset.to_owned(), complete());
        assert_eq!(notifications(&answer(&mut tui, asset, ("es-ES", status), minute(3))), none);
    }
    // From then on it is news.
    let effects = answer(&mut tui, "ast_d", ("es-ES", Completed), minute(4));
    assert_eq!(notifications(&effects), ["ast_d: the expected version is done"]);
}

#[test]
fn a_name_of_the_api_is_marked_and_one_by_hand_wins() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, "ast_a", ("es-ES", "ready"), now());
    list(&mut tui, "ast_a", named("Harbour Lights", "media_url"));
    let wide = lines(&mut tui, (200, 50), COLOR).join("\n");
    assert!(wide.contains("Harbour Lights  named by the API (media_url)  ast_a"), "{wide}");
    assert!(lines(&mut tui, (80, 24), COLOR).join("\n").contains("Harbour Lights  (API)"));
    // A long name is cut before the mark is.
    list(&mut tui, "ast_a", named(&"Harbour Lights ".repeat(9), "title"));
    let narrow = lines(&mut tui, (80, 24), COLOR).join("\n");
    assert!(narrow.contains("…  (API)  ") && narrow.contains("0 of 1 done"), "{narrow}");
    list(&mut tui, "ast_a", named("Harbour Lights", "media_url"));
    tui.press("L");
    assert!(text(&mut tui).contains("\n name:\n"), "it is not the user's own");
    tui.press("esc");
    let mut notes = tui.asset("ast_a").notes;
    notes.name = Some("Reel 2".to_owned());
    let asset = AssetListing::clone(&notes.listing);
    assert!(asset.name.is_some(), "the API's name is still known");
    let view =
        dubwatch::internals::tui::model::asset::AssetView::new(tui.asset("ast_a").row, notes);
    tui.event(BackendEvent::Asset(Box::new(view)));
    let wide = lines(&mut tui, (200, 50), COLOR).join("\n");
    assert!(wide.contains("Reel 2  ast_a") && !wide.contains("named by the API"), "{wide}");
}

#[test]
fn an_asset_of_another_account_is_marked_explained_counted_and_found() {
    let mut tui = state("api");
    let asset = |tui: &mut TuiHarness| {
        let lines = lines(tui, (120, 40), COLOR);
        lines.into_iter().find(|line| line.contains("ast_other")).unwrap()
    };
    assert!(asset(&mut tui).contains("○≠ast_other"));
    tui.press("/ f o r e i g n enter");
    let seen = sentence(&mut tui);
    assert!(seen.contains("; signed by the service, but not an asset of this account"), "{seen}");
    let seen = text(&mut tui);
    assert!(!seen.contains("Harbour"), "{seen}");
    tui.press("2");
    let seen = text(&mut tui);
    assert!(seen.contains("○≠ast_other") && seen.contains("not of this account"), "{seen}");
    tui.press("4");
    let seen = text(&mut tui);
    assert!(seen.contains("≠ 1 asset not of this account (/ foreign)"), "{seen}");
}

#[test]
fn health_shows_how_the_questions_are_doing() {
    let health = |name| {
        let mut tui = state(name);
        tui.press("4");
        text(&mut tui)
    };
    let waiting = health("api");
    for words in [
        "● api.panjaya.ai, waiting",
        "asked         1,204 questions, 17 due",
        "last answer   14:02",
        "whole list    14:01",
        "last error    14:01 api.panjaya.ai did not answer",
    ] {
        assert!(waiting.contains(words), "{words}: {waiting}");
    }
    let paused = health("api_paused");
    for words in ["✗ api.panjaya.ai, paused until 14:04:00", "because       api.panjaya.ai is busy"]
    {
        assert!(paused.contains(words), "{words}: {paused}");
    }
    let without = health("failed");
    assert!(!without.contains("API") && !without.contains("api."), "{without}");
    // On a small screen, too.
    for size in [(80, 24), (40, 10)] {
        let mut tui = state("api_paused");
        tui.press("4");
        tui.event(BackendEvent::Warning(now(), "the clock was set back".to_owned()));
        let seen = lines(&mut tui, size, COLOR).join("\n");
        let has_room = size.1 >= 20;
        for words in ["paused until 14:04:00", "the clock was set back"] {
            assert!(!has_room || seen.contains(words), "{words}: {seen}");
        }
    }
}

#[test]
fn a_row_of_an_answer_has_the_words_of_the_api() {
    let mut tui = state("api");
    tui.press("3");
    let seen = lines(&mut tui, (120, 40), COLOR);
    for status in ["NotReady", "Completed", "Failed", "Generating", "ReadyToEdit"] {
        let is_it = |line: &&String| line.contains("« API") && line.contains(status);
        assert!(seen.iter().any(|line| is_it(&line)), "{status} {seen:#?}");
    }
    assert!(!seen.iter().any(|line| line.contains("version_not_ready")), "{seen:#?}");
    let confirmed = seen.iter().find(|line| line.contains("fr-FR") && line.contains("« API"));
    assert!(confirmed.unwrap().contains("confirms"), "{seen:#?}");
    assert!(seen.iter().any(|line| line.contains("« answer of the API, ")), "{seen:#?}");
    assert!(seen.iter().any(|line| line.contains("from api.panjaya.ai")), "{seen:#?}");
}

#[test]
fn the_detail_of_an_answer_says_that_it_is_one() {
    let mut tui = state("api");
    open(&mut tui, "3 enter");
    let seen = text(&mut tui);
    for words in [
        "Answer of the API ",
        "asked 14:02:00",
        "from api.panjaya.ai",
        "« API: not a callback and not signed; dubwatch asked api.panjaya.ai",
        "Completed  es-ES",
        r#""status": "Completed""#,
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    tui.press("tab");
    let seen = text(&mut tui);
    assert!(seen.contains("GET /v1/assets/ast_reel"), "{seen}");
    assert!(seen.contains("none: the headers of an answer are not kept"), "{seen}");
    tui.press("tab tab");
    let seen = text(&mut tui);
    assert!(seen.contains("It is not signed: the connection proves its sender"), "{seen}");
    assert!(!seen.contains("MISSING"), "{seen}");
    assert_eq!(tui.press("y c"), [], "it cannot be posted as a callback");
    let seen = text(&mut tui);
    assert!(seen.contains("not copied: an answer of the API is no callback to post"), "{seen}");
    assert!(matches!(tui.press("y b")[..], [Effect::Copy { .. }]), "its body can be copied");
}

/// The chart and the counts are of requests that others made.
#[test]
fn an_answer_is_no_arrival() {
    let mut tui = TuiHarness::empty();
    answer(&mut tui, "ast_a", ("es-ES", NotReady), now());
    assert!(tui.model.live.chart.is_flat(now()));
    assert_eq!(tui.model.live.received, 0);
    deliver(&mut tui, "ast_a", ("es-ES", "ready"), now());
    assert!(!tui.model.live.chart.is_flat(now()));
    assert_eq!(tui.model.live.received, 1);
}

#[test]
fn the_studio_is_asked_for_and_opened_or_copied() {
    let request =
        |then| [Effect::Request(Request::Studio { version_id: "ver_es-ES".to_owned(), then })];
    let url = "https://studio.panjaya.ai/versions/ver_es-ES";
    for keys in ["tab", "2", "3", "3 enter"] {
        let mut tui = state("api");
        tui.model.selection.locale = Some(Some("es-ES".to_owned()));
        open(&mut tui, keys);
        assert_eq!(tui.press("o"), request(StudioUse::Open), "{keys}");
        assert!(text(&mut tui).contains("asking the API for the studio's URL"), "{keys}");
        assert!(tui.event(BackendEvent::Studio(StudioUse::Open, url.to_owned())).is_empty());
        assert!(text(&mut tui).contains(&format!("opening {url}")), "{keys}");
        assert_eq!(tui.press("y o"), request(StudioUse::Copy), "{keys}");
        let effects = tui.event(BackendEvent::Studio(StudioUse::Copy, url.to_owned()));
        let [Effect::Copy { what, text }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((what.as_str(), text.as_str()), ("the studio's URL", url));
    }
    // The reason is shown if there is no URL.
    let mut tui = state("api");
    let asked = Request::Studio { version_id: "ver_es-ES".to_owned(), then: StudioUse::Open };
    let why = "the studio's URL needs an API key".to_owned();
    tui.event(BackendEvent::Unanswered(asked, why.clone()));
    assert!(text(&mut tui).contains(&why));
    let mut tui = TuiHarness::empty();
    assert!(tui.press("o").is_empty());
    assert!(text(&mut tui).contains("no version is selected"));
}

/// Under a filter, too, a failure that selects its asset brings the asset's deliveries.
#[test]
fn the_deliveries_are_of_the_selected_asset_under_a_filter() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, "ast_a", ("es-ES", "ready"), now());
    tui.press("/ a s t enter");
    let effects = deliver(&mut tui, "ast_b", ("fr-FR", "failed"), minute(1));
    assert_eq!(tui.model.selection.asset.as_deref(), Some("ast_b"));
    let asked = Effect::Request(Request::OfAsset("ast_b".to_owned()));
    assert!(effects.contains(&asked), "{effects:?}");
    let seen = text(&mut tui);
    let below = seen.split("Deliveries of ast_b").nth(1).unwrap();
    assert!(below.contains("fr-FR") && !below.contains("es-ES"), "{seen}");
}
