//! The open connections: which of them is late, and which goes when there is no room; tells nobody.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id};

use super::Limits;
use super::slot::{Millis, Phase, Slot};

/// How long a connection that never sent a complete request may be in one phase before it can be
/// evicted, in milliseconds: a request that follows its connection at once is not evicted by the
/// next one to come.
const GRACE: Millis = 50;

/// Every open connection by its task. Bounded by the server, which evicts before it inserts.
#[derive(Debug, Default)]
pub(super) struct Table {
    open: HashMap<Id, Open>,
}

#[derive(Debug)]
struct Open {
    slot: Arc<Slot>,
    task: AbortHandle,
    /// Sent to (or dropped) when the connection is to end after its answer.
    finish: Option<oneshot::Sender<()>>,
}

impl Table {
    pub(super) fn insert(
        &mut self,
        task: AbortHandle,
        slot: Arc<Slot>,
        finish: oneshot::Sender<()>,
    ) {
        self.open.insert(task.id(), Open { slot, task, finish: Some(finish) });
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.open.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Closes the connection that did least for its place and gives its peer and phase; `None` when
    /// none may go now.
    pub(super) fn evict(&mut self, now: Millis) -> Option<(SocketAddr, Phase)> {
        let ranked = self.open.iter().filter_map(|(id, open)| Some((rank(&open.slot, now)?, *id)));
        let (rank, id) = ranked.min_by_key(|(rank, _)| *rank)?;
        if matches!(rank, Rank::Arriving) {
            return None;
        }
        let open = self.open.remove(&id)?;
        open.task.abort();
        Some((open.slot.peer, open.slot.phase().0))
    }

    /// Closes every connection that is late at `now`, telling `late` its peer and phase. Gives the
    /// moment at which the next one is late if it does not move.
    pub(super) fn expire(
        &mut self,
        now: Millis,
        limits: &Limits,
        mut late: impl FnMut(SocketAddr, Phase),
    ) -> Option<Millis> {
        let mut next = None;
        self.open.retain(|_, open| match deadline(&open.slot, limits) {
            Some(at) if at <= now => {
                late(open.slot.peer, open.slot.phase().0);
                open.task.abort();
                false
            }
            Some(at) => {
                next = Some(next.map_or(at, |next: Millis| next.min(at)));
                true
            }
            None => true,
        });
        next
    }

    /// Closes what has no complete head and asks the others to end after their answer. Idle ones
    /// are asked as well: only their own task knows whether a request has just come.
    pub(super) fn finish(&mut self) {
        self.open.retain(|_, open| {
            let unasked = matches!(open.slot.phase().0, Phase::Fresh | Phase::Head);
            if unasked {
                open.task.abort();
            } else if let Some(finish) = open.finish.take() {
                let _ = finish.send(());
            }
            !unasked
        });
    }
}

/// The order of eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Never sent a complete request: by number, oldest first.
    Useless(u64),
    /// The same, within its [`GRACE`]. It will soon be the one before or the next, so that neither
    /// it nor anybody after it goes now.
    Arriving,
    /// Sent one before: by when it came to be as it is, then by number.
    Resting(Millis, u64),
}

/// `None` for a connection that is never evicted.
fn rank(slot: &Slot, now: Millis) -> Option<Rank> {
    let (phase, since) = slot.phase();
    // A client that pipelines goes from phase to phase without ever reading.
    let stalled = slot.stalled();
    let since = match phase {
        Phase::Answering => stalled?,
        Phase::Upgraded => return None,
        Phase::Fresh | Phase::Head | Phase::Body | Phase::Idle | Phase::Closing => {
            stalled.map_or(since, |stalled| stalled.min(since))
        }
    };
    Some(if slot.served() {
        Rank::Resting(since, slot.number)
    } else if now < since.saturating_add(GRACE) {
        Rank::Arriving
    } else {
        Rank::Useless(slot.number)
    })
}

/// When a connection is late, rounded up so that nobody gets less than the limit. `None` where the
/// time is another's to limit: a body is the router's, a closing connection its wire's, an upgraded
/// one its handler's. A client that takes nothing has its limit in every phase but the last.
fn deadline(slot: &Slot, limits: &Limits) -> Option<Millis> {
    let after = |since: Millis, limit: Duration| {
        let limit = Millis::try_from(limit.as_millis()).unwrap_or(Millis::MAX);
        since.saturating_add(limit).saturating_add(1)
    };
    let (phase, since) = slot.phase();
    let phase_ends = match phase {
        Phase::Fresh | Phase::Head => Some(after(since, limits.head_timeout)),
        Phase::Idle => Some(after(since, limits.idle_timeout)),
        Phase::Body | Phase::Answering | Phase::Closing => None,
        Phase::Upgraded => return None,
    };
    let stall_ends = slot.stalled().map(|since| after(since, limits.idle_timeout));
    phase_ends.into_iter().chain(stall_ends).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::pending;

    use super::super::slot::Clock;
    use tokio::task::JoinSet;

    struct House {
        table: Table,
        tasks: JoinSet<()>,
        clock: Clock,
    }

    impl House {
        fn new() -> Self {
            Self { table: Table::default(), tasks: JoinSet::new(), clock: Clock::start() }
        }

        /// A connection whose port is its number.
        fn enter(&mut self, number: u16) -> Arc<Slot> {
            let peer = SocketAddr::from(([127, 0, 0, 1], number));
            let slot = Arc::new(Slot::new(peer, number.into(), self.clock));
            let task = self.tasks.spawn(pending());
            self.table.insert(task, Arc::clone(&slot), oneshot::channel().0);
            slot
        }

        fn evicted(&mut self) -> Option<u16> {
            self.table.evict(5_000).map(|(peer, _)| peer.port())
        }
    }

    fn idle(slot: &Slot) {
        slot.received(b"GET");
        slot.head_complete();
        slot.request_complete();
        slot.starved();
    }

    #[tokio::test]
    async fn the_useless_go_first_and_the_answered_never() {
        let mut house = House::new();
        idle(&house.enter(8));
        house.enter(9);
        assert!(house.table.evict(0).is_none());
        assert_eq!(house.evicted(), Some(9));
        assert_eq!(house.evicted(), Some(8));

        let answered = house.enter(1);
        answered.head_complete();
        answered.request_complete();
        idle(&house.enter(2));
        house.enter(3).received(b"G");
        house.enter(4);
        house.enter(5).head_complete();
        let upgraded = house.enter(6);
        upgraded.handed_over();

        assert_eq!(house.evicted(), Some(3));
        assert_eq!(house.evicted(), Some(4));
        assert_eq!(house.evicted(), Some(5));
        assert_eq!(house.evicted(), Some(2));
        assert_eq!(house.evicted(), None);
        assert_eq!(house.table.len(), 2);

        answered.stall(true);
        assert_eq!(house.evicted(), Some(1));
        drop(upgraded);
    }

    #[tokio::test]
    async fn who_takes_nothing_is_late_in_every_phase_but_the_upgraded() {
        let limits = Limits { head_timeout: Duration::from_secs(100), ..Limits::default() };
        let mut house = House::new();
        let stall = |slot: Arc<Slot>| slot.stall(true);
        let head = house.enter(1);
        head.received(b"G");
        stall(head);
        let body = house.enter(2);
        body.head_complete();
        stall(body);
        let resting = house.enter(3);
        idle(&resting);
        stall(resting);
        let closing = house.enter(4);
        closing.closing();
        stall(closing);
        let upgraded = house.enter(5);
        upgraded.handed_over();
        stall(upgraded);

        let mut gone = Vec::new();
        assert!(house.table.expire(65_000, &limits, |peer, _| gone.push(peer.port())).is_none());
        gone.sort_unstable();
        assert_eq!(gone, [1, 2, 3, 4]);
        assert_eq!(house.table.len(), 1);
    }

    #[tokio::test]
    async fn lateness_depends_on_the_phase() {
        let limits = Limits::default();
        let mut house = House::new();
        house.enter(1);
        house.enter(2).received(b"G");
        idle(&house.enter(3));
        house.enter(4).head_complete();
        let stalled = house.enter(5);
        stalled.head_complete();
        stalled.request_complete();
        stalled.stall(true);

        let mut gone = Vec::new();
        let mut expire = |now| {
            let next =
                house.table.expire(now, &limits, |peer, phase| gone.push((peer.port(), phase)));
            gone.sort_by_key(|(port, _)| *port);
            (std::mem::take(&mut gone), next.is_some())
        };
        assert_eq!(expire(9_999), (vec![], true));
        assert_eq!(expire(15_000), (vec![(1, Phase::Fresh), (2, Phase::Head)], true));
        assert_eq!(expire(59_999), (vec![], true));
        assert_eq!(expire(65_000), (vec![(3, Phase::Idle), (5, Phase::Answering)], false));
        assert_eq!(expire(Millis::MAX), (vec![], false));
    }
}
