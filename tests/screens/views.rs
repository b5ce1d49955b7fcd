//! Snapshots for people: every view in its most telling state, and the differences in the other
//! states.
//!
//! `INSTA_UPDATE=always cargo test --test screens` updates the snapshots. Look at them.

use std::fmt::Write as _;

use dubwatch::internals::tui::widget::theme::Theme;
use ratatui::buffer::Buffer;

use crate::states::{VIEWS, open, state};
use crate::tui_harness::{COLOR, TuiHarness, rendered, rows};

const BASE: &str = "failed";
/// Views that change one line of the Timeline.
const LINES: [&str; 4] = ["filter", "name", "expectation", "quit"];
const LARGE: (u16, u16) = (120, 40);
const SMALL: (u16, u16) = (80, 24);

/// Creates a state and opens a view.
fn opened(view: &str, name: &str) -> TuiHarness {
    let (_, keys) = VIEWS.iter().find(|(other, _)| *other == view).unwrap();
    let mut tui = state(name);
    open(&mut tui, keys);
    tui
}

fn snapshot(name: &str, snapshot: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, snapshot);
    });
}

#[test]
fn views() {
    for (view, _) in VIEWS.iter().filter(|(view, _)| !LINES.contains(view)) {
        for size in [LARGE, SMALL] {
            let frame = opened(view, BASE).frame(size, COLOR);
            snapshot(&format!("{view}_{}x{}", size.0, size.1), &rendered(&frame));
        }
    }
}

/// States that share little with the other snapshots.
#[test]
fn states_with_snapshots_of_their_own() {
    for (view, name) in [
        ("timeline", "empty"),
        ("timeline", "reading"),
        ("timeline", "many"),
        ("deliveries", "wide_text"),
    ] {
        let frame = opened(view, name).frame(SMALL, COLOR);
        snapshot(&format!("{view}_{name}_80x24"), &rendered(&frame));
    }
}

#[test]
fn themes() {
    for (name, theme) in [
        ("light", Theme { light: true, ..COLOR }),
        ("mono", Theme { color: false, ..COLOR }),
        ("ascii", Theme { color: false, ascii: true, ..COLOR }),
    ] {
        let frame = opened("timeline", BASE).frame(SMALL, theme);
        snapshot(&format!("timeline_{name}_80x24"), &rendered(&frame));
    }
}

#[test]
fn differences_between_states() {
    for (view, states) in [
        (
            "timeline",
            &[
                "frozen",
                "filtered",
                "filtered_to_nothing",
                "filter_with_mistake",
                "failures_only",
                "expected",
                "demo",
                "demo_over",
                "unchecked",
                "partly_unchecked",
                "read_only",
                "writer_gone",
                "unwritable",
                "full_disk",
                "connecting",
                "catching_up",
                "disconnected",
                "token_refused",
                "superseded",
                "gaps",
                "api",
                "app_down",
            ][..],
        ),
        ("matrix", &["frozen", "filtered_to_nothing", "partly_unchecked", "expected", "api"]),
        (
            "deliveries",
            &["frozen", "filtered", "filtered_to_nothing", "failures_only", "api", "app_down"],
        ),
        (
            "health",
            &[
                "demo",
                "unchecked",
                "read_only",
                "writer_gone",
                "unwritable",
                "full_disk",
                "catching_up",
                "disconnected",
                "gaps",
                "api",
                "api_paused",
                "forwarding",
                "app_down",
            ],
        ),
        ("payload", &["api"]),
        ("headers", &["api"]),
        ("signature", &["api"]),
    ] {
        let base = opened(view, BASE).frame(LARGE, COLOR);
        for name in states {
            let frame = opened(view, name).frame(LARGE, COLOR);
            snapshot(&format!("{view}_{name}"), &difference(&base, &frame));
        }
    }
    let base = opened("timeline", BASE).frame(SMALL, COLOR);
    for view in LINES {
        let frame = opened(view, BASE).frame(SMALL, COLOR);
        snapshot(view, &difference(&base, &frame));
    }
    let base = opened("timeline", "empty").frame(SMALL, COLOR);
    let frame = opened("timeline", "empty_without_key").frame(SMALL, COLOR);
    snapshot("timeline_empty_without_key", &difference(&base, &frame));
}

/// Returns the rows that differ between two frames, with their positions and styles.
fn difference(base: &Buffer, frame: &Buffer) -> String {
    let (old, new) = (rows(base), rows(frame));
    let mut text = String::new();
    let mut go_to = |sign: char, y: usize, (line, styles): &(String, String)| {
        let _ = writeln!(text, "{sign}{y:>2} {line}");
        if !styles.is_empty() {
            let _ = writeln!(text, "{sign}   ~ {styles}");
        }
    };
    // The length of the longest common subsequence from each pair of positions on.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for before in (0..old.len()).rev() {
        for after in (0..new.len()).rev() {
            common[before][after] = if old[before] == new[after] {
                common[before + 1][after + 1] + 1
            } else {
                common[before + 1][after].max(common[before][after + 1])
            };
        }
    }
    let (mut before, mut after) = (0, 0);
    while before < old.len() || after < new.len() {
        let is_same = before < old.len() && after < new.len() && old[before] == new[after];
        if is_same {
            (before, after) = (before + 1, after + 1);
        } else if after == new.len()
            || (before < old.len() && common[before + 1][after] >= common[before][after + 1])
        {
            go_to('-', before, &old[before]);
            before += 1;
        } else {
            go_to('+', after, &new[after]);
            after += 1;
        }
    }
    text
}

#[test]
fn a_difference_lists_added_and_removed_rows() {
    let buffer = |lines: &[&str]| Buffer::with_lines(lines.iter().copied());
    let base = buffer(&["header", "one", "two", "footer"]);
    assert_eq!(difference(&base, &base), "");
    let other = buffer(&["header", "banner", "one", "footer"]);
    assert_eq!(difference(&base, &other), "+ 1 banner\n- 2 two\n");
}
