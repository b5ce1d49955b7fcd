//! Results that only the API reported: a callback that does not follow soon is a lost one.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::callback::{Basis, State};
use crate::text::Printable;
use crate::timeline::{AssetRow, Notes};

/// Time that a callback has to follow the API's word: it may be on its way.
const GRACE: Duration = Duration::from_secs(60);
/// Maximum number of assets that wait for their callbacks or have been warned about.
const MAX_ASSETS: usize = 10_000;

/// The assets with results that only the API reported.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// By time, because the grace is the same for all.
    waiting: Vec<(Instant, String)>,
    warned: HashSet<String>,
}

impl Silence {
    /// Notes that an answer has changed an asset that was known before.
    pub(super) fn note(&mut self, before: &AssetRow, after: &AssetRow, now: Instant) {
        let was_generated = |id: &str| {
            let mut versions = before.versions.iter();
            versions.any(|row| row.version_id == id && row.version.state() == State::Generated)
        };
        let is_new = only_reported(after).any(|id| !was_generated(id));
        let asset_id = &after.asset_id;
        if is_new
            && !self.warned.contains(asset_id)
            && self.waiting.len() < MAX_ASSETS
            && !self.waiting.iter().any(|(_, waiting)| waiting == asset_id)
        {
            self.waiting.push((now + GRACE, asset_id.clone()));
        }
    }

    /// Returns when the next asset has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// Returns the assets that have waited long enough.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<String> {
        let due = self.waiting.iter().take_while(|(due, _)| *due <= now).count();
        self.waiting.drain(..due).map(|(_, asset_id)| asset_id).collect()
    }

    /// Returns the warning about an asset whose callbacks did not follow, once.
    pub(super) fn warning(
        &mut self,
        row: &AssetRow,
        notes: &Notes,
        callback_url: Option<&str>,
    ) -> Option<String> {
        let silent = only_reported(row).count();
        if silent == 0
            || self.warned.len() >= MAX_ASSETS
            || !self.warned.insert(row.asset_id.clone())
        {
            return None;
        }
        let name = Printable::new(notes.shown_name().unwrap_or(&row.asset_id)).cut(80);
        let what = match silent {
            1 => "1 version".to_owned(),
            more => format!("{more} versions"),
        };
        let ours = callback_url.map_or(String::new(), |url| format!(" (here they come to {url})"));
        Some(format!(
            "the API says that {what} of {name} are generated, but no callback came: check the callback URL that the asset was created with{ours}"
        ))
    }
}

/// Returns the versions whose result rests on the API alone.
fn only_reported(row: &AssetRow) -> impl Iterator<Item = &str> {
    row.versions
        .iter()
        .filter(|row| row.version.state() == State::Generated && row.version.basis() == Basis::Api)
        .map(|row| row.version_id.as_str())
}
