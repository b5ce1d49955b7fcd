//! Moves a catalogue along with the stories of a demo: what a callback reports has happened at the
//! service just before, whatever becomes of the callback.

use super::world::{NamedBy, Owner, World, WorldAsset, WorldVersion};
use crate::simulate::Tamper;
use crate::simulate::story::{RequestKind, Scene, Story, StoryAsset};

/// The stories whose assets are kept. An endless demo would fill the memory.
const STORIES: usize = 64;
/// The size of a video of the demo, in bytes.
const VIDEO_BYTES: u64 = 48 << 20;

/// Adds stories to a [`World`] and advances it by their scenes.
#[derive(Debug, Default)]
pub struct StoryCatalogue {
    stories: usize,
}

impl StoryCatalogue {
    /// Adds the assets of a story as they are at its beginning. Only the first story has a past, as
    /// in the demo's journal: of a later one, the versions without a future are left out.
    pub fn begin(&mut self, story: &Story, world: &mut World) {
        let is_first = self.stories == 0;
        let assets = story.assets();
        for (place, asset) in assets.iter().enumerate() {
            world.add(cast(asset, place, |version_id| is_first || !story.is_past(version_id)));
        }
        if is_first {
            for message in story.past() {
                world.advance(&message.event, &message.asset_id, message.version_id.as_deref());
            }
        }
        self.stories += 1;
        world.keep_newest(STORIES * assets.len());
    }

    /// Advances the catalogue by a scene. A forged callback and a retry report nothing new.
    pub fn advance(scene: &Scene, world: &mut World) {
        match scene.kind {
            RequestKind::Spoiled(Tamper::Key) | RequestKind::Again => {}
            RequestKind::Sound
            | RequestKind::Spoiled(_)
            | RequestKind::Astray
            | RequestKind::Lost => {
                let message = &scene.message;
                world.advance(&message.event, &message.asset_id, message.version_id.as_deref());
            }
        }
    }
}

/// Makes an asset of the catalogue from one of a story. The field of its name differs by its place.
fn cast(asset: &StoryAsset, place: usize, is_cast: impl Fn(&str) -> bool) -> WorldAsset {
    let title = asset.title.to_owned();
    let name = match place % 4 {
        0 => NamedBy::Name(title),
        1 => NamedBy::Title(title),
        2 => NamedBy::ExternalId(title),
        _ => NamedBy::MediaUrl,
    };
    let mut made = WorldAsset::new(asset.asset_id.as_str(), name);
    made.media_url =
        format!("https://media.example/uploads/{}.mov?Signature=demo", slug(asset.title));
    if !asset.is_ours {
        made.owner = Owner::Hidden;
    }
    for (version_id, locale) in asset.versions.iter().filter(|(id, _)| is_cast(id)) {
        let version = WorldVersion::new(version_id.as_str(), *locale);
        made.versions.push(WorldVersion { video_bytes: VIDEO_BYTES, ..version });
    }
    made
}

/// Returns a title as the name of a file.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::VersionStatus;

    /// Returns the status of each version of the asset at `place`.
    fn statuses(world: &World, story: &Story, place: usize) -> Vec<VersionStatus> {
        let asset = world.asset(&story.assets()[place].asset_id).unwrap();
        asset.versions.iter().map(|version| version.status).collect()
    }

    #[test]
    fn the_catalogue_knows_what_became_of_every_version() {
        use VersionStatus::{Completed, Failed, Generating, NotReady, ReadyToEdit};
        let story = Story::with_api(7);
        let (mut catalogue, mut world) = (StoryCatalogue::default(), World::default());
        catalogue.begin(&story, &mut world);
        // A revision before the story: two videos were made.
        let asset = world.asset(&story.assets()[1].asset_id).unwrap();
        assert_eq!((asset.versions[0].status, asset.versions[0].cycle), (Completed, 2));
        assert_eq!(
            statuses(&world, &story, 12),
            [Completed, ReadyToEdit, NotReady, NotReady, NotReady]
        );
        for scene in story.scenes() {
            StoryCatalogue::advance(scene, &mut world);
        }
        assert_eq!(
            statuses(&world, &story, 0),
            [Completed, Failed, Completed, Completed, Completed, Completed]
        );
        // Overtaken on the way; and the last one's callback was spoiled.
        assert_eq!(statuses(&world, &story, 7), [Completed, Completed, Generating]);
        // What a forger reports is not so.
        assert_eq!(statuses(&world, &story, 11), [Generating, Completed, Generating]);
        assert_eq!(
            statuses(&world, &story, 12),
            [Completed, Completed, Completed, ReadyToEdit, NotReady]
        );
        let failed: Vec<_> =
            story.assets().iter().filter(|a| world.asset(&a.asset_id).unwrap().failed).collect();
        assert_eq!(failed, [&story.assets()[6]]);
        assert_eq!(world.listed().count(), 13, "one is of another account");
    }

    #[test]
    fn later_stories_have_no_past_and_the_oldest_are_forgotten() {
        let (mut catalogue, mut world) = (StoryCatalogue::default(), World::default());
        let stories: Vec<Story> = Story::rounds_of(7, Story::with_api).take(66).collect();
        for story in &stories {
            catalogue.begin(story, &mut world);
        }
        assert!(world.asset(&stories[1].assets()[0].asset_id).is_none());
        let second = &stories[65];
        assert_eq!(statuses(&world, second, 12), [VersionStatus::NotReady; 4]);
        assert!(statuses(&world, second, 10).is_empty(), "all of it is past");
        let kept = stories.iter().filter(|s| world.asset(&s.assets()[0].asset_id).is_some());
        assert_eq!(kept.count(), STORIES);
    }
}
