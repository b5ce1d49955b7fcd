//! What is known about an asset beside its deliveries: the user's notes and what the service's API
//! lists. No rule of the fold.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Expectation;
use crate::callback::ReportedName;

/// What is known about an asset beside its deliveries; kept in the journal and never changed by a
/// delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The local name that the user gave it: callbacks carry only ids.
    pub name: Option<String>,
    /// What is expected of the asset.
    pub expected: Option<Arc<Expectation>>,
    /// Acknowledged failures: the version (`None`: the asset as a whole) and when the failure
    /// arrived. A newer failure is shown as unacknowledged again.
    pub acknowledged: BTreeMap<Option<String>, Timestamp>,
    /// What the service's API lists about it.
    pub listing: AssetListing,
}

/// What the service's API lists about an asset, beside the status of its versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetListing {
    /// Its name there.
    pub name: Option<ReportedName>,
    /// Whether the API has listed all versions of the asset: those without a callback are in the
    /// journal too.
    pub is_complete: bool,
    /// Whether the API does not know the asset: its callbacks are signed by the service, but it is
    /// not an asset of this account.
    pub is_foreign: bool,
}

impl Notes {
    /// Returns the name to show: the user's, else that of the API.
    pub fn shown_name(&self) -> Option<&str> {
        let listed = || self.listing.name.as_ref().map(|name| name.text.as_str());
        self.name.as_deref().or_else(listed)
    }
}
