//! What `dubwatch wait` waits for, and whether it holds. Reads no journal and no clock.
//!
//! The state that counts is the one that the fold computed, of a version, of all expected versions of
//! an asset, or of the first version that fits a filter.

mod judge;
mod standing;
mod touched;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::callback::{Callback, DeliverySummary, State};
use crate::filter::Filter;
use crate::timeline::{AssetRow, Expectation, Notes, VersionRow};

use touched::Touched;

/// What is waited for.
#[derive(Debug, Clone)]
pub enum WaitSubject {
    /// A version, of the asset where that is known.
    Version {
        /// Its asset.
        asset_id: Option<String>,
        /// Its id.
        version_id: String,
    },
    /// Every expected version of an asset.
    Asset {
        /// Its id.
        asset_id: String,
        /// What is expected of it, whatever is known of that otherwise.
        expected: Option<Arc<Expectation>>,
    },
    /// The first version that fits the filter.
    Fitting(Filter),
}

/// The state that ends the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitGoal {
    /// Dubbed, or further along.
    Ready,
    /// The final video exists.
    Generated,
}

impl WaitGoal {
    const fn state(self) -> State {
        match self {
            Self::Ready => State::Ready,
            Self::Generated => State::Generated,
        }
    }
}

/// What is known about what is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitVerdict {
    /// It has come.
    Met,
    /// It has failed: a sentence without its end.
    Failed(String),
    /// It has not come yet: a sentence without its end.
    Pending(String),
}

/// A condition that is judged asset by asset, as the journal goes on.
#[derive(Debug)]
pub struct WaitCondition {
    subject: WaitSubject,
    goal: WaitGoal,
    /// What is expected of every asset.
    setting: Option<Arc<Expectation>>,
    /// How long a version may generate before it is overdue, for filters.
    overdue: SignedDuration,
    /// What was reported since the waiting began; `None` if what holds already counts too.
    touched: Option<Touched>,
    /// The assets in which the version was found.
    found_in: Vec<String>,
}

/// Maximum number of assets in which a version is looked for.
const MAX_FOUND: usize = 1000;

impl WaitCondition {
    /// Creates a condition. With `only_new`, a state that already holds does not count: each version
    /// has to come to its state by a delivery that [`WaitCondition::note`] was called with.
    pub fn new(
        subject: WaitSubject,
        goal: WaitGoal,
        setting: Option<Arc<Expectation>>,
        overdue: SignedDuration,
        only_new: bool,
    ) -> Self {
        let touched = only_new.then(Touched::default);
        Self { subject, goal, setting, overdue, touched, found_in: Vec::new() }
    }

    /// Returns what is waited for.
    pub const fn subject(&self) -> &WaitSubject {
        &self.subject
    }

    /// Returns whether only what is reported from now on counts.
    pub const fn is_only_new(&self) -> bool {
        self.touched.is_some()
    }

    /// Notes a delivery. Returns whether its asset has to be judged anew.
    pub fn note(&mut self, delivery: &DeliverySummary) -> bool {
        let concerns = self.concerns(&delivery.callback);
        if concerns && let Some(touched) = &mut self.touched {
            touched.note(delivery);
        }
        concerns
    }

    fn concerns(&self, callback: &Callback) -> bool {
        let Some(asset_id) = callback.asset_id.as_deref() else { return false };
        match &self.subject {
            WaitSubject::Version { asset_id: Some(own), .. }
            | WaitSubject::Asset { asset_id: own, .. } => own == asset_id,
            WaitSubject::Version { asset_id: None, version_id } => {
                callback.version_id.as_ref() == Some(version_id)
                    || self.found_in.iter().any(|found| found == asset_id)
            }
            WaitSubject::Fitting(_) => true,
        }
    }

    /// Returns the versions of an asset that it is about.
    pub fn versions<'a>(
        &self,
        row: &'a AssetRow,
        notes: &Notes,
        now: Timestamp,
    ) -> Vec<&'a VersionRow> {
        let is_own = |version: &&VersionRow| match &self.subject {
            WaitSubject::Version { version_id, .. } => version.version_id == *version_id,
            WaitSubject::Asset { .. } => true,
            WaitSubject::Fitting(filter) => {
                let facts = standing::facts(row, notes, Some(version), now, self.overdue);
                filter.matches_version(&facts)
            }
        };
        let counts = |version: &&VersionRow| self.counts(&row.asset_id, Some(&version.version_id));
        row.versions.iter().filter(is_own).filter(counts).collect()
    }

    /// Returns whether the state of a version counts, or with `None` the failure of the asset.
    fn counts(&self, asset_id: &str, version_id: Option<&str>) -> bool {
        self.touched.as_ref().is_none_or(|touched| touched.has(asset_id, version_id))
    }
}
