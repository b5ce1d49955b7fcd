//! How the files of assets are called: by the name in the journal, if it has one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::say;
use crate::api::file_stem;
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

/// Returns the name of the file of each version, by id and locale. Versions in the same locale
/// have their ids in it, and no two names are equal, also where case does not count.
pub(super) fn stems(name: &str, versions: &[(String, Option<String>)]) -> Vec<String> {
    let plain: Vec<_> =
        versions.iter().map(|(_, locale)| file_stem(name, locale.as_deref(), None)).collect();
    let is_one = |stem: &str| {
        plain.iter().filter(|other| other.to_lowercase() == stem.to_lowercase()).count() == 1
    };
    let mut taken = BTreeSet::new();
    let stems = versions.iter().zip(&plain).map(|((id, locale), stem)| {
        let stem =
            if is_one(stem) { stem.clone() } else { file_stem(name, locale.as_deref(), Some(id)) };
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}"));
        let mut choices = std::iter::once(stem.clone()).chain(numbered);
        // There are more numbers than versions.
        choices.find(|choice| taken.insert(choice.to_lowercase())).unwrap_or_else(|| stem.clone())
    });
    stems.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_versions_have_one_file() {
        let stems_of = super::stems;
        let stems = |versions: &[(&str, Option<&str>)]| {
            let versions: Vec<_> = versions
                .iter()
                .map(|(id, locale)| ((*id).to_owned(), locale.map(str::to_owned)))
                .collect();
            stems_of("film", &versions)
        };
        assert_eq!(
            stems(&[("v1", Some("es-ES")), ("v2", Some("fr-FR"))]),
            ["film.es-ES", "film.fr-FR"]
        );
        assert_eq!(
            stems(&[("v1", Some("es-ES")), ("v2", Some("ES-es")), ("v3", None)]),
            ["film.es-ES.v1", "film.ES-es.v2", "film"]
        );
        assert_eq!(
            stems(&[("v/", None), ("v:", None), ("V_", None)]),
            ["film.v_", "film.v_-2", "film.V_-3"]
        );
    }
}
