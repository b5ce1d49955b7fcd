//! How many dubs are in which state, over all assets held; kept a change at a time.

use super::asset::{AlertKind, AssetView};
use crate::callback::State;

/// How the dubs of the assets held are doing. Each dub is counted once: `done`, `generating`,
/// `ready`, `overdue` and `failed` add up to `all`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DubCounts {
    /// Versions that were seen.
    pub all: usize,
    /// Those that are done.
    pub done: usize,
    /// Those that the machine works on, without the overdue ones.
    pub generating: usize,
    /// Those that are ready: they wait for a person to check them.
    pub ready: usize,
    /// Those that have been generating for too long.
    pub overdue: usize,
    /// Those that failed.
    pub failed: usize,
    /// Assets that failed as a whole, whatever their versions did.
    pub failed_assets: usize,
    /// Failures that were not marked as seen, those of whole assets included.
    pub unseen_failures: usize,
    /// Overdue versions that were not marked as seen.
    pub unseen_overdue: usize,
}

impl DubCounts {
    /// The counts of one asset.
    pub fn of(asset: &AssetView) -> Self {
        let mut counts = Self::default();
        for row in &asset.row.versions {
            counts.all += 1;
            *match row.version.state() {
                State::Generated => &mut counts.done,
                State::Ready => &mut counts.ready,
                State::Failed | State::GenerateFailed => &mut counts.failed,
                State::Generating if asset.is_overdue(&row.version) => &mut counts.overdue,
                State::Generating => &mut counts.generating,
            } += 1;
        }
        counts.failed_assets = usize::from(asset.row.asset.failure.is_some());
        for alert in asset.alerts().filter(|alert| !alert.acknowledged) {
            *match alert.kind {
                AlertKind::Failed => &mut counts.unseen_failures,
                AlertKind::Overdue => &mut counts.unseen_overdue,
            } += 1;
        }
        counts
    }

    /// Versions that wait for a person: to be checked, or to be looked after.
    pub const fn for_you(&self) -> usize {
        self.ready + self.overdue
    }

    /// Failures that stand: of versions, and of assets as a whole.
    pub const fn failures(&self) -> usize {
        self.failed + self.failed_assets
    }

    /// Alerts that were not marked as seen.
    pub const fn unseen(&self) -> usize {
        self.unseen_failures + self.unseen_overdue
    }

    /// Adds the counts of an asset that came.
    pub(super) fn add(&mut self, other: &Self) {
        self.each(other, |own, other| *own += other);
    }

    /// Takes away the counts of an asset that went.
    pub(super) fn take(&mut self, other: &Self) {
        self.each(other, |own, other| *own = own.saturating_sub(other));
    }

    fn each(&mut self, other: &Self, change: impl Fn(&mut usize, usize)) {
        change(&mut self.all, other.all);
        change(&mut self.done, other.done);
        change(&mut self.generating, other.generating);
        change(&mut self.ready, other.ready);
        change(&mut self.overdue, other.overdue);
        change(&mut self.failed, other.failed);
        change(&mut self.failed_assets, other.failed_assets);
        change(&mut self.unseen_failures, other.unseen_failures);
        change(&mut self.unseen_overdue, other.unseen_overdue);
    }
}
