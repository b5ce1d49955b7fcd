//! The story keeps what the demo promises: at every moment there is something of each kind to see.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::callback::{
    Ambiguity, Callback, DeliveryEffect, Fingerprint, Outcome, Provenance, State,
};
use crate::timeline::Timeline;

const SEEDS: [u64; 4] = [0, 7, 8, u64::MAX];

/// The vendor's list, from the contract.
const CONTRACT: &str = "ar-AE bg-BG zh-CN hr-HR cs-CZ da-DK nl-NL en-US fil-PH fi-FI fr-FR de-DE \
    el-GR hi-IN hu-HU id-ID it-IT ja-JP ko-KR lt-LT ms-MY nb-NO pl-PL pt-BR pt-PT ro-RO ru-RU \
    sk-SK es-ES es-MX sv-SE ta-IN tr-TR uk-UA vi-VN";

fn start() -> Timestamp {
    "2026-11-23T21:00:00Z".parse().unwrap()
}

/// A story as the fold sees it.
struct Told {
    timeline: Timeline,
    /// How each message that got in was last fingerprinted.
    prints: BTreeMap<Vec<u8>, Fingerprint>,
    next: u64,
}

impl Told {
    fn begin(story: &Story) -> Self {
        let mut told = Self { timeline: Timeline::default(), prints: BTreeMap::new(), next: 0 };
        for past in story.history(start(), Speed::LIFE) {
            told.tell(&past.message, past.at, false);
        }
        told
    }

    fn tell(&mut self, message: &Message, at: Timestamp, again: bool) -> Outcome {
        let body = message.body();
        if !again {
            self.next += 1;
            self.prints.insert(body.clone(), Fingerprint { signature: self.next, copy: self.next });
        }
        let print = self.prints[&body];
        self.timeline.apply(&Callback::read(&body), at, print, Provenance::Verified)
    }

    /// Tells a scene, if it gets in.
    fn scene(&mut self, scene: &Scene) -> Option<Outcome> {
        let at = start() + SignedDuration::try_from(scene.at).unwrap();
        match scene.kind {
            RequestKind::Sound | RequestKind::Again => {
                Some(self.tell(&scene.message, at, scene.kind == RequestKind::Again))
            }
            RequestKind::Spoiled(_) | RequestKind::Astray | RequestKind::Lost => None,
        }
    }

    fn count(&self, state: State) -> usize {
        let assets = self.timeline.assets().flat_map(|(id, _)| self.timeline.versions(id));
        assets.filter(|(_, version)| version.state() == state).count()
    }
}

#[test]
fn a_seed_tells_one_story_and_another_another() {
    assert_eq!(Story::new(7), Story::new(7));
    let ids = |seed| Story::new(seed).names().iter().map(|n| n.0.clone()).collect::<BTreeSet<_>>();
    assert!(ids(7).is_disjoint(&ids(8)));
    let rounds: Vec<_> = Story::rounds(7).take(2).collect();
    assert_eq!(rounds, [Story::new(7), Story::new(8)]);
}

#[test]
fn at_every_second_there_is_something_of_each_kind() {
    for seed in SEEDS {
        let story = Story::new(seed);
        let mut told = Told::begin(&story);
        let mut scenes = story.scenes().iter().peekable();
        let mut refused = 0;
        for second in 0..=LENGTH {
            let now = Duration::from_secs(second);
            while let Some(scene) = scenes.next_if(|scene| scene.at <= now) {
                refused += usize::from(told.scene(scene).is_none());
            }
            if second < 3 {
                continue;
            }
            let at_least = |state, wanted| {
                let found = told.count(state);
                assert!(found >= wanted, "seed {seed}, second {second}: {found} are {state:?}");
            };
            at_least(State::Generating, 2);
            at_least(State::Ready, 2);
            at_least(State::Generated, 3);
            at_least(State::Failed, 1);
            if second >= 20 {
                at_least(State::GenerateFailed, 1);
            }
            assert!(refused > 0, "seed {seed}, second {second}");
        }
        assert_eq!(scenes.next(), None, "the story ends in time");
    }
}

#[test]
fn no_stretch_is_without_news() {
    for seed in SEEDS {
        let story = Story::new(seed);
        let mut last = Duration::ZERO;
        for scene in story.scenes() {
            assert!(scene.at < last + Duration::from_secs(8), "{last:?} to {:?}", scene.at);
            last = scene.at;
        }
    }
}

#[test]
fn it_covers_whatever_can_happen() {
    for seed in SEEDS {
        let story = Story::new(seed);
        let mut told = Told::begin(&story);
        let mut effects: BTreeMap<&str, u32> = BTreeMap::new();
        let mut ambiguities = BTreeSet::new();
        let mut refusals = BTreeSet::new();
        for scene in story.scenes() {
            match (told.scene(scene), scene.kind) {
                (Some(outcome), _) => {
                    *effects.entry(outcome.effect.name()).or_default() += 1;
                    ambiguities.extend(outcome.uncertain.map(Ambiguity::code));
                }
                (None, RequestKind::Spoiled(tamper)) => drop(refusals.insert(tamper.name())),
                (None, _) => drop(refusals.insert("astray")),
            }
        }
        assert_eq!(effects.remove("applied").map(|n| n > 60), Some(true));
        // One revision is certain. Repeats: three of a version's bytes, one of an asset's, and one
        // that was signed anew.
        let wanted = [("repeat", 5), ("late", 1), ("new_cycle", 1), ("none", 1)];
        assert_eq!(effects, wanted.into());
        assert_eq!(ambiguities, [Ambiguity::SignedAnew.code()].into());
        assert_eq!(refusals, ["astray", "body", "encoding", "key", "missing", "newline"].into());
        assert_eq!(story.scenes().iter().filter(|s| s.message.event == "asset_failed").count(), 2);
    }
}

#[test]
fn one_is_three_times_as_slow_as_the_rest() {
    let story = Story::new(7);
    let mut begun: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut took = Vec::new();
    for scene in story.scenes().iter().filter(|scene| scene.kind == RequestKind::Sound) {
        let Some(version) = scene.message.version_id.as_deref() else { continue };
        match scene.message.event.as_str() {
            "version_generating" => drop(begun.insert(version, scene.at)),
            "version_generated" => {
                took.extend(begun.get(version).map(|begun| scene.at.abs_diff(*begun)));
            }
            _ => {}
        }
    }
    took.sort_unstable();
    let slowest = took.pop().unwrap();
    let median = took[took.len() / 2];
    assert!(
        slowest > median * 5 / 2 && slowest > *took.last().unwrap() * 2,
        "{took:?} {slowest:?}"
    );
}

/// What is forecast is learnt from the past, so there the machine is as fast as it will be.
#[test]
fn generating_took_as_long_before_the_start_as_it_takes_after_it() {
    for seed in SEEDS {
        for times in [0.1, 1.0, 10.0, 1000.0] {
            let (story, speed) = (Story::new(seed), Speed::new(times).unwrap());
            let history = story.history(start(), speed);
            assert!(history.is_sorted_by_key(|past| past.at));
            let mut told = Told { timeline: Timeline::default(), prints: BTreeMap::new(), next: 0 };
            for past in &history {
                let outcome = told.tell(&past.message, past.at, false);
                assert!(
                    matches!(outcome.effect, DeliveryEffect::Applied | DeliveryEffect::NewCycle),
                    "{past:?}"
                );
            }
            let mut lengths = Vec::new();
            for (id, _) in told.timeline.assets() {
                for (_, version) in told.timeline.versions(id) {
                    let spans = version.spans();
                    let done = spans.iter().filter(|span| span.state == State::Generating);
                    lengths.extend(done.filter_map(|s| Some(s.to?.duration_since(s.from))));
                }
            }
            assert!(lengths.len() > 15, "{} generations", lengths.len());
            let minute = 60.0 / times;
            for length in lengths {
                let length = length.as_secs_f64();
                assert!((0.8 * minute..1.2 * minute).contains(&length), "{length} at {times}");
            }
        }
    }
}

#[test]
fn the_past_is_sound_and_holds_a_revision() {
    let story = Story::new(7);
    let history = story.history(start(), Speed::LIFE);
    assert!(history.is_sorted_by_key(|past| past.at));
    let hour = start() - SignedDuration::from_hours(1);
    assert!(history.iter().all(|past| hour < past.at && past.at < start()));
    let mut told = Told::begin(&story);
    let mut again = Told { timeline: Timeline::default(), prints: BTreeMap::new(), next: 0 };
    let outcomes = history.iter().map(|past| again.tell(&past.message, past.at, false));
    let effects: Vec<_> = outcomes.map(|outcome| (outcome.effect, outcome.uncertain)).collect();
    assert_eq!(effects.iter().filter(|e| **e == (DeliveryEffect::NewCycle, None)).count(), 1);
    assert!(
        effects
            .iter()
            .all(|e| matches!(e, (DeliveryEffect::Applied | DeliveryEffect::NewCycle, None)))
    );
    assert_eq!(told.timeline, again.timeline);
    // A round without its past, as all but the first are, brings nothing that looks wrong.
    told.timeline = Timeline::default();
    for scene in story.scenes() {
        let outcome = told.scene(scene);
        assert_ne!(outcome.map(|o| o.effect), Some(DeliveryEffect::NewCycle), "{scene:?}");
    }
}

#[test]
fn ids_titles_and_locales_are_like_the_services() {
    for seed in SEEDS {
        let story = Story::new(seed);
        let names = story.names();
        assert_eq!(names.len(), 12);
        assert_eq!(names.iter().map(|(_, title)| title).collect::<BTreeSet<_>>().len(), 12);
        let mut versions: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        let history = story.history(start(), Speed::LIFE);
        let past: Vec<_> = history.into_iter().map(|past| past.message).collect();
        for message in past.iter().chain(story.scenes().iter().map(|scene| &scene.message)) {
            assert!(names.iter().any(|(id, _)| *id == message.asset_id));
            assert!(message.asset_id.starts_with("ast_") && message.asset_id.len() == 16);
            let entry = versions.entry(message.asset_id.clone()).or_default();
            let Some(version) = message.version_id.clone().zip(message.version_locale.clone())
            else {
                assert_eq!(message.event, "asset_failed");
                continue;
            };
            assert!(version.0.starts_with("ver_") && version.0.len() == 12);
            assert!(CONTRACT.split(' ').any(|locale| locale == version.1), "{}", version.1);
            entry.insert(version);
        }
        for (asset, versions) in versions {
            assert!((2..=8).contains(&versions.len()), "{asset}: {versions:?}");
            let locales: BTreeSet<_> = versions.iter().map(|(_, locale)| locale).collect();
            assert_eq!(locales.len(), versions.len(), "a locale a version");
        }
    }
}

#[test]
fn a_story_with_an_api_is_the_usual_one_and_more() {
    for seed in SEEDS {
        let (usual, with_api) = (Story::new(seed), Story::with_api(seed));
        assert_eq!(usual.assets()[..], with_api.assets()[..12]);
        let of_usual = |message: &Message| usual.names().iter().any(|n| n.0 == message.asset_id);
        let scenes: Vec<_> =
            with_api.scenes().iter().filter(|scene| of_usual(&scene.message)).collect();
        assert!(scenes.into_iter().eq(usual.scenes()));
        assert!(usual.scenes().iter().all(|scene| scene.kind != RequestKind::Lost));

        let [ours, foreign] = &with_api.assets()[12..] else { panic!("two more assets") };
        assert!(ours.is_ours && !foreign.is_ours);
        let events = |id: &str| {
            let scenes = with_api.scenes().iter();
            scenes.filter(|scene| scene.message.version_id.as_deref() == Some(id)).count()
        };
        let of = |id: &str| (with_api.is_past(id), events(id));
        let found: Vec<_> = ours.versions.iter().map(|(id, _)| of(id)).collect();
        assert_eq!(found, [(true, 0), (false, 2), (false, 3), (false, 1), (false, 0)]);
        let lost = with_api.scenes().iter().filter(|scene| scene.kind == RequestKind::Lost);
        assert!(lost.clone().count() >= 2);
        assert!(lost.into_iter().all(|scene| scene.message.asset_id == ours.asset_id));
    }
}
