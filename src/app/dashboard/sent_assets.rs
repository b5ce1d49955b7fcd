//! The assets that have been sent to the dashboard, to know which deletions to report. Bounded like
//! the dashboard's own list.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::tui::model::asset_list::MAX_ASSETS;

/// Maximum total length of the ids, in bytes. Senders choose the ids; with 40 bytes each the limit
/// is never reached.
const MAX_BYTES: usize = 4 << 20;

/// Ids of assets with the time of their last delivery. If the limit is exceeded, drops the half
/// that has been quiet longest, as the dashboard does.
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
            self.drop_quiet_half();
        }
    }

    fn drop_quiet_half(&mut self) {
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

    /// Returns whether the id was present.
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
    fn number_and_length_of_ids_are_bounded() {
        for length in [1, 40, 500] {
            let mut sent = SentAssets::default();
            for number in 0..3 * MAX_ASSETS {
                sent.insert(&format!("{number:0>length$}"), at(number));
                assert!(sent.bytes <= MAX_BYTES && sent.last_at.len() <= 2 * MAX_ASSETS);
            }
            assert_eq!(sent.bytes, sent.ids().map(str::len).sum::<usize>());
            let newest = format!("{:0>length$}", 3 * MAX_ASSETS - 1);
            assert!(sent.contains(&newest) && sent.remove(&newest) && !sent.remove(&newest));
        }
    }

    #[test]
    fn assets_with_the_same_time_are_bounded_too() {
        let mut sent = SentAssets::default();
        for number in 0..3 * MAX_ASSETS {
            sent.insert(&format!("{number:0>400}"), at(1));
        }
        assert!(sent.bytes <= MAX_BYTES);
    }
}
