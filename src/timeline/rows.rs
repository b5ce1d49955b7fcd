//! An asset with its versions and their ids, as the journal returns them; no rule of the fold.

use super::{Asset, Version};

/// An asset as the fold has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    /// Its id.
    pub asset_id: String,
    /// Its folded state.
    pub asset: Asset,
    /// Its versions, by id.
    pub versions: Vec<VersionRow>,
}

/// A version as the fold has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its id.
    pub version_id: String,
    /// Its folded state.
    pub version: Version,
}
