//! The line in which a filter or a name is typed: the visible part of it, and its messages.

use dubwatch::internals::text::Printable;
use dubwatch::internals::tui::model::mode::Mode;
use dubwatch::internals::tui::msg::Msg;
use dubwatch::internals::tui::view;
use ratatui::layout::Rect;

use crate::tui_harness::{COLOR, TuiHarness, rendered};

/// Returns the rows of a frame as text.
fn rows(tui: &mut TuiHarness, columns: u16) -> Vec<String> {
    let screen = rendered(&tui.frame((columns, 24), COLOR));
    screen.lines().take(24).map(str::to_owned).collect()
}

/// Returns the row of the line being typed, and the text in it before the cursor.
fn line(tui: &mut TuiHarness, columns: u16) -> (String, String) {
    let row = rows(tui, columns)[22].clone();
    let cursor = view::cursor(tui.model(), Rect::new(0, 0, columns, 24)).unwrap();
    assert!(cursor.x < columns && cursor.y == 22, "{cursor:?}");
    let mut before = String::new();
    for (grapheme, width) in Printable::new_or_blank(&row).graphemes() {
        if Printable::new_or_blank(&before).width() + width <= cursor.x.into() {
            before.push_str(grapheme);
        } else {
            break;
        }
    }
    (row, before)
}

fn paste(tui: &mut TuiHarness, text: &str) {
    tui.send(Msg::Paste(text.to_owned()));
}

#[test]
fn text_before_the_cursor_is_visible_at_every_length() {
    for (key, columns) in [("/", 80), ("L", 80), ("/", 41), ("L", 200)] {
        let mut tui = TuiHarness::story(7, 60);
        tui.press(key);
        tui.press("ctrl-u");
        let mut typed = String::new();
        for number in 0..38 {
            let word = format!("{number}漢e ");
            tui.type_text(&word);
            typed.push_str(&word);
            let (row, before) = line(&mut tui, columns);
            let end: String = typed.chars().skip(typed.chars().count().saturating_sub(9)).collect();
            assert!(before.ends_with(&end) || before.trim_end().ends_with(end.trim_end()), "{row}");
        }
        // The whole width is used, whatever the length of the text.
        let (row, before) = line(&mut tui, columns);
        let width = Printable::new_or_blank(&before).width();
        assert!(width + 4 >= columns.into(), "{width} columns of {columns}: {row}");
    }
}

#[test]
fn both_sides_of_the_cursor_are_visible_in_a_long_line() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("/");
    let words: Vec<String> = (100..200).map(|number| number.to_string()).collect();
    paste(&mut tui, &words.join(" "));
    tui.press("home");
    let (row, before) = line(&mut tui, 80);
    assert!(row.starts_with(" / 100 101 ") && before == " / ", "{row}");
    for _ in 0..200 {
        tui.press("right");
    }
    let (row, before) = line(&mut tui, 80);
    assert!(before.starts_with(" / …") && before.ends_with(" 148 149 "), "{row}");
    assert!(row.contains(" 149 150 151 152 "), "{row}");
}

#[test]
fn a_full_line_reports_dropped_characters() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("/");
    paste(&mut tui, &"asset:ast_9f3c81 ".repeat(500));
    let (row, _) = line(&mut tui, 80);
    assert!(!row.contains("dropped"), "{row}");
    paste(&mut tui, &"x".repeat(3_000));
    let (row, before) = line(&mut tui, 80);
    assert!(row.ends_with("1,500 characters dropped: the limit is 10,000"), "{row}");
    assert!(before.ends_with("xxxx"), "{row}");
    tui.press("backspace");
    assert!(!line(&mut tui, 80).0.contains("dropped"));
    tui.press("esc L");
    paste(&mut tui, &"n".repeat(300));
    let (row, _) = line(&mut tui, 80);
    assert!(row.contains(" characters dropped: the limit is 200"), "{row}");
    let Mode::Name { line, .. } = &tui.model().mode else { unreachable!() };
    assert_eq!(line.text().chars().count(), 200);
}

#[test]
fn an_invalid_filter_cannot_be_applied_and_claims_nothing() {
    for screen in ["1", "2", "3"] {
        let mut tui = TuiHarness::story(7, 60);
        tui.press(screen);
        tui.press("/");
        assert!(rows(&mut tui, 80)[23].contains("⏎ apply"));
        // The text typed before the mistake is a filter without matches.
        tui.type_text("nosuch:q");
        let frame = rows(&mut tui, 80);
        let (screen, footer) = (frame.join("\n"), &frame[23]);
        assert!(!footer.contains("apply") && footer.contains("esc cancel"), "{footer}");
        assert!(screen.contains("The filter is not valid"), "{screen}");
        for claim in ["No match", "Nothing is listed", "no match"] {
            assert!(!screen.contains(claim), "{claim}: {screen}");
        }
        assert!(frame[22].contains(" / nosuch:q") && frame[22].contains("nosuch:"), "{screen}");
        tui.press("ctrl-u");
        let frame = rows(&mut tui, 80);
        assert!(frame[23].contains("⏎ apply"), "{}", frame[23]);
    }
}

#[test]
fn the_error_is_shown_beside_a_long_filter() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("/");
    paste(&mut tui, &format!("{} nosuch:q", "word ".repeat(50)));
    for columns in [80, 120] {
        let (row, before) = line(&mut tui, columns);
        assert!(before.ends_with(" nosuch:q"), "{row}");
        let (_, behind) = row.split_at(before.len());
        assert!(behind.trim_start().len() > 20 && behind.contains("nosuch"), "{row}");
    }
    // A long filter that is kept also leaves room for the counts.
    tui.press("ctrl-u");
    paste(&mut tui, &"word ".repeat(50));
    tui.press("enter");
    let row = rows(&mut tui, 80)[22].clone();
    assert!(row.ends_with("esc: show all") && row.starts_with(" / word word "), "{row}");
}
