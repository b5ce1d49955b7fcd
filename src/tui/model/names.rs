//! The shortest piece of an id that no other id shares: callbacks carry long ids, screens are narrow.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// The fewest characters that are shown of an id.
const LEAST: usize = 6;

/// An id of no more characters is shown whole.
const SHORT: usize = 10;

/// Ids by what follows their prefix (`ast_9f3c81…` is looked up as `9f3c81…`).
#[derive(Debug, Clone, Default)]
pub struct Names {
    tails: BTreeSet<(Box<str>, Arc<str>)>,
}

impl Names {
    /// Takes an id in.
    pub fn insert(&mut self, id: &Arc<str>) {
        self.tails.insert((tail(id).into(), Arc::clone(id)));
    }

    /// Lets go of an id.
    pub fn remove(&mut self, id: &Arc<str>) {
        self.tails.remove(&(tail(id).into(), Arc::clone(id)));
    }

    /// The shortest piece of `id` that tells it from every id held: its first characters after the
    /// prefix, or all of it where the prefix is what differs.
    pub fn piece<'a>(&self, id: &'a str) -> &'a str {
        if id.chars().count() <= SHORT {
            return id;
        }
        let own = tail(id);
        let key = (Box::from(own), Arc::from(id));
        let before = self.tails.range((Bound::Unbounded, Bound::Excluded(&key))).next_back();
        let after = self.tails.range((Bound::Excluded(&key), Bound::Unbounded)).next();
        let shared = [before, after]
            .into_iter()
            .flatten()
            .map(|(other, _)| own.chars().zip(other.chars()).take_while(|(a, b)| a == b).count());
        let needed = shared.max().map_or(0, |shared| shared + 1).max(LEAST);
        if needed > own.chars().count() && self.tails.contains(&key) && !self.is_alone(own, id) {
            return id;
        }
        own.char_indices().nth(needed).map_or(own, |(end, _)| &own[..end])
    }

    /// Whether no other id has the same tail.
    fn is_alone(&self, own: &str, id: &str) -> bool {
        let from = (Box::from(own), Arc::from(""));
        let mut same = self.tails.range(from..).take_while(|(tail, _)| &**tail == own);
        same.all(|(_, other)| &**other == id)
    }
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
            "ast_9f3c81aa",
            "ast_9f3c81bb",
            "ast_77aa0200",
            "plain-uuid-0001",
            "x_é漢字漢字漢字漢字",
        ];
        let names = names(&ids);
        assert_eq!(names.piece("ast_77aa0200"), "77aa02");
        assert_eq!(names.piece("ast_9f3c81aa"), "9f3c81a");
        assert_eq!(names.piece("plain-uuid-0001"), "plain-");
        assert_eq!(names.piece("x_é漢字漢字漢字漢字"), "é漢字漢字漢");
        assert_eq!(names.piece("ast_demo"), "ast_demo", "short ones are shown whole");
        let pieces: BTreeSet<&str> = ids.iter().map(|id| names.piece(id)).collect();
        assert_eq!(pieces.len(), ids.len());
    }

    #[test]
    fn ids_that_differ_in_their_prefix_are_shown_whole() {
        let names = names(&["a_same", "b_same", "c_same_more"]);
        assert_eq!(names.piece("a_same"), "a_same");
        assert_eq!(names.piece("b_same"), "b_same");
        assert_eq!(names.piece("c_same_more"), "same_m");
    }

    #[test]
    fn what_left_is_not_told_apart_from() {
        let mut names = names(&["ast_9f3c81aa", "ast_9f3c81bb"]);
        names.remove(&Arc::from("ast_9f3c81bb"));
        assert_eq!(names.piece("ast_9f3c81aa"), "9f3c81");
        assert_eq!(names.piece("ast_"), "ast_");
    }
}
