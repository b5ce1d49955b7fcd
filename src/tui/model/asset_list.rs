//! The assets on the screen, grouped and sorted incrementally.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::asset::{Alert, AssetView, Group};
use super::counts::DubCounts;
use super::names::Names;
use crate::timeline::Expectation;

/// Maximum number of assets held. Beyond it the assets that have been inactive longest are dropped;
/// they stay in the journal. With six versions each, this many keep the program below 60 MB.
pub const MAX_ASSETS: usize = 17_500;

/// Maximum memory of the assets held, in bytes: enough for [`MAX_ASSETS`] with six versions each
/// and ids of about 40 bytes. Senders choose ids and the number of versions; with larger ones,
/// fewer assets are held.
const MAX_WEIGHT: usize = 48 << 20;

/// From this many changes at once, the whole list is sorted again instead of moving each asset.
const RESORT_FROM: usize = 64;

/// All assets that were active within the horizon. A copy is cheap: assets are shared.
#[derive(Debug, Clone)]
pub struct AssetList {
    assets: HashMap<Arc<str>, Arc<AssetView>>,
    /// By group, then latest activity first. Sorted, except for changes made while `held`.
    order: Vec<ListedAsset>,
    /// Whether positions are kept, because the user is moving in the list.
    held: bool,
    /// Whether something changed its position while `held`.
    stale: bool,
    names: Names,
    /// How many versions are in each state.
    counts: DubCounts,
    /// The estimated memory of all assets, in bytes.
    weight: usize,
    /// How many versions there are in each locale, with those that are expected and missing; `None`
    /// is for versions without one.
    locales: BTreeMap<Option<Box<str>>, usize>,
    /// How long a version may generate before it is overdue.
    limit: SignedDuration,
    /// What is expected of every asset for which nothing else is known.
    expected: Option<Arc<Expectation>>,
    /// The current time.
    now: Timestamp,
    /// Assets that have a version generating in time, by when the next one becomes overdue.
    ageing: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Default for AssetList {
    /// Creates an empty list in which nothing is ever overdue.
    fn default() -> Self {
        Self::new(SignedDuration::MAX, Timestamp::MIN)
    }
}

/// An asset that changed because time passed.
#[derive(Debug, Clone)]
pub struct Aged {
    /// Before.
    pub before: Arc<AssetView>,
    /// After.
    pub after: Arc<AssetView>,
}

/// An asset's entry in the list, with what determines its position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedAsset {
    /// The group it was sorted into.
    pub group: Group,
    /// False if it is in [`Group::ForYou`] because of an overdue version; those come first.
    is_not_overdue: bool,
    latest: std::cmp::Reverse<Timestamp>,
    /// The asset's id.
    pub id: Arc<str>,
}

impl ListedAsset {
    fn of(id: &Arc<str>, asset: &AssetView) -> Self {
        let (group, latest) = (asset.group(), std::cmp::Reverse(asset.last_at()));
        let is_not_overdue = group != Group::ForYou || !asset.has_overdue();
        Self { group, is_not_overdue, latest, id: Arc::clone(id) }
    }

    /// Returns whether it is listed in [`Group::ForYou`] because of an overdue version.
    pub const fn is_overdue(&self) -> bool {
        !self.is_not_overdue
    }

    /// Returns whether neither this entry nor any below it has an alert.
    fn is_below_alerts(&self) -> bool {
        self.group != Group::Failed && self.is_not_overdue
    }
}

impl AssetList {
    /// Creates an empty list. A version that generates for longer than `limit` is overdue.
    pub fn new(limit: SignedDuration, now: Timestamp) -> Self {
        Self {
            assets: HashMap::new(),
            order: Vec::new(),
            held: false,
            stale: false,
            names: Names::default(),
            counts: DubCounts::default(),
            weight: 0,
            locales: BTreeMap::new(),
            limit,
            expected: None,
            now,
            ageing: BTreeSet::new(),
        }
    }

    /// Sets what is expected of every asset for which nothing else is known. For an empty list.
    #[must_use]
    pub fn expecting(self, expected: Option<Arc<Expectation>>) -> Self {
        Self { expected, ..self }
    }

    /// Adds an asset, or replaces it.
    pub fn put(&mut self, mut asset: AssetView) {
        asset.set_overdue_before(self.overdue_before());
        asset.set_expectation(self.expected.as_ref());
        let id: Arc<str> = match self.assets.get_key_value(asset.id()) {
            Some((id, _)) => Arc::clone(id),
            None => asset.id().into(),
        };
        let place = ListedAsset::of(&id, &asset);
        let asset = Arc::new(asset);
        let before = self.assets.insert(Arc::clone(&id), Arc::clone(&asset));
        self.recount(&id, before.as_deref(), Some(&asset));
        if let Some(before) = before {
            if self.held {
                self.stale = true;
            } else {
                self.remove_listed(&ListedAsset::of(&id, &before));
                self.insert_listed(place);
            }
        } else {
            self.names.insert(&id);
            self.insert_listed(place);
        }
        while self.assets.len() > MAX_ASSETS || (self.weight > MAX_WEIGHT && self.assets.len() > 1)
        {
            self.remove_quietest();
        }
    }

    /// Removes an asset.
    pub fn remove(&mut self, id: &str) {
        let Some((id, asset)) = self.assets.remove_entry(id) else { return };
        self.recount(&id, Some(&asset), None);
        self.names.remove(&id);
        self.remove_listed(&ListedAsset::of(&id, &asset));
    }

    /// Returns when the next version becomes overdue, or `None` if no version can.
    pub fn next_overdue(&self) -> Option<Timestamp> {
        let (at, _) = self.ageing.first()?;
        // A version is overdue after more than the limit, not after exactly the limit.
        Some(at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(*at))
    }

    /// Sets the current time; returns the assets of which a version has become overdue. Costs
    /// nothing if there are none.
    pub fn set_now(&mut self, now: Timestamp) -> Vec<Aged> {
        let was_set_back = now < std::mem::replace(&mut self.now, now);
        if was_set_back {
            // Versions may no longer be overdue. This is a correction, not news, so nothing is
            // reported.
            let all: Vec<Arc<str>> = self.assets.keys().cloned().collect();
            self.update_overdue(&all);
            return Vec::new();
        }
        let due: Vec<Arc<str>> = self
            .ageing
            .iter()
            .take_while(|(at, _)| *at < now)
            .map(|(_, id)| Arc::clone(id))
            .collect();
        self.update_overdue(&due)
    }

    fn update_overdue(&mut self, ids: &[Arc<str>]) -> Vec<Aged> {
        let before_this = self.overdue_before();
        let moves_one_by_one = !self.held && ids.len() < RESORT_FROM;
        let mut aged = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(before) = self.assets.get(id).cloned() else { continue };
            let mut after = (*before).clone();
            after.set_overdue_before(before_this);
            let after = Arc::new(after);
            self.assets.insert(Arc::clone(id), Arc::clone(&after));
            self.recount(id, Some(&before), Some(&after));
            if moves_one_by_one {
                self.remove_listed(&ListedAsset::of(id, &before));
                self.insert_listed(ListedAsset::of(id, &after));
            }
            aged.push(Aged { before, after });
        }
        self.stale |= !moves_one_by_one && !aged.is_empty();
        if !self.held {
            self.sort_if_stale();
        }
        aged
    }

    fn overdue_before(&self) -> Timestamp {
        self.now.checked_sub(self.limit).unwrap_or(Timestamp::MIN)
    }

    /// Keeps all positions while `held` is true; sorts again when it is false.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
        if !held {
            self.sort_if_stale();
        }
    }

    /// Sorts the list again if it is stale.
    fn sort_if_stale(&mut self) {
        if std::mem::take(&mut self.stale) {
            self.order = self.assets.iter().map(|(id, asset)| ListedAsset::of(id, asset)).collect();
            self.order.sort_unstable();
        }
    }

    /// Returns an asset by its id.
    pub fn get(&self, id: &str) -> Option<&Arc<AssetView>> {
        self.assets.get(id)
    }

    /// Returns how many assets there are.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Returns whether there are no assets.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// Returns the entries in the order of the list.
    pub fn order(&self) -> &[ListedAsset] {
        &self.order
    }

    /// Returns the assets in the order of the list, each with the group it is listed under.
    pub fn iter(&self) -> impl Iterator<Item = (Group, &Arc<AssetView>)> {
        self.order.iter().filter_map(|place| Some((place.group, self.get(&place.id)?)))
    }

    /// Returns how many versions are in each state.
    pub const fn counts(&self) -> &DubCounts {
        &self.counts
    }

    /// Returns the index of an asset in the list.
    pub fn place_of(&self, asset: &AssetView) -> Option<usize> {
        let (id, _) = self.assets.get_key_value(asset.id())?;
        // While positions are kept, an asset may not be where it would be sorted.
        match self.order.binary_search(&ListedAsset::of(id, asset)) {
            Ok(at) => Some(at),
            Err(_) => self.order.iter().position(|place| place.id == *id),
        }
    }

    /// Returns all alerts in the order of the list. Stops at the first asset without any, so the
    /// cost depends on the number of alerts only, unless assets failed or became overdue while
    /// positions are kept.
    pub fn alerts(&self) -> impl Iterator<Item = Alert<'_>> {
        self.order
            .iter()
            .take_while(|place| self.stale || !place.is_below_alerts())
            .filter_map(|place| self.get(&place.id))
            .flat_map(|asset| asset.alerts())
    }

    /// Returns what to call an asset: its local name, or else the shortest piece of its id.
    /// Untrusted text.
    pub fn label<'a>(&self, asset: &'a AssetView) -> Cow<'a, str> {
        match asset.notes.shown_name() {
            Some(name) => Cow::Borrowed(name),
            None => self.names.piece(asset.id()),
        }
    }

    /// Returns the shortest piece of an asset's id that no other id shares. Untrusted text.
    pub fn piece<'a>(&self, id: &'a str) -> Cow<'a, str> {
        self.names.piece(id)
    }

    /// Lengthens pieces of ids that have become ambiguous. Call it when the screen changes anyway:
    /// a piece stays the same while the user looks at it.
    pub fn lengthen_pieces(&mut self) {
        self.names.lengthen();
    }

    /// Returns the locales of all versions, also of expected ones, in alphabetical order; `None`, for
    /// versions without a locale, comes first.
    pub fn locales(&self) -> impl Iterator<Item = Option<&str>> {
        self.locales.keys().map(Option::as_deref)
    }

    /// Replaces an asset's contribution to all counts.
    fn recount(&mut self, id: &Arc<str>, before: Option<&AssetView>, after: Option<&AssetView>) {
        // The old entry first: both may become overdue at the same time, and the set holds that
        // once.
        if let Some(before) = before {
            self.count(id, before, false);
        }
        if let Some(after) = after {
            self.count(id, after, true);
        }
    }

    /// Adds an asset's contribution to all counts, or removes it.
    fn count(&mut self, id: &Arc<str>, asset: &AssetView, is_added: bool) {
        let counts = DubCounts::of(asset);
        if is_added {
            self.counts.add(&counts);
            self.weight += asset.weight();
        } else {
            self.counts.take(&counts);
            self.weight -= asset.weight();
        }
        if let Some(at) = asset.next_overdue(self.limit) {
            let entry = (at, Arc::clone(id));
            if is_added {
                self.ageing.insert(entry);
            } else {
                self.ageing.remove(&entry);
            }
        }
        let seen = asset.row.versions.iter().map(|row| row.version.locale());
        for locale in seen.chain(asset.missing().iter().map(|locale| Some(locale.as_str()))) {
            let locale: Option<Box<str>> = locale.map(Into::into);
            if is_added {
                *self.locales.entry(locale).or_default() += 1;
            } else if let Some(count) = self.locales.get_mut(&locale) {
                *count -= 1;
                if *count == 0 {
                    self.locales.remove(&locale);
                }
            }
        }
    }

    fn remove_listed(&mut self, place: &ListedAsset) {
        if let Ok(at) = self.order.binary_search(place) {
            self.order.remove(at);
        } else if let Some(at) = self.order.iter().position(|other| other.id == place.id) {
            self.order.remove(at);
        }
    }

    fn insert_listed(&mut self, place: ListedAsset) {
        let at = self.order.binary_search(&place).unwrap_or_else(|at| at);
        self.order.insert(at, place);
    }

    /// Removes the asset that has been inactive longest.
    fn remove_quietest(&mut self) {
        let quietest = self.order.iter().max_by_key(|place| (place.latest, &place.id)).cloned();
        if let Some(place) = quietest {
            self.remove_listed(&place);
            self.names.remove(&place.id);
            if let Some(asset) = self.assets.remove(&place.id) {
                self.recount(&place.id, Some(&asset), None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::asset::AlertKind;
    use super::*;
    use crate::callback::{Fingerprint, Provenance, State, Subject};
    use crate::timeline::{AssetRow, Notes, VersionRow, fold};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// Returns an asset with a version in each of these states, reached at `second`.
    fn asset(id: &str, second: i64, states: &[State]) -> AssetView {
        let mut whole = None;
        let mut versions = Vec::new();
        for (number, state) in states.iter().enumerate() {
            let version_id = format!("v{number}");
            let locale = Some(["es-ES", "fr-FR"][number % 2]);
            let subject =
                Subject::Version { asset_id: id, version_id: &version_id, locale, state: *state };
            let mut version = None;
            let print = Fingerprint::default();
            fold(&subject, at(second), print, Provenance::Verified, &mut whole, &mut version);
            versions.push(VersionRow { version_id, version: version.unwrap() });
        }
        let row = AssetRow { asset_id: id.to_owned(), asset: whole.unwrap(), versions };
        AssetView::new(row, Notes::default())
    }

    fn ids(asset_list: &AssetList) -> Vec<&str> {
        asset_list.iter().map(|(_, asset)| asset.id()).collect()
    }

    #[test]
    fn assets_are_sorted_by_group_and_activity() {
        let mut asset_list = AssetList::default();
        asset_list.put(asset("done", 9, &[State::Generated]));
        asset_list.put(asset("waits", 1, &[State::Ready, State::Generating]));
        asset_list.put(asset("new", 5, &[State::Generating, State::Generated]));
        asset_list.put(asset("old", 3, &[State::Generating]));
        asset_list.put(asset("broken", 2, &[State::GenerateFailed, State::Failed, State::Ready]));
        assert_eq!(ids(&asset_list), ["broken", "waits", "new", "old", "done"]);
        let groups: Vec<Group> = asset_list.iter().map(|(group, _)| group).collect();
        assert_eq!(
            groups,
            [Group::Failed, Group::ForYou, Group::Running, Group::Running, Group::Done]
        );
        for (place, (_, asset)) in asset_list.iter().enumerate() {
            assert_eq!(asset_list.place_of(asset), Some(place));
        }
        asset_list.put(asset("old", 20, &[State::Generating]));
        assert_eq!(ids(&asset_list), ["broken", "waits", "old", "new", "done"]);
        let counts = *asset_list.counts();
        assert_eq!((counts.all, counts.done, counts.generating), (9, 2, 3));
        assert_eq!((counts.for_you(), counts.failures(), counts.unseen()), (2, 2, 2));
    }

    const LIMIT: SignedDuration = SignedDuration::from_secs(100);

    #[test]
    fn a_version_becomes_overdue_as_time_goes_by() {
        let mut asset_list = AssetList::new(LIMIT, at(10));
        asset_list.put(asset("late", 0, &[State::Generating, State::Generated]));
        asset_list.put(asset("later", 5, &[State::Generating]));
        asset_list.put(asset("waits", 9, &[State::Ready]));
        assert_eq!(ids(&asset_list), ["waits", "later", "late"]);
        assert!(asset_list.set_now(at(100)).is_empty(), "longer than the limit, not as long as it");
        let next = asset_list.next_overdue().unwrap();
        assert!(next > at(100) && next < at(101), "{next}");

        let aged = asset_list.set_now(next);
        assert_eq!(aged.len(), 1);
        assert!(!aged[0].before.has_overdue() && aged[0].after.has_overdue());
        assert_eq!(ids(&asset_list), ["late", "waits", "later"], "what is overdue comes first");
        let counts = *asset_list.counts();
        assert_eq!((counts.generating, counts.overdue, counts.for_you()), (1, 1, 2));
        assert_eq!((counts.unseen_overdue, counts.unseen_failures), (1, 0));
        let alerts: Vec<_> = asset_list.alerts().map(|alert| (alert.kind, alert.at)).collect();
        assert_eq!(alerts, [(AlertKind::Overdue, at(0))]);

        assert_eq!(asset_list.set_now(at(1000)).len(), 1);
        assert_eq!(asset_list.next_overdue(), None, "nothing ages any more");
        // A finished version is no longer overdue; one that is added late is overdue at once.
        asset_list.put(asset("late", 1000, &[State::Generated, State::Generated]));
        asset_list.put(asset("lost", 1, &[State::Generating]));
        assert_eq!(ids(&asset_list), ["later", "lost", "waits", "late"]);
        assert_eq!(asset_list.counts().overdue, 2);
        assert!(asset_list.set_now(at(1001)).is_empty(), "no new notification");
    }

    #[test]
    fn a_clock_set_back_makes_versions_not_overdue() {
        let mut asset_list = AssetList::new(LIMIT, at(0));
        asset_list.put(asset("late", 0, &[State::Generating]));
        assert_eq!(asset_list.set_now(at(500)).len(), 1);
        assert!(asset_list.set_now(at(50)).is_empty());
        assert_eq!(asset_list.counts().overdue, 0);
        assert_eq!(asset_list.set_now(at(101)).len(), 1);
    }

    /// However many assets change at once, the incremental counts equal counts made from scratch.
    #[test]
    fn many_versions_become_overdue_at_once_even_while_held() {
        for (many, held) in [(10, false), (10, true), (500, false), (500, true)] {
            let mut asset_list = AssetList::new(LIMIT, at(0));
            for number in 0..many {
                let states = [State::Generating, State::ALL[number % State::ALL.len()]];
                asset_list.put(asset(&format!("asset-{number:04}"), 0, &states));
            }
            let before: Vec<String> = ids(&asset_list).iter().map(|id| (*id).to_owned()).collect();
            asset_list.hold(held);
            assert_eq!(asset_list.set_now(at(101)).len(), many);
            assert_eq!(ids(&asset_list) == before, held, "places stand still while held");
            let alerts = asset_list.alerts().count();
            assert_eq!(alerts, asset_list.counts().overdue + asset_list.counts().failures());
            asset_list.hold(false);
            let mut sorted = asset_list.order().to_vec();
            sorted.sort_unstable();
            assert_eq!(asset_list.order(), sorted);
            let mut whole = DubCounts::default();
            for (_, asset) in asset_list.iter() {
                whole.add(&DubCounts::of(asset));
            }
            assert_eq!(*asset_list.counts(), whole);
            for number in 0..many {
                asset_list.remove(&format!("asset-{number:04}"));
            }
            assert_eq!(*asset_list.counts(), DubCounts::default());
            assert!(asset_list.next_overdue().is_none() && asset_list.is_empty());
        }
    }

    #[test]
    fn while_held_nothing_moves_and_nothing_is_lost() {
        let mut asset_list = AssetList::default();
        asset_list.put(asset("a", 1, &[State::Ready]));
        asset_list.put(asset("b", 2, &[State::Ready]));
        asset_list.hold(true);
        asset_list.put(asset("a", 9, &[State::Failed]));
        asset_list.put(asset("c", 8, &[State::Ready]));
        assert_eq!(ids(&asset_list), ["c", "b", "a"], "what is new is put where it belongs");
        assert_eq!(asset_list.place_of(asset_list.get("a").unwrap()), Some(2));
        assert_eq!(asset_list.alerts().count(), 1);
        asset_list.hold(false);
        assert_eq!(ids(&asset_list), ["a", "c", "b"]);
    }

    #[test]
    fn marks_and_changes_are_counted() {
        let mut asset_list = AssetList::default();
        let mut broken = asset("a", 1, &[State::Failed, State::Ready]);
        asset_list.put(broken.clone());
        broken.notes.acknowledged.insert(Some("v0".to_owned()), at(1));
        asset_list.put(broken);
        assert_eq!((asset_list.counts().failed, asset_list.counts().unseen()), (1, 0));
        let locales = |asset_list: &AssetList| -> Vec<Option<String>> {
            asset_list.locales().map(|locale| locale.map(str::to_owned)).collect()
        };
        assert_eq!(locales(&asset_list), [Some("es-ES".to_owned()), Some("fr-FR".to_owned())]);
        asset_list.put(asset("a", 3, &[State::Ready]));
        assert_eq!(*asset_list.counts(), DubCounts { all: 1, ready: 1, ..DubCounts::default() });
        assert_eq!(locales(&asset_list), [Some("es-ES".to_owned())]);
    }

    /// Returns an asset with one version that went through these steps: state and second of
    /// arrival.
    fn version(steps: &[(State, i64)]) -> AssetView {
        let (mut whole, mut version) = (None, None);
        for (number, (state, second)) in steps.iter().enumerate() {
            let subject =
                Subject::Version { asset_id: "a", version_id: "v0", locale: None, state: *state };
            let number = u64::try_from(number).unwrap();
            let print = Fingerprint { copy: number, signature: number };
            fold(&subject, at(*second), print, Provenance::Verified, &mut whole, &mut version);
        }
        let versions = vec![VersionRow { version_id: "v0".to_owned(), version: version.unwrap() }];
        let row = AssetRow { asset_id: "a".to_owned(), asset: whole.unwrap(), versions };
        AssetView::new(row, Notes::default())
    }

    #[test]
    fn a_mark_on_an_overdue_version_does_not_hide_a_later_failure() {
        let mut asset_list = AssetList::new(LIMIT, at(200));
        let mark = |mut asset: AssetView, second| {
            asset.notes.acknowledged.insert(Some("v0".to_owned()), at(second));
            asset
        };
        let overdue = || version(&[(State::Generating, 0)]);
        asset_list.put(overdue());
        assert_eq!(asset_list.counts().unseen_overdue, 1);
        asset_list.put(mark(overdue(), 0));
        assert_eq!((asset_list.counts().overdue, asset_list.counts().unseen()), (1, 0));
        // This includes a failure that arrived earlier by a relay's clock.
        for second in [300, 1, -60] {
            let failed = || version(&[(State::Generating, 0), (State::GenerateFailed, second)]);
            asset_list.put(mark(failed(), 0));
            assert_eq!(asset_list.counts().unseen_failures, 1, "{second}");
            asset_list.put(mark(failed(), second));
            assert_eq!(asset_list.counts().unseen_failures, 0, "{second}");
        }
        // Nor does the mark of a failure hide that the next run is overdue.
        let again = version(&[
            (State::Generating, -5000),
            (State::GenerateFailed, -4000),
            (State::Generating, 0),
        ]);
        asset_list.put(mark(again, -4000));
        assert_eq!(asset_list.counts().unseen_overdue, 1);
    }

    /// Senders choose the length of ids and the number of versions.
    #[test]
    fn the_assets_held_are_bounded_in_bytes_as_well() {
        let long = |prefix: &str, number: i64| format!("{prefix}_{number:08}_{}", "x".repeat(470));
        let with_long_ids = |number: i64| {
            let mut asset = asset(&long("ast", number), number, &[State::Generated; 2]);
            for row in &mut asset.row.versions {
                row.version_id = long(&row.version_id, number);
            }
            asset
        };
        let with_many_versions =
            |number: i64| asset(&format!("ast_{number:08}"), number, &[State::Ready; 200]);
        for (many, make) in
            [(14_000, &with_long_ids as &dyn Fn(i64) -> AssetView), (1_300, &with_many_versions)]
        {
            let mut asset_list = AssetList::default();
            for number in 0..many {
                asset_list.put(make(number));
            }
            assert!(asset_list.weight <= MAX_WEIGHT, "{}", asset_list.weight);
            let whole: usize = asset_list.iter().map(|(_, asset)| asset.weight()).sum();
            assert_eq!(asset_list.weight, whole);
            let held = asset_list.len();
            assert!(held < usize::try_from(many).unwrap() && held > 300, "{held}");
            assert!(asset_list.get(make(many - 1).id()).is_some(), "the newest stays");
            assert!(asset_list.get(make(0).id()).is_none(), "the longest quiet goes");
            // Growing assets count as well, not only new ones.
            let grown = asset(make(many - 1).id(), many, &[State::Generated; 10_000]);
            asset_list.put(grown);
            assert!(asset_list.weight <= MAX_WEIGHT && asset_list.len() < held);
            let ids: Vec<String> = ids(&asset_list).iter().map(|id| (*id).to_owned()).collect();
            for id in ids {
                asset_list.remove(&id);
            }
            assert_eq!(asset_list.weight, 0);
        }
    }

    #[test]
    fn the_maximum_number_of_assets_with_six_versions_fits() {
        let id = |number: usize| format!("ast_{number:036}");
        let mut asset = asset(&id(0), 1, &[State::Generated; 6]);
        for row in &mut asset.row.versions {
            row.version_id = id(0);
        }
        // Ready, generating, generated: two steps more than this one has.
        let weight = asset.weight() + 6 * 2 * size_of::<crate::timeline::Step>();
        assert!(weight * MAX_ASSETS < MAX_WEIGHT, "{weight}");
    }

    #[test]
    fn the_least_recently_active_assets_are_dropped() {
        let mut asset_list = AssetList::default();
        for number in 0..=MAX_ASSETS {
            let second = i64::try_from(number).unwrap();
            asset_list.put(asset(&format!("ast_{number:08}"), second, &[State::Generated]));
        }
        assert_eq!(asset_list.len(), MAX_ASSETS);
        assert_eq!(asset_list.order().len(), MAX_ASSETS);
        assert!(asset_list.get("ast_00000000").is_none());
        assert!(asset_list.get("ast_00000001").is_some());
    }
}
