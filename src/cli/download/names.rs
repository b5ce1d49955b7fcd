//! How the files of assets are called: by the name in the journal, if it has one.

use std::collections::BTreeMap;
use std::path::Path;

use super::say;
use crate::journal::JournalReader;

/// The names of assets.
pub(super) struct FileNames {
    journal: Option<JournalReader>,
    /// Names that came from the API in this run.
    learnt: BTreeMap<String, String>,
}

impl FileNames {
    /// Opens the journal, if there is one. A journal that cannot be read only costs the names in it.
    pub(super) fn open(db: &Path) -> Self {
        let journal = match JournalReader::open(db) {
            Ok(journal) => Some(journal),
            Err(error) => {
                if db.exists() {
                    say(&format!("{error}; the names in it are not used"));
                }
                None
            }
        };
        Self { journal, learnt: BTreeMap::new() }
    }

    /// Returns the name of an asset: one that the user gave it, else the one that the API did.
    pub(super) fn of(&self, asset_id: &str) -> Option<String> {
        let stored = self.journal.as_ref().and_then(|journal| journal.name(asset_id).ok()?);
        stored.or_else(|| self.learnt.get(asset_id).cloned())
    }

    /// Remembers the name of an asset for this run.
    pub(super) fn remember(&mut self, asset_id: &str, name: &str) {
        self.learnt.insert(asset_id.to_owned(), name.to_owned());
    }
}
