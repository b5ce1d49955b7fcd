//! The script of the story: its assets, their versions, the time of every event. A table; ids,
//! titles and locales are chosen elsewhere.

use super::RequestKind;
use crate::callback::{Event, State};
use crate::simulate::Tamper;

/// The length of the story, in seconds: it ends with some dubs waiting and some running, as it
/// began.
pub(super) const LENGTH: u64 = 220;

/// An event type that the contract does not know (yet).
const UNKNOWN: &str = "version_published";

/// One asset.
pub(super) struct ScriptedAsset {
    /// Its possible titles.
    pub(super) titles: [&'static str; 3],
    /// Its versions, each in a locale of its own.
    pub(super) versions: &'static [&'static [ScriptedEvent]],
    /// The events of the asset as a whole.
    pub(super) whole: &'static [ScriptedEvent],
}

/// One event of an asset or a version.
pub(super) struct ScriptedEvent {
    pub(super) when: EventTime,
    pub(super) event: &'static str,
    pub(super) kind: RequestKind,
}

/// The time of an event. The seed adds a little to each, less than the time between any two of one
/// version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EventTime {
    /// Minutes before the start, plus the durations of the generations that follow it.
    Before(u32),
    /// Before the start: seconds of the story before the version's next event. They scale with the
    /// speed, as all events after the start do, so that the usual time of generating can be learned
    /// from them.
    Took(u32),
    /// Seconds after the start.
    At(u32),
}

pub(super) const fn beat(when: EventTime, event: Event, kind: RequestKind) -> ScriptedEvent {
    ScriptedEvent { when, event: event.name(), kind }
}

pub(super) const fn before(minutes: u32, state: State) -> ScriptedEvent {
    beat(EventTime::Before(minutes), Event::Version(state), RequestKind::Sound)
}

/// Returns a generation that began before the start.
pub(super) const fn took(seconds: u32) -> ScriptedEvent {
    beat(EventTime::Took(seconds), Event::Version(State::Generating), RequestKind::Sound)
}

pub(super) const fn at(second: u32, state: State) -> ScriptedEvent {
    beat(EventTime::At(second), Event::Version(state), RequestKind::Sound)
}

/// Returns a retry, byte for byte.
const fn again(second: u32, state: State) -> ScriptedEvent {
    beat(EventTime::At(second), Event::Version(state), RequestKind::Again)
}

const fn spoiled(second: u32, state: State, tamper: Tamper) -> ScriptedEvent {
    beat(EventTime::At(second), Event::Version(state), RequestKind::Spoiled(tamper))
}

const fn astray(second: u32, state: State) -> ScriptedEvent {
    beat(EventTime::At(second), Event::Version(state), RequestKind::Astray)
}

use State::{Failed, GenerateFailed, Generated, Generating, Ready};
use Tamper::{Body, Encoding, Key, Missing, Newline};

/// The assets. Most dubs generate for about a minute.
///
/// A version's steps are far enough apart for the fold to recognise them: a revision within a
/// quarter of an hour of the result would be a late or repeated `ready`, so revised versions were
/// finished before the story begins.
pub(super) const PARTS: [ScriptedAsset; 12] = [
    // Fails during the story, and stays failed: a second attempt would come within the quarter of
    // an hour in which `generating` is a retry.
    ScriptedAsset {
        titles: ["Night Ferry, trailer", "The Ninth Harbour, trailer", "Salt & Iron, trailer"],
        versions: &[
            &[before(21, Ready), at(1, Generating), at(38, Generated)],
            &[before(21, Ready), at(0, Generating), at(9, GenerateFailed)],
            // A proxy adds a newline; the sender's retry gets through.
            &[
                before(20, Ready),
                at(5, Generating),
                spoiled(59, Generated, Newline),
                at(63, Generated),
            ],
            &[before(19, Ready), at(30, Generating), at(92, Generated)],
            // A forger without the key reports that it is done.
            &[
                before(19, Ready),
                spoiled(2, Generated, Key),
                at(70, Generating),
                at(131, Generated),
            ],
            &[at(8, Ready), at(150, Generating), at(205, Generated)],
        ],
        whole: &[],
    },
    // Revised half an hour ago, and once more during the story.
    ScriptedAsset {
        titles: ["Night Ferry S2 E04", "Glass Orchard S1 E07", "Tidewatch S3 E02"],
        versions: &[
            &[
                before(53, Ready),
                took(58),
                before(47, Generated),
                before(30, Ready),
                took(61),
                before(22, Generated),
            ],
            &[
                before(52, Ready),
                took(55),
                before(44, Generated),
                at(44, Ready),
                at(58, Generating),
                at(118, Generated),
            ],
            &[before(51, Ready), took(66), before(43, Generated)],
            &[before(50, Ready), took(57), before(41, Generated)],
        ],
        whole: &[],
    },
    ScriptedAsset {
        titles: ["Interview: Ada Okafor", "Interview: Lina Berg", "Interview: Tomas Reyes"],
        versions: &[
            &[before(34, Ready), took(63), before(4, Generated)],
            &[before(34, Ready), took(54), before(3, Generated)],
            &[before(33, Ready), took(60), at(26, Generated)],
            &[before(33, Ready), at(0, Generating), at(52, Generated)],
            &[before(33, Ready), at(47, Generating), at(110, Generated)],
            &[before(32, Ready), at(96, Generating), at(170, Generated)],
        ],
        whole: &[],
    },
    // Finished, and gets an event that is not known yet.
    ScriptedAsset {
        titles: ["Aurora launch film", "Kestrel launch film", "Field Two launch film"],
        versions: &[
            &[
                before(47, Ready),
                took(62),
                before(36, Generated),
                ScriptedEvent { when: EventTime::At(21), event: UNKNOWN, kind: RequestKind::Sound },
            ],
            &[before(47, Ready), took(59), before(35, Generated)],
            &[before(46, Ready), took(56), before(34, Generated)],
            &[before(46, Ready), took(64), before(33, Generated)],
            &[before(45, Ready), took(58), before(31, Generated)],
            &[before(45, Ready), took(61), before(30, Generated)],
            &[before(44, Ready), took(57), before(28, Generated)],
            &[before(43, Ready), took(60), before(26, Generated)],
        ],
        whole: &[],
    },
    // Arrives at the start.
    ScriptedAsset {
        titles: ["Soil science, lesson 3", "Beginner piano, lesson 8", "Knots & ropes, lesson 5"],
        versions: &[
            &[at(0, Ready), at(12, Generating), at(45, Generated)],
            &[at(1, Ready), at(33, Generating), at(80, Generated)],
            &[at(1, Ready), at(66, Generating), at(120, Generated)],
            &[at(2, Ready), at(102, Generating), at(152, Generated)],
        ],
        whole: &[],
    },
    // The slow one: takes three minutes, the others one.
    ScriptedAsset {
        titles: ["Keynote: Ten Years On", "Keynote: Open Rivers", "Keynote: Small Machines"],
        versions: &[
            &[before(15, Ready), at(3, Generating), at(183, Generated)],
            &[before(15, Ready), at(18, Generating), at(76, Generated)],
            &[before(14, Ready), at(82, Generating), at(144, Generated)],
        ],
        whole: &[],
    },
    // Fails as a whole; events in flight still arrive.
    ScriptedAsset {
        titles: ["The Long Thaw", "Hollow Mountains", "Salt Roads"],
        versions: &[
            &[before(7, Ready)],
            &[at(24, Ready), at(60, Generating), at(101, Generated)],
            &[before(6, Failed)],
        ],
        whole: &[
            beat(EventTime::At(88), Event::AssetFailed, RequestKind::Sound),
            beat(EventTime::At(93), Event::AssetFailed, RequestKind::Again),
        ],
    },
    // Overtaken on the way: generated arrives before generating.
    ScriptedAsset {
        titles: ["Customer story: Brandt", "Customer story: Mori Tea", "Customer story: Ilo Bikes"],
        versions: &[
            &[at(9, Ready), at(40, Generated), at(43, Generating)],
            &[at(10, Ready), at(55, Generating), at(112, Generated)],
            &[at(11, Ready), spoiled(115, Generating, Body)],
        ],
        whole: &[],
    },
    // The sender retries, mostly the same bytes, once signed anew.
    ScriptedAsset {
        titles: ["Product tour 4.0", "Product tour: Teams", "Product tour: Mobile"],
        versions: &[
            &[
                before(12, Ready),
                at(16, Generating),
                again(19, Generating),
                at(71, Generated),
                again(74, Generated),
            ],
            &[
                before(12, Ready),
                at(28, Generating),
                spoiled(86, Generated, Encoding),
                at(90, Generated),
            ],
            &[before(11, Ready), at(85, Generating), at(89, Ready), at(148, Generated)],
            &[before(11, Ready), at(125, Generating), at(190, Generated), again(193, Generated)],
            &[before(10, Ready)],
        ],
        whole: &[],
    },
    // The later failures.
    ScriptedAsset {
        titles: ["Podcast 31: Lighthouses", "Podcast 12: Maps", "Podcast 54: Bees"],
        versions: &[
            &[at(32, Ready), at(78, Generating), at(128, GenerateFailed)],
            &[at(35, Ready), at(108, Generating), at(165, Generated)],
            &[at(36, Ready), at(138, Generating), at(200, Generated)],
            &[at(64, Failed)],
        ],
        whole: &[],
    },
    ScriptedAsset {
        titles: ["Cabin safety briefing", "Lab safety briefing", "Site safety briefing"],
        versions: &[
            &[before(38, Ready), took(63), before(25, Generated)],
            &[before(38, Ready), took(55), before(24, Generated)],
        ],
        whole: &[],
    },
    // Begins late, so that the story does not end quietly; has every kind of trouble.
    ScriptedAsset {
        titles: ["Winter spot, 30 s", "First Snow, 20 s spot", "Summer spot, 15 s"],
        versions: &[
            &[spoiled(29, Ready, Missing), astray(49, Ready), at(134, Ready), at(160, Generating)],
            &[at(136, Ready), at(175, Generating), spoiled(180, Generated, Missing)],
            &[
                at(140, Ready),
                spoiled(155, Generated, Key),
                spoiled(157, Generated, Key),
                spoiled(159, Generated, Key),
                at(195, Generating),
            ],
        ],
        whole: &[],
    },
];
