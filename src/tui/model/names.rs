//! The shortest piece of an id that no other id shares: callbacks carry long ids, screens are narrow.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// The fewest characters that are shown of an id.
const LEAST: usize = 6;

/// An id of no more characters is shown whole.
const SHORT: usize = 10;

/// What stands in the place of what was cut off.
const ELLIPSIS: char = '…';

/// Ids by what follows their prefix (`ast_9f3c81…` is looked up as `9f3c81…`).
///
/// A piece tells its id from all others that are there when the id comes, and then stays: it does
/// not change while it is looked at. An id that comes later and begins with it gets a longer piece
/// of its own, so that no two are the same; the older piece gets longer by [`Names::renew`].
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// With the characters of the tail that are shown.
    tails: BTreeMap<IdKey, usize>,
    /// Ids whose piece has become the beginning of another id.
    ambiguous: BTreeSet<Arc<str>>,
}

/// The tail of an id, then the id.
type IdKey = (Box<str>, Arc<str>);

impl Names {
    /// Takes an id in.
    pub fn insert(&mut self, id: &Arc<str>) {
        let key = (Box::from(tail(id)), Arc::clone(id));
        // Those that now share more with another than is shown of them stand beside it.
        for (other, shown) in self.neighbours(&key).into_iter().flatten() {
            if shared(&other.0, &key.0) >= shown {
                self.ambiguous.insert(Arc::clone(&other.1));
            }
        }
        let needed = self.needed(&key);
        self.tails.insert(key, needed);
    }

    /// Lets go of an id.
    pub fn remove(&mut self, id: &Arc<str>) {
        self.tails.remove(&(Box::from(tail(id)), Arc::clone(id)));
        self.ambiguous.remove(id);
    }

    /// Lets those pieces get longer that do not tell their ids from all others any more.
    pub fn renew(&mut self) {
        for id in std::mem::take(&mut self.ambiguous) {
            let key = (Box::from(tail(&id)), id);
            let needed = self.needed(&key);
            if let Some(shown) = self.tails.get_mut(&key) {
                *shown = needed.max(*shown);
            }
        }
    }

    /// A short piece of `id` that tells it from every id held: its first characters after the
    /// prefix with `…` behind them, or all of it where no fewer do.
    pub fn piece<'a>(&self, id: &'a str) -> Cow<'a, str> {
        if id.chars().count() <= SHORT {
            return Cow::Borrowed(id);
        }
        let own = tail(id);
        let key = (Box::from(own), Arc::from(id));
        let shown = self.tails.get(&key).copied().unwrap_or_else(|| self.needed(&key));
        // In the place of one last character the mark would save nothing.
        match own.char_indices().nth(shown) {
            Some((end, last)) if own.len() > end + last.len_utf8() => {
                Cow::Owned(format!("{}{}", &own[..end], ELLIPSIS))
            }
            _ => Cow::Borrowed(id),
        }
    }

    /// How many characters of its tail tell an id from all that are held.
    fn needed(&self, key: &IdKey) -> usize {
        let beside = self.neighbours(key).into_iter().flatten();
        let most = beside.map(|(other, _)| shared(&other.0, &key.0) + 1).max();
        most.unwrap_or(0).max(LEAST)
    }

    /// The ids before and after one, in the order of their tails.
    fn neighbours(&self, key: &IdKey) -> [Option<(IdKey, usize)>; 2] {
        let before = self.tails.range((Bound::Unbounded, Bound::Excluded(key))).next_back();
        let after = self.tails.range((Bound::Excluded(key), Bound::Unbounded)).next();
        [before, after].map(|found| found.map(|(key, shown)| (key.clone(), *shown)))
    }
}

/// A short piece of an id that is told from no other: the same whatever else there is.
pub fn cut(id: &str) -> Cow<'_, str> {
    Names::default().piece(id)
}

/// How many characters two tails have in common at their beginning.
fn shared(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}

/// What follows a short prefix that ends in `_`: `ast_`, `ver_`. All of it where there is none.
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
    fn pieces_are_short_and_tell_ids_apart() {
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
    fn a_piece_stays_while_it_is_looked_at() {
        let mut names = names(&["asset-2026-0001"]);
        let first = names.piece("asset-2026-0001").into_owned();
        assert_eq!(first, "asset-…");
        names.insert(&Arc::from("asset-2026-0002-b"));
        names.insert(&Arc::from("asset-2026-0003-c"));
        assert_eq!(names.piece("asset-2026-0001"), first);
        assert_eq!(names.piece("asset-2026-0002-b"), "asset-2026-0002…");
        names.renew();
        assert_eq!(names.piece("asset-2026-0001"), "asset-2026-0001");
        assert_eq!(names.piece("asset-2026-0002-b"), "asset-2026-0002…");
        names.remove(&Arc::from("asset-2026-0002-b"));
        names.renew();
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
    fn what_is_held_nowhere_is_cut_all_the_same() {
        assert_eq!(cut("ver_0123456789"), "012345…");
        assert_eq!(cut("ver_"), "ver_");
        assert_eq!(cut(""), "");
    }
}
