//! What the story has in addition when the service's API is there to ask: events that no callback
//! reports, and an asset of another account.

use super::RequestKind;
use super::script::EventTime::At;
use super::script::{ScriptedAsset, ScriptedEvent, at, beat, before, took};
use crate::callback::{Event, State};

/// An asset that only a demo with the API has.
pub(super) struct ApiPart {
    pub(super) part: ScriptedAsset,
    /// Whether it belongs to the account of the demo.
    pub(super) is_ours: bool,
}

/// Returns an event whose callback never leaves the service.
const fn lost(second: u32, state: State) -> ScriptedEvent {
    beat(At(second), Event::Version(state), RequestKind::Lost)
}

use State::{Generated, Generating, Ready};

/// The assets.
pub(super) const API_PARTS: [ApiPart; 2] = [
    ApiPart {
        part: ScriptedAsset {
            titles: ["Harbour Lights, reel 2", "Paper Moons, reel 5", "The Long Weir, reel 3"],
            versions: &[
                // Finished before the story: a video to download.
                &[before(17, Ready), took(60), before(6, Generated)],
                // Finished, and only the API knows.
                &[before(16, Ready), at(13, Generating), lost(73, Generated)],
                // Its first callback is lost, the next one arrives.
                &[lost(15, Ready), at(91, Generating), at(154, Generated)],
                // Not ready for nearly as long as the story.
                &[at(207, Ready)],
                // Not ready until after its end.
                &[],
            ],
            whole: &[],
        },
        is_ours: true,
    },
    // Calls back with a valid signature, and the API does not know it.
    ApiPart {
        part: ScriptedAsset {
            titles: ["Somebody else's trailer", "A stranger's pilot", "Another studio's teaser"],
            versions: &[
                &[before(9, Ready), at(23, Generating), at(82, Generated)],
                &[at(31, Ready)],
            ],
            whole: &[],
        },
        is_ours: false,
    },
];
