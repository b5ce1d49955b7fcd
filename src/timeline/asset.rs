//! An asset's mark of failure (rule 9) and when it was active; knows nothing of its versions'
//! states.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{nanos, within_window};
use crate::callback::{Ambiguity, DeliveryEffect, Fingerprint, Outcome, Provenance};

/// The state of an asset as a whole, from its deliveries and those of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// The earliest arrival.
    #[serde(with = "nanos")]
    pub first_at: Timestamp,
    /// The latest arrival, copies included.
    #[serde(with = "nanos")]
    pub last_at: Timestamp,
    /// The mark of failure. It is never removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AssetFailure>,
}

/// The mark that `asset_failed` leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetFailure {
    /// When it arrived; if it arrived several times further than [`WINDOW`](super::WINDOW) apart,
    /// the last time.
    #[serde(with = "nanos")]
    pub at: Timestamp,
    /// The latest arrival of a copy of it.
    #[serde(with = "nanos")]
    pub last: Timestamp,
    /// Of the last copy.
    pub fingerprint: Fingerprint,
    /// Verified where any delivery of it since `at` was (rule 11).
    #[serde(rename = "n", default, skip_serializing_if = "Provenance::is_verified")]
    pub provenance: Provenance,
    /// The number of deliveries for the asset's versions after `at`, whatever their effect.
    pub events_since: u32,
}

impl Asset {
    /// Creates an asset whose first delivery arrived at `at`.
    pub(super) const fn new(at: Timestamp) -> Self {
        Self { first_at: at, last_at: at, failure: None }
    }

    /// Returns the provenance of its own failure; verified if it did not fail.
    pub fn provenance(&self) -> Provenance {
        self.failure.as_ref().map_or(Provenance::Verified, |failure| failure.provenance)
    }

    /// Notes a delivery for one of its versions.
    pub(super) fn note_version_delivery(&mut self, at: Timestamp) {
        self.hear(at);
        if let Some(failure) = &mut self.failure {
            failure.events_since = failure.events_since.saturating_add(1);
        }
    }

    /// Notes an answer of the API that changed one of its versions.
    pub(super) fn note_answer(&mut self, asked_at: Timestamp) {
        self.hear(asked_at);
    }

    /// Marks it failed (rule 9).
    pub(super) fn fail(
        &mut self,
        at: Timestamp,
        fingerprint: Fingerprint,
        provenance: Provenance,
    ) -> Outcome {
        self.hear(at);
        let mut uncertain = None;
        if let Some(failure) = &mut self.failure {
            let earlier = std::mem::replace(&mut failure.fingerprint, fingerprint);
            if within_window(failure.last, at) {
                failure.last = failure.last.max(at);
                // Rule 11.
                if provenance.is_verified() {
                    failure.provenance = provenance;
                }
                return Outcome::certain(DeliveryEffect::Repeat);
            }
            uncertain = (earlier.copy == fingerprint.copy).then_some(Ambiguity::SameBytesLater);
        }
        self.failure =
            Some(AssetFailure { at, last: at, fingerprint, provenance, events_since: 0 });
        Outcome { effect: DeliveryEffect::Applied, uncertain }
    }

    fn hear(&mut self, at: Timestamp) {
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
    }
}
