//! What the dashboard was told: a value that can be kept while the world goes on.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::asset::usual_generation;
use super::asset_list::AssetList;
use super::mode::Target;
use super::rows::{Row, RowWindow, SearchResults};
use crate::callback::Gap;
use crate::status::{Counts, JournalHealth, Link};

/// Minutes that the little chart of arrivals shows.
pub const CHART_MINUTES: usize = 8;
/// Warnings that are held at most; the oldest go.
pub const MAX_WARNINGS: usize = 50;
/// Gaps that are held at most; the oldest go.
pub const MAX_GAPS: usize = 1000;
/// Refusals of which it is known that they claim a failure, at most: as many as the log holds.
const MAX_REFUSALS: usize = 1000;
/// Deliveries of the selected asset that are held at most.
pub const MAX_ASSET_ROWS: usize = 500;
/// Assets that say how long generating usually takes: the first of the list that finished any.
const USUAL_OF: usize = 300;

/// What the dashboard was told so far. A copy is cheap, so freezing the screen is one.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The assets.
    pub asset_list: AssetList,
    /// The deliveries and refusals.
    pub rows: RowWindow,
    /// What a filter leaves of them, searched for in the journal; `None` where nothing narrows the
    /// list, or it was not looked at since.
    pub results: Option<SearchResults>,
    /// Deliveries of the selected asset.
    pub of_asset: AssetRows,
    /// What became of the requests since the start.
    pub counts: Counts,
    /// When what came lately came.
    pub chart: Chart,
    /// Whether the journal can be written.
    pub store: JournalHealth,
    /// What the link to the relay is doing, where there is one.
    pub link: Option<Link>,
    /// What relays took and never passed on, in the order in which it was told.
    pub gaps: VecDeque<Gap>,
    /// What people should know, newest last.
    pub warnings: VecDeque<(Timestamp, String)>,
    /// How long generating usually takes.
    pub usual: Option<SignedDuration>,
    /// The refusals, by their ids, whose body claims that something failed.
    pub refused_failures: BTreeSet<u64>,
    /// The newest `seq`.
    pub head: u64,
    /// How many deliveries the journal holds.
    pub held: u64,
    /// Whether nobody writes the journal any more, where that was another process.
    pub orphaned: bool,
    /// Whether it is of a demo whose story has come to its end.
    pub story_over: bool,
    /// How many requests came since the start.
    pub came: u64,
    /// Whether the journal's assets are all loaded.
    pub loaded: bool,
}

/// A picture that stands still while the world goes on.
#[derive(Debug, Clone)]
pub struct FrozenSnapshot {
    /// What is shown.
    pub snapshot: Snapshot,
    /// When it was frozen.
    pub at: Timestamp,
    /// Deliveries and refusals that came since.
    pub waiting: u64,
}

/// Deliveries of one asset, oldest first, and the refusals that claim to be of it.
#[derive(Debug, Clone, Default)]
pub struct AssetRows {
    /// The asset.
    pub asset: Option<Arc<str>>,
    /// Its rows.
    pub rows: VecDeque<Arc<Row>>,
}

impl AssetRows {
    /// Begins with what the window holds of an asset, until the journal has told more.
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

    /// Adds a row at the end; a refusal that is there already moves there.
    pub fn push(&mut self, row: &Arc<Row>) {
        if row.is_refusal() {
            self.rows.retain(|other| other.target() != row.target());
        }
        self.rows.push_back(Arc::clone(row));
        if self.rows.len() > MAX_ASSET_ROWS {
            self.rows.pop_front();
        }
    }

    /// Puts in what the journal holds of the asset, `older` first: newest last.
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

/// How many requests came in each of the last minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// Minutes since 1970 with how much came in them; only those in which something did.
    minutes: VecDeque<(i64, u32)>,
}

impl Chart {
    /// Counts so many that came at `at`.
    pub fn count(&mut self, at: Timestamp, came: u64) {
        let came = u32::try_from(came).unwrap_or(u32::MAX);
        let minute = minute(at);
        match self.minutes.iter_mut().rev().find(|(other, _)| *other == minute) {
            Some((_, count)) => *count = count.saturating_add(came),
            None => self.minutes.push_back((minute, came)),
        }
        while self.minutes.len() > CHART_MINUTES {
            self.minutes.pop_front();
        }
    }

    /// What came in each of the last minutes, the running one last.
    pub fn minutes(&self, now: Timestamp) -> [u32; CHART_MINUTES] {
        let mut counts = [0; CHART_MINUTES];
        for (place, count) in counts.iter_mut().rev().enumerate() {
            let wanted = minute(now) - i64::try_from(place).unwrap_or(0);
            *count = self.minutes.iter().find(|(at, _)| *at == wanted).map_or(0, |(_, n)| *n);
        }
        counts
    }

    /// Whether all that it shows is nothing.
    pub fn is_flat(&self, now: Timestamp) -> bool {
        self.minutes(now).iter().all(|count| *count == 0)
    }
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

impl Snapshot {
    /// Looks again how long generating usually takes.
    pub fn learn_usual(&mut self) {
        let versions = self
            .asset_list
            .iter()
            .filter(|(_, asset)| asset.finished() > 0)
            .take(USUAL_OF)
            .flat_map(|(_, asset)| asset.row.versions.iter().map(|row| &row.version));
        self.usual = usual_generation(versions);
    }

    /// Adds gaps; those that are news are also warned of.
    pub fn miss(&mut self, gaps: Vec<Gap>) {
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

    /// Takes note of refusals that claim that something failed.
    pub fn claim_failures(&mut self, refusals: impl IntoIterator<Item = u64>) {
        self.refused_failures.extend(refusals);
        // Ids ascend, and the log holds no more: what is over has left it.
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
