//! The mark beside the glyph of a state: it is a guess, or unchecked.

use crate::timeline::Version;
use crate::tui::model::{Banner, Model};
use crate::tui::widget::glyph;
use crate::tui::widget::theme::Role;

/// The mark of a version's state. A guess goes first: where everything is unchecked, the banner says
/// so already.
pub(super) fn of(model: &Model, version: &Version) -> Option<(char, Role)> {
    if version.uncertain().is_some() {
        return Some((glyph::DOUBT, Role::Doubt));
    }
    version.provenance().is_unchecked().then(|| (glyph::UNCHECKED, unchecked(model)))
}

/// The role of the mark and the word of an unchecked state: conspicuous among verified ones, dim under
/// the banner that says it of all that comes.
pub(super) fn unchecked(model: &Model) -> Role {
    if model.run_info.banner == Some(Banner::Unchecked) { Role::Dim } else { Role::Doubt }
}
