//! The number of versions in each state, in as many words as fit.

use super::super::model::counts::DubCounts;
use super::super::widget::glyph;
use super::super::widget::theme::Role;
use super::row::number;
use crate::text::Printable;

/// Text in pieces, each with its role.
pub(super) type StyledPieces = Vec<(String, Role)>;

/// Returns the columns that pieces take.
pub(super) fn width(pieces: &[(String, Role)]) -> usize {
    pieces.iter().map(|(text, _)| Printable::new_or_blank(text).width()).sum()
}

/// Returns the counts in words: `418 of 465 done · 12 generating · 5 dubbing · 16 for you (▲ 2
/// overdue) · 19 failed`. Zeros are left out. If `briefly` is true, "overdue" is only a glyph, and assets that
/// failed as a whole are counted as failed, as in the alert bar.
pub(super) fn words(counts: &DubCounts, briefly: bool) -> StyledPieces {
    let mut parts: Vec<StyledPieces> = Vec::new();
    let one = |text: String, role| vec![(text, role)];
    let count = |count: usize| number(count as u64);
    if counts.all > 0 {
        parts
            .push(one(format!("{} of {} done", count(counts.done), count(counts.all)), Role::Done));
    }
    if counts.generating > 0 {
        parts.push(one(format!("{} generating", count(counts.generating)), Role::Generating));
    }
    if counts.not_ready > 0 {
        parts.push(one(format!("{} dubbing", count(counts.not_ready)), Role::Dim));
    }
    if counts.for_you() > 0 {
        let mut part = one(format!("{} for you", count(counts.for_you())), Role::Ready);
        if counts.overdue > 0 {
            let word = if briefly { "" } else { " overdue" };
            let text = format!(" ({} {}{word})", glyph::OVERDUE, count(counts.overdue));
            part.push((text, Role::Failed));
        }
        parts.push(part);
    }
    let failed = if briefly { counts.failures() } else { counts.failed };
    if failed > 0 {
        parts.push(one(format!("{} failed", count(failed)), Role::Failed));
    }
    if counts.failed_assets > 0 && !briefly {
        let assets = if counts.failed_assets == 1 { "asset" } else { "assets" };
        let text = format!("{} {assets} failed", count(counts.failed_assets));
        parts.push(one(text, Role::Failed));
    }
    if counts.expected > 0 && !briefly {
        parts.push(one(format!("{} expected", count(counts.expected)), Role::Dim));
    }
    parts.join(&(format!(" {} ", glyph::DOT), Role::Dim))
}

/// Returns the counts as glyphs in at most `room` columns: `✓ 418/465 ◐ 12 ○ 14 ▲ 2 ✗ 19`. If not
/// all fit, the most urgent ones are kept.
pub(super) fn glyphs(counts: &DubCounts, room: usize) -> StyledPieces {
    let done = format!("{} {}/{}", glyph::DONE, counts.done, counts.all);
    // In the order drawn, each with its urgency.
    let parts = [
        (2, counts.all, done, Role::Done),
        (4, counts.generating, sign(glyph::GENERATING, counts.generating), Role::Generating),
        (5, counts.not_ready, sign(glyph::NOT_READY, counts.not_ready), Role::Dim),
        (3, counts.ready, sign(glyph::READY, counts.ready), Role::Ready),
        (1, counts.overdue, sign(glyph::OVERDUE, counts.overdue), Role::Failed),
        (0, counts.failures(), sign(glyph::FAILED, counts.failures()), Role::Failed),
    ];
    let mut parts: Vec<_> = parts.into_iter().filter(|(_, count, ..)| *count > 0).collect();
    let wide = |parts: &[(i32, usize, String, Role)]| {
        parts.iter().map(|(.., text, _)| text.chars().count() + 1).sum::<usize>().saturating_sub(1)
    };
    while wide(&parts) > room {
        let Some(least) = (0..parts.len()).max_by_key(|at| parts[*at].0) else { break };
        parts.remove(least);
    }
    let mut pieces = StyledPieces::new();
    for (.., text, role) in parts {
        if !pieces.is_empty() {
            pieces.push((" ".to_owned(), Role::Dim));
        }
        pieces.push((text, role));
    }
    pieces
}

fn sign(glyph: char, count: usize) -> String {
    format!("{glyph} {count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[(String, Role)]) -> String {
        pieces.iter().map(|(text, _)| text.as_str()).collect()
    }

    #[test]
    fn words_list_all_counts_above_zero() {
        let counts = DubCounts {
            all: 1465,
            done: 1418,
            generating: 12,
            ready: 16,
            failed: 19,
            ..DubCounts::default()
        };
        assert_eq!(
            text(&words(&counts, false)),
            "1,418 of 1,465 done · 12 generating · 16 for you · 19 failed"
        );
        let late = DubCounts { ready: 14, overdue: 2, failed_assets: 1, ..counts };
        assert_eq!(
            text(&words(&late, false)),
            "1,418 of 1,465 done · 12 generating · 16 for you (▲ 2 overdue) · 19 failed · 1 asset failed"
        );
        assert_eq!(
            text(&words(&late, true)),
            "1,418 of 1,465 done · 12 generating · 16 for you (▲ 2) · 20 failed"
        );
        let only = DubCounts { failed_assets: 2, ..DubCounts::default() };
        assert_eq!(text(&words(&only, false)), "2 assets failed");
        assert_eq!(text(&words(&only, true)), "2 failed");
        assert_eq!(text(&words(&DubCounts::default(), false)), "");
        let expected = DubCounts { all: 3, done: 1, expected: 2, ..DubCounts::default() };
        assert_eq!(text(&words(&expected, false)), "1 of 3 done · 2 expected");
        assert_eq!(text(&words(&expected, true)), "1 of 3 done");
        let dubbing = DubCounts { all: 12, not_ready: 12, ..DubCounts::default() };
        assert_eq!(text(&words(&dubbing, true)), "0 of 12 done · 12 dubbing");
        assert_eq!(text(&glyphs(&dubbing, 20)), "✓ 0/12 ◔ 12");
        let waits = DubCounts { all: 1, ready: 1, ..DubCounts::default() };
        assert_eq!(text(&words(&waits, false)), "0 of 1 done · 1 for you");
    }

    #[test]
    fn glyphs_fit_and_keep_the_most_urgent() {
        let counts = DubCounts {
            all: 465,
            done: 418,
            generating: 12,
            ready: 14,
            overdue: 2,
            failed: 19,
            ..DubCounts::default()
        };
        assert_eq!(text(&glyphs(&counts, 99)), "✓ 418/465 ◐ 12 ○ 14 ▲ 2 ✗ 19");
        assert_eq!(text(&glyphs(&counts, 24)), "✓ 418/465 ○ 14 ▲ 2 ✗ 19");
        assert_eq!(text(&glyphs(&counts, 8)), "▲ 2 ✗ 19");
        for room in 0..40 {
            assert!(width(&glyphs(&counts, room)) <= room, "{room}");
        }
        assert!(glyphs(&DubCounts::default(), 9).is_empty());
    }
}
