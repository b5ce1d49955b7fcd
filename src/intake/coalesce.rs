//! Counts refusals of one kind from one peer as one; pure, so that a flood can be tested.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::callback::Listed;
use crate::callback::{Refusal, RefusalKind};
use crate::journal::MAX_REFUSALS;

/// An entry that had no more refusals for this long is closed: the next like it is a new entry, so
/// that yesterday's trouble is not today's.
const QUIET: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Entries that a host can have of one kind: what tells them apart (a path, what a malformed header
/// holds) is the peer's to choose. Further ones are counted together.
const MAX_CLASSES: usize = 16;

/// Entries that are still counting.
#[derive(Debug)]
pub(super) struct Coalesced {
    entries: HashMap<Class, Entry>,
    next_id: u64,
}

/// What makes two refusals one entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Class {
    host: String,
    kind: RefusalKind,
    /// The reason, or the request line where that is the reason; empty for all that are too many.
    what: String,
}

#[derive(Debug)]
struct Entry {
    listed: Listed,
    dirty: bool,
}

impl Coalesced {
    /// Entries get ids from `next_id` up.
    pub(super) fn new(next_id: u64) -> Self {
        Self { entries: HashMap::new(), next_id }
    }

    /// Counts one refusal.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let mut class = Class::of(&refusal);
        let is_new = !self.entries.contains_key(&class);
        if is_new && self.of_one_kind(&class) >= MAX_CLASSES {
            class.what = String::new();
        }
        if let Some(entry) = self.entries.get_mut(&class)
            && refusal.at.duration_since(entry.listed.refusal.at) <= QUIET
        {
            let count = entry.listed.refusal.count + refusal.count;
            entry.listed.refusal = Refusal { count, ..refusal };
            entry.dirty = true;
            return;
        }
        if self.entries.len() >= MAX_REFUSALS {
            self.let_one_go();
        }
        let listed = Listed { id: self.next_id, refusal };
        self.next_id += 1;
        self.entries.insert(class, Entry { listed, dirty: true });
    }

    /// Entries that changed since they were last taken, oldest first.
    pub(super) fn take_changed(&mut self) -> Vec<Listed> {
        let mut changed: Vec<_> = self
            .entries
            .values_mut()
            .filter_map(|entry| std::mem::take(&mut entry.dirty).then(|| entry.listed.clone()))
            .collect();
        changed.sort_by_key(|listed| (listed.refusal.at, listed.id));
        changed
    }

    /// Marks entries as changed again that could not be written.
    pub(super) fn give_back(&mut self, listed: &[Listed]) {
        // By id: what was one too many of its host stands under another class than its own.
        let ids: HashSet<u64> = listed.iter().map(|listed| listed.id).collect();
        for entry in self.entries.values_mut() {
            entry.dirty |= ids.contains(&entry.listed.id);
        }
    }

    /// How many entries a host has of a kind.
    fn of_one_kind(&self, class: &Class) -> usize {
        self.entries
            .keys()
            .filter(|other| (&other.host, other.kind) == (&class.host, class.kind))
            .count()
    }

    /// Makes room: the oldest entry of the kind that has most.
    fn let_one_go(&mut self) {
        let mut counts = [0_usize; RefusalKind::ALL.len()];
        for class in self.entries.keys() {
            counts[class.kind as usize] += 1;
        }
        let fullest = RefusalKind::ALL.into_iter().max_by_key(|kind| counts[*kind as usize]);
        let oldest = self
            .entries
            .iter()
            .filter(|(class, _)| Some(class.kind) == fullest)
            .min_by_key(|(_, entry)| (entry.listed.refusal.at, entry.listed.id))
            .map(|(class, _)| class.clone());
        if let Some(class) = oldest {
            self.entries.remove(&class);
        }
    }
}

impl Class {
    fn of(refusal: &Refusal) -> Self {
        // A peer behind a proxy may have no port, and IPv6 has colons of its own.
        let host = match refusal.peer.rsplit_once(':') {
            Some((host, _)) if refusal.peer.parse::<IpAddr>().is_err() => host,
            _ => refusal.peer.as_str(),
        };
        let what = match refusal.kind.verdict() {
            Some(_) => refusal.why.clone(),
            None => format!("{} {}", refusal.method, refusal.path),
        };
        Self { host: host.to_owned(), kind: refusal.kind, what }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::callback::{BodySample, Headers};

    fn refusal(second: i64, peer: &str, kind: RefusalKind, why: &str) -> Refusal {
        Refusal {
            at: Timestamp::from_second(second).unwrap(),
            kind,
            status: 401,
            why: why.to_owned(),
            count: 1,
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            peer: peer.to_owned(),
            headers: Headers::default(),
            body: BodySample::default(),
        }
    }

    fn summary(coalesced: &mut Coalesced) -> Vec<(u64, u64, String)> {
        let changed = coalesced.take_changed();
        changed.into_iter().map(|l| (l.id, l.refusal.count, l.refusal.why)).collect()
    }

    #[test]
    fn one_kind_and_reason_from_one_host_is_one_entry() {
        let mut coalesced = Coalesced::new(7);
        coalesced.add(refusal(1, "10.0.0.1:1", RefusalKind::Invalid, "body changed"));
        coalesced.add(refusal(2, "10.0.0.1:2", RefusalKind::Invalid, "body changed"));
        coalesced.add(refusal(3, "10.0.0.1:3", RefusalKind::Invalid, "no trusted key"));
        coalesced.add(refusal(4, "10.0.0.2:1", RefusalKind::Invalid, "body changed"));
        let path = |second, path: &str| Refusal {
            path: path.to_owned(),
            ..refusal(second, "10.0.0.1:4", RefusalKind::WrongPath, path)
        };
        coalesced.add(path(5, "/a"));
        coalesced.add(path(6, "/b"));
        coalesced.add(path(7, "/b"));
        let entry = |id, count, why: &str| (id, count, why.to_owned());
        assert_eq!(
            summary(&mut coalesced),
            [
                entry(7, 2, "body changed"),
                entry(8, 1, "no trusted key"),
                entry(9, 1, "body changed"),
                entry(10, 1, "/a"),
                entry(11, 2, "/b")
            ]
        );
        assert!(summary(&mut coalesced).is_empty(), "taken once");
        coalesced.add(refusal(8, "10.0.0.1:9", RefusalKind::Invalid, "body changed"));
        assert_eq!(summary(&mut coalesced), [entry(7, 3, "body changed")]);
    }

    #[test]
    fn what_a_peer_chooses_opens_a_few_entries_only() {
        let mut coalesced = Coalesced::new(1);
        for n in 0..500 {
            let why = format!("not hex: character {n} is not a digit");
            coalesced.add(refusal(n, "h:1", RefusalKind::Malformed, &why));
        }
        let taken = coalesced.take_changed();
        coalesced.give_back(&taken);
        let listed = summary(&mut coalesced);
        assert_eq!(listed.len(), MAX_CLASSES + 1);
        assert_eq!(listed.iter().map(|(_, count, _)| count).sum::<u64>(), 500, "all are counted");
    }

    #[test]
    fn what_could_not_be_written_is_taken_again() {
        let mut coalesced = Coalesced::new(1);
        coalesced.add(refusal(1, "h:1", RefusalKind::Missing, "none"));
        let taken = coalesced.take_changed();
        coalesced.give_back(&taken);
        assert_eq!(coalesced.take_changed(), taken);
    }

    #[test]
    fn a_quiet_hour_closes_an_entry() {
        let mut coalesced = Coalesced::new(1);
        coalesced.add(refusal(0, "h:1", RefusalKind::Missing, "none"));
        coalesced.add(refusal(3600, "h:1", RefusalKind::Missing, "none"));
        assert_eq!(summary(&mut coalesced).len(), 1);
        coalesced.add(refusal(7201, "h:1", RefusalKind::Missing, "none"));
        assert_eq!(summary(&mut coalesced), [(2, 1, "none".to_owned())]);
    }

    #[test]
    fn a_flood_cannot_push_out_a_rare_reason() {
        let mut coalesced = Coalesced::new(1);
        coalesced.add(refusal(0, "sender:1", RefusalKind::TooLarge, "body of 2.1 MB"));
        for n in 0..5_000 {
            coalesced.add(refusal(n, &format!("bot{n}:1"), RefusalKind::Invalid, "no trusted key"));
        }
        let listed = summary(&mut coalesced);
        assert_eq!(listed.len(), MAX_REFUSALS);
        assert_eq!(listed[0].2, "body of 2.1 MB");
    }
}
