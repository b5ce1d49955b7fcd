//! The open connections: closes those that are late, and selects the one to evict when there is no
//! room.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id};

use super::ServeLimits;
use super::conn_state::{ConnState, Millis, Phase};

/// Time that a newcomer has in one phase before it is evicted first, in milliseconds: enough for a
/// client 300 ms away to finish a TLS handshake and a request, even if a packet is lost.
const FAIR: Millis = 2_000;
/// Minimum time of a newcomer while newcomers have half of the places, in milliseconds: a request
/// that follows its connection at once is not evicted by the next connection.
const GRACE: Millis = 50;
/// The share of a network is at least the places divided by this, however many networks there are,
/// because many senders may have the same address.
const SMALLEST_SHARE: usize = 16;

/// Every open connection by its task. Bounded by the server, which evicts before it inserts.
#[derive(Debug, Default)]
pub(super) struct ConnTable {
    open: HashMap<Id, OpenConn>,
}

#[derive(Debug)]
struct OpenConn {
    conn: Arc<ConnState>,
    task: AbortHandle,
    /// Sent to (or dropped) to end the connection after its answer.
    finish: Option<oneshot::Sender<()>>,
}

impl ConnTable {
    pub(super) fn insert(
        &mut self,
        task: AbortHandle,
        conn: Arc<ConnState>,
        finish: oneshot::Sender<()>,
    ) {
        self.open.insert(task.id(), OpenConn { conn, task, finish: Some(finish) });
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

    /// Closes the least useful connection and returns its peer and phase; `None` if none may be
    /// closed now. The `newcomer` gets one of `room` places.
    ///
    /// First goes a connection without a complete request that has had a fair time for one. Then,
    /// among those of the network that most exceeds its share, or of all if none does: the one that
    /// is idle for longest, or, where newcomers have half of the places, the oldest newcomer.
    pub(super) fn evict(
        &mut self,
        now: Millis,
        newcomer: Option<IpAddr>,
        room: usize,
    ) -> Option<(SocketAddr, Phase)> {
        let id = self.least(now, newcomer, room)?;
        let open = self.open.remove(&id)?;
        open.task.abort();
        Some((open.conn.peer, open.conn.phase().0))
    }

    fn least(&self, now: Millis, newcomer: Option<IpAddr>, room: usize) -> Option<Id> {
        let mut ranked: Vec<(Rank, Network, Id)> = self
            .open
            .iter()
            .filter_map(|(id, open)| {
                Some((rank(&open.conn, now)?, Network::of(open.conn.peer), *id))
            })
            .collect();
        ranked.sort_unstable_by_key(|(rank, ..)| *rank);
        let (first, _, id) = ranked.first()?;
        if matches!(first, Rank::Useless(_)) {
            return Some(*id);
        }
        let newcomers = ranked.iter().filter(|(rank, ..)| matches!(rank, Rank::New { .. })).count();
        let crowded = newcomers >= room.div_ceil(2);
        let over =
            self.over_its_share(newcomer, room, ranked.iter().map(|(_, network, _)| *network));
        ranked
            .iter()
            .filter(|(_, network, _)| over.is_none_or(|over| over == *network))
            .find(|(rank, ..)| match rank {
                Rank::Useless(_) => true,
                Rank::Resting(..) => !crowded,
                Rank::New { since, .. } => now >= since.saturating_add(GRACE),
            })
            .map(|(.., id)| *id)
    }

    /// Returns the one of `networks` that most exceeds an equal share of `room`, including the
    /// `newcomer`.
    fn over_its_share(
        &self,
        newcomer: Option<IpAddr>,
        room: usize,
        networks: impl Iterator<Item = Network>,
    ) -> Option<Network> {
        let mut places: HashMap<Network, usize> = HashMap::new();
        let newcomer = newcomer.map(Network::from);
        for network in self.open.values().map(|open| Network::of(open.conn.peer)).chain(newcomer) {
            *places.entry(network).or_default() += 1;
        }
        if places.len() < 2 {
            return None;
        }
        let share = (room / places.len()).max(room / SMALLEST_SHARE);
        let over = networks.filter(|network| places[network] > share);
        over.min_by_key(|network| (Reverse(places[network]), *network))
    }

    /// Closes every connection that is late at `now` and calls `late` with its peer and phase.
    /// Returns when the next one is late if its phase does not change.
    pub(super) fn expire(
        &mut self,
        now: Millis,
        limits: &ServeLimits,
        mut late: impl FnMut(SocketAddr, Phase),
    ) -> Option<Millis> {
        let mut next = None;
        self.open.retain(|_, open| match deadline(&open.conn, limits) {
            Some(at) if at <= now => {
                late(open.conn.peer, open.conn.phase().0);
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

    /// Closes connections without a complete head and asks the others to end after their answer.
    /// Idle ones are asked as well: only their own task knows whether a request has just arrived.
    pub(super) fn finish(&mut self) {
        self.open.retain(|_, open| {
            let unasked = matches!(open.conn.phase().0, Phase::Fresh | Phase::Head);
            if unasked {
                open.task.abort();
            } else if let Some(finish) = open.finish.take() {
                let _ = finish.send(());
            }
            !unasked
        });
    }
}

/// One client for the purpose of sharing places: an IPv4 address, or the /64 of an IPv6 address,
/// which belongs to one subscriber (RFC 6177, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Network {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl Network {
    fn of(peer: SocketAddr) -> Self {
        peer.ip().into()
    }
}

/// The order of eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Has sent no complete request within its [`FAIR`] time: by number, oldest first.
    Useless(u64),
    /// Has sent a request before: by the start of its phase, then by number.
    Resting(Millis, u64),
    /// Has sent none yet: by number, oldest first.
    New { number: u64, since: Millis },
}

/// Returns the rank of a connection; `None` if it must not be evicted.
fn rank(conn: &ConnState, now: Millis) -> Option<Rank> {
    let (phase, since) = conn.phase();
    // A client that pipelines changes phases without ever reading.
    let stalled = conn.stalled();
    let since = match phase {
        Phase::Answering => stalled?,
        Phase::Upgraded => return None,
        Phase::Fresh | Phase::Head | Phase::Body | Phase::Idle | Phase::Closing => {
            stalled.map_or(since, |stalled| stalled.min(since))
        }
    };
    Some(if conn.served() {
        Rank::Resting(since, conn.number)
    } else if now < since.saturating_add(FAIR) {
        Rank::New { number: conn.number, since }
    } else {
        Rank::Useless(conn.number)
    })
}

/// Returns when a connection is late, rounded up so that no client gets less than the limit. `None`
/// if something else limits the time: the router for a body, [`ConnIo`](super::conn_io::ConnIo) for
/// a closing connection, the handler for an upgraded one. A client that reads nothing is limited in
/// every phase but the last.
fn deadline(conn: &ConnState, limits: &ServeLimits) -> Option<Millis> {
    let after = |since: Millis, limit: Duration| {
        let limit = Millis::try_from(limit.as_millis()).unwrap_or(Millis::MAX);
        since.saturating_add(limit).saturating_add(1)
    };
    let (phase, since) = conn.phase();
    let phase_ends = match phase {
        Phase::Fresh | Phase::Head => Some(after(since, limits.head_timeout)),
        Phase::Idle => Some(after(since, limits.idle_timeout)),
        Phase::Body | Phase::Answering | Phase::Closing => None,
        Phase::Upgraded => return None,
    };
    let stall_ends = conn.stalled().map(|since| after(since, limits.idle_timeout));
    phase_ends.into_iter().chain(stall_ends).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::pending;

    use super::super::conn_state::Clock;
    use tokio::task::JoinSet;

    struct House {
        table: ConnTable,
        tasks: JoinSet<()>,
        clock: Clock,
    }

    impl House {
        fn new() -> Self {
            Self { table: ConnTable::default(), tasks: JoinSet::new(), clock: Clock::start() }
        }

        /// Returns a connection whose port is its number.
        fn enter(&mut self, number: u16) -> Arc<ConnState> {
            self.enter_from([127, 0, 0, 1], number)
        }

        fn enter_from(&mut self, address: impl Into<IpAddr>, number: u16) -> Arc<ConnState> {
            let peer = SocketAddr::new(address.into(), number);
            let conn = Arc::new(ConnState::new(peer, number.into(), self.clock));
            let task = self.tasks.spawn(pending());
            self.table.insert(task, Arc::clone(&conn), oneshot::channel().0);
            conn
        }

        fn evicted(&mut self) -> Option<u16> {
            self.evicted_for([127, 0, 0, 1], 5_000)
        }

        /// Returns the connection that is evicted at `now` for one from `newcomer` in a full table.
        fn evicted_for(&mut self, newcomer: impl Into<IpAddr>, now: Millis) -> Option<u16> {
            let room = self.table.len();
            let evicted = self.table.evict(now, Some(newcomer.into()), room);
            evicted.map(|(peer, _)| peer.port())
        }
    }

    fn idle(conn: &ConnState) {
        conn.received(b"GET");
        conn.head_complete();
        conn.request_complete();
        conn.starved();
    }

    #[tokio::test]
    async fn the_useless_go_first_and_the_answered_never() {
        let mut house = House::new();
        idle(&house.enter(8));
        house.enter(9);
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
    async fn newcomers_have_a_fair_time_and_half_of_the_house() {
        let mut house = House::new();
        for number in 1..=4 {
            idle(&house.enter(number));
        }
        let newcomers: Vec<_> = (5..=6).map(|number| house.enter(number)).collect();
        newcomers[1].received(b"P");
        assert_eq!(house.evicted_for([127, 0, 0, 1], FAIR - 1_000), Some(1), "the longest idle");
        house.enter(7);
        assert_eq!(house.evicted_for([127, 0, 0, 1], 0), None, "three of six are newcomers");
        assert_eq!(house.evicted_for([127, 0, 0, 1], GRACE + 1_000), Some(5));
        assert_eq!(house.evicted_for([127, 0, 0, 1], FAIR + 1_000), Some(6), "had its fair time");
    }

    #[tokio::test]
    async fn a_network_over_its_share_gives_up_its_own() {
        let mut house = House::new();
        let greedy = IpAddr::from([10, 0, 0, 1]);
        for number in 1..=2 {
            idle(&house.enter(number));
        }
        for number in 3..=5 {
            idle(&house.enter_from(greedy, number));
        }
        house.enter_from(greedy, 6);
        assert_eq!(house.evicted_for(greedy, 1_000), Some(3));
        assert_eq!(house.evicted_for([192, 0, 2, 1], 1_000), Some(4));
        // Two connections of each of four networks, and a newcomer: one of its own network is
        // evicted.
        assert_eq!(house.evicted_for(greedy, 1_000), Some(5));
        idle(&house.enter_from(greedy, 7));
        assert_eq!(house.evicted_for([127, 0, 0, 1], 1_000), Some(1));
    }

    #[test]
    fn one_subscriber_is_one_network() {
        let network = |address: &str| Network::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[tokio::test]
    async fn who_takes_nothing_is_late_in_every_phase_but_the_upgraded() {
        let limits =
            ServeLimits { head_timeout: Duration::from_secs(100), ..ServeLimits::default() };
        let mut house = House::new();
        let stall = |conn: Arc<ConnState>| conn.stall(true);
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
        let limits = ServeLimits::default();
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
