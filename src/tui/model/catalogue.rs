//! The assets on the screen, grouped and ordered, a change at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::asset::{AssetView, Failure, Group};
use super::names::Names;

/// Assets that are held at most; beyond it the longest quiet ones go (they stay in the journal). So
/// many that with six versions each the program stays within 60 MB.
pub const MAX_ASSETS: usize = 17_500;

/// Every asset that was active within the horizon. A copy is cheap: assets are shared.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    assets: HashMap<Arc<str>, Arc<AssetView>>,
    /// By group, the latest active first. Sorted but for what moved while `held`.
    order: Vec<Place>,
    /// Whether places stand still, because the user is moving among them.
    held: bool,
    /// Whether something moved while they were.
    stale: bool,
    names: Names,
    /// How many failures stand, and how many of them nobody has seen.
    failing: Failing,
    /// How many versions there are in each locale; `None` where no callback named one.
    locales: BTreeMap<Option<Box<str>>, usize>,
}

/// How many failures stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failing {
    /// All of them.
    pub all: usize,
    /// Those that nobody has seen.
    pub shouting: usize,
}

/// Where an asset stands in the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its group when it was put there.
    pub group: Group,
    latest: std::cmp::Reverse<Timestamp>,
    /// Its id.
    pub id: Arc<str>,
}

impl Place {
    fn of(id: &Arc<str>, asset: &AssetView) -> Self {
        let latest = std::cmp::Reverse(asset.last_at());
        Self { group: asset.group(), latest, id: Arc::clone(id) }
    }
}

impl Catalogue {
    /// Puts an asset in, or in the place of what was known of it.
    pub fn put(&mut self, asset: AssetView) {
        let id: Arc<str> = match self.assets.get_key_value(asset.id()) {
            Some((id, _)) => Arc::clone(id),
            None => asset.id().into(),
        };
        let place = Place::of(&id, &asset);
        self.count(&asset, true);
        if let Some(before) = self.assets.insert(Arc::clone(&id), Arc::new(asset)) {
            self.count(&before, false);
            if self.held {
                self.stale = true;
            } else {
                self.take_out(&Place::of(&id, &before));
                self.put_in(place);
            }
            return;
        }
        self.names.insert(&id);
        self.put_in(place);
        if self.assets.len() > MAX_ASSETS {
            self.let_one_go();
        }
    }

    /// Lets go of an asset.
    pub fn remove(&mut self, id: &str) {
        let Some((id, asset)) = self.assets.remove_entry(id) else { return };
        self.count(&asset, false);
        self.names.remove(&id);
        self.take_out(&Place::of(&id, &asset));
    }

    /// Lets places stand still, or has them follow again.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
        if !held && std::mem::take(&mut self.stale) {
            self.order = self.assets.iter().map(|(id, asset)| Place::of(id, asset)).collect();
            self.order.sort_unstable();
        }
    }

    /// An asset by its id.
    pub fn get(&self, id: &str) -> Option<&Arc<AssetView>> {
        self.assets.get(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// The places in the order of the list.
    pub fn order(&self) -> &[Place] {
        &self.order
    }

    /// The assets in the order of the list, with the group under which each stands.
    pub fn iter(&self) -> impl Iterator<Item = (Group, &Arc<AssetView>)> {
        self.order.iter().filter_map(|place| Some((place.group, self.get(&place.id)?)))
    }

    /// How many failures stand.
    pub const fn failing(&self) -> Failing {
        self.failing
    }

    /// The place of an asset in the order of the list.
    pub fn place_of(&self, asset: &AssetView) -> Option<usize> {
        let (id, _) = self.assets.get_key_value(asset.id())?;
        // While places stand still, an asset may not be where it would be put.
        match self.order.binary_search(&Place::of(id, asset)) {
            Ok(at) => Some(at),
            Err(_) => self.order.iter().position(|place| place.id == *id),
        }
    }

    /// Failures that stand, in the order of the list. Stops at the first group without any, so its
    /// cost is that of what needs somebody; unless places stand still and assets failed meanwhile.
    pub fn failures(&self) -> impl Iterator<Item = Failure<'_>> {
        self.iter()
            .take_while(|(group, _)| self.stale || *group == Group::NeedsYou)
            .flat_map(|(_, asset)| asset.failures())
    }

    /// What to call an asset: its local name, else the shortest piece of its id. Untrusted text.
    pub fn label<'a>(&'a self, asset: &'a AssetView) -> &'a str {
        asset.notes.name.as_deref().unwrap_or_else(|| self.names.piece(asset.id()))
    }

    /// The shortest piece of an asset's id that tells it from the others. Untrusted text.
    pub fn piece<'a>(&self, id: &'a str) -> &'a str {
        self.names.piece(id)
    }

    /// The locales of the versions held, in alphabetical order; `None` comes first where some
    /// version has none.
    pub fn locales(&self) -> impl Iterator<Item = Option<&str>> {
        self.locales.keys().map(Option::as_deref)
    }

    /// Counts what an asset adds, or takes with it.
    fn count(&mut self, asset: &AssetView, come: bool) {
        for failure in asset.failures() {
            let Failing { all, shouting } = &mut self.failing;
            let one = usize::from(!failure.acknowledged);
            if come {
                (*all, *shouting) = (*all + 1, *shouting + one);
            } else {
                (*all, *shouting) = (all.saturating_sub(1), shouting.saturating_sub(one));
            }
        }
        for version in &asset.row.versions {
            let locale: Option<Box<str>> = version.version.locale().map(Into::into);
            if come {
                *self.locales.entry(locale).or_default() += 1;
            } else if let Some(count) = self.locales.get_mut(&locale) {
                *count -= 1;
                if *count == 0 {
                    self.locales.remove(&locale);
                }
            }
        }
    }

    fn take_out(&mut self, place: &Place) {
        if let Ok(at) = self.order.binary_search(place) {
            self.order.remove(at);
        } else if let Some(at) = self.order.iter().position(|other| other.id == place.id) {
            self.order.remove(at);
        }
    }

    fn put_in(&mut self, place: Place) {
        let at = self.order.binary_search(&place).unwrap_or_else(|at| at);
        self.order.insert(at, place);
    }

    /// Lets go of the asset that has been quiet longest.
    fn let_one_go(&mut self) {
        let quietest = self.order.iter().max_by_key(|place| (place.latest, &place.id)).cloned();
        if let Some(place) = quietest {
            self.take_out(&place);
            self.names.remove(&place.id);
            if let Some(asset) = self.assets.remove(&place.id) {
                self.count(&asset, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::{Fingerprint, State, Subject};
    use crate::timeline::{AssetRow, Notes, VersionRow, fold};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// An asset with a version in each of these states, reached at a second.
    fn asset(id: &str, second: i64, states: &[State]) -> AssetView {
        let mut whole = None;
        let mut versions = Vec::new();
        for (number, state) in states.iter().enumerate() {
            let version_id = format!("v{number}");
            let locale = Some(["es-ES", "fr-FR"][number % 2]);
            let subject =
                Subject::Version { asset_id: id, version_id: &version_id, locale, state: *state };
            let mut version = None;
            fold(&subject, at(second), Fingerprint::default(), &mut whole, &mut version);
            versions.push(VersionRow { version_id, version: version.unwrap() });
        }
        let row = AssetRow { asset_id: id.to_owned(), asset: whole.unwrap(), versions };
        AssetView::new(row, Notes::default())
    }

    fn ids(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.iter().map(|(_, asset)| asset.id()).collect()
    }

    #[test]
    fn assets_are_ordered_by_what_has_to_be_done_and_by_activity() {
        let mut catalogue = Catalogue::default();
        catalogue.put(asset("done", 9, &[State::Generated]));
        catalogue.put(asset("old", 1, &[State::Ready]));
        catalogue.put(asset("new", 5, &[State::Generating, State::Generated]));
        catalogue.put(asset("broken", 2, &[State::GenerateFailed, State::Failed]));
        assert_eq!(ids(&catalogue), ["broken", "new", "old", "done"]);
        assert_eq!(catalogue.failing(), Failing { all: 2, shouting: 2 });
        for (place, (_, asset)) in catalogue.iter().enumerate() {
            assert_eq!(catalogue.place_of(asset), Some(place));
        }
        catalogue.put(asset("old", 20, &[State::Generating]));
        assert_eq!(ids(&catalogue), ["broken", "old", "new", "done"]);
    }

    #[test]
    fn while_held_nothing_moves_and_nothing_is_lost() {
        let mut catalogue = Catalogue::default();
        catalogue.put(asset("a", 1, &[State::Ready]));
        catalogue.put(asset("b", 2, &[State::Ready]));
        catalogue.hold(true);
        catalogue.put(asset("a", 9, &[State::Failed]));
        catalogue.put(asset("c", 8, &[State::Ready]));
        assert_eq!(ids(&catalogue), ["c", "b", "a"], "what is new is put where it belongs");
        assert_eq!(catalogue.place_of(catalogue.get("a").unwrap()), Some(2));
        catalogue.hold(false);
        assert_eq!(ids(&catalogue), ["a", "c", "b"]);
    }

    #[test]
    fn marks_and_changes_are_counted() {
        let mut catalogue = Catalogue::default();
        let mut broken = asset("a", 1, &[State::Failed, State::Ready]);
        catalogue.put(broken.clone());
        broken.notes.acknowledged.insert(Some("v0".to_owned()), at(1));
        catalogue.put(broken);
        assert_eq!(catalogue.failing(), Failing { all: 1, shouting: 0 });
        let locales = |catalogue: &Catalogue| -> Vec<Option<String>> {
            catalogue.locales().map(|locale| locale.map(str::to_owned)).collect()
        };
        assert_eq!(locales(&catalogue), [Some("es-ES".to_owned()), Some("fr-FR".to_owned())]);
        catalogue.put(asset("a", 3, &[State::Ready]));
        assert_eq!(catalogue.failing(), Failing::default());
        assert_eq!(locales(&catalogue), [Some("es-ES".to_owned())]);
    }

    #[test]
    fn the_longest_quiet_go_when_there_are_too_many() {
        let mut catalogue = Catalogue::default();
        for number in 0..=MAX_ASSETS {
            let second = i64::try_from(number).unwrap();
            catalogue.put(asset(&format!("ast_{number:08}"), second, &[State::Generated]));
        }
        assert_eq!(catalogue.len(), MAX_ASSETS);
        assert_eq!(catalogue.order().len(), MAX_ASSETS);
        assert!(catalogue.get("ast_00000000").is_none());
        assert!(catalogue.get("ast_00000001").is_some());
    }
}
