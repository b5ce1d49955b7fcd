//! Assets by what the API says: versions that are being dubbed, expectations, names, other accounts.

use super::*;

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
