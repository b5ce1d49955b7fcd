//! An asset as the dashboard shows it: the state that the fold computed, its local name, what is
//! expected of it, and the alerts that were marked as seen.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::callback::{Basis, State};
use crate::filter::{Filter, VersionFacts};
use crate::timeline::{
    AssetExpectation, AssetRow, Expectation, Notes, Step, Version, VersionRow, WINDOW,
};

/// Minimum time that the lanes of an asset cover.
const MIN_SHOWN: SignedDuration = SignedDuration::from_secs(60);
/// Maximum time that the lanes cover by default while the asset is active.
const MAX_SHOWN: SignedDuration = SignedDuration::from_hours(3);

/// Estimated bytes that an asset takes in the maps and lists of an
/// [`AssetList`](super::asset_list::AssetList).
const INDEX_BYTES: usize = 256;
/// Estimated bytes that one "seen" mark takes beside its text.
const MARK_BYTES: usize = 64;

/// Estimated bytes that a missing locale takes beside its text.
const EXPECTED_BYTES: usize = 64;

/// What has to be done about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Something failed: find out why.
    Failed,
    /// A version is ready and waits for its quality check, or is overdue.
    ForYou,
    /// Work is in progress: nothing to do.
    Running,
    /// All known versions are done, and all expected ones.
    Done,
}

impl Group {
    /// Every group, in the order of the list.
    pub const ALL: [Self; 4] = [Self::Failed, Self::ForYou, Self::Running, Self::Done];

    /// Returns the group's heading in the list.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::ForYou => "FOR YOU",
            Self::Running => "RUNNING",
            Self::Done => "DONE",
        }
    }
}

/// An asset on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetView {
    /// The asset and its versions, from the fold.
    pub row: AssetRow,
    /// The local name, what the user expects of it, and the marks of seen alerts.
    pub notes: Notes,
    /// Versions that have been generating since before this time are overdue.
    /// [`AssetList`](super::asset_list::AssetList) updates it, so that an asset in a frozen
    /// snapshot does not age.
    overdue_before: Timestamp,
    /// What is expected of it, if that is known. [`AssetList`](super::asset_list::AssetList) sets it,
    /// because only the list knows what is expected of every asset.
    expected: Option<AssetExpectation>,
}

/// A current failure, of a version or of the asset as a whole, or an overdue version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert<'a> {
    /// The asset.
    pub asset: &'a AssetView,
    /// The version, or `None` if the asset as a whole failed.
    pub version: Option<&'a VersionRow>,
    /// What happened.
    pub kind: AlertKind,
    /// When it failed or, for an overdue version, when generating began. Marks refer to this time.
    pub at: Timestamp,
    /// Whether the alert was marked as seen.
    pub acknowledged: bool,
}

/// The kind of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// The version or asset failed.
    Failed,
    /// The version has been generating for longer than `--overdue`.
    Overdue,
}

impl AssetView {
    /// Creates the view of an asset. Nothing is overdue or expected in it yet.
    pub fn new(mut row: AssetRow, notes: Notes) -> Self {
        let shown =
            |row: VersionRow| VersionRow { version: row.version.without_fingerprints(), ..row };
        row.versions = row.versions.into_iter().map(shown).collect();
        row.versions.shrink_to_fit();
        Self { row, notes, overdue_before: Timestamp::MIN, expected: None }
    }

    /// Treats versions that have been generating since before this time as overdue.
    pub(super) const fn set_overdue_before(&mut self, overdue_before: Timestamp) {
        self.overdue_before = overdue_before;
    }

    /// Compares it with what is expected of it. `setting` is what is expected of every asset.
    pub(super) fn set_expectation(&mut self, setting: Option<&Arc<Expectation>>) {
        self.expected = AssetExpectation::of(&self.row, &self.notes, setting);
    }

    /// Returns what is expected of it, if that is known.
    pub const fn expected(&self) -> Option<&AssetExpectation> {
        self.expected.as_ref()
    }

    /// Returns the locales that are expected and of which no version was received.
    pub fn missing(&self) -> &[String] {
        self.expected.as_ref().map_or(&[], |expected| &expected.progress.missing)
    }

    /// Returns how many expected versions nothing was received of.
    pub fn waiting(&self) -> usize {
        self.expected.as_ref().map_or(0, |expected| expected.progress.waiting)
    }

    /// Returns how many versions there are beyond the expected ones.
    pub fn unexpected(&self) -> usize {
        self.expected.as_ref().map_or(0, |expected| expected.progress.unexpected)
    }

    /// Returns whether something is expected of it, and all of that is done.
    pub fn is_complete(&self) -> bool {
        self.expected.as_ref().is_some_and(|expected| expected.progress.is_complete())
    }

    /// Returns how many versions are done, and of how many: of the expected ones or, if nothing is
    /// expected, of those that were seen.
    pub fn done(&self) -> (usize, usize) {
        match &self.expected {
            Some(AssetExpectation { progress, .. }) => (progress.done, progress.expected),
            None => (self.count(State::Generated), self.row.versions.len()),
        }
    }

    /// Returns whether a version of this asset has been generating for too long (rule 10 of the
    /// fold).
    pub fn is_overdue(&self, version: &Version) -> bool {
        version.state() == State::Generating && version.since() < self.overdue_before
    }

    /// Returns when the next version will have been generating for `limit`, or `None` if none is
    /// generating in time.
    pub(super) fn next_overdue(&self, limit: SignedDuration) -> Option<Timestamp> {
        self.row
            .versions
            .iter()
            .map(|row| &row.version)
            .filter(|version| version.state() == State::Generating && !self.is_overdue(version))
            .filter_map(|version| version.since().checked_add(limit).ok())
            .min()
    }

    /// Returns the estimated memory of this asset in an asset list, in bytes.
    pub(super) fn weight(&self) -> usize {
        let versions = self.row.versions.iter().map(|row| {
            size_of::<VersionRow>()
                + row.version_id.len()
                + row.version.locale().map_or(0, str::len)
                + row.version.steps().len() * size_of::<Step>()
        });
        // The id is stored in the row, in the key, and in the index of names together with its
        // tail.
        let asset = size_of::<Self>() + INDEX_BYTES + 4 * self.row.asset_id.len();
        let name = self.notes.shown_name().map_or(0, str::len);
        let marks =
            self.notes.acknowledged.keys().map(|id| MARK_BYTES + id.as_deref().map_or(0, str::len));
        // A missing locale is also a column of the matrix.
        let missing = self.missing().iter().map(|locale| EXPECTED_BYTES + 2 * locale.len());
        let own = self.notes.expected.as_ref().map_or(0, |own| own.to_string().len());
        let notes = name + own + marks.sum::<usize>();
        asset + notes + versions.sum::<usize>() + missing.sum::<usize>()
    }

    /// Returns the asset's id.
    pub fn id(&self) -> &str {
        &self.row.asset_id
    }

    /// Returns when the latest callback for it was received.
    pub const fn last_at(&self) -> Timestamp {
        self.row.asset.last_at
    }

    /// Returns the group to list it under.
    pub fn group(&self) -> Group {
        let states = || self.row.versions.iter().map(|version| version.version.state());
        if self.row.asset.failure.is_some() || states().any(State::is_failure) {
            Group::Failed
        } else if states().any(|state| state == State::Ready) || self.has_overdue() {
            Group::ForYou
        } else if states().all(|state| state == State::Generated)
            && (self.expected.is_none() || self.is_complete())
        {
            Group::Done
        } else {
            Group::Running
        }
    }

    /// Returns how many versions are in a state. An overdue version counts as generating.
    pub fn count(&self, state: State) -> usize {
        self.row.versions.iter().filter(|version| version.version.state() == state).count()
    }

    /// Returns whether all that is known of it rests on the API alone.
    pub fn rests_on_api(&self) -> bool {
        let mut versions = self.row.versions.iter();
        self.row.asset.failure.is_none() && versions.all(|row| row.version.basis() == Basis::Api)
    }

    /// Returns whether versions are being dubbed, and none is generating.
    pub fn is_only_dubbing(&self) -> bool {
        self.count(State::NotReady) > 0 && self.count(State::Generating) == 0
    }

    /// Returns how many versions are overdue.
    pub fn overdue(&self) -> usize {
        self.row.versions.iter().filter(|row| self.is_overdue(&row.version)).count()
    }

    /// Returns whether a version is overdue.
    pub fn has_overdue(&self) -> bool {
        self.row.versions.iter().any(|row| self.is_overdue(&row.version))
    }

    /// Returns its alerts: a failure of the whole asset, then failed versions, then overdue
    /// versions, each in the order of the versions.
    pub fn alerts(&self) -> impl Iterator<Item = Alert<'_>> {
        let whole = self.row.asset.failure.as_ref();
        let whole = whole.map(|failure| self.alert(AlertKind::Failed, None, failure.at));
        let of_kind = |kind| {
            let rows = self.row.versions.iter().filter(move |row| self.kind(row) == Some(kind));
            rows.map(move |row| self.alert(kind, Some(row), row.version.since()))
        };
        whole.into_iter().chain(of_kind(AlertKind::Failed)).chain(of_kind(AlertKind::Overdue))
    }

    fn alert<'a>(
        &'a self,
        kind: AlertKind,
        version: Option<&'a VersionRow>,
        at: Timestamp,
    ) -> Alert<'a> {
        let acknowledged = self.is_acknowledged(kind, version, at);
        Alert { asset: self, version, kind, at, acknowledged }
    }

    /// Returns whether this version has an alert that was not marked as seen.
    pub fn has_unseen_alert_for(&self, row: &VersionRow) -> bool {
        self.kind(row)
            .is_some_and(|kind| !self.is_acknowledged(kind, Some(row), row.version.since()))
    }

    /// Returns whether an alert was not marked as seen.
    pub fn has_unseen_alert(&self) -> bool {
        self.alerts().any(|alert| !alert.acknowledged)
    }

    /// Returns the kind of alert that a version has, if any.
    fn kind(&self, row: &VersionRow) -> Option<AlertKind> {
        if row.version.state().is_failure() {
            Some(AlertKind::Failed)
        } else {
            self.is_overdue(&row.version).then_some(AlertKind::Overdue)
        }
    }

    /// Returns how many generations have ended. If this changes, the usual generation time may have
    /// changed as well.
    pub fn finished(&self) -> usize {
        let outcomes = |row: &VersionRow| {
            row.version.steps().filter(|step| step.state.rank() == State::Generated.rank()).count()
        };
        self.row.versions.iter().map(outcomes).sum()
    }

    /// Returns the time at which the lanes should begin: shortly before the latest activity. How
    /// long a version has been waiting for a person is shown beside its lane and needs no room on
    /// the axis.
    pub fn lanes_from(&self, now: Timestamp) -> Timestamp {
        let latest = |row: &VersionRow, state| {
            row.version.steps().filter(|step| step.state == state).last().map(|step| step.at)
        };
        let lately = self.last_at().checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
        let worked = self
            .row
            .versions
            .iter()
            .filter(|row| row.version.last() >= lately)
            .filter_map(|row| latest(row, State::Generating));
        let began = worked.min().unwrap_or(self.row.asset.first_at);
        let span = now
            .duration_since(began)
            .clamp(MIN_SHOWN, MAX_SHOWN.max(now.duration_since(self.last_at())));
        now.checked_sub(span + span / 5).unwrap_or(began)
    }

    /// Returns the versions in the order of the lanes: by urgency, then by locale and id.
    pub fn lanes(&self) -> Vec<&VersionRow> {
        let mut lanes: Vec<&VersionRow> = self.row.versions.iter().collect();
        lanes
            .sort_by_key(|row| (self.urgency(&row.version), row.version.locale(), &row.version_id));
        lanes
    }

    /// Returns the rank of a version, most urgent (0) first: failed, overdue, ready, generating,
    /// being dubbed, done.
    pub fn urgency(&self, version: &Version) -> u8 {
        match version.state() {
            State::Failed | State::GenerateFailed => 0,
            State::Generating if self.is_overdue(version) => 1,
            State::Ready => 2,
            State::Generating => 3,
            State::NotReady => 4,
            State::Generated => 5,
        }
    }

    /// Returns whether the filter matches the asset or one of its versions.
    pub fn fits(&self, filter: &Filter) -> bool {
        if filter.is_empty() {
            return true;
        }
        let facts = |version| self.facts(version);
        filter.matches_version(&facts(None))
            || self.row.versions.iter().any(|row| filter.matches_version(&facts(Some(row))))
    }

    fn facts<'a>(&'a self, version: Option<&'a VersionRow>) -> VersionFacts<'a> {
        VersionFacts::of(&self.row, &self.notes, version, |version| self.is_overdue(version))
    }

    /// Returns whether this alert was marked as seen. A mark names the time of the failure, or the
    /// time when generating began, and holds for that alert only: a mark on an overdue version does
    /// not hide its later failure.
    fn is_acknowledged(&self, kind: AlertKind, row: Option<&VersionRow>, at: Timestamp) -> bool {
        // Fast path: most assets have no marks.
        if self.notes.acknowledged.is_empty() {
            return false;
        }
        let version = row.map(|row| row.version_id.clone());
        let Some(seen) = self.notes.acknowledged.get(&version) else { return false };
        match kind {
            AlertKind::Overdue => *seen == at,
            AlertKind::Failed => {
                // Times of arrival can go backwards, so the mark of the generation that then failed
                // may be later than the failure.
                let began = row.and_then(|row| row.version.first_seen(State::Generating));
                *seen >= at && (began != Some(*seen) || *seen == at)
            }
        }
    }
}

/// How many of the latest generations the usual duration is computed from.
const MAX_SAMPLES: usize = 9;

/// Shorter generations are ignored: they come from callbacks sent by hand.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// Returns the usual duration of a generation: the median of the latest successful ones. Failed
/// generations are ignored: they say nothing about the others. Returns `None` if there are fewer
/// than two, or if they are too short to be real.
pub fn usual_generation<'a>(versions: impl Iterator<Item = &'a Version>) -> Option<SignedDuration> {
    let mut finished: Vec<(Timestamp, SignedDuration)> = Vec::new();
    for version in versions {
        let spans = version.spans();
        let runs = spans
            .windows(2)
            .filter(|pair| pair[0].state == State::Generating && pair[1].state == State::Generated);
        let lengths = runs.map(|pair| (pair[1].from, pair[1].from.duration_since(pair[0].from)));
        finished.extend(lengths.filter(|(_, length)| length.is_positive()));
    }
    if finished.len() < 2 {
        return None;
    }
    finished.sort_unstable_by_key(|(end, _)| std::cmp::Reverse(*end));
    finished.truncate(MAX_SAMPLES);
    let middle = finished.len() / 2;
    let usual = finished.select_nth_unstable_by_key(middle, |(_, length)| *length).1.1;
    (usual >= SHORTEST).then_some(usual)
}
