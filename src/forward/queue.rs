//! Which delivery is forwarded next: in order per version, several versions at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::callback::Callback;

/// The deliveries that keep their order: those of one version, or of an asset as a whole, or those
/// that name none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ForwardLane {
    asset_id: Option<String>,
    version_id: Option<String>,
}

impl ForwardLane {
    /// Returns the lane of a delivery.
    pub fn of(callback: &Callback) -> Self {
        Self { asset_id: callback.asset_id.clone(), version_id: callback.version_id.clone() }
    }
}

/// The deliveries that are not done, in order per lane.
///
/// A delivery is *ready* if it is the first of its lane and not taken. [`ForwardQueue::take`] takes
/// it, and exactly one of [`ForwardQueue::done`] and [`ForwardQueue::put_back`] follows.
#[derive(Debug, Default)]
pub struct ForwardQueue {
    /// The deliveries that are not done, with their lanes.
    open: BTreeMap<u64, ForwardLane>,
    /// The same by lane, in order; no lane is empty.
    lanes: HashMap<ForwardLane, VecDeque<u64>>,
    /// The deliveries that can be taken.
    ready: BTreeSet<u64>,
    /// The newest delivery that was added or passed.
    read: u64,
}

impl ForwardQueue {
    /// Creates an empty queue: every delivery up to `place` is done.
    pub fn new(place: u64) -> Self {
        Self { read: place, ..Self::default() }
    }

    /// Adds a delivery, newer than all before.
    pub fn add(&mut self, seq: u64, lane: ForwardLane) {
        self.read = self.read.max(seq);
        let waiting = self.lanes.entry(lane.clone()).or_default();
        if waiting.is_empty() {
            self.ready.insert(seq);
        }
        waiting.push_back(seq);
        self.open.insert(seq, lane);
    }

    /// Passes by the deliveries up to `seq` that were not added.
    pub fn pass(&mut self, seq: u64) {
        self.read = self.read.max(seq);
    }

    /// Returns the oldest delivery that is ready.
    pub fn next(&self) -> Option<u64> {
        self.ready.first().copied()
    }

    /// Takes the oldest delivery that is ready.
    pub fn take(&mut self) -> Option<u64> {
        self.ready.pop_first()
    }

    /// Makes a taken delivery ready again.
    pub fn put_back(&mut self, seq: u64) {
        if self.open.contains_key(&seq) {
            self.ready.insert(seq);
        }
    }

    /// Removes a taken delivery. The next one of its lane becomes ready.
    pub fn done(&mut self, seq: u64) {
        let Some(lane) = self.open.remove(&seq) else { return };
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        waiting.retain(|other| *other != seq);
        match waiting.front() {
            Some(next) => {
                self.ready.insert(*next);
            }
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Returns the number up to which every delivery is done.
    pub fn place(&self) -> u64 {
        self.open.first_key_value().map_or(self.read, |(first, _)| first.saturating_sub(1))
    }

    /// Returns the newest delivery that was added or passed.
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// Returns how many deliveries are not done.
    pub fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn lane(number: u8) -> ForwardLane {
        let version_id = Some(number.to_string());
        ForwardLane { asset_id: Some("ast".to_owned()), version_id }
    }

    #[test]
    fn a_lane_waits_for_its_first_and_others_do_not() {
        let mut queue = ForwardQueue::new(3);
        assert_eq!((queue.place(), queue.take()), (3, None));
        for (seq, number) in [(4, 1), (5, 1), (6, 2)] {
            queue.add(seq, lane(number));
        }
        queue.pass(7);
        assert_eq!((queue.take(), queue.take(), queue.take()), (Some(4), Some(6), None));
        assert_eq!(queue.place(), 3);
        queue.done(6);
        assert_eq!((queue.place(), queue.len()), (3, 2));
        queue.put_back(4);
        assert_eq!(queue.take(), Some(4), "again, and not the one behind it");
        queue.done(4);
        assert_eq!((queue.place(), queue.take()), (4, Some(5)));
        queue.done(5);
        assert_eq!((queue.place(), queue.len()), (7, 0));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Add(u8),
        Pass,
        Take,
        Done(usize),
        PutBack(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..4_u8).prop_map(Act::Add),
            Just(Act::Pass),
            Just(Act::Take),
            any::<usize>().prop_map(Act::Done),
            any::<usize>().prop_map(Act::PutBack),
        ]
    }

    proptest! {
        #[test]
        fn each_lane_is_done_in_order_and_the_place_passes_nothing_open(acts in vec(act(), 0..200)) {
            let mut queue = ForwardQueue::new(0);
            let (mut seq, mut taken) = (0, Vec::new());
            let (mut open, mut lanes) = (BTreeSet::new(), HashMap::new());
            let mut last_done: HashMap<u8, u64> = HashMap::new();
            let pick = |taken: &mut Vec<u64>, at: usize| {
                (!taken.is_empty()).then(|| taken.remove(at % taken.len()))
            };
            for act in acts {
                match act {
                    Act::Add(number) => {
                        seq += 1;
                        queue.add(seq, lane(number));
                        open.insert(seq);
                        lanes.insert(seq, number);
                    }
                    Act::Pass => {
                        seq += 1;
                        queue.pass(seq);
                    }
                    Act::Take => taken.extend(queue.take()),
                    Act::Done(at) => {
                        let Some(done) = pick(&mut taken, at) else { continue };
                        queue.done(done);
                        open.remove(&done);
                        let before = last_done.insert(lanes[&done], done);
                        prop_assert!(before.is_none_or(|before| before < done));
                    }
                    Act::PutBack(at) => {
                        if let Some(back) = pick(&mut taken, at) {
                            queue.put_back(back);
                        }
                    }
                }
                let busy: HashSet<u8> = taken.iter().map(|seq| lanes[seq]).collect();
                prop_assert_eq!(busy.len(), taken.len(), "one of a lane at once");
                let place = open.first().map_or(seq, |first| first - 1);
                prop_assert_eq!((queue.place(), queue.len()), (place, open.len()));
            }
            // Nothing is stuck.
            while let Some(next) = queue.take().or_else(|| taken.pop()) {
                queue.done(next);
            }
            prop_assert_eq!((queue.place(), queue.len()), (seq, 0));
        }
    }
}
