//! The body of a callback, in the form the vendor documents.

use serde::Serialize;

/// The fields of a callback, as they will be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The event type; any text, so that receivers can be tested with unknown ones.
    pub event: String,
    /// The asset.
    pub asset_id: String,
    /// The version; `null` for `asset_failed`.
    pub version_id: Option<String>,
    /// The locale; `null` for `asset_failed`.
    pub version_locale: Option<String>,
}

impl Message {
    /// Returns the body: JSON, fields in the documented order.
    pub fn body(&self) -> Vec<u8> {
        // A struct of texts always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
