//! What the journal knows of an asset, and how much the API has to say about it.

use jiff::{SignedDuration, Timestamp};

use crate::api::Need;
use crate::callback::{Ambiguity, Basis, State};
use crate::timeline::{AssetRow, Notes, Version};

/// Returns how much the API has to say about an asset. A version is overdue when it has been
/// generating for longer than `overdue`.
pub(super) fn need(row: &AssetRow, notes: &Notes, now: Timestamp, overdue: SignedDuration) -> Need {
    if notes.listing.is_foreign {
        return Need::Settled;
    }
    let versions = || row.versions.iter().map(|row| &row.version);
    if versions().any(|version| version.overdue(now, overdue) || is_doubtful(version)) {
        return Need::Urgent;
    }
    let is_open = |version: &Version| {
        matches!(version.state(), State::NotReady | State::Ready | State::Generating)
    };
    if !notes.listing.is_complete || versions().any(is_open) { Need::Open } else { Need::Settled }
}

/// Returns whether the state is a guess that the API can settle. It does not know which step of a
/// version failed, nor what happened elsewhere.
fn is_doubtful(version: &Version) -> bool {
    version.uncertain().is_some_and(|ambiguity| {
        !matches!(ambiguity, Ambiguity::FailureResolved | Ambiguity::RestartedElsewhere)
    })
}

/// Returns whether a callback about the asset was verified.
pub(super) fn is_signed(row: &AssetRow) -> bool {
    let has_failed = row.asset.failure.as_ref();
    has_failed.is_some_and(|failure| failure.provenance.is_verified())
        || row
            .versions
            .iter()
            .any(|row| row.version.basis() != Basis::Api && row.version.provenance().is_verified())
}

/// Returns whether nothing more is expected of an asset by itself, from the states of its versions.
pub(super) fn is_over(mut states: impl Iterator<Item = State>) -> bool {
    states.all(|state| matches!(state, State::Generated | State::Failed | State::GenerateFailed))
}
