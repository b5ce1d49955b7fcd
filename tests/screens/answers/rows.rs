//! Answers among the deliveries, and what can be done with them.

use super::*;

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
