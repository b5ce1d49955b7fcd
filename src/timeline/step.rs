//! One step in the history of a version; no rule of the fold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::nanos;
use crate::callback::{Ambiguity, Basis, Provenance, State};

/// A delivery that was not a repeat, as kept in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state that it reported.
    #[serde(rename = "s")]
    pub state: State,
    /// When it arrived. Not clamped: it may lie before the step in front of it.
    #[serde(with = "nanos")]
    pub at: Timestamp,
    /// The cycle that it belongs to.
    #[serde(rename = "c")]
    pub cycle: u32,
    /// Whether it came after a later step and never was the state (rule 7).
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Why its effect was a guess, if it was one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub uncertain: Option<Ambiguity>,
    /// Whether it was taken for a repeat until the next outcome arrived (rule 6).
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub hindsight: bool,
    /// Verified where any delivery of it was (rule 11).
    #[serde(rename = "n", default, skip_serializing_if = "Provenance::is_verified")]
    pub provenance: Provenance,
    /// Whether a callback reported it, the API, or both (rules 12 to 19).
    #[serde(rename = "b", default, skip_serializing_if = "Basis::is_callback")]
    pub basis: Basis,
}
