//! What a state rests on, and how the questions are doing, on every screen.

use super::*;

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
