//! A story for the demo: what a service would send in a few minutes, and its history. Pure: the
//! same seed gives the same story; the player has the clock, the key and the network.

mod api_script;
mod chance;
mod script;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Message, Speed, Tamper};
use api_script::{API_PARTS, ApiPart};
use chance::Chance;
use script::{EventTime, LENGTH, PARTS, ScriptedAsset, ScriptedEvent};

/// Languages that a catalogue is dubbed into, from the vendor's list.
const LOCALES: [&str; 20] = [
    "ar-AE", "cs-CZ", "da-DK", "de-DE", "es-ES", "es-MX", "fr-FR", "hi-IN", "id-ID", "it-IT",
    "ja-JP", "ko-KR", "nl-NL", "pl-PL", "pt-BR", "sv-SE", "tr-TR", "uk-UA", "vi-VN", "zh-CN",
];

/// The most that the seed adds to a moment of the story, in milliseconds: less than a second, so
/// that no two events of one version change places.
const JITTER: u64 = 800;
/// The most that it adds to a moment before the story, in milliseconds: less than a minute.
const PAST_JITTER: u64 = 50_000;

/// A dozen assets and their events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    names: Vec<(String, &'static str)>,
    assets: Vec<StoryAsset>,
    past: Vec<PastMessage>,
    scenes: Vec<Scene>,
}

/// An asset of a story, as the service knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryAsset {
    /// The id.
    pub asset_id: String,
    /// The title, which callbacks do not have.
    pub title: &'static str,
    /// Whether it belongs to the account of the demo.
    pub is_ours: bool,
    /// The versions' ids and locales, also of those without callbacks.
    pub versions: Vec<(String, &'static str)>,
}

/// A message before the start, and how long before it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PastMessage {
    /// In real time.
    in_life: Duration,
    /// In the story: its length depends on the speed.
    in_story: Duration,
    message: Message,
}

/// One request of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Its time from the start, at speed 1.
    pub at: Duration,
    /// The message.
    pub message: Message,
    /// Its kind.
    pub kind: RequestKind,
}

/// The kinds of requests of a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// As the service sends it: signed, to the right place.
    Sound,
    /// The bytes of the last sound request with this message, including the signature: a retry.
    Again,
    /// Spoiled on its way, or forged.
    Spoiled(Tamper),
    /// Signed, to another path than the callback's.
    Astray,
    /// Never sent: only the service's API knows of the event.
    Lost,
}

/// A callback from before the start of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCallback {
    /// When it came.
    pub at: Timestamp,
    /// The message.
    pub message: Message,
}

impl Story {
    /// Its length at speed 1. The last scene is before its end.
    pub const LENGTH: Duration = Duration::from_secs(LENGTH);

    /// Creates the story of this seed. Another seed has other ids, titles and locales, and slightly
    /// different times; the events are the same.
    pub fn new(seed: u64) -> Self {
        Self::play_of(seed, &[])
    }

    /// Creates the story of this seed for a demo with the service's API: the same, and assets of
    /// which the callbacks do not tell everything.
    pub fn with_api(seed: u64) -> Self {
        Self::play_of(seed, &API_PARTS)
    }

    /// Creates a story of the usual assets and of `added` ones.
    fn play_of(seed: u64, added: &[ApiPart]) -> Self {
        let mut chance = Chance::new(seed);
        let (names, assets, past, scenes) = Default::default();
        let mut story = Self { names, assets, past, scenes };
        for part in &PARTS {
            story.cast(part, true, &mut chance);
        }
        for ApiPart { part, is_ours } in added {
            story.cast(part, *is_ours, &mut chance);
        }
        story.scenes.sort_by_key(|scene| scene.at);
        story
    }

    /// Returns an endless sequence of stories, beginning with that of `seed`; no two share an
    /// asset.
    pub fn rounds(seed: u64) -> impl Iterator<Item = Self> + Send {
        Self::rounds_of(seed, Self::new)
    }

    /// Returns such a sequence of stories that `create` makes of their seeds.
    pub fn rounds_of(seed: u64, create: fn(u64) -> Self) -> impl Iterator<Item = Self> + Send {
        (0..).map(move |round| create(seed.wrapping_add(round)))
    }

    /// Returns the assets' ids with their names, which callbacks do not have.
    pub fn names(&self) -> &[(String, &'static str)] {
        &self.names
    }

    /// Returns the assets with all of their versions, as the service's API knows them.
    pub fn assets(&self) -> &[StoryAsset] {
        &self.assets
    }

    /// Returns the messages from before the start, in the order of each version's events.
    pub fn past(&self) -> impl Iterator<Item = &Message> {
        // Events of a version were put down backwards.
        self.past.iter().rev().map(|past| &past.message)
    }

    /// Returns whether a version has events before the start and none after it.
    pub fn is_past(&self, version_id: &str) -> bool {
        let is_of = |message: &Message| message.version_id.as_deref() == Some(version_id);
        self.past().any(is_of) && !self.scenes.iter().any(|scene| is_of(&scene.message))
    }

    /// Returns the callbacks of the hour before `start`, oldest first, all of them sound. Their
    /// generations took as long as in a story that is played at `speed`.
    pub fn history(&self, start: Timestamp, speed: Speed) -> Vec<PastCallback> {
        let past = self.past.iter().map(|ago| PastCallback {
            // Only fails near the earliest timestamp.
            at: start.checked_sub(ago.in_life + speed.pace(ago.in_story)).unwrap_or(start),
            message: ago.message.clone(),
        });
        let mut past: Vec<PastCallback> = past.collect();
        past.sort_by_key(|past| past.at);
        past
    }

    /// Returns the scenes from the start on, in order.
    pub fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    /// Gives an asset its title, ids and locales, and adds its events.
    fn cast(&mut self, part: &ScriptedAsset, is_ours: bool, chance: &mut Chance) {
        let asset_id = format!("ast_{:012x}", chance.next() >> 16);
        let mut locales = LOCALES;
        chance.shuffle(&mut locales);
        let mut versions = Vec::new();
        for (beats, locale) in part.versions.iter().zip(locales) {
            let version_id = format!("ver_{:08x}", chance.next() >> 32);
            let version = Some((version_id.as_str(), locale));
            self.put_down(beats, &asset_id, version, chance);
            versions.push((version_id, locale));
        }
        self.put_down(part.whole, &asset_id, None, chance);
        let title = chance.pick(&part.titles);
        self.names.push((asset_id.clone(), title));
        self.assets.push(StoryAsset { asset_id, title, is_ours, versions });
    }

    /// Adds the events of a version, or of an asset as a whole.
    fn put_down(
        &mut self,
        beats: &[ScriptedEvent],
        asset_id: &str,
        version: Option<(&str, &str)>,
        chance: &mut Chance,
    ) {
        // Backwards, because a generation begins before its result. How long before the start it
        // was, in real time and in the story; negative after the start.
        let (mut in_life, mut in_story) = (Duration::ZERO, SignedDuration::ZERO);
        for beat in beats.iter().rev() {
            let message = message(beat, asset_id, version);
            match beat.when {
                EventTime::At(second) => {
                    let later = Duration::from_millis(chance.below(JITTER));
                    let at = Duration::from_secs(second.into()) + later;
                    in_story =
                        SignedDuration::ZERO - SignedDuration::try_from(at).unwrap_or_default();
                    self.scenes.push(Scene { at, message, kind: beat.kind });
                    continue;
                }
                EventTime::Took(seconds) => in_story += SignedDuration::from_secs(seconds.into()),
                EventTime::Before(minutes) => {
                    let later = Duration::from_millis(chance.below(PAST_JITTER));
                    in_life = Duration::from_secs(60 * u64::from(minutes)).saturating_sub(later);
                }
            }
            in_story = in_story.max(SignedDuration::ZERO);
            let in_story = Duration::try_from(in_story).unwrap_or_default();
            self.past.push(PastMessage { in_life, in_story, message });
        }
    }
}

fn message(beat: &ScriptedEvent, asset_id: &str, version: Option<(&str, &str)>) -> Message {
    Message {
        event: beat.event.to_owned(),
        asset_id: asset_id.to_owned(),
        version_id: version.map(|(id, _)| id.to_owned()),
        version_locale: version.map(|(_, locale)| locale.to_owned()),
    }
}
