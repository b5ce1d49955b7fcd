//! The assets that the dashboard was told, to know which ones are gone; bounded as its own are.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::tui::model::asset_list::MAX_ASSETS;

/// Bytes of all ids. Senders choose them; those of 40 bytes never come to it.
const MAX_BYTES: usize = 4 << 20;

/// The ids of assets, with when each was last active. Where there are too many, or they are too long,
/// the longer quiet half is forgotten, as the dashboard lets go of it.
#[derive(Debug, Default)]
pub(super) struct SentAssets {
    last_at: HashMap<Box<str>, Timestamp>,
    bytes: usize,
}

impl SentAssets {
    pub(super) fn insert(&mut self, id: &str, last_at: Timestamp) {
        if self.last_at.insert(id.into(), last_at).is_none() {
            self.bytes += id.len();
        }
        while self.last_at.len() > 2 * MAX_ASSETS || self.bytes > MAX_BYTES {
            self.forget_half();
        }
    }

    fn forget_half(&mut self) {
        let mut times: Vec<Timestamp> = self.last_at.values().copied().collect();
        if times.is_empty() {
            return;
        }
        let middle = times.len() / 2;
        let (_, since, _) = times.select_nth_unstable(middle);
        let before = self.last_at.len();
        self.last_at.retain(|_, at| *at > *since);
        if self.last_at.len() == before {
            self.last_at.clear();
        }
        self.bytes = self.last_at.keys().map(|id| id.len()).sum();
    }

    /// Returns whether it was there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let removed = self.last_at.remove(id).is_some();
        if removed {
            self.bytes -= id.len();
        }
        removed
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.last_at.contains_key(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.last_at.keys().map(|id| &**id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: usize) -> Timestamp {
        Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
    }

    #[test]
    fn neither_many_ids_nor_long_ones_take_more_than_their_share() {
        for length in [1, 40, 500] {
            let mut told = SentAssets::default();
            for number in 0..3 * MAX_ASSETS {
                told.insert(&format!("{number:0>length$}"), at(number));
                assert!(told.bytes <= MAX_BYTES && told.last_at.len() <= 2 * MAX_ASSETS);
            }
            assert_eq!(told.bytes, told.ids().map(str::len).sum::<usize>());
            let newest = format!("{:0>length$}", 3 * MAX_ASSETS - 1);
            assert!(told.contains(&newest) && told.remove(&newest) && !told.remove(&newest));
        }
    }

    #[test]
    fn assets_of_one_moment_are_bounded_too() {
        let mut told = SentAssets::default();
        for number in 0..3 * MAX_ASSETS {
            told.insert(&format!("{number:0>400}"), at(1));
        }
        assert!(told.bytes <= MAX_BYTES);
    }
}
