//! When which version becomes overdue.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::callback::{Delivery, DeliveryEffect, Event, State};
use crate::journal::{AssetPlace, JournalError, JournalReader};

/// Maximum number of versions that are watched; further ones are not noticed while they generate.
const MAX_WATCHED: usize = 100_000;
/// Assets read at once.
const PAGE: u32 = 200;
/// A version is overdue after the limit, not at it.
const AFTER: SignedDuration = SignedDuration::from_millis(1);

/// An asset and its version.
type WatchedVersion = (String, String);

/// The versions that are generating, by the time at which they become overdue.
pub(super) struct OverdueWatch {
    limit: SignedDuration,
    times: BTreeSet<(Timestamp, WatchedVersion)>,
    by_version: HashMap<WatchedVersion, Timestamp>,
}

impl OverdueWatch {
    pub(super) fn new(limit: SignedDuration) -> Self {
        Self { limit, times: BTreeSet::new(), by_version: HashMap::new() }
    }

    /// Watches what is generating already. What is overdue already is no news.
    pub(super) fn begin(
        &mut self,
        reader: &JournalReader,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let since = now.checked_sub(self.limit).unwrap_or(Timestamp::MIN);
        let mut place = None;
        loop {
            let page = reader.assets_before(place.as_ref(), since, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            place = Some(AssetPlace::of(last));
            for (row, _) in &page {
                for version in &row.versions {
                    let folded = &version.version;
                    if folded.state() == State::Generating && !folded.overdue(now, self.limit) {
                        let key = (row.asset_id.clone(), version.version_id.clone());
                        self.watch(key, folded.since());
                    }
                }
            }
        }
    }

    /// Notes a delivery: watches a version from when it generates until anything else comes of it.
    pub(super) fn note(&mut self, delivery: &Delivery) {
        let changes =
            matches!(delivery.outcome.effect, DeliveryEffect::Applied | DeliveryEffect::NewCycle);
        let callback = &delivery.callback;
        let (Some(asset_id), Some(version_id)) = (&callback.asset_id, &callback.version_id) else {
            return;
        };
        if !changes {
            return;
        }
        let key = (asset_id.clone(), version_id.clone());
        if let Some(at) = self.by_version.remove(&key) {
            self.times.remove(&(at, key.clone()));
        }
        if callback.event.as_deref() == Some(Event::Version(State::Generating).name()) {
            self.watch(key, delivery.request.received_at);
        }
    }

    fn watch(&mut self, key: WatchedVersion, since: Timestamp) {
        let at = since.checked_add(self.limit).and_then(|at| at.checked_add(AFTER));
        let Ok(at) = at else { return };
        if self.times.len() < MAX_WATCHED {
            self.by_version.insert(key.clone(), at);
            self.times.insert((at, key));
        }
    }

    /// Returns the time until the next version may be overdue.
    pub(super) fn next_in(&self, now: Timestamp) -> Option<Duration> {
        let (at, _) = self.times.first()?;
        Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
    }

    /// Takes the next version whose time has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<WatchedVersion> {
        if self.times.first()?.0 > now {
            return None;
        }
        let (_, key) = self.times.pop_first()?;
        self.by_version.remove(&key);
        Some(key)
    }
}
