//! How the versions of an asset stand, in words and as a filter reads them.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::callback::Event;
use crate::filter::VersionFacts;
use crate::text::Printable;
use crate::timeline::{AssetRow, Notes, Progress, VersionRow};

/// Maximum width of an id in a sentence.
const ID: usize = 80;
/// The same of a list of locales.
const LIST: usize = 200;

/// Returns an id for a sentence.
pub(super) fn id(id: &str) -> Printable {
    Printable::new(id).cut(ID)
}

/// Returns the fields of a version that a filter can test, or with `None` of the asset as a whole.
pub(super) fn facts<'a>(
    row: &'a AssetRow,
    notes: &'a Notes,
    version: Option<&'a VersionRow>,
    now: Timestamp,
    overdue: SignedDuration,
) -> VersionFacts<'a> {
    VersionFacts::of(row, notes, version, |version| version.overdue(now, overdue))
}

/// Returns how a version stands.
pub(super) fn version(row: &AssetRow, version: &VersionRow) -> String {
    let locale = version.version.locale().map(|locale| format!(" ({})", id(locale)));
    let (version_id, asset_id) = (id(&version.version_id), id(&row.asset_id));
    let state = version.version.state().name();
    format!("{version_id}{} of {asset_id} is {state}", locale.unwrap_or_default())
}

/// Returns that an asset failed as a whole.
pub(super) fn failed(row: &AssetRow) -> String {
    format!("{} failed as a whole ({})", id(&row.asset_id), Event::AssetFailed.name())
}

/// Returns how much of an asset is done.
pub(super) fn progress(asset_id: &str, progress: &Progress) -> String {
    let Progress { done, expected, waiting, missing, .. } = progress;
    let mut sentence = format!("{done} of {expected} versions of {} are done", id(asset_id));
    if !missing.is_empty() {
        let missing = Printable::new(&missing.join(", ")).cut(LIST);
        let _ = write!(sentence, "; nothing counts yet of {missing}");
    } else if *waiting > 0 {
        let _ = write!(sentence, "; nothing counts yet of {waiting}");
    }
    sentence
}
