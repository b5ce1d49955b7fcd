//! Owns the frames that were sent to a reader and are not acked yet; decides which acks are valid.

use std::collections::VecDeque;

use super::{Close, CloseCode, Cursor};

/// The unacked frames (deliveries and gaps) of one reader. Bounded by its window.
#[derive(Debug, Clone)]
pub struct Outstanding {
    /// In order of `seq`; the `seq` of a gap is its end.
    sent: VecDeque<Cursor>,
    /// Everything up to here is acked, or precedes this connection.
    acked: u64,
    window: usize,
}

/// An invalid ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AckFault {
    /// It names a frame that was acked before, or one before this connection.
    #[error("ack of {0}, which is acked already")]
    Replayed(u64),
    /// It names a frame that was not sent yet.
    #[error("ack of {0}, which was not sent yet")]
    Future(u64),
    /// It names neither a delivery nor the end of a gap, or has another epoch.
    #[error("ack of {0}, which was not sent with that epoch")]
    Unsent(u64),
}

impl From<AckFault> for Close {
    fn from(fault: AckFault) -> Self {
        Self::new(CloseCode::BadAck, fault.to_string())
    }
}

impl Outstanding {
    /// Creates an empty list of at most `window` frames.
    pub fn new(window: usize) -> Self {
        Self { sent: VecDeque::new(), acked: 0, window }
    }

    /// Sets the start: the first frame has the `seq` after this one.
    pub const fn begins_after(&mut self, after: u64) {
        self.acked = after;
    }

    /// Returns how many more frames may be sent now.
    pub fn room(&self) -> usize {
        self.window.saturating_sub(self.sent.len())
    }

    /// A frame goes out. The caller has seen that there is room, and keeps the order.
    pub fn sent(&mut self, cursor: Cursor) {
        self.sent.push_back(cursor);
    }

    /// Applies an ack. Returns how many frames it confirms, at least one, or an error if it is
    /// invalid.
    pub fn ack(&mut self, ack: Cursor) -> Result<usize, AckFault> {
        if ack.seq <= self.acked {
            return Err(AckFault::Replayed(ack.seq));
        }
        match self.sent.binary_search_by_key(&ack.seq, |cursor| cursor.seq) {
            Ok(at) if self.sent[at] == ack => {
                self.sent.drain(..=at);
                self.acked = ack.seq;
                Ok(at + 1)
            }
            Err(at) if at == self.sent.len() => Err(AckFault::Future(ack.seq)),
            _ => Err(AckFault::Unsent(ack.seq)),
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

    #[test]
    fn acks_are_cumulative_and_only_go_forward() {
        let mut outstanding = Outstanding::new(4);
        outstanding.begins_after(1);
        // The first is a gap from 2 to 3.
        for seq in [3, 4, 9, 10] {
            outstanding.sent(at(seq));
        }
        assert_eq!(outstanding.room(), 0);
        assert_eq!(outstanding.ack(at(1)), Err(AckFault::Replayed(1)));
        assert_eq!(outstanding.ack(at(2)), Err(AckFault::Unsent(2)));
        assert_eq!(outstanding.ack(at(7)), Err(AckFault::Unsent(7)));
        assert_eq!(outstanding.ack(at(11)), Err(AckFault::Future(11)));
        assert_eq!(outstanding.ack(at(u64::MAX)), Err(AckFault::Future(u64::MAX)));
        let other = Cursor { epoch: Epoch(2), seq: 9 };
        assert_eq!(outstanding.ack(other), Err(AckFault::Unsent(9)));
        // A wrong ack changes nothing.
        assert_eq!(outstanding.sent.len(), 4);

        assert_eq!(outstanding.ack(at(9)), Ok(3));
        assert_eq!(outstanding.room(), 3);
        assert_eq!(outstanding.ack(at(9)), Err(AckFault::Replayed(9)));
        assert_eq!(outstanding.ack(at(10)), Ok(1));
        assert_eq!(outstanding.ack(at(10)), Err(AckFault::Replayed(10)));
        assert!(outstanding.sent.is_empty());
        assert_eq!(outstanding.ack(at(11)), Err(AckFault::Future(11)));
    }

    proptest::proptest! {
        #[test]
        fn the_window_holds_and_nothing_is_settled_twice(
            moves in proptest::collection::vec((proptest::bool::ANY, 0..20_u64), 0..200),
        ) {
            let mut outstanding = Outstanding::new(8);
            let (mut head, mut settled, mut acked) = (0, 0, 0);
            for (send, number) in moves {
                if send && outstanding.room() > 0 {
                    head += 1;
                    outstanding.sent(at(head));
                } else if !send {
                    let seq = acked + number;
                    match outstanding.ack(at(seq)) {
                        Ok(count) => {
                            proptest::prop_assert!(seq > acked && seq <= head);
                            settled += count as u64;
                            acked = seq;
                        }
                        Err(_) => proptest::prop_assert!(seq <= acked || seq > head),
                    }
                }
                proptest::prop_assert!(outstanding.sent.len() <= 8);
                proptest::prop_assert_eq!(settled, acked);
            }
        }
    }
}
