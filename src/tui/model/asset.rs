//! An asset as the dashboard shows it: what the fold knows, its local name, what was acknowledged.

use jiff::{SignedDuration, Timestamp};

use crate::callback::State;
use crate::filter::{Filter, VersionFacts};
use crate::timeline::{AssetRow, Notes, Step, Version, VersionRow, WINDOW};

/// How far back the lanes of an asset reach at least.
const LEAST_SHOWN: SignedDuration = SignedDuration::from_secs(60);
/// How far back they reach without being asked to, while something happens.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(3);

/// What its places in the maps and lists of a catalogue take, in bytes.
const PLACES: usize = 256;
/// What the mark of a seen failure takes beside its text.
const MARK: usize = 64;

/// What a person has to do about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Something failed: find out why.
    Failed,
    /// A version is ready and waits for its quality check, or is overdue: check it, look after it.
    ForYou,
    /// The machine works: wait.
    Running,
    /// All versions that were seen are done.
    Done,
}

impl Group {
    /// Every group, in the order of the list.
    pub const ALL: [Self; 4] = [Self::Failed, Self::ForYou, Self::Running, Self::Done];

    /// The words above the group.
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
    /// What the fold knows.
    pub row: AssetRow,
    /// What the user said.
    pub notes: Notes,
    /// Versions that have been generating since before this moment are overdue. The catalogue moves
    /// it on, so that an asset in a frozen picture does not age.
    overdue_before: Timestamp,
}

/// What nobody may miss: a failure that stands, of a version or of the asset as a whole, or a
/// version that is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert<'a> {
    /// The asset.
    pub asset: &'a AssetView,
    /// The version; `None` where the asset as a whole failed.
    pub version: Option<&'a VersionRow>,
    /// What it is.
    pub kind: AlertKind,
    /// When it failed; of an overdue version, when it began to generate. Marks name this time.
    pub at: Timestamp,
    /// Whether the user has seen it.
    pub acknowledged: bool,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// It failed.
    Failed,
    /// It has been generating for longer than `--overdue`.
    Overdue,
}

impl AssetView {
    /// An asset with what was said about it.
    pub fn new(mut row: AssetRow, notes: Notes) -> Self {
        let shown = |row: VersionRow| VersionRow { version: row.version.to_be_shown(), ..row };
        row.versions = row.versions.into_iter().map(shown).collect();
        row.versions.shrink_to_fit();
        Self { row, notes, overdue_before: Timestamp::MIN }
    }

    /// Has versions count as overdue that have been generating since before this moment.
    pub(super) const fn age(&mut self, overdue_before: Timestamp) {
        self.overdue_before = overdue_before;
    }

    /// Whether a version of it has been generating for too long (rule 10 of the fold).
    pub fn is_overdue(&self, version: &Version) -> bool {
        version.state() == State::Generating && version.since() < self.overdue_before
    }

    /// When the next of its versions has been generating for `limit`.
    pub(super) fn next_overdue(&self, limit: SignedDuration) -> Option<Timestamp> {
        self.row
            .versions
            .iter()
            .map(|row| &row.version)
            .filter(|version| version.state() == State::Generating && !self.is_overdue(version))
            .filter_map(|version| version.since().checked_add(limit).ok())
            .min()
    }

    /// How many bytes it takes in a catalogue, as nearly as that matters for a limit.
    pub(super) fn weight(&self) -> usize {
        let versions = self.row.versions.iter().map(|row| {
            size_of::<VersionRow>()
                + row.version_id.len()
                + row.version.locale().map_or(0, str::len)
                + row.version.steps().len() * size_of::<Step>()
        });
        // The id stands in the row, in the key, and in the order of names, with its tail.
        let asset = size_of::<Self>() + PLACES + 4 * self.row.asset_id.len();
        let name = self.notes.name.as_deref().map_or(0, str::len);
        let marks =
            self.notes.acknowledged.keys().map(|id| MARK + id.as_deref().map_or(0, str::len));
        asset + name + versions.sum::<usize>() + marks.sum::<usize>()
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.row.asset_id
    }

    /// When anything last came for it.
    pub const fn last_at(&self) -> Timestamp {
        self.row.asset.last_at
    }

    /// What has to be done about it.
    pub fn group(&self) -> Group {
        let states = || self.row.versions.iter().map(|version| version.version.state());
        if self.row.asset.failure.is_some() || states().any(State::is_failure) {
            Group::Failed
        } else if states().any(|state| state == State::Ready) || self.has_overdue() {
            Group::ForYou
        } else if states().all(|state| state == State::Generated) {
            Group::Done
        } else {
            Group::Running
        }
    }

    /// How many versions are in a state; an overdue one is still generating.
    pub fn count(&self, state: State) -> usize {
        self.row.versions.iter().filter(|version| version.version.state() == state).count()
    }

    /// How many versions are overdue.
    pub fn overdue(&self) -> usize {
        self.row.versions.iter().filter(|row| self.is_overdue(&row.version)).count()
    }

    /// Whether some version is overdue.
    pub fn has_overdue(&self) -> bool {
        self.row.versions.iter().any(|row| self.is_overdue(&row.version))
    }

    /// What nobody may miss about it: its failures that stand, the asset as a whole first, then its
    /// overdue versions; each in the order of its versions.
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

    /// Whether this version of it failed or is overdue, and nobody has seen it.
    pub fn shouts_for(&self, row: &VersionRow) -> bool {
        self.kind(row)
            .is_some_and(|kind| !self.is_acknowledged(kind, Some(row), row.version.since()))
    }

    /// Whether some failure or overdue version has not been seen yet.
    pub fn shouts(&self) -> bool {
        self.alerts().any(|alert| !alert.acknowledged)
    }

    /// What there is to be seen about a version of it.
    fn kind(&self, row: &VersionRow) -> Option<AlertKind> {
        if row.version.state().is_failure() {
            Some(AlertKind::Failed)
        } else {
            self.is_overdue(&row.version).then_some(AlertKind::Overdue)
        }
    }

    /// How many generations it has seen the end of; changes when how long they take can be learnt.
    pub fn finished(&self) -> usize {
        let outcomes = |row: &VersionRow| {
            row.version.steps().filter(|step| step.state.rank() == State::Generated.rank()).count()
        };
        self.row.versions.iter().map(outcomes).sum()
    }

    /// From when on its lanes are worth showing: what the machine did lately, with a little before
    /// it. What waits for a person has waited for long, and how long is told beside its lane.
    pub fn worth_showing(&self, now: Timestamp) -> Timestamp {
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
        let begun = worked.min().unwrap_or(self.row.asset.first_at);
        let span = now
            .duration_since(begun)
            .clamp(LEAST_SHOWN, LONG_AGO.max(now.duration_since(self.last_at())));
        now.checked_sub(span + span / 5).unwrap_or(begun)
    }

    /// Its versions in the order of the lanes, which is that of the groups: failed, overdue, ready,
    /// generating, done; then by locale.
    pub fn lanes(&self) -> Vec<&VersionRow> {
        let mut lanes: Vec<&VersionRow> = self.row.versions.iter().collect();
        lanes
            .sort_by_key(|row| (self.urgency(&row.version), row.version.locale(), &row.version_id));
        lanes
    }

    /// Which of its versions is to be seen first, the least first: failed, overdue, ready,
    /// generating, done.
    pub fn urgency(&self, version: &Version) -> u8 {
        match version.state() {
            State::Failed | State::GenerateFailed => 0,
            State::Generating if self.is_overdue(version) => 1,
            State::Ready => 2,
            State::Generating => 3,
            State::Generated => 4,
        }
    }

    /// Whether a filter lets one of its versions through.
    pub fn fits(&self, filter: &Filter) -> bool {
        if filter.is_empty() {
            return true;
        }
        let facts = |version| self.facts(version);
        filter.matches_version(&facts(None))
            || self.row.versions.iter().any(|row| filter.matches_version(&facts(Some(row))))
    }

    fn facts<'a>(&'a self, version: Option<&'a VersionRow>) -> VersionFacts<'a> {
        VersionFacts {
            asset_id: self.id(),
            name: self.notes.name.as_deref(),
            version_id: version.map(|row| row.version_id.as_str()),
            locale: version.and_then(|row| row.version.locale()),
            state: version.map(|row| row.version.state()),
            failed: self.row.asset.failure.is_some(),
            provenance: version
                .map_or_else(|| self.row.asset.provenance(), |row| row.version.provenance()),
            uncertain: version.is_some_and(|row| row.version.uncertain().is_some()),
            overdue: version.is_some_and(|row| self.is_overdue(&row.version)),
            last_at: self.last_at(),
        }
    }

    /// Whether the user marked this alert as seen. A mark names when the failure came, or when the
    /// overdue version began to generate, and holds for that alone: whoever has seen that a version
    /// is overdue has not seen that it failed.
    fn is_acknowledged(&self, kind: AlertKind, row: Option<&VersionRow>, at: Timestamp) -> bool {
        // Most alerts are not marked, and then nothing has to be looked up.
        if self.notes.acknowledged.is_empty() {
            return false;
        }
        let version = row.map(|row| row.version_id.clone());
        let Some(seen) = self.notes.acknowledged.get(&version) else { return false };
        match kind {
            AlertKind::Overdue => *seen == at,
            AlertKind::Failed => {
                // Times of arrival can go back: the mark of the generation that failed afterwards
                // may well be later than the failure.
                let begun = row.and_then(|row| row.version.first_seen(State::Generating));
                *seen >= at && (begun != Some(*seen) || *seen == at)
            }
        }
    }
}

/// How many of the latest generations say how long it usually takes.
const LATEST: usize = 9;

/// What is generated faster than this comes from somebody who tries callbacks out.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// How long generating usually takes: the median of those runs that led to a result last. One that
/// failed says nothing of how long the others take.
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
    finished.truncate(LATEST);
    let middle = finished.len() / 2;
    let usual = finished.select_nth_unstable_by_key(middle, |(_, length)| *length).1.1;
    (usual >= SHORTEST).then_some(usual)
}
