//! An asset as the dashboard shows it: what the fold knows, its local name, what was acknowledged.

use jiff::{SignedDuration, Timestamp};

use crate::callback::State;
use crate::filter::{Filter, VersionFacts};
use crate::timeline::{AssetRow, Notes, Version, VersionRow, WINDOW};

/// How far back the lanes of an asset reach at least.
const LEAST_SHOWN: SignedDuration = SignedDuration::from_secs(60);
/// How far back they reach without being asked to, while something happens.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(3);

/// What a person has to do about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Something failed.
    NeedsYou,
    /// Something is on its way: waits for a person, or for the machine.
    Running,
    /// All versions that were seen are done.
    Done,
}

impl Group {
    /// Every group, in the order of the list.
    pub const ALL: [Self; 3] = [Self::NeedsYou, Self::Running, Self::Done];

    /// The words above the group.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NeedsYou => "NEEDS YOU",
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
}

/// A failure that stands: of a version, or of the asset as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The asset.
    pub asset: &'a AssetView,
    /// The version; `None` where the asset as a whole failed.
    pub version: Option<&'a VersionRow>,
    /// When it failed.
    pub at: Timestamp,
    /// Whether the user has seen it.
    pub acknowledged: bool,
}

impl AssetView {
    /// An asset with what was said about it.
    pub fn new(mut row: AssetRow, notes: Notes) -> Self {
        let shown = |row: VersionRow| VersionRow { version: row.version.to_be_shown(), ..row };
        row.versions = row.versions.into_iter().map(shown).collect();
        row.versions.shrink_to_fit();
        Self { row, notes }
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
            Group::NeedsYou
        } else if states().all(|state| state == State::Generated) {
            Group::Done
        } else {
            Group::Running
        }
    }

    /// How many versions are in a state.
    pub fn count(&self, state: State) -> usize {
        self.row.versions.iter().filter(|version| version.version.state() == state).count()
    }

    /// Its failures that stand: the asset as a whole first, then its versions as they are ordered.
    pub fn failures(&self) -> impl Iterator<Item = Failure<'_>> {
        let whole = self.row.asset.failure.as_ref().map(|failure| (None, failure.at));
        let versions = self
            .row
            .versions
            .iter()
            .filter(|version| version.version.state().is_failure())
            .map(|version| (Some(version), version.version.since()));
        whole.into_iter().chain(versions).map(|(version, at)| Failure {
            asset: self,
            version,
            at,
            acknowledged: self.is_acknowledged(version.map(|v| v.version_id.as_str()), at),
        })
    }

    /// Whether this version of it failed, and nobody has seen it.
    pub fn shouts_for(&self, version: &VersionRow) -> bool {
        version.version.state().is_failure()
            && !self.is_acknowledged(Some(&version.version_id), version.version.since())
    }

    /// Whether some failure has not been seen yet.
    pub fn shouts(&self) -> bool {
        self.failures().any(|failure| !failure.acknowledged)
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

    /// Its versions in the order of the lanes: failed, generating, ready, done; then by locale.
    pub fn lanes(&self) -> Vec<&VersionRow> {
        let mut lanes: Vec<&VersionRow> = self.row.versions.iter().collect();
        lanes.sort_by_key(|row| (urgency(&row.version), row.version.locale(), &row.version_id));
        lanes
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
            uncertain: version.is_some_and(|row| row.version.uncertain().is_some()),
            last_at: self.last_at(),
        }
    }

    fn is_acknowledged(&self, version: Option<&str>, at: Timestamp) -> bool {
        // Most failures are not marked, and then nothing has to be looked up.
        !self.notes.acknowledged.is_empty()
            && self
                .notes
                .acknowledged
                .get(&version.map(str::to_owned))
                .is_some_and(|seen| *seen >= at)
    }
}

/// What of two versions is to be seen first: failed, generating, ready, done.
pub const fn urgency(version: &Version) -> u8 {
    match version.state() {
        State::Failed | State::GenerateFailed => 0,
        State::Generating => 1,
        State::Ready => 2,
        State::Generated => 3,
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
