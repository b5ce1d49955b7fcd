//! The legend of the Matrix: the glyphs of the states, and the marks that are visible.

use std::collections::BTreeSet;

use crate::callback::{Basis, State};
use crate::tui::model::asset::AssetView;
use crate::tui::view::mark;
use crate::tui::widget::glyph;
use crate::tui::widget::pen::Pen;
use crate::tui::widget::theme::{Role, Theme};

/// The marks and glyphs that are explained only where they are visible.
#[derive(Debug, Default)]
pub(super) struct SeenMarks(BTreeSet<char>);

impl SeenMarks {
    /// Adds those of an asset.
    pub(super) fn add(&mut self, asset: &AssetView) {
        let mut add = |glyph, is_seen| {
            if is_seen {
                self.0.insert(glyph);
            }
        };
        for version in asset.row.versions.iter().map(|row| &row.version) {
            add(glyph::UNCHECKED, version.provenance().is_unchecked());
            add(glyph::NOT_READY, version.state() == State::NotReady);
            add(glyph::ANSWER, version.basis() == Basis::Api);
            add(glyph::CONFIRMED, version.basis() == Basis::Both);
        }
        add(glyph::EXPECTED, !asset.missing().is_empty());
        add(glyph::FOREIGN, mark::of_asset(asset).is_some());
    }

    fn has(&self, glyph: char) -> bool {
        self.0.contains(&glyph)
    }

    /// Returns whether something is explained that needs an API key.
    fn is_of_api(&self) -> bool {
        [glyph::NOT_READY, glyph::ANSWER, glyph::CONFIRMED, glyph::FOREIGN]
            .into_iter()
            .any(|glyph| self.has(glyph))
    }
}

/// A glyph, its role, and its meaning at length and in short.
type LegendEntry = (char, Role, &'static str, &'static str);

/// Draws the legend. `unchecked` is the role of that mark.
pub(super) fn draw(seen: &SeenMarks, unchecked: Role, theme: Theme, pen: &mut Pen<'_>) {
    let entries = [
        (true, (glyph::FAILED, Role::Failed, "failed", "failed")),
        (true, (glyph::OVERDUE, Role::Failed, "overdue", "overdue")),
        (true, (glyph::READY, Role::Ready, "ready", "ready")),
        (true, (glyph::GENERATING, Role::Generating, "generating", "gen")),
        (seen.has(glyph::NOT_READY), (glyph::NOT_READY, Role::Dim, "dubbing", "dub")),
        (true, (glyph::DONE, Role::Done, "done", "done")),
        (seen.has(glyph::EXPECTED), (glyph::EXPECTED, Role::Dim, "expected", "expected")),
        (true, (glyph::GUESS, Role::Guess, "a guess", "guess")),
        (seen.has(glyph::UNCHECKED), (glyph::UNCHECKED, unchecked, "unchecked", "unchecked")),
        (seen.has(glyph::ANSWER), (glyph::ANSWER, Role::Plain, "API only", "API")),
        (seen.has(glyph::CONFIRMED), (glyph::CONFIRMED, Role::Dim, "callback and API", "both")),
        (seen.has(glyph::FOREIGN), (glyph::FOREIGN, Role::Guess, "not of this account", "foreign")),
    ];
    let entries: Vec<LegendEntry> =
        entries.into_iter().filter(|(is_seen, _)| *is_seen).map(|(_, entry)| entry).collect();
    let columns = |brief: bool| {
        let words = entries.iter().map(|(.., long, short)| if brief { short } else { long });
        words.map(|word| word.len() + 4).sum::<usize>()
    };
    // Only marks of the API can make it too long.
    let is_brief = seen.is_of_api() && columns(false) > usize::from(pen.left());
    let gap = if columns(is_brief) > usize::from(pen.left()) { 1 } else { 2 };
    pen.skip(1);
    for (place, (sign, role, long, short)) in entries.iter().enumerate() {
        if place > 0 {
            pen.skip(gap);
        }
        pen.glyph(*sign, theme.of(*role)).skip(1);
        pen.text(if is_brief { short } else { long }, theme.of(Role::Dim));
    }
    let several = "  2 versions in one locale";
    let brief = "  2 versions";
    let dot = "  · no version".chars().count();
    if usize::from(pen.left()) >= several.len() + dot {
        pen.text(several, theme.of(Role::Dim)).skip(2);
        pen.glyph(glyph::DOT, theme.of(Role::Dim)).text(" no version", theme.of(Role::Dim));
    } else if usize::from(pen.left()) >= brief.len()
        || !(seen.has(glyph::UNCHECKED) || seen.is_of_api())
    {
        pen.text(brief, theme.of(Role::Dim));
    }
}
