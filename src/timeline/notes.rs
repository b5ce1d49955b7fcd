//! The user's notes about an asset, as the journal returns them; no rule of the fold.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The user's notes about an asset; kept in the journal and never changed by a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// A local name: callbacks carry only ids.
    pub name: Option<String>,
    /// Acknowledged failures: the version (`None`: the asset as a whole) and when the failure
    /// arrived. A newer failure is shown as unacknowledged again.
    pub acknowledged: BTreeMap<Option<String>, Timestamp>,
}
