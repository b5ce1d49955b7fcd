//! How many versions are in each state, over all assets held. Updated incrementally.

use super::asset::{AlertKind, AssetView};
use crate::callback::State;

/// The number of versions in each state. Each version is counted once: `done`, `generating`,
/// `ready`, `not_ready`, `overdue`, `failed` and `expected` add up to `all`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DubCounts {
    /// All versions, expected ones included.
    pub all: usize,
    /// Done.
    pub done: usize,
    /// Generating in time.
    pub generating: usize,
    /// Ready: waiting for a person to check them.
    pub ready: usize,
    /// Being dubbed, as the API says.
    pub not_ready: usize,
    /// Generating for too long.
    pub overdue: usize,
    /// Failed.
    pub failed: usize,
    /// Expected: nothing was received of them.
    pub expected: usize,
    /// Assets that failed as a whole, whatever their versions did.
    pub failed_assets: usize,
    /// Failures not marked as seen, those of whole assets included.
    pub unseen_failures: usize,
    /// Overdue versions not marked as seen.
    pub unseen_overdue: usize,
}

impl DubCounts {
    /// Returns the counts of one asset.
    pub fn of(asset: &AssetView) -> Self {
        let mut counts = Self::default();
        for row in &asset.row.versions {
            counts.all += 1;
            *match row.version.state() {
                State::Generated => &mut counts.done,
                State::NotReady => &mut counts.not_ready,
                State::Ready => &mut counts.ready,
                State::Failed | State::GenerateFailed => &mut counts.failed,
                State::Generating if asset.is_overdue(&row.version) => &mut counts.overdue,
                State::Generating => &mut counts.generating,
            } += 1;
        }
        counts.expected = asset.waiting();
        counts.all += counts.expected;
        counts.failed_assets = usize::from(asset.row.asset.failure.is_some());
        for alert in asset.alerts().filter(|alert| !alert.acknowledged) {
            *match alert.kind {
                AlertKind::Failed => &mut counts.unseen_failures,
                AlertKind::Overdue => &mut counts.unseen_overdue,
            } += 1;
        }
        counts
    }

    /// Returns how many versions wait for a person.
    pub const fn for_you(&self) -> usize {
        self.ready + self.overdue
    }

    /// Returns how many failures there are, of versions and of whole assets.
    pub const fn failures(&self) -> usize {
        self.failed + self.failed_assets
    }

    /// Returns how many alerts are not marked as seen.
    pub const fn unseen(&self) -> usize {
        self.unseen_failures + self.unseen_overdue
    }

    /// Adds the counts of an asset.
    pub(super) fn add(&mut self, other: &Self) {
        self.each(other, |own, other| *own += other);
    }

    /// Subtracts the counts of an asset.
    pub(super) fn take(&mut self, other: &Self) {
        self.each(other, |own, other| *own = own.saturating_sub(other));
    }

    fn each(&mut self, other: &Self, change: impl Fn(&mut usize, usize)) {
        change(&mut self.all, other.all);
        change(&mut self.done, other.done);
        change(&mut self.generating, other.generating);
        change(&mut self.ready, other.ready);
        change(&mut self.not_ready, other.not_ready);
        change(&mut self.overdue, other.overdue);
        change(&mut self.failed, other.failed);
        change(&mut self.expected, other.expected);
        change(&mut self.failed_assets, other.failed_assets);
        change(&mut self.unseen_failures, other.unseen_failures);
        change(&mut self.unseen_overdue, other.unseen_overdue);
    }
}
