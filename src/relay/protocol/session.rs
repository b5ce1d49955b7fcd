//! The relay's side of one subscription: checks the order of the reader's frames and limits the
//! number of unacked ones. Pure.

use super::{
    AckFault, ClientFrame, Close, CloseCode, Cursor, Hello, Outstanding, PingPayload, ReaderName,
    Resume, Versions, WINDOW,
};

/// Maximum stored length of an `agent`, in bytes.
const MAX_AGENT: usize = 200;

/// The state of a connection.
#[derive(Debug)]
pub struct Session {
    state: SessionState,
}

#[derive(Debug)]
enum SessionState {
    /// No hello yet.
    Greeting,
    /// After hello. `None` for a reader without a name, which only its socket limits.
    Reading(Option<Outstanding>),
}

/// The action that a frame requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAction {
    /// Look up the reader's position and send a welcome.
    Begin {
        /// The protocol version of the connection.
        protocol: u32,
        /// The name of its cursor.
        reader: Option<ReaderName>,
        /// Its position.
        resume: Option<Resume>,
        /// Its program; untrusted text.
        agent: Option<String>,
    },
    /// Everything up to here is on the reader's disk.
    Acked(Cursor),
    /// Send a pong with this `id`.
    Pong(PingPayload),
    /// Record a pong.
    Beat(PingPayload),
    /// Nothing.
    Nothing,
}

impl Default for Session {
    fn default() -> Self {
        Self { state: SessionState::Greeting }
    }
}

impl Session {
    /// Handles a received frame. An error closes the connection and does not change the store.
    pub fn heard(&mut self, frame: ClientFrame) -> Result<SessionAction, Close> {
        match (&mut self.state, frame) {
            (_, ClientFrame::Unknown) => Ok(SessionAction::Nothing),
            (_, ClientFrame::Ping(beat)) => Ok(SessionAction::Pong(beat)),
            (_, ClientFrame::Pong(beat)) => Ok(SessionAction::Beat(beat)),
            (SessionState::Greeting, ClientFrame::Hello(hello)) => self.greeted(hello),
            (SessionState::Greeting, ClientFrame::Ack(_)) => {
                Err(Close::new(CloseCode::OutOfOrder, "an ack before hello"))
            }
            (SessionState::Reading(_), ClientFrame::Hello(_)) => {
                Err(Close::new(CloseCode::OutOfOrder, "a second hello"))
            }
            (SessionState::Reading(None), ClientFrame::Ack(_)) => {
                Err(Close::new(CloseCode::BadAck, "an ack of a reader without a name"))
            }
            (SessionState::Reading(Some(outstanding)), ClientFrame::Ack(ack)) => outstanding
                .ack(ack)
                .map_err(|fault: AckFault| fault.into())
                .map(|_| SessionAction::Acked(ack)),
        }
    }

    fn greeted(&mut self, hello: Hello) -> Result<SessionAction, Close> {
        let Hello { protocol, reader, resume, agent } = hello;
        if protocol.min > protocol.max {
            return Err(Close::new(CloseCode::BadHello, "a range of versions that is none"));
        }
        let Some(protocol) = Versions::OURS.common(protocol) else {
            let Versions { min, max } = Versions::OURS;
            let sentence =
                format!("this relay speaks protocol {min} to {max}: use another dubwatch");
            return Err(Close::new(CloseCode::Version, sentence));
        };
        let agent = agent.filter(|agent| agent.len() <= MAX_AGENT);
        self.state = SessionState::Reading(reader.as_ref().map(|_| Outstanding::new(WINDOW)));
        Ok(SessionAction::Begin { protocol, reader, resume, agent })
    }

    /// Sets the start: the first delivery or gap has the `seq` after this one.
    pub const fn begins_after(&mut self, after: u64) {
        if let SessionState::Reading(Some(outstanding)) = &mut self.state {
            outstanding.begins_after(after);
        }
    }

    /// Returns whether hello has been received.
    pub const fn is_reading(&self) -> bool {
        matches!(self.state, SessionState::Reading(_))
    }

    /// Returns how many deliveries and gaps may be sent now.
    pub fn room(&self) -> usize {
        match &self.state {
            SessionState::Greeting => 0,
            SessionState::Reading(None) => WINDOW,
            SessionState::Reading(Some(outstanding)) => outstanding.room(),
        }
    }

    /// Records a sent delivery or gap.
    pub fn sent(&mut self, cursor: Cursor) {
        if let SessionState::Reading(Some(outstanding)) = &mut self.state {
            outstanding.sent(cursor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::protocol::Epoch;

    const fn at(seq: u64) -> Cursor {
        Cursor { epoch: Epoch(1), seq }
    }

    fn hello(reader: Option<&str>) -> Hello {
        let reader = reader.map(|name| name.parse().unwrap());
        Hello { protocol: Versions::OURS, reader, resume: None, agent: None }
    }

    fn code(result: Result<SessionAction, Close>) -> CloseCode {
        result.unwrap_err().code
    }

    #[test]
    fn hello_comes_first_and_once() {
        let mut session = Session::default();
        assert_eq!(session.room(), 0);
        assert_eq!(session.heard(ClientFrame::Unknown), Ok(SessionAction::Nothing));
        let beat = PingPayload { id: 1 };
        assert_eq!(session.heard(ClientFrame::Ping(beat)), Ok(SessionAction::Pong(beat)));
        assert_eq!(code(session.heard(ClientFrame::Ack(at(1)))), CloseCode::OutOfOrder);
        let begun = session.heard(ClientFrame::Hello(hello(Some("a"))));
        assert!(matches!(begun, Ok(SessionAction::Begin { protocol: 1, .. })));
        assert_eq!(session.room(), WINDOW);
        let again = session.heard(ClientFrame::Hello(hello(Some("a"))));
        assert_eq!(code(again), CloseCode::OutOfOrder);
    }

    #[test]
    fn versions_have_to_meet() {
        let with = |min, max| {
            let protocol = Versions { min, max };
            Session::default().heard(ClientFrame::Hello(Hello { protocol, ..hello(None) }))
        };
        assert!(matches!(with(0, 9), Ok(SessionAction::Begin { protocol: 1, .. })));
        assert_eq!(code(with(2, 9)), CloseCode::Version);
        assert_eq!(code(with(0, 0)), CloseCode::Version);
        assert_eq!(code(with(2, 1)), CloseCode::BadHello);
    }

    #[test]
    fn the_window_closes_and_acks_open_it() {
        let mut session = Session::default();
        session.heard(ClientFrame::Hello(hello(Some("a")))).unwrap();
        for seq in 1..=WINDOW as u64 {
            session.sent(at(seq));
        }
        assert_eq!(session.room(), 0);
        assert_eq!(session.heard(ClientFrame::Ack(at(10))), Ok(SessionAction::Acked(at(10))));
        assert_eq!(session.room(), 10);
        assert_eq!(code(session.heard(ClientFrame::Ack(at(10)))), CloseCode::BadAck);
        assert_eq!(code(session.heard(ClientFrame::Ack(at(5000)))), CloseCode::BadAck);
    }

    #[test]
    fn a_reader_without_a_name_has_no_window_and_never_acks() {
        let mut session = Session::default();
        session.heard(ClientFrame::Hello(hello(None))).unwrap();
        for seq in 1..=3 * WINDOW as u64 {
            session.sent(at(seq));
        }
        assert_eq!(session.room(), WINDOW);
        assert_eq!(code(session.heard(ClientFrame::Ack(at(1)))), CloseCode::BadAck);
    }
}
