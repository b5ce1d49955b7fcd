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
            1 => format!("1 version of {name} is"),
            more => format!("{more} versions of {name} are"),
        };
        let ours = callback_url.map_or(String::new(), |url| format!(" (here they come to {url})"));
        Some(format!(
            "the API says that {what} generated, but no callback came: check the callback URL that the asset was created with{ours}"
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::callback::{Fingerprint, Provenance, Subject, VersionReport, VersionStatus};
    use crate::timeline::{Asset, Version, VersionRow, fold, fold_report};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// An asset with one version: what the API said of it at a second, then a callback.
    #[derive(Clone, Default)]
    struct Folded {
        asset: Option<Asset>,
        version: Option<Version>,
    }

    impl Folded {
        fn said(mut self, status: VersionStatus, second: i64) -> Self {
            let report = VersionReport {
                asset_id: "ast".to_owned(),
                version_id: "ver".to_owned(),
                locale: None,
                status,
            };
            fold_report(&report, at(second), &mut self.asset, &mut self.version);
            self
        }

        fn called_back(mut self, state: State, second: i64) -> Self {
            let (asset_id, version_id) = ("ast", "ver");
            let subject = Subject::Version { asset_id, version_id, locale: None, state };
            let (asset, version) = (&mut self.asset, &mut self.version);
            let (fingerprint, verified) = (Fingerprint::default(), Provenance::Verified);
            fold(&subject, at(second), fingerprint, verified, asset, version);
            self
        }

        fn row(self) -> AssetRow {
            let version =
                VersionRow { version_id: "ver".to_owned(), version: self.version.unwrap() };
            AssetRow {
                asset_id: "ast".to_owned(),
                asset: self.asset.unwrap(),
                versions: vec![version],
            }
        }
    }

    #[test]
    fn a_result_without_its_callback_is_warned_about_once() {
        let begun = Folded::default().called_back(State::Generating, 0);
        let done = begun.clone().said(VersionStatus::Completed, 60);
        let (mut silence, now) = (Silence::default(), Instant::now());
        silence.note(&begun.row(), &done.clone().row(), now);
        assert_eq!(silence.take_due(now + GRACE / 2), Vec::<String>::new(), "it may be on its way");
        assert_eq!(silence.due(), Some(now + GRACE));
        assert_eq!(silence.take_due(now + GRACE), ["ast"]);
        let url = Some("https://dubs.example/callback");
        let warning =
            |silence: &mut Silence, row: &AssetRow| silence.warning(row, &Notes::default(), url);
        let row = done.row();
        assert_eq!(
            warning(&mut silence, &row).unwrap(),
            "the API says that 1 version of ast is generated, but no callback came: check the callback URL that the asset was created with (here they come to https://dubs.example/callback)"
        );
        assert_eq!(warning(&mut silence, &row), None, "once");
    }

    #[test]
    fn a_callback_that_was_late_is_not_lost() {
        let begun = Folded::default().called_back(State::Generating, 0);
        let done = begun.clone().said(VersionStatus::Completed, 60);
        let (mut silence, now) = (Silence::default(), Instant::now());
        silence.note(&begun.row(), &done.clone().row(), now);
        silence.take_due(now + GRACE);
        let late = done.called_back(State::Generated, 70).row();
        assert_eq!(silence.warning(&late, &Notes::default(), None), None);
    }

    #[test]
    fn a_result_that_was_known_before_is_no_news() {
        let done = Folded::default().said(VersionStatus::Completed, 0);
        let (mut silence, now) = (Silence::default(), Instant::now());
        silence.note(&done.clone().row(), &done.row(), now);
        assert_eq!(silence.due(), None);
    }
}
