//! The mark beside the glyph of a state: a guess, or unchecked.

use crate::timeline::Version;
use crate::tui::model::{Banner, Model};
use crate::tui::widget::glyph;
use crate::tui::widget::theme::Role;

/// Returns the mark of a version's state. A guess takes precedence: if everything is unchecked, the
/// banner already says so.
pub(super) fn of(model: &Model, version: &Version) -> Option<(char, Role)> {
    if version.uncertain().is_some() {
        return Some((glyph::GUESS, Role::Guess));
    }
    version.provenance().is_unchecked().then(|| (glyph::UNCHECKED, unchecked(model)))
}

/// Returns the role of the mark and word for an unchecked state: prominent among verified ones, dim
/// if the banner already says that everything is unchecked.
pub(super) fn unchecked(model: &Model) -> Role {
    if model.run_info.banner == Some(Banner::Unchecked) { Role::Dim } else { Role::Guess }
}
