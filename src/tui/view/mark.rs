//! The mark beside the glyph of a state: a guess, unchecked, or what it rests on; and the mark of an
//! asset that is not of the account.

use crate::callback::{Basis, State};
use crate::timeline::Version;
use crate::tui::model::asset::AssetView;
use crate::tui::model::{Banner, Model};
use crate::tui::widget::glyph;
use crate::tui::widget::theme::Role;

/// The sentence about an asset whose callbacks are valid and which the API does not know.
pub(super) const FOREIGN: &str = "signed by the service, but not an asset of this account";

/// Returns the mark of a version's state. A guess takes precedence: if everything is unchecked, the
/// banner already says so. A state that rests on a callback alone has no mark.
pub(super) fn of(model: &Model, version: &Version) -> Option<(char, Role)> {
    if version.uncertain().is_some() {
        return Some((glyph::GUESS, Role::Guess));
    }
    if version.provenance().is_unchecked() {
        return Some((glyph::UNCHECKED, unchecked(model)));
    }
    match version.basis() {
        Basis::Callback => None,
        Basis::Api => Some((glyph::ANSWER, Role::Plain)),
        Basis::Both => Some((glyph::CONFIRMED, Role::Dim)),
    }
}

/// Returns what a version's state rests on in two words; `None` for a callback alone, and for a state
/// that no callback reports.
pub(super) fn basis_words(version: &Version) -> Option<&'static str> {
    match (version.basis(), version.state()) {
        (Basis::Callback, _) | (_, State::NotReady) => None,
        (Basis::Api, _) => Some("API only"),
        (Basis::Both, _) => Some("+ API"),
    }
}

/// Returns the mark of an asset that is not of the account.
pub(super) fn of_asset(asset: &AssetView) -> Option<(char, Role)> {
    asset.notes.listing.is_foreign.then_some((glyph::FOREIGN, Role::Guess))
}

/// Returns the role of the mark and word for an unchecked state: prominent among verified ones, dim
/// if the banner already says that everything is unchecked.
pub(super) fn unchecked(model: &Model) -> Role {
    if model.run_info.banner == Some(Banner::Unchecked) { Role::Dim } else { Role::Guess }
}
