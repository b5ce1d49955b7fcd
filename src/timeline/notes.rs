//! What the user said of an asset, as the journal hands it out; no rule of the fold.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What the user said about an asset; kept in the journal, and no delivery changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// A local name: callbacks carry only ids.
    pub name: Option<String>,
    /// Failures that were acknowledged: the version (`None`: the asset as a whole) and when that
    /// failure had come. A newer failure shouts again.
    pub acknowledged: BTreeMap<Option<String>, Timestamp>,
}
