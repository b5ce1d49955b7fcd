//! Follows the journal until what is waited for has come, has failed, or is late.
//!
//! Runs in a thread of its own, because standard output blocks while its reader is slow.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::worker::or_never;
use super::WaitOutput;
use crate::callback::DeliverySummary;
use crate::journal::{Follower, JournalBatch, JournalError};
use crate::timeline::{AssetRow, Notes, VersionRow};
use crate::wait::{WaitCondition, WaitSubject, WaitVerdict};

/// Deliveries read at once.
const PAGE: u32 = 256;
/// Maximum number of versions whose last written state is remembered. A filter that fits everything
/// reaches it; then a state may be written twice.
const MAX_WRITTEN: usize = 100_000;

/// How a waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WaitEnd {
    /// It has come.
    Met,
    /// It has failed: a sentence says what.
    Failed(String),
    /// It is late: a sentence says how far it is.
    TimedOut(String),
    /// The waiting was stopped.
    Stopped,
}

/// The last written state of a version: the state's index, its cycle, and since when.
type Written = (usize, u32, Timestamp);

pub(super) struct Waiter<W> {
    condition: WaitCondition,
    follower: Follower,
    out: WaitOutput<W>,
    deadline: Option<Instant>,
    written: BTreeMap<(String, String), Written>,
    /// The time of the asset's failure that was written last.
    failed_at: Option<Timestamp>,
    /// How far it is, as a sentence.
    standing: String,
}

impl<W: Write> Waiter<W> {
    pub(super) fn new(
        condition: WaitCondition,
        follower: Follower,
        out: WaitOutput<W>,
        deadline: Option<Instant>,
    ) -> Self {
        let standing = condition.unseen();
        let written = BTreeMap::new();
        Self { condition, follower, out, deadline, written, failed_at: None, standing }
    }

    /// Waits until the end. Sends `begun` when what is there already does not decide it.
    pub(super) fn run(
        mut self,
        runtime: &Handle,
        stop: &CancellationToken,
        begun: oneshot::Sender<()>,
    ) -> anyhow::Result<WaitEnd> {
        if let Some(end) = self.what_is_there(stop)? {
            return Ok(end);
        }
        if let Some(end) = self.what_has_come(stop)? {
            return Ok(end);
        }
        let _ = begun.send(());
        loop {
            let follower = &mut self.follower;
            let deadline = self.deadline;
            let woken = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => Ok(Some(WaitEnd::Stopped)),
                    changed = follower.changed() => changed.map(|is_open| {
                        // Closed: the run is being stopped.
                        (!is_open).then_some(WaitEnd::Stopped)
                    }),
                    () = or_never(deadline.map(sleep_until)) => Ok(Some(WaitEnd::TimedOut(String::new()))),
                }
            })?;
            // Also at the end: what was committed in time counts.
            if let Some(end) = self.what_has_come(stop)? {
                return Ok(end);
            }
            match woken {
                None => {}
                Some(WaitEnd::TimedOut(_)) => return Ok(WaitEnd::TimedOut(self.standing)),
                Some(end) => return Ok(end),
            }
        }
    }

    /// Judges what the journal held at the start.
    fn what_is_there(&mut self, stop: &CancellationToken) -> anyhow::Result<Option<WaitEnd>> {
        if self.condition.is_only_new() {
            return Ok(None);
        }
        let reader = self.follower.reader();
        let mut rows: Vec<(AssetRow, Notes)> = Vec::new();
        match self.condition.subject() {
            WaitSubject::Asset { asset_id, .. }
            | WaitSubject::Version { asset_id: Some(asset_id), .. } => {
                rows.extend(reader.asset(asset_id)?);
            }
            WaitSubject::Version { asset_id: None, version_id } => {
                for asset_id in reader.assets_with_version(version_id)? {
                    rows.extend(reader.asset(&asset_id)?);
                }
            }
            WaitSubject::Fitting(_) => return self.what_fits_already(stop),
        }
        for (row, notes) in rows {
            if let Some(end) = self.look(&row, &notes, true)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Judges every asset by the filter. Writes only the one that decides.
    fn what_fits_already(&mut self, stop: &CancellationToken) -> anyhow::Result<Option<WaitEnd>> {
        let mut place = None;
        while !stop.is_cancelled() {
            let reader = self.follower.reader();
            let page = reader.assets_before(place.as_ref(), Timestamp::MIN, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            place = Some(crate::journal::AssetPlace::of(last));
            for (row, notes) in page {
                if let Some(end) = self.look(&row, &notes, false)? {
                    return Ok(Some(end));
                }
            }
        }
        Ok(Some(WaitEnd::Stopped))
    }

    /// Judges what has come since.
    fn what_has_come(&mut self, stop: &CancellationToken) -> anyhow::Result<Option<WaitEnd>> {
        while !stop.is_cancelled() {
            let Some(batch) = self.follower.next(PAGE)? else { return Ok(None) };
            let JournalBatch::Summaries(page) = batch else { continue };
            for asset_id in self.concerned(&page) {
                let found: Result<_, JournalError> = self.follower.reader().asset(&asset_id);
                let Some((row, notes)) = found? else { continue };
                if let Some(end) = self.look(&row, &notes, true)? {
                    return Ok(Some(end));
                }
            }
        }
        Ok(Some(WaitEnd::Stopped))
    }

    /// Returns the assets to judge anew, each once, in the order of the deliveries.
    fn concerned(&mut self, page: &[DeliverySummary]) -> Vec<String> {
        let mut concerned: Vec<String> = Vec::new();
        for delivery in page {
            if self.condition.note(delivery)
                && let Some(asset_id) = &delivery.callback.asset_id
                && !concerned.contains(asset_id)
            {
                concerned.push(asset_id.clone());
            }
        }
        concerned
    }

    /// Writes what changed of an asset, and judges it. `shows`: also if it decides nothing.
    fn look(
        &mut self,
        row: &AssetRow,
        notes: &Notes,
        shows: bool,
    ) -> anyhow::Result<Option<WaitEnd>> {
        let now = Timestamp::now();
        let verdict = self.condition.judge(row, notes, now);
        if shows || !matches!(verdict, WaitVerdict::Pending(_)) {
            self.write(row, notes, now)?;
        }
        Ok(match verdict {
            WaitVerdict::Met => Some(WaitEnd::Met),
            WaitVerdict::Failed(why) => Some(WaitEnd::Failed(why)),
            WaitVerdict::Pending(standing) => {
                self.standing = standing;
                None
            }
        })
    }

    fn write(&mut self, row: &AssetRow, notes: &Notes, now: Timestamp) -> anyhow::Result<()> {
        let name = notes.shown_name();
        let mut changed: Vec<&VersionRow> = self.condition.versions(row, notes, now);
        changed.retain(|version| self.is_news(row, version));
        changed.sort_by_key(|version| version.version.since());
        self.out.versions(row, name, &changed, now)?;
        let failed_at = row.asset.failure.as_ref().map(|failure| failure.at);
        if failed_at.is_some() && failed_at != self.failed_at && self.condition.minds_failure(row) {
            self.failed_at = failed_at;
            self.out.failed_asset(row, name)?;
        }
        Ok(())
    }

    /// Returns whether a state was not written yet, and remembers it.
    fn is_news(&mut self, row: &AssetRow, version: &VersionRow) -> bool {
        let folded = &version.version;
        let state = (folded.state().index(), folded.cycle(), folded.since());
        if self.written.len() >= MAX_WRITTEN {
            self.written.clear();
        }
        let key = (row.asset_id.clone(), version.version_id.clone());
        self.written.insert(key, state) != Some(state)
    }
}
