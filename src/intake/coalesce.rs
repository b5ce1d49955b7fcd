//! Coalesces refusals with the same reason and claimed asset into one entry. Pure, so that a flood
//! can be tested.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::callback::{Callback, EarlierBody, MAX_BODIES, Refusal, RefusalEntry, RefusalKind};
use crate::journal::MAX_REFUSALS;

/// An entry without refusals for this long is closed. The next refusal of the kind is a new entry,
/// so that old problems are not mixed with new ones.
const QUIET: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Maximum number of reasons of one kind per host, because the peer chooses the text of a header or
/// path. Further ones are counted together.
const MAX_REASONS: usize = 16;

/// Maximum number of entries of one kind per host, because the peer also chooses the claimed asset.
/// Further ones are counted together for each reason.
const MAX_ENTRIES: usize = 256;

/// Maximum number of earlier bodies that wait to be written. If there are more, only the last body
/// of each entry is kept.
const MAX_WAITING: usize = 256;

/// The open entries.
#[derive(Debug)]
pub(super) struct Coalesced {
    entries: HashMap<Class, Entry>,
    next_id: u64,
    /// Earlier bodies that are not written yet.
    waiting: usize,
}

/// Refusals of the same class share an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Class {
    host: String,
    kind: RefusalKind,
    /// The reason; empty for all above the maximum.
    reason: String,
    /// The asset that its body claims; `None` also for all above the maximum.
    asset: Option<String>,
}

#[derive(Debug)]
struct Entry {
    listed: RefusalEntry,
    dirty: bool,
}

impl Coalesced {
    /// Creates an empty list. New entries get ids from `next_id` on.
    pub(super) fn new(next_id: u64) -> Self {
        Self { entries: HashMap::new(), next_id, waiting: 0 }
    }

    /// Counts one refusal.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let mut class = Class::of(&refusal);
        if !self.entries.contains_key(&class) {
            self.bound(&mut class);
        }
        if let Some(entry) = self.entries.get_mut(&class)
            && refusal.at.duration_since(entry.listed.refusal.at) <= QUIET
        {
            let count = entry.listed.refusal.count + refusal.count;
            let last = Refusal { count, ..refusal };
            let before = std::mem::replace(&mut entry.listed.refusal, last);
            // A retry with the same bytes adds no information.
            let shows_more = before.body != entry.listed.refusal.body;
            let is_kept = shows_more && !before.body.bytes.is_empty();
            if is_kept && self.waiting < MAX_WAITING {
                self.waiting += entry.keep(before);
            }
            entry.dirty = true;
            return;
        }
        if self.entries.len() >= MAX_REFUSALS {
            self.let_one_go();
        }
        let listed = RefusalEntry::new(self.next_id, refusal);
        self.next_id += 1;
        self.entries.insert(class, Entry { listed, dirty: true });
    }

    /// Returns the entries that have changed since the last call, oldest first, with the bodies
    /// received in between.
    pub(super) fn take_changed(&mut self) -> Vec<RefusalEntry> {
        self.waiting = 0;
        let mut changed: Vec<_> = self
            .entries
            .values_mut()
            .filter_map(|entry| std::mem::take(&mut entry.dirty).then(|| entry.take()))
            .collect();
        changed.sort_by_key(|listed| (listed.refusal.at, listed.id));
        changed
    }

    /// Marks entries as changed again, because they could not be written.
    pub(super) fn give_back(&mut self, listed: Vec<RefusalEntry>) {
        // By id: an entry above the maximum of its host has another class than its own.
        let mut by_id: HashMap<u64, Vec<EarlierBody>> =
            listed.into_iter().map(|listed| (listed.id, listed.earlier)).collect();
        for entry in self.entries.values_mut() {
            if let Some(earlier) = by_id.remove(&entry.listed.id) {
                entry.dirty = true;
                let own = &mut entry.listed.earlier;
                let room = (MAX_BODIES - 1).saturating_sub(own.len());
                let room = room.min(MAX_WAITING.saturating_sub(self.waiting));
                let before = own.len();
                own.extend(earlier.into_iter().take(room));
                self.waiting += own.len() - before;
            }
        }
    }

    /// Replaces a new class with a shared one if its host has the maximum of its kind.
    fn bound(&self, class: &mut Class) {
        let mut entries = 0;
        let mut reasons = HashSet::new();
        for other in self.entries.keys() {
            if (&other.host, other.kind) == (&class.host, class.kind) {
                entries += 1;
                reasons.insert(other.reason.as_str());
            }
        }
        let is_known = reasons.contains(class.reason.as_str());
        if !is_known && (reasons.len() >= MAX_REASONS || entries >= MAX_ENTRIES) {
            class.reason = String::new();
            class.asset = None;
        } else if entries >= MAX_ENTRIES {
            class.asset = None;
        }
    }

    /// Makes room: closes the oldest entry of the kind that has the most.
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

impl Entry {
    /// Keeps the body of a refusal that is no longer the last. Returns by how many their number
    /// grew.
    fn keep(&mut self, before: Refusal) -> usize {
        let bodies = &mut self.listed.earlier;
        let is_full = bodies.len() >= MAX_BODIES - 1;
        if is_full {
            bodies.pop();
        }
        bodies.insert(0, EarlierBody::new(before.at, before.peer, before.body));
        usize::from(!is_full)
    }

    /// Returns the entry for writing, with its earlier bodies, and removes those here.
    fn take(&mut self) -> RefusalEntry {
        let earlier = std::mem::take(&mut self.listed.earlier);
        RefusalEntry { earlier, ..self.listed.clone() }
    }
}

impl Class {
    fn of(refusal: &Refusal) -> Self {
        // A peer behind a proxy may have no port, and IPv6 has colons of its own.
        let host = match refusal.peer.rsplit_once(':') {
            Some((host, _)) if refusal.peer.parse::<IpAddr>().is_err() => host,
            _ => refusal.peer.as_str(),
        };
        let reason = match refusal.kind {
            RefusalKind::WrongPath | RefusalKind::WrongMethod => {
                format!("{} {}", refusal.method, refusal.path)
            }
            RefusalKind::Missing
            | RefusalKind::Malformed
            | RefusalKind::Invalid
            | RefusalKind::CrossSite => refusal.why.clone(),
            // The number of received bytes does not distinguish reasons.
            RefusalKind::TooLarge | RefusalKind::TooSlow | RefusalKind::Broken => {
                refusal.why.chars().filter(|c| !c.is_ascii_digit()).collect()
            }
        };
        let asset = Callback::claimed(&refusal.body.bytes).asset_id;
        Self { host: host.to_owned(), kind: refusal.kind, reason, asset }
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
        coalesced.give_back(taken);
        let listed = summary(&mut coalesced);
        assert_eq!(listed.len(), MAX_REASONS + 1);
        assert_eq!(listed.iter().map(|(_, count, _)| count).sum::<u64>(), 500, "all are counted");
    }

    fn claiming(second: i64, asset: impl std::fmt::Display, n: i64) -> Refusal {
        let body = format!(r#"{{"asset_id":"{asset}","n":{n}}}"#);
        let body = BodySample::of(body.as_bytes());
        Refusal { body, ..refusal(second, "127.0.0.1:1", RefusalKind::Invalid, "no trusted key") }
    }

    #[test]
    fn each_claimed_asset_is_an_entry() {
        let mut coalesced = Coalesced::new(1);
        for (second, asset) in (1..).zip(["a", "b", "a", "c", "b"]) {
            coalesced.add(claiming(second, asset, second));
        }
        coalesced.add(refusal(6, "127.0.0.1:2", RefusalKind::Invalid, "no trusted key"));
        let counts: Vec<_> =
            summary(&mut coalesced).into_iter().map(|(id, n, _)| (id, n)).collect();
        assert_eq!(counts, [(1, 2), (3, 1), (2, 2), (4, 1)]);
    }

    /// Behind a tunnel all clients have one address, and these refusals have no method or path.
    #[test]
    fn each_reason_of_broken_requests_is_an_entry() {
        let mut coalesced = Coalesced::new(1);
        for (second, why) in (1..).zip([
            "https",
            "HTTP/2",
            "no HTTP",
            "broke off after 7 bytes",
            "broke off after 19 bytes",
        ]) {
            let broken = refusal(second, "127.0.0.1:1", RefusalKind::Broken, why);
            coalesced.add(Refusal { method: String::new(), path: String::new(), ..broken });
        }
        let reasons: Vec<_> =
            summary(&mut coalesced).into_iter().map(|(_, n, why)| (n, why)).collect();
        let reason = |n, why: &str| (n, why.to_owned());
        assert_eq!(
            reasons,
            [
                reason(1, "https"),
                reason(1, "HTTP/2"),
                reason(1, "no HTTP"),
                reason(2, "broke off after 19 bytes")
            ]
        );
    }

    #[test]
    fn a_peer_that_makes_assets_up_opens_so_many_entries_and_no_more() {
        let mut coalesced = Coalesced::new(1);
        for n in 0..5_000 {
            let why = format!("reason {}", n % 40);
            coalesced.add(Refusal { why, ..claiming(n, n, n) });
        }
        let listed = summary(&mut coalesced);
        assert!(listed.len() <= MAX_ENTRIES + MAX_REASONS + 1, "{}", listed.len());
        assert_eq!(listed.iter().map(|(_, count, _)| count).sum::<u64>(), 5_000, "all are counted");
    }

    #[test]
    fn the_newest_bodies_are_kept_until_they_are_written() {
        let numbers = |listed: &RefusalEntry| -> Vec<String> {
            let bodies = listed.earlier.iter().map(|body| &body.body.bytes);
            bodies.map(|bytes| String::from_utf8_lossy(&bytes[20..]).into_owned()).collect()
        };
        let mut coalesced = Coalesced::new(1);
        for n in 1..=30 {
            coalesced.add(claiming(n, "a", n));
            coalesced.add(claiming(n, "a", n));
        }
        let taken = coalesced.take_changed();
        assert_eq!(taken[0].refusal.count, 60);
        let newest: Vec<String> = (11..30).rev().map(|n| format!("{n}}}")).collect();
        assert_eq!(numbers(&taken[0]), newest, "without the last, and each once");
        assert_eq!(taken[0].earlier[0].at.as_second(), 29);

        coalesced.add(claiming(31, "a", 31));
        let after = coalesced.take_changed();
        assert_eq!(numbers(&after[0]), ["30}"], "what is written is not kept");
        coalesced.give_back(after);
        coalesced.add(claiming(32, "a", 32));
        assert_eq!(numbers(&coalesced.take_changed()[0]), ["31}", "30}"]);
        coalesced.add(refusal(33, "127.0.0.1:1", RefusalKind::Invalid, "no trusted key"));
        assert!(coalesced.take_changed()[0].earlier.is_empty());
    }

    #[test]
    fn what_waits_to_be_written_is_bounded() {
        let mut coalesced = Coalesced::new(1);
        for n in 0..20_000 {
            coalesced.add(claiming(n, n % 100, n));
        }
        let waiting =
            |listed: &[RefusalEntry]| listed.iter().map(|l| l.earlier.len()).sum::<usize>();
        let taken = coalesced.take_changed();
        assert_eq!(waiting(&taken), MAX_WAITING);
        coalesced.give_back(taken);
        for n in 0..20_000 {
            coalesced.add(claiming(n, n % 100, n));
        }
        assert_eq!(waiting(&coalesced.take_changed()), MAX_WAITING);
    }

    #[test]
    fn what_could_not_be_written_is_taken_again() {
        let mut coalesced = Coalesced::new(1);
        coalesced.add(refusal(1, "h:1", RefusalKind::Missing, "none"));
        let taken = coalesced.take_changed();
        coalesced.give_back(taken.clone());
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
