//! The state of one open connection: written by its task, read by the accept loop.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tokio::time::{Duration, Instant};

/// Milliseconds since the server started.
pub(super) type Millis = u64;

/// The start of the server's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn at(self, instant: Instant) -> Millis {
        Millis::try_from(instant.duration_since(self.0).as_millis()).unwrap_or(Millis::MAX)
    }

    pub(super) fn instant(self, millis: Millis) -> Instant {
        self.0 + Duration::from_millis(millis)
    }
}

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connected, no byte yet.
    Fresh,
    /// A request's head has arrived in part.
    Head,
    /// The head is complete, the body is not.
    Body,
    /// A complete request is being answered.
    Answering,
    /// Answered, and kept for the next request.
    Idle,
    /// Our side is closed; what the client still sends is discarded.
    Closing,
    /// Owned by a handler, as a websocket is.
    Upgraded,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Fresh,
        Self::Head,
        Self::Body,
        Self::Answering,
        Self::Idle,
        Self::Closing,
        Self::Upgraded,
    ];
    const BITS: u32 = 3;
    const MASK: u64 = (1 << Self::BITS) - 1;

    fn since(self, millis: Millis) -> u64 {
        millis << Self::BITS | self as u64
    }

    fn of(state: u64) -> Self {
        Self::ALL[(state & Self::MASK) as usize]
    }
}

/// The state of one connection. All accesses are `Relaxed`: the values are independent, and a
/// reader that is a moment behind closes a connection a moment later.
#[derive(Debug)]
pub(super) struct ConnState {
    /// The client's address.
    pub(super) peer: SocketAddr,
    /// The number of the connection, in order of arrival.
    pub(super) number: u64,
    clock: Clock,
    /// The phase in the lower bits and when it began in the others, so that they change together.
    state: AtomicU64,
    /// When the client stopped reading, plus one; 0 while it reads.
    stalled: AtomicU64,
    /// When the client last made room in a socket that was full, plus one; 0 if it never did.
    made_room: AtomicU64,
    /// Whether a complete request was ever received.
    served: AtomicBool,
    /// Whether the first byte was that of a TLS handshake.
    tls: AtomicBool,
    /// Whether the client speaks plain HTTP to a port that speaks TLS.
    is_plain: AtomicBool,
}

impl ConnState {
    pub(super) fn new(peer: SocketAddr, number: u64, clock: Clock) -> Self {
        let state = Phase::Fresh.since(clock.at(Instant::now()));
        Self {
            peer,
            number,
            clock,
            state: AtomicU64::new(state),
            stalled: AtomicU64::new(0),
            made_room: AtomicU64::new(0),
            served: AtomicBool::new(false),
            tls: AtomicBool::new(false),
            is_plain: AtomicBool::new(false),
        }
    }

    /// Returns the phase, and when it began.
    pub(super) fn phase(&self) -> (Phase, Millis) {
        let state = self.state.load(Relaxed);
        (Phase::of(state), state >> Phase::BITS)
    }

    /// Returns since when the client has read nothing of what we write.
    pub(super) fn stalled(&self) -> Option<Millis> {
        self.stalled.load(Relaxed).checked_sub(1)
    }

    /// Returns when the client last made room in a full socket.
    pub(super) fn made_room_at(&self) -> Option<Instant> {
        let at = self.made_room.load(Relaxed).checked_sub(1)?;
        Some(self.clock.instant(at))
    }

    /// Returns whether a complete request was ever received.
    pub(super) fn served(&self) -> bool {
        self.served.load(Relaxed)
    }

    /// Returns whether the client began with a TLS handshake.
    pub(super) fn tls(&self) -> bool {
        self.tls.load(Relaxed)
    }

    /// Records that the client speaks plain HTTP to a port that speaks TLS.
    pub(super) fn lacks_tls(&self) {
        self.is_plain.store(true, Relaxed);
    }

    /// Returns whether the client speaks plain HTTP to a port that speaks TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain.load(Relaxed)
    }

    /// Returns whether nothing of the current request is outstanding.
    pub(super) fn whole(&self) -> bool {
        matches!(self.phase().0, Phase::Answering | Phase::Idle)
    }

    /// Records received bytes: they begin a head, unless a request is already arriving.
    pub(super) fn received(&self, bytes: &[u8]) {
        let state = self.state.load(Relaxed);
        match Phase::of(state) {
            Phase::Fresh => {
                // RFC 8446, section 5.1: a handshake record is 22, and its version begins with 3.
                if matches!(bytes, [0x16] | [0x16, 3, ..]) {
                    self.tls.store(true, Relaxed);
                }
                self.move_on(state, Phase::Head);
            }
            Phase::Answering | Phase::Idle => self.move_on(state, Phase::Head),
            Phase::Head | Phase::Body | Phase::Closing | Phase::Upgraded => {}
        }
    }

    /// Records that hyper found nothing to read. hyper does not read before it has answered, so the
    /// answer was sent. The beginning of a next head that arrived with the last request counts as
    /// idle until more of it arrives.
    pub(super) fn starved(&self) {
        let state = self.state.load(Relaxed);
        if Phase::of(state) == Phase::Answering {
            self.move_on(state, Phase::Idle);
        }
    }

    /// Records that a head is complete and goes to the router.
    pub(super) fn head_complete(&self) {
        self.enter(Phase::Body);
    }

    /// Records that the request is complete.
    pub(super) fn request_complete(&self) {
        self.enter(Phase::Answering);
        self.served.store(true, Relaxed);
    }

    /// Records whether the client has stopped reading.
    pub(super) fn stall(&self, stalled: bool) {
        self.stalled.store(if stalled { self.now() + 1 } else { 0 }, Relaxed);
    }

    /// Records that a full socket accepts bytes again.
    pub(super) fn makes_room(&self) {
        self.made_room.store(self.now() + 1, Relaxed);
    }

    /// Records that our side is closed.
    pub(super) fn closing(&self) {
        self.enter(Phase::Closing);
    }

    /// Records that hyper is done with the connection; if it is still open, a handler owns it.
    pub(super) fn handed_over(&self) {
        self.enter(Phase::Upgraded);
    }

    fn now(&self) -> Millis {
        self.clock.at(Instant::now())
    }

    fn enter(&self, phase: Phase) {
        self.state.store(phase.since(self.now()), Relaxed);
    }

    /// Changes phase unless another task did so meanwhile: a handler may read an upgraded
    /// connection before its own task has noticed.
    fn move_on(&self, from: u64, to: Phase) {
        let _ = self.state.compare_exchange(from, to.since(self.now()), Relaxed, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn() -> ConnState {
        ConnState::new(SocketAddr::from(([127, 0, 0, 1], 1)), 1, Clock::start())
    }

    #[test]
    fn every_phase_survives_packing() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase.since(1 << 40)), phase);
            assert_eq!(phase.since(1 << 40) >> Phase::BITS, 1 << 40);
        }
    }

    #[test]
    fn a_request_goes_through_its_phases() {
        let conn = conn();
        conn.starved();
        assert_eq!(conn.phase().0, Phase::Fresh);
        conn.received(b"POST /");
        assert_eq!(conn.phase().0, Phase::Head);
        conn.starved();
        assert_eq!(conn.phase().0, Phase::Head);
        conn.head_complete();
        conn.received(b"body");
        conn.starved();
        assert_eq!(conn.phase().0, Phase::Body);
        assert!(!conn.whole() && !conn.served());
        conn.request_complete();
        assert!(conn.whole() && conn.served());
        conn.starved();
        assert_eq!(conn.phase().0, Phase::Idle);
        conn.received(b"G");
        assert_eq!(conn.phase().0, Phase::Head);
        assert!(!conn.tls());
    }

    #[test]
    fn tls_shows_in_the_first_bytes_only() {
        for (bytes, tls) in [(&[0x16][..], true), (&[0x16, 3, 1], true), (&[0x16, b'G'], false)] {
            let conn = conn();
            conn.received(bytes);
            assert_eq!(conn.tls(), tls, "{bytes:?}");
        }
        let conn = conn();
        conn.received(b"G");
        conn.received(&[0x16, 3]);
        assert!(!conn.tls());
    }
}
