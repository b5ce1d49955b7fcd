//! Decides what is expected of one asset and where that comes from.

use std::sync::Arc;

use super::{AssetRow, Expectation, Notes, Progress};

/// Where the expectation of an asset comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectationSource {
    /// The user set it for this asset.
    ByHand,
    /// The service's API has listed all versions of the asset.
    Api,
    /// The setting `--expect`, for every asset.
    Setting,
}

impl ExpectationSource {
    /// Returns the word for it in NDJSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Api => "api",
            Self::Setting => "setting",
        }
    }

    /// Returns the words for it in a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ByHand => "set by hand",
            Self::Api => "by the API",
            Self::Setting => "by --expect",
        }
    }
}

/// What is expected of one asset, where that comes from, and how much of it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetExpectation {
    /// The expected versions.
    pub expectation: Arc<Expectation>,
    /// Where the expectation comes from.
    pub source: ExpectationSource,
    /// How much of it is done.
    pub progress: Progress,
}

impl AssetExpectation {
    /// Decides what is expected of an asset; `None` if nothing is known of that. What the user set
    /// for the asset wins over the API, and the API over `setting`, which is for every asset.
    pub fn of(row: &AssetRow, notes: &Notes, setting: Option<&Arc<Expectation>>) -> Option<Self> {
        let by_hand = notes.expected.as_ref().map(|own| (own, ExpectationSource::ByHand));
        let listed = listed(row, notes).map(Arc::new);
        let by_api = || listed.as_ref().map(|all| (all, ExpectationSource::Api));
        let for_all = || setting.map(|all| (all, ExpectationSource::Setting));
        let (expectation, source) = by_hand.or_else(by_api).or_else(for_all)?;
        let progress = Progress::of(&row.versions, expectation);
        Some(Self { expectation: Arc::clone(expectation), source, progress })
    }
}

/// Returns all versions of the asset as an expectation, if the API has listed them. A list without
/// versions says nothing: the service makes one for each target locale.
fn listed(row: &AssetRow, notes: &Notes) -> Option<Expectation> {
    let count = row.versions.len();
    (notes.listing.is_complete && count > 0).then_some(Expectation::Count(count))
}
