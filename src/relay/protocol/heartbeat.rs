//! Owns the heartbeat of a connection: when to ping and when it is dead. The clock is an argument.

use std::time::Duration;

use super::{DEAD_AFTER, HEARTBEAT, PingPayload};

/// The heartbeat of one end of a connection. Times are counted from any fixed moment.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    heard: Duration,
    pinged: Duration,
    /// The newest ping and when it was sent, until its pong arrives.
    awaited: Option<(u64, Duration)>,
    next_id: u64,
}

/// The next action of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send a ping.
    Ping(PingPayload),
    /// The connection is dead: nothing was received for too long.
    Dead,
    /// Nothing is due before this time.
    Wait(Duration),
}

impl Heartbeat {
    /// Creates the heartbeat of a connection that begins at `now`.
    pub const fn new(now: Duration) -> Self {
        Self { heard: now, pinged: now, awaited: None, next_id: 1 }
    }

    /// Records a sign of life of the other side at `now`, which may be in the past.
    pub fn heard(&mut self, now: Duration) {
        self.heard = self.heard.max(now);
    }

    /// Records a pong. Returns the round trip if it answers the newest ping.
    pub fn pong(&mut self, beat: PingPayload, now: Duration) -> Option<Duration> {
        let (_, sent) = self.awaited.take_if(|(id, _)| *id == beat.id)?;
        Some(now.saturating_sub(sent))
    }

    /// Returns what is due at `now`. A returned ping counts as sent.
    pub fn due(&mut self, now: Duration) -> Due {
        let dead = self.heard + DEAD_AFTER;
        if now >= dead {
            return Due::Dead;
        }
        let ping = self.pinged + HEARTBEAT;
        if now < ping {
            return Due::Wait(ping.min(dead));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pinged = now;
        self.awaited = Some((id, now));
        Due::Ping(PingPayload { id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pings_every_fifteen_seconds_and_dies_after_thirty_of_silence() {
        let mut heart = Heartbeat::new(at(100));
        assert_eq!(heart.due(at(100)), Due::Wait(at(115)));
        assert_eq!(heart.due(at(115)), Due::Ping(PingPayload { id: 1 }));
        assert_eq!(heart.due(at(115)), Due::Wait(at(130)));
        heart.heard(at(116));
        heart.heard(at(110));
        assert_eq!(heart.pong(PingPayload { id: 2 }, at(116)), None);
        assert_eq!(heart.pong(PingPayload { id: 1 }, at(116)), Some(at(1)));
        assert_eq!(heart.pong(PingPayload { id: 1 }, at(117)), None);
        assert_eq!(heart.due(at(130)), Due::Ping(PingPayload { id: 2 }));
        assert_eq!(heart.due(at(145)), Due::Ping(PingPayload { id: 3 }));
        // The wait never ends later than `Dead` is due.
        assert_eq!(heart.due(at(145)), Due::Wait(at(146)));
        assert_eq!(heart.due(at(146)), Due::Dead);
    }

    #[test]
    fn a_clock_that_slept_is_dead_at_once() {
        let mut heart = Heartbeat::new(at(0));
        assert_eq!(heart.due(at(3600)), Due::Dead);
    }
}
