//! What is expected of an asset: on every screen, in the counts, as news, and typed by the user.

use std::collections::BTreeSet;

use dubwatch::internals::simulate::Message;
use dubwatch::internals::timeline::Expectation;
use dubwatch::internals::tui::effect::{Effect, Request};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::model::Banner;
use dubwatch::internals::tui::model::mode::Mode;
use dubwatch::internals::tui::msg::Msg;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::SignedDuration;

use crate::everywhere;
use crate::tui_harness::{COLOR, SIZES, TuiHarness, now};

/// Delivers the callback of a version, named by its locale; returns the notifications.
fn deliver(tui: &mut TuiHarness, asset: &str, locale: &str, event: &str) -> Vec<String> {
    let at = tui.model.now + SignedDuration::from_secs(1);
    tui.tick(at);
    let message = Message {
        event: format!("version_{event}"),
        asset_id: asset.to_owned(),
        version_id: Some(format!("ver_{locale}")),
        version_locale: Some(locale.trim_end_matches('2').to_owned()),
    };
    let row = tui.delivery(&message, at);
    let effects = tui.news(vec![row], &BTreeSet::from([asset.to_owned()]), false);
    let notifications = effects.iter().filter_map(|effect| match effect {
        Effect::Notify(words) => Some(words.to_string()),
        _ => None,
    });
    notifications.collect()
}

/// Sets what is expected of an asset, as the backend reports it.
fn expect(tui: &mut TuiHarness, asset: &str, expected: &str) {
    tui.expected.insert(asset.to_owned(), expected.to_owned());
    let asset = tui.asset(asset);
    tui.event(BackendEvent::Asset(Box::new(asset)));
}

/// Returns a frame as text.
pub(crate) fn text_in(tui: &mut TuiHarness, size: (u16, u16), theme: Theme) -> String {
    let buffer = tui.frame(size, theme);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(|y| row(y).trim_end().to_owned() + "\n").collect()
}

fn text(tui: &mut TuiHarness) -> String {
    text_in(tui, (120, 40), COLOR)
}

fn title(tui: &TuiHarness) -> String {
    view::title(&tui.model).to_string()
}

#[test]
fn the_screens_count_what_is_expected_and_name_what_is_missing() {
    let mut tui = TuiHarness::expecting("es-es,fr-FR,de-DE");
    deliver(&mut tui, "ast_a", "es-ES", "generated");
    let timeline = text(&mut tui);
    for words in [
        "1 of 3 done · 2 expected",
        "1/3",
        "RUNNING 1",
        "╌ fr-FR    expected",
        "╌ de-DE    expected",
        "still expected: fr-FR, de-DE (by --expect)",
    ] {
        assert!(timeline.contains(words), "{words}: {timeline}");
    }
    assert!(!timeline.contains("seen done"), "{timeline}");
    assert_eq!(title(&tui), "dubwatch 1/3 ✓");
    tui.press("2");
    let matrix = text(&mut tui);
    assert!(matrix.contains("3 locales") && matrix.contains("╌ expected"), "{matrix}");
    let row = matrix.lines().find(|line| line.contains("1/3")).unwrap();
    assert_eq!(row.matches('╌').count(), 2, "{matrix}");
    tui.press("left left left");
    let matrix = text(&mut tui);
    assert!(matrix.contains("ast_a  de-DE  ╌ expected"), "{matrix}");
}

#[test]
fn without_an_expectation_the_counts_are_of_what_was_seen() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, "ast_a", "es-ES", "generated");
    let timeline = text(&mut tui);
    assert!(timeline.contains("1 of 1 seen done") && timeline.contains("DONE 1"), "{timeline}");
    tui.press("2");
    let matrix = text(&mut tui);
    for text in [timeline, matrix] {
        assert!(!text.contains("expected"), "{text}");
    }
}

#[test]
fn versions_beyond_the_expectation_are_counted_beside_it() {
    for expected in ["es-ES,fr-FR", "2"] {
        let mut tui = TuiHarness::expecting(expected);
        for locale in ["es-ES", "fr-FR", "de-DE"] {
            deliver(&mut tui, "ast_a", locale, "generated");
        }
        let timeline = text(&mut tui);
        assert!(timeline.contains("2 of 2 done · 1 unexpected"), "{timeline}");
        assert!(timeline.contains("✓ de-DE    done"), "{timeline}");
        assert!(timeline.contains("DONE 1") && !timeline.contains("╌"), "{timeline}");
    }
}

#[test]
fn a_number_waits_for_versions_without_naming_them() {
    let mut tui = TuiHarness::expecting("12");
    deliver(&mut tui, "ast_a", "es-ES", "ready");
    let timeline = text(&mut tui);
    for words in ["0 of 12 done · 1 ready · 11 expected", "╌ +11      expected", "0/12"] {
        assert!(timeline.contains(words), "{words}: {timeline}");
    }
    let small = text_in(&mut tui, (80, 24), COLOR);
    assert!(small.contains("╌ +11    expected"), "{small}");
    let ascii = text_in(&mut tui, (120, 40), Theme { ascii: true, ..COLOR });
    assert!(ascii.contains(". +11      expected"), "{ascii}");
}

/// The last expected version completes an asset, whatever else is still going on.
#[test]
fn completion_is_notified_once_and_only_of_all_that_is_expected() {
    let mut tui = TuiHarness::expecting("es-ES,fr-FR");
    let none = Vec::<String>::new();
    assert_eq!(deliver(&mut tui, "ast_a", "es-ES", "generating"), none);
    assert_eq!(deliver(&mut tui, "ast_a", "es-ES", "generated"), none, "all that was seen");
    assert_eq!(deliver(&mut tui, "ast_a", "de-DE", "generating"), none);
    let all = ["ast_a: all 2 expected versions done"];
    assert_eq!(deliver(&mut tui, "ast_a", "fr-FR", "generated"), all);
    assert!(text(&mut tui).contains("RUNNING 1"), "de-DE is still generating");
    assert_eq!(deliver(&mut tui, "ast_a", "fr-FR", "generated"), none, "a retry");
    assert_eq!(deliver(&mut tui, "ast_a", "de-DE", "generated"), none, "not expected");
    assert!(text(&mut tui).contains("DONE 1"));
    // A new run is complete again when it ends.
    let failed = ["ast_a: failed"];
    assert_eq!(deliver(&mut tui, "ast_a", "fr-FR2", "failed"), failed);
    assert!(text(&mut tui).contains("1 of 2 done"));
    assert_eq!(deliver(&mut tui, "ast_a", "fr-FR2", "generated"), all);
}

#[test]
fn the_first_callback_can_complete_an_asset() {
    let mut tui = TuiHarness::expecting("1");
    let one = ["ast_a: the expected version is done"];
    assert_eq!(deliver(&mut tui, "ast_a", "es-ES", "generated"), one);
    let mut tui = TuiHarness::empty();
    assert!(deliver(&mut tui, "ast_a", "es-ES", "generated").is_empty(), "nothing is expected");
}

#[test]
fn what_is_set_by_hand_wins_and_no_notification_follows_from_it() {
    let mut tui = TuiHarness::expecting("12");
    deliver(&mut tui, "ast_a", "es-ES", "generated");
    deliver(&mut tui, "ast_b", "es-ES", "generated");
    expect(&mut tui, "ast_b", "es-ES");
    tui.press("g down down");
    let timeline = text(&mut tui);
    assert!(timeline.contains("DONE 1") && timeline.contains("1/12"), "{timeline}");
    assert_eq!(title(&tui), "dubwatch 2/13 ✓");
    expect(&mut tui, "ast_b", "es-ES,x-a");
    let timeline = text(&mut tui);
    assert!(timeline.contains("still expected: x-a (set by hand)"), "{timeline}");
    // A frozen screen shows what the user sets, too.
    tui.press("space");
    expect(&mut tui, "ast_b", "4");
    assert!(text(&mut tui).contains("1 of 4 done · 3 expected"));
}

#[test]
fn the_key_edits_what_was_set_by_hand() {
    let mut tui = TuiHarness::expecting("12");
    deliver(&mut tui, "ast_a", "es-ES", "ready");
    let expected = |text: &str| Request::Expect {
        asset_id: "ast_a".to_owned(),
        expected: (!text.is_empty()).then(|| Expectation::parse(text).unwrap()),
    };
    tui.press("E");
    assert!(text(&mut tui).contains("\n expected:\n"), "what --expect says is not set by hand");
    tui.type_text("es-ES, fr-FR");
    assert_eq!(tui.press("enter"), [Effect::Request(expected("es-ES,fr-FR"))]);
    assert_eq!(tui.model.mode, Mode::Normal);
    expect(&mut tui, "ast_a", "es-ES,fr-FR");
    tui.press("E");
    assert!(text(&mut tui).contains("\n expected: es-ES,fr-FR\n"));
    tui.press("ctrl-u");
    assert_eq!(tui.press("enter"), [Effect::Request(expected(""))]);
    tui.press("E");
    tui.type_text("x");
    assert!(tui.press("esc").is_empty());
}

#[test]
fn a_mistake_is_named_while_it_is_typed_and_cannot_be_applied() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, "ast_a", "es-ES", "ready");
    for (typed, sentence) in [
        ("es_ES", "es_ES is no locale; expected at most 35 letters, digits and -, like es-ES"),
        ("0", "0 is no number of versions; expected 1 to 200"),
        ("a,A", "A is named twice; name each locale once"),
    ] {
        tui.press("E");
        tui.type_text(typed);
        let shown = text(&mut tui);
        assert!(shown.contains(sentence), "{shown}");
        assert!(!shown.contains("apply"), "{shown}");
        assert!(tui.press("enter").is_empty());
        assert!(matches!(tui.model.mode, Mode::Expect { .. }), "it stays open");
        tui.press("esc");
    }
    tui.model.run_info.banner = Some(Banner::ReadOnly);
    tui.press("E");
    assert_eq!(tui.model.mode, Mode::Normal);
    assert!(text(&mut tui).contains("another dubwatch writes this journal"));
}

/// Whatever is expected and seen: no count of done versions exceeds what it is a part of, on any
/// screen at any size, and the totals are the sums of the assets.
#[test]
fn no_count_exceeds_its_whole() {
    for expected in ["1", "2", "7", "200", "es-ES", "de-DE,es-ES,fr-FR,x-1,x-2", "zz"] {
        let mut tui = TuiHarness::story_expecting(7, 140, expected);
        for locale in ["es-ES", "es-ES2", "fr-FR", "de-DE"] {
            deliver(&mut tui, "ast_a", locale, "generated");
        }
        let counts = *tui.model().live.asset_list.counts();
        let sum = counts.done + counts.generating + counts.ready + counts.overdue + counts.failed;
        assert_eq!(sum + counts.expected, counts.all, "{expected}");
        for screen in ["1", "2"] {
            tui.press(screen);
            for size in SIZES {
                let shown = text_in(&mut tui, size, COLOR);
                let words: Vec<&str> = shown.split_whitespace().collect();
                let of = words.windows(3).filter(|words| words[1] == "of");
                let of = of.map(|words| (words[0], words[2]));
                let slash = words.iter().filter_map(|word| word.split_once('/'));
                for (part, whole) in of.chain(slash) {
                    let number = |word: &str| word.replace(',', "").parse::<u32>().ok();
                    if let (Some(part), Some(whole)) = (number(part), number(whole)) {
                        assert!(part <= whole, "{expected} {size:?}: {part} of {whole}\n{shown}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_asset_that_failed_before_it_had_versions_still_expects_them() {
    let mut tui = TuiHarness::expecting("es-ES,fr-FR");
    let message = Message {
        event: "asset_failed".to_owned(),
        asset_id: "ast_a".to_owned(),
        version_id: None,
        version_locale: None,
    };
    let row = tui.delivery(&message, now());
    tui.news(vec![row], &BTreeSet::from(["ast_a".to_owned()]), false);
    let timeline = text(&mut tui);
    for words in [
        "FAILED 1",
        "ASSET FAILED",
        "asset    0/2",
        "0 of 2 done · 2 expected",
        "╌ es-ES    expected",
        "still expected: es-ES, fr-FR (by --expect)",
    ] {
        assert!(timeline.contains(words), "{words}: {timeline}");
    }
    tui.press("tab down down");
    text(&mut tui);
    assert_eq!(tui.model.selected_lane(), 0, "what is expected cannot be selected");
    tui.press("2");
    let matrix = text(&mut tui);
    assert!(matrix.contains("asset failed") && matrix.contains("es-ES  ╌ expected"), "{matrix}");
}

/// As many long locales as can be expected, on every screen, at every size and in every theme.
#[test]
fn the_longest_expectation_stays_within_its_frame() {
    let locales: Vec<String> = (0..200).map(|number| format!("l-{number:033}")).collect();
    let mut tui = TuiHarness::story_expecting(7, 140, &locales.join(","));
    for screen in ["1", "1 tab", "2", "2 right right", "1 tab tab"] {
        tui.press(screen);
        for size in everywhere::SIZES {
            tui.send(Msg::Resize(size.0, size.1));
            tui.model.settle();
            for theme in everywhere::THEMES {
                let case = format!("{screen} {size:?} {theme:?}");
                let rows = everywhere::rows(&tui.model, size, theme, &case);
                let has_room = size.0 >= 120 && screen == "1";
                assert!(!has_room || rows.concat().contains("/200"), "{case}");
            }
        }
    }
    let id = tui.model.selected_asset().unwrap().id().to_owned();
    tui.press("E");
    tui.send(Msg::Paste(locales.join(", ")));
    let effects = tui.press("enter");
    let [Effect::Request(Request::Expect { asset_id, expected: Some(expected) })] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!((asset_id, expected.to_string()), (&id, locales.join(",")));
}

/// A missing locale leaves the matrix when its version arrives, and when nothing expects it any more.
#[test]
fn columns_of_missing_locales_come_and_go() {
    let columns = |tui: &TuiHarness| {
        let locales = tui.model.live.asset_list.locales();
        locales.map(|locale| locale.unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, "ast_a", "es-ES", "ready");
    expect(&mut tui, "ast_a", "FR-fr,ES-es,de-de");
    assert_eq!(columns(&tui), ["de-DE", "es-ES", "fr-FR"]);
    deliver(&mut tui, "ast_a", "fr-FR", "ready");
    assert_eq!(columns(&tui), ["de-DE", "es-ES", "fr-FR"]);
    expect(&mut tui, "ast_a", "3");
    assert_eq!(columns(&tui), ["es-ES", "fr-FR"]);
    tui.event(BackendEvent::Gone("ast_a".to_owned()));
    assert!(columns(&tui).is_empty());
    assert_eq!(tui.model.live.asset_list.counts().all, 0);
    assert_eq!(tui.model.now.duration_since(now()).as_secs(), 2);
}
