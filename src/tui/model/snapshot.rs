//! The data of the dashboard: a value that can be kept while new data arrives.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::asset::usual_generation;
use super::asset_list::AssetList;
use super::forward_marks::ForwardMarks;
use super::row::Row;
use super::row_window::{RowWindow, SearchResults};
use super::target::Target;
use crate::callback::Gap;
use crate::status::{ApiStatus, Counts, ForwardStatus, JournalHealth, Link};

/// Minutes that the small chart of arrivals covers.
pub const CHART_MINUTES: usize = 8;
/// Maximum number of warnings held; the oldest are dropped.
pub const MAX_WARNINGS: usize = 50;
/// Maximum number of gaps held; the oldest are dropped.
pub const MAX_GAPS: usize = 1000;
/// Maximum number of refusals known to claim a failure: as many as the refusal log holds.
const MAX_REFUSALS: usize = 1000;
/// Maximum number of deliveries held for the selected asset.
pub const MAX_ASSET_ROWS: usize = 500;
/// Number of assets used to compute the usual generation time: the first in the list that finished
/// any.
const USUAL_OF: usize = 300;

/// The data received so far. A copy is cheap: freezing the screen makes one.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The assets.
    pub asset_list: AssetList,
    /// The deliveries and refusals.
    pub rows: RowWindow,
    /// Those that match the filter, from the journal; `None` if there is no filter, or if they have
    /// not been needed since it was set.
    pub results: Option<SearchResults>,
    /// The deliveries of the selected asset.
    pub of_asset: AssetRows,
    /// Outcomes of the requests since the start.
    pub counts: Counts,
    /// How many requests arrived in each of the last minutes.
    pub chart: Chart,
    /// Whether the journal can be written.
    pub store: JournalHealth,
    /// The state of the relay link, if there is one.
    pub link: Option<Link>,
    /// How the questions to the service's API are doing, if a key is set.
    pub api: Option<ApiStatus>,
    /// How forwarding is doing, by target.
    pub forwards: Vec<ForwardStatus>,
    /// What became of forwarding, by `seq`.
    pub marks: ForwardMarks,
    /// The gaps reported by relays, in the order in which they were received.
    pub gaps: VecDeque<Gap>,
    /// The warnings, newest last.
    pub warnings: VecDeque<(Timestamp, String)>,
    /// How long generating usually takes.
    pub usual: Option<SignedDuration>,
    /// The ids of refusals whose body claims a failure.
    pub refused_failures: BTreeSet<u64>,
    /// The newest `seq`.
    pub head: u64,
    /// How many deliveries the journal holds.
    pub held: u64,
    /// Whether the other process that wrote the journal has ended.
    pub writer_gone: bool,
    /// Whether this is a demo that has finished.
    pub story_over: bool,
    /// How many requests were received since the start.
    pub received: u64,
    /// Whether all assets of the journal are loaded.
    pub loaded: bool,
}

/// A frozen snapshot, shown while new data arrives.
#[derive(Debug, Clone)]
pub struct FrozenSnapshot {
    /// The data to show.
    pub snapshot: Snapshot,
    /// When it was frozen.
    pub at: Timestamp,
    /// Deliveries and refusals that have arrived since.
    pub waiting: u64,
}

/// The deliveries of one asset, oldest first, with the refusals that claim to be about it.
#[derive(Debug, Clone, Default)]
pub struct AssetRows {
    /// The asset.
    pub asset: Option<Arc<str>>,
    /// Its rows.
    pub rows: VecDeque<Arc<Row>>,
}

impl AssetRows {
    /// Creates the list from the rows already held, until the journal's answer arrives.
    pub fn begin(asset: &Arc<str>, window: &RowWindow) -> Self {
        let mut rows: VecDeque<Arc<Row>> = window
            .iter()
            .rev()
            .filter(|row| row.is_of(asset))
            .take(MAX_ASSET_ROWS)
            .cloned()
            .collect();
        rows.make_contiguous().reverse();
        Self { asset: Some(Arc::clone(asset)), rows }
    }

    /// Adds a row at the end. A refusal that is already listed moves there.
    pub fn push(&mut self, row: &Arc<Row>) {
        if row.is_refusal() {
            self.rows.retain(|other| other.target() != row.target());
        }
        self.rows.push_back(Arc::clone(row));
        if self.rows.len() > MAX_ASSET_ROWS {
            self.rows.pop_front();
        }
    }

    /// Adds the rows that the journal holds of this asset. `older` is sorted oldest first.
    pub fn complete(&mut self, older: Vec<Row>) {
        let held: std::collections::HashSet<Target> =
            self.rows.iter().map(|row| row.target()).collect();
        let mut rows: Vec<Arc<Row>> = older
            .into_iter()
            .filter(|row| !held.contains(&row.target()))
            .map(Arc::new)
            .chain(self.rows.drain(..))
            .collect();
        rows.sort_by_key(|row| row.at());
        let surplus = rows.len().saturating_sub(MAX_ASSET_ROWS);
        self.rows = rows.split_off(surplus).into();
    }
}

/// The number of requests in each of the last minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// Minutes since 1970, each with its count; only minutes with requests.
    minutes: VecDeque<(i64, u32)>,
}

impl Chart {
    /// Counts `count` requests received at `at`.
    pub fn count(&mut self, at: Timestamp, arrived: u64) {
        let arrived = u32::try_from(arrived).unwrap_or(u32::MAX);
        let minute = minute(at);
        match self.minutes.iter_mut().rev().find(|(other, _)| *other == minute) {
            Some((_, count)) => *count = count.saturating_add(arrived),
            None => self.minutes.push_back((minute, arrived)),
        }
        while self.minutes.len() > CHART_MINUTES {
            self.minutes.pop_front();
        }
    }

    /// Returns the counts of the last minutes, the current minute last.
    pub fn minutes(&self, now: Timestamp) -> [u32; CHART_MINUTES] {
        let mut counts = [0; CHART_MINUTES];
        for (place, count) in counts.iter_mut().rev().enumerate() {
            let target = minute(now) - i64::try_from(place).unwrap_or(0);
            *count = self.minutes.iter().find(|(at, _)| *at == target).map_or(0, |(_, n)| *n);
        }
        counts
    }

    /// Returns whether all minutes shown are zero.
    pub fn is_flat(&self, now: Timestamp) -> bool {
        self.minutes(now).iter().all(|count| *count == 0)
    }
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

impl Snapshot {
    /// Computes the usual generation time again.
    pub fn update_usual(&mut self) {
        let versions = self
            .asset_list
            .iter()
            .filter(|(_, asset)| asset.finished() > 0)
            .take(USUAL_OF)
            .flat_map(|(_, asset)| asset.row.versions.iter().map(|row| &row.version));
        self.usual = usual_generation(versions);
    }

    /// Adds gaps; adds a warning for each unless the journal is still loading.
    pub fn add_gaps(&mut self, gaps: Vec<Gap>) {
        for gap in gaps {
            if self.loaded {
                self.warn(gap.at, gap.sentence());
            }
            self.gaps.push_back(gap);
            if self.gaps.len() > MAX_GAPS {
                self.gaps.pop_front();
            }
        }
    }

    /// Adds refusals that claim a failure.
    pub fn add_refused_failures(&mut self, refusals: impl IntoIterator<Item = u64>) {
        self.refused_failures.extend(refusals);
        // Ids ascend, and the log holds no more than this: older ones are no longer in it.
        while self.refused_failures.len() > MAX_REFUSALS {
            self.refused_failures.pop_first();
        }
    }

    /// Adds a warning.
    pub fn warn(&mut self, at: Timestamp, message: String) {
        self.warnings.push_back((at, message));
        if self.warnings.len() > MAX_WARNINGS {
            self.warnings.pop_front();
        }
    }
}
