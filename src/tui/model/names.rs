//! The shortest unambiguous piece of an id: callbacks carry long ids, and screens are narrow.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Minimum number of characters shown of an id.
const MIN_CHARS: usize = 6;

/// Ids of up to this many characters are shown whole.
const MAX_WHOLE: usize = 10;

/// Marks the end of an id that was cut.
const ELLIPSIS: char = '…';

/// Ids, indexed by the part after their prefix (`ast_9f3c81…` is found under `9f3c81…`).
///
/// When an id is added, it gets the shortest piece that no other id shares. That piece then stays
/// the same while the user looks at it. A later id that begins with the same characters gets a
/// longer piece, so no two are the same; [`Names::lengthen`] lengthens the older piece.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Each with the number of characters shown of its tail.
    tails: BTreeMap<IdKey, usize>,
    /// Ids whose piece is also the beginning of another id.
    ambiguous: BTreeSet<Arc<str>>,
}

/// The tail of an id and the whole id.
type IdKey = (Box<str>, Arc<str>);

impl Names {
    /// Adds an id.
    pub fn insert(&mut self, id: &Arc<str>) {
        let key = (Box::from(tail(id)), Arc::clone(id));
        // An id is ambiguous if it shares more characters with a neighbour than are shown of it.
        for (other, shown) in self.neighbours(&key).into_iter().flatten() {
            if common_prefix(&other.0, &key.0) >= shown {
                self.ambiguous.insert(Arc::clone(&other.1));
            }
        }
        let needed = self.needed(&key);
        self.tails.insert(key, needed);
    }

    /// Removes an id.
    pub fn remove(&mut self, id: &Arc<str>) {
        self.tails.remove(&(Box::from(tail(id)), Arc::clone(id)));
        self.ambiguous.remove(id);
    }

    /// Lengthens the pieces that have become ambiguous.
    pub fn lengthen(&mut self) {
        for id in std::mem::take(&mut self.ambiguous) {
            let key = (Box::from(tail(&id)), id);
            let needed = self.needed(&key);
            if let Some(shown) = self.tails.get_mut(&key) {
                *shown = needed.max(*shown);
            }
        }
    }

    /// Returns the shortest piece of `id` that no other id shares: the first characters after its
    /// prefix and `…`, or the whole id if nothing shorter is unambiguous.
    pub fn piece<'a>(&self, id: &'a str) -> Cow<'a, str> {
        if id.chars().count() <= MAX_WHOLE {
            return Cow::Borrowed(id);
        }
        let own = tail(id);
        let key = (Box::from(own), Arc::from(id));
        let shown = self.tails.get(&key).copied().unwrap_or_else(|| self.needed(&key));
        // Replacing only one last character by the ellipsis would save nothing.
        match own.char_indices().nth(shown) {
            Some((end, last)) if own.len() > end + last.len_utf8() => {
                Cow::Owned(format!("{}{}", &own[..end], ELLIPSIS))
            }
            _ => Cow::Borrowed(id),
        }
    }

    /// Returns how many characters of its tail distinguish an id from all others.
    fn needed(&self, key: &IdKey) -> usize {
        let beside = self.neighbours(key).into_iter().flatten();
        let most = beside.map(|(other, _)| common_prefix(&other.0, &key.0) + 1).max();
        most.unwrap_or(0).max(MIN_CHARS)
    }

    /// Returns the ids before and after one, in the order of their tails.
    fn neighbours(&self, key: &IdKey) -> [Option<(IdKey, usize)>; 2] {
        let before = self.tails.range((Bound::Unbounded, Bound::Excluded(key))).next_back();
        let after = self.tails.range((Bound::Excluded(key), Bound::Unbounded)).next();
        [before, after].map(|found| found.map(|(key, shown)| (key.clone(), *shown)))
    }
}

/// Returns a short piece of an id without looking at other ids, so that it is always the same.
pub fn short_id(id: &str) -> Cow<'_, str> {
    Names::default().piece(id)
}

/// Returns how many characters two tails have in common at the beginning.
fn common_prefix(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}

/// Returns the part after a short prefix that ends in `_`, as in `ast_` or `ver_`. Returns the
/// whole id if there is no such prefix.
fn tail(id: &str) -> &str {
    match id.split_once('_') {
        Some((prefix, tail)) if prefix.len() <= 8 && !tail.is_empty() => tail,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ids: &[&str]) -> Names {
        let mut names = Names::default();
        for id in ids {
            names.insert(&Arc::from(*id));
        }
        names
    }

    #[test]
    fn pieces_are_short_and_unambiguous() {
        let ids = [
            "ast_9f3c81aa00",
            "ast_9f3c81bb00",
            "ast_77aa0200",
            "ast_77bb020",
            "plain-uuid-0001",
            "x_é漢字漢字漢字漢字",
        ];
        let names = names(&ids);
        assert_eq!(names.piece("ast_77aa0200"), "77aa02…");
        assert_eq!(names.piece("ast_77bb020"), "ast_77bb020", "the mark would save nothing");
        assert_eq!(names.piece("ast_9f3c81bb00"), "9f3c81b…");
        assert_eq!(names.piece("plain-uuid-0001"), "plain-…");
        assert_eq!(names.piece("x_é漢字漢字漢字漢字"), "é漢字漢字漢…");
        assert_eq!(names.piece("ast_demo"), "ast_demo", "short ones are shown whole");
        let pieces: BTreeSet<Cow<'_, str>> = ids.iter().map(|id| names.piece(id)).collect();
        assert_eq!(pieces.len(), ids.len());
    }

    #[test]
    fn a_piece_stays_the_same_until_it_is_lengthened() {
        let mut names = names(&["asset-2026-0001"]);
        let first = names.piece("asset-2026-0001").into_owned();
        assert_eq!(first, "asset-…");
        names.insert(&Arc::from("asset-2026-0002-b"));
        names.insert(&Arc::from("asset-2026-0003-c"));
        assert_eq!(names.piece("asset-2026-0001"), first);
        assert_eq!(names.piece("asset-2026-0002-b"), "asset-2026-0002…");
        names.lengthen();
        assert_eq!(names.piece("asset-2026-0001"), "asset-2026-0001");
        assert_eq!(names.piece("asset-2026-0002-b"), "asset-2026-0002…");
        names.remove(&Arc::from("asset-2026-0002-b"));
        names.lengthen();
        assert_eq!(names.piece("asset-2026-0001"), "asset-2026-0001", "none gets shorter");
    }

    #[test]
    fn ids_that_differ_in_their_prefix_are_shown_whole() {
        let names = names(&["a_the_same_tail", "b_the_same_tail", "c_the_same_tail_more"]);
        let piece = |id| names.piece(id).into_owned();
        assert_ne!(piece("a_the_same_tail"), piece("b_the_same_tail"));
        assert_eq!(piece("b_the_same_tail"), "b_the_same_tail");
        assert_eq!(piece("c_the_same_tail_more"), "the_same_tail_…");
    }

    #[test]
    fn ids_that_are_not_held_are_shortened_as_well() {
        assert_eq!(short_id("ver_0123456789"), "012345…");
        assert_eq!(short_id("ver_"), "ver_");
        assert_eq!(short_id(""), "");
    }
}
