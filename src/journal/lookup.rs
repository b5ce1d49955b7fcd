//! Finds rows of the journal by what they name.

use super::{JournalError, JournalReader};

/// Maximum number of assets that are looked up for one version.
const MAX_ASSETS: u32 = 1000;

impl JournalReader {
    /// Returns the assets that have a version with this id, by their ids: usually one.
    ///
    /// Reads the keys of all versions, because a version belongs to an asset.
    pub fn assets_with_version(&self, version_id: &str) -> Result<Vec<String>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached(
                    "SELECT asset_id FROM version WHERE version_id = ?1 ORDER BY asset_id LIMIT ?2",
                )?
                .query_map((version_id, MAX_ASSETS), |row| row.get("asset_id"))?
                .collect()
        };
        self.read(read())
    }
}
