//! States from deliveries that were accepted without a check, among verified ones.
//!
//! `INSTA_UPDATE=always cargo test --test screens` updates the snapshots. Look at them.

use std::collections::BTreeSet;

use dubwatch::internals::simulate::Message;
use dubwatch::internals::tui::model::Banner;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::SignedDuration;
use ratatui::style::Modifier;

use crate::tui_harness::{COLOR, TuiHarness, now, rendered};

const ASCII: Theme = Theme { color: false, ascii: true, light: false };

/// Creates a failed asset with two versions, of which only the first was not checked.
fn two_versions(event: &str) -> TuiHarness {
    let mut tui = TuiHarness::empty();
    tui.unchecked = |seq| seq < 3;
    let events = [("asset_failed", None), (event, Some("ver_1")), (event, Some("ver_2"))];
    for (event, version) in events {
        let message = Message {
            event: event.to_owned(),
            asset_id: "ast_two".to_owned(),
            version_id: version.map(str::to_owned),
            version_locale: version.map(|version| version.replace("ver_", "es-E")),
        };
        let row = tui.delivery(&message, now() - SignedDuration::from_mins(5));
        tui.news(vec![row], &BTreeSet::from(["ast_two".to_owned()]), false);
    }
    tui
}

/// Returns the lines of a frame.
fn lines(tui: &mut TuiHarness, size: (u16, u16), theme: Theme) -> Vec<String> {
    let frame = rendered(&tui.frame(size, theme));
    frame.lines().take_while(|line| *line != "---").map(str::to_owned).collect()
}

/// A mark beside the glyph at every size, and the word if there is room, with and without colour.
#[test]
fn a_lane_shows_that_its_state_is_unchecked() {
    for (size, theme, marks) in [
        ((80, 24), COLOR, ["○–es-E1", "○ es-E2"]),
        ((120, 40), COLOR, ["○–es-E1", "○ es-E2"]),
        ((200, 50), ASCII, ["o-es-E1", "o es-E2"]),
    ] {
        let mut tui = two_versions("version_ready");
        tui.press("tab");
        let lines = lines(&mut tui, size, theme);
        for mark in marks {
            assert!(lines.iter().any(|line| line.contains(mark)), "{mark} {size:?}\n{lines:#?}");
        }
        // Beside the list of assets, if it is shown.
        let beside = lines.iter().filter_map(|line| line.split(['│', '|']).next_back());
        let message: String = beside.map(str::trim).collect::<Vec<_>>().join(" ");
        assert!(message.contains("unchecked (--signature off)"), "{size:?}\n{lines:#?}");
        assert!(message.contains("ASSET FAILED 13:55, unchecked, then 2 events of"), "{lines:#?}");
    }
    // A lane without any other note.
    let lanes = lines(&mut two_versions("version_generated"), (120, 40), COLOR);
    let lane = |locale: &str| lanes.iter().find(|line| line.contains(locale)).unwrap();
    assert!(lane("–es-E1").ends_with(" unchecked"), "{lanes:#?}");
    assert!(!lane(" es-E2").contains("unchecked"), "{lanes:#?}");
}

#[test]
fn a_matrix_cell_shows_that_its_state_is_unchecked() {
    let mut tui = two_versions("version_ready");
    tui.press("2");
    let seen = lines(&mut tui, (80, 24), COLOR);
    assert!(seen.iter().any(|line| line.contains("ast_two") && line.contains("○–")), "{seen:#?}");
    assert!(seen.iter().any(|line| line.contains("ready since 13:55 – unchecked")), "{seen:#?}");
    assert!(seen.iter().any(|line| line.contains("? a guess  – unchecked")), "{seen:#?}");
    tui.press("right");
    let seen = lines(&mut tui, (80, 24), ASCII);
    assert!(!seen.iter().any(|line| line.contains("since 13:55 - unchecked")), "{seen:#?}");
}

/// The alert bar says it, unless the banner already does.
#[test]
fn the_alert_bar_shows_which_failures_are_unchecked() {
    let mut tui = two_versions("version_failed");
    let bar = lines(&mut tui, (200, 50), COLOR)[1].clone();
    assert!(bar.contains("asset failed 13:55, unchecked"), "{bar}");
    assert_eq!(bar.matches("unchecked").count(), 2, "{bar}");
    tui.model.run_info.banner = Some(Banner::Unchecked);
    let bar = lines(&mut tui, (200, 50), COLOR)[2].clone();
    assert!(bar.contains("FAILED") && !bar.contains("unchecked"), "{bar}");
}

/// If everything is unchecked, the banner says so and the marks are dim.
#[test]
fn marks_are_dim_under_the_banner() {
    let mut tui = two_versions("version_ready");
    for (banner, is_dim) in [(None, false), (Some(Banner::Unchecked), true)] {
        tui.model.run_info.banner = banner;
        let frame = tui.frame((120, 40), COLOR);
        let marks: Vec<_> = frame
            .content
            .windows(2)
            .filter(|cells| cells[0].symbol() == "○" && cells[1].symbol() == "–")
            .collect();
        assert!(!marks.is_empty());
        for mark in marks {
            assert_eq!(mark[1].modifier.contains(Modifier::DIM), is_dim, "{banner:?}");
        }
    }
}

#[test]
fn the_filter_finds_assets_with_unchecked_states() {
    let mut tui = two_versions("version_ready");
    tui.press("/");
    tui.type_text("unchecked");
    assert_eq!(tui.model().assets().len(), 1);
    tui.press("esc");
    tui.unchecked = |_| false;
    for (event, version) in [("asset_failed", None), ("version_generating", Some("ver_1"))] {
        let message = Message {
            event: event.to_owned(),
            asset_id: "ast_two".to_owned(),
            version_id: version.map(str::to_owned),
            version_locale: None,
        };
        let row = tui.delivery(&message, now());
        tui.news(vec![row], &BTreeSet::from(["ast_two".to_owned()]), false);
    }
    tui.press("/");
    tui.type_text("unchecked");
    assert_eq!(tui.model().assets().len(), 0, "everything is verified now");
}
