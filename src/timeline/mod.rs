//! The fold: computes the state of an asset and its versions from their deliveries in `seq` order.
//! Owns the rules and knows no clock, no journal and no screen.
//!
//! A callback has neither an id nor a time, and a retry can equal a genuine second occurrence byte
//! for byte, so bytes do not identify an event: the fold decides by time of arrival and marks its
//! guesses. Every delivery gets a [`DeliveryEffect`](crate::callback::DeliveryEffect) and, apart from it, perhaps
//! an [`Ambiguity`].
//!
//! # The rules
//!
//! Ranks: `not_ready` 0, `ready` and `failed` 1, `generating` 2, `generated` and `generate_failed` 3. W is
//! [`WINDOW`], its end included. A cycle is one run of a version from `ready` to its outcome. An
//! event is *seen* when it has arrived in the current cycle, even late; the *current state* is the
//! event that was applied last.
//!
//! 1. Every delivery is kept. One that cannot be read (unknown event, missing id, odd type) has the
//!    effect `none` and changes nothing here.
//! 2. The first event of a version is its state, in cycle 1: `applied`, whatever its rank.
//! 3. Higher rank, not seen: `applied`. A step left out in between is not ambiguous, and an
//!    earlier ambiguity is cleared. [`Ambiguity::SameBytesLater`] when this event's last copy, in an earlier cycle,
//!    had the very same bytes.
//! 4. The current state's event again: a `repeat` within W of its last arrival, which each repeat
//!    renews; later a `new_cycle`, [`Ambiguity::SameEventLater`].
//! 5. An event that was seen and is not the current state. Further than W both from its first
//!    arrival and from the current state's: rule 8, also where the rank is the same. Within W:
//!    - *A copy*, with the same signature and body as the event's last copy: a `repeat`.
//!    - *Signed anew*: a `new_cycle`, [`Ambiguity::TakenForNewRun`], when the current state is
//!      `generated`, `generate_failed` or `failed`, because then somebody has generated or revised
//!      again, the everyday act after a failure; also when the event is `failed`, because a failure
//!      is never swallowed. Else a `repeat`, [`Ambiguity::SignedAnew`].
//!
//!    An event that was not seen in this cycle is a `repeat` too when it is a copy of the event's
//!    last one, which came within W: a retry of the cycle before, which must not undo what happened
//!    since.
//! 6. Same rank, not seen. `ready` and `failed`: the later to arrive is `applied` in the same cycle,
//!    [`Ambiguity::OrderUnknown`] within W of the current state. `generated` and `generate_failed`: a
//!    `new_cycle`, [`Ambiguity::SecondOutcome`]. But if a copy of `generating` was received since the
//!    current outcome and taken for a `repeat`, the first such copy began the new cycle: the lane is
//!    redrawn from its time ([`Step::hindsight`]), it does not count as a repeat, and there is no ambiguity.
//! 7. Lower rank, not seen, within W of the current state: `late`; it fills history and changes
//!    nothing else. Except `failed`, because a failure is never swallowed: a `new_cycle`,
//!    [`Ambiguity::FailureOutOfOrder`].
//! 8. Any other lower rank: a `new_cycle` with that state (revised, regenerated); the result of the
//!    cycle before is gone. [`Ambiguity::SameBytesLater`] when this event's last copy had the very same
//!    bytes, else [`Ambiguity::UndocumentedStep`] for `ready` or `failed` while `generating`.
//! 9. `asset_failed` marks the [`Asset`], whatever version id it carries, and touches no version:
//!    `applied`. Within W of its last arrival it is a `repeat`; later it is `applied` again and
//!    renews the mark's time, [`Ambiguity::SameBytesLater`] when the last copy had the very same bytes.
//!    The mark stays: what arrives for the versions afterwards is counted beside it and applies.
//! 10. A version that has been `generating` for longer than a limit is overdue
//!     ([`Version::overdue`]).
//! 11. A step, and with it the state, is [`Unchecked`](Provenance::Unchecked) when the delivery that
//!     made it was accepted without a check of its signature; so is the mark of rule 9. A verified
//!     `repeat` proves the last step of its event, or the mark: it is verified from then on. An
//!     unchecked `repeat` changes nothing in that, and no provenance changes an effect or an ambiguity.
//!
//! # The rules of the API
//!
//! An answer of the service's API reports the status of a version, and is a row of the journal like
//! a delivery. Each step *rests on* a callback, on the API, or on both ([`Basis`]).
//!
//! 12. The time of an answer is when it was asked for. `NotReady` is the state `not_ready`, of rank 0,
//!     which no callback reports; `ReadyToEdit`, `Generating` and `Completed` are `ready`,
//!     `generating` and `generated`. `Failed` is the failure of the last known state's step:
//!     `generate_failed` from rank 2 on, else `failed`; [`Ambiguity::FailureResolved`].
//! 13. An answer that was asked for before the last arrival of the current state's event: `late`; it
//!     changes nothing.
//! 14. The first of a version: its state, in cycle 1: `applied`.
//! 15. The current state again: a `repeat`, which is not counted. The state rests on both and is
//!     verified (rule 11), and an ambiguity is cleared; but `Failed` does not say which failure it is,
//!     so it leaves [`Ambiguity::FailureResolved`].
//! 16. A higher rank, seen or not, and `ready` or `failed` for the other: `applied` in the same cycle.
//! 17. Any other: a `new_cycle`, because what lies between was not reported. `NotReady` after a later
//!     state is [`Ambiguity::RestartedElsewhere`]; nothing else is ambiguous but `Failed`.
//! 18. A callback for a step of this cycle that rests on the API alone, within W of it, begins
//!     nothing: the step keeps its time and rests on both. `applied` for the current state, else
//!     `late`.
//! 19. Where the current state is [`Ambiguity::FailureResolved`] and rests on the API alone, the
//!     callback of the other failure corrects it within W: `applied` in the same cycle, certain.
//!
//! # What holds beside them
//!
//! - Time is `received_at`, and may go back from one delivery to the next (a clock was set, a relay
//!   hands over what it took earlier). What lies before the moment it is measured from counts as
//!   within W.
//! - "Last arrival" in rules 4 and 9 is the latest one and slides with every repeat. "The current
//!   state" in rules 5 to 7 and 10 means when it first came, and does not slide, so that a stream
//!   of retries cannot hold a window open.
//! - Signatures are compared by value, as [`Fingerprint`] says: capitals, the other `s` or the other
//!   encoding do not make a copy a delivery signed anew.
//! - [`Version::uncertain`] is the ambiguity of the delivery that set the state; a certain one
//!   clears it, an ambiguous repeat sets it, and nothing else touches it.
//! - The last locale that was not null wins, also from a repeat. An event's last copy is remembered
//!   across cycles and renewed by every delivery of it.
//!
//! When a rule changes, [`FOLD_VERSION`] goes up.

mod asset;
mod asset_expectation;
mod expectation;
mod nanos;
mod notes;
mod rows;
mod spans;
mod step;
#[cfg(test)]
mod tests;
#[expect(
    clippy::module_inception,
    reason = "the type stands in the file of its name; the path is private"
)]
mod timeline;
mod version;

use jiff::{SignedDuration, Timestamp};

pub use asset::Asset;
pub use asset_expectation::AssetExpectation;
pub use expectation::{Expectation, Progress};
pub use notes::{AssetListing, Notes};
pub use rows::{AssetRow, VersionRow};
pub use spans::Span;
pub use step::Step;
pub use timeline::Timeline;
pub use version::{ApiAnswer, Occurrence, Version};

#[cfg(doc)]
use crate::callback::{Ambiguity, Basis};
use crate::callback::{Fingerprint, Outcome, Provenance, Subject, VersionReport};

/// The version of the rules and of the stored shape of [`Asset`] and [`Version`].
///
/// The journal keeps it beside the state and folds anew when it differs.
pub const FOLD_VERSION: u32 = 4;

/// W: how long copies of an event, or steps overtaken on the way, are expected.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Folds one delivery into the state of its asset and, unless it is about the asset as a whole, of
/// its version.
///
/// `at` is its `received_at`, `provenance` that of its verdict. `asset` and `version` are the
/// states of exactly the asset and version that `subject` names, `None` before their first
/// delivery. Both are filled in, but `version` is left unchanged by `asset_failed`. Deliveries must
/// come in `seq` order.
pub fn fold(
    subject: &Subject<'_>,
    at: Timestamp,
    fingerprint: Fingerprint,
    provenance: Provenance,
    asset: &mut Option<Asset>,
    version: &mut Option<Version>,
) -> Outcome {
    let asset = asset.get_or_insert_with(|| Asset::new(at));
    match *subject {
        Subject::AssetFailed { .. } => asset.fail(at, fingerprint, provenance),
        Subject::Version { locale, state, .. } => {
            asset.note_version_delivery(at);
            let occurrence = Occurrence { state, at, locale, fingerprint, provenance };
            if let Some(version) = version {
                version.apply(&occurrence)
            } else {
                let (begun, outcome) = Version::begin(&occurrence);
                *version = Some(begun);
                outcome
            }
        }
    }
}

/// Folds what the API says of one version into its state and that of its asset, under the rules of
/// the API. Returns the outcome, and whether anything changed.
///
/// `asset` and `version` are the states of exactly the asset and version that `report` names.
pub fn fold_report(
    report: &VersionReport,
    asked_at: Timestamp,
    asset: &mut Option<Asset>,
    version: &mut Option<Version>,
) -> (Outcome, bool) {
    let answer = ApiAnswer { status: report.status, asked_at, locale: report.locale.as_deref() };
    let (outcome, has_changed) = if let Some(version) = version {
        let before = version.clone();
        let outcome = version.apply_answer(&answer);
        (outcome, *version != before)
    } else {
        let (begun, outcome) = Version::begin_with_answer(&answer);
        *version = Some(begun);
        (outcome, true)
    };
    if has_changed {
        asset.get_or_insert_with(|| Asset::new(asked_at)).note_answer(asked_at);
    }
    (outcome, has_changed)
}

/// Returns the time from one moment to another; zero if the second is before the first.
fn elapsed(from: Timestamp, to: Timestamp) -> SignedDuration {
    to.duration_since(from).max(SignedDuration::ZERO)
}

/// Returns whether `at` is within W after a moment, or before it.
fn within_window(of: Timestamp, at: Timestamp) -> bool {
    elapsed(of, at) <= WINDOW
}
