//! Checks that a relay's frames are contiguous and in order.

use super::{Close, CloseCode, Cursor, DeliveryFrame, GapFrame, Welcome};

/// The position of a reader in a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    after: u64,
}

/// The relay skipped a `seq` or repeated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay sent {found} where {expected} was due")]
pub struct Hole {
    /// The expected `seq`.
    pub expected: u64,
    /// The received `seq`.
    pub found: u64,
}

impl From<Hole> for Close {
    fn from(hole: Hole) -> Self {
        Self::new(CloseCode::OutOfOrder, hole.to_string())
    }
}

impl Expected {
    /// Creates the position after a welcome.
    pub const fn after(welcome: &Welcome) -> Self {
        Self { after: welcome.after }
    }

    /// Returns the `seq` at which the next frame must begin.
    pub const fn next(&self) -> u64 {
        self.after.saturating_add(1)
    }

    /// Checks a delivery and advances. Returns the position for its ack.
    pub fn delivery(&mut self, delivery: &DeliveryFrame) -> Result<Cursor, Hole> {
        self.advance(delivery.cursor.seq, delivery.cursor.seq)?;
        Ok(delivery.cursor)
    }

    /// Checks a gap and advances. Returns the position for its ack.
    pub fn gap(&mut self, gap: &GapFrame) -> Result<Cursor, Hole> {
        self.advance(gap.from, gap.to)?;
        Ok(gap.cursor())
    }

    fn advance(&mut self, from: u64, to: u64) -> Result<(), Hole> {
        if from != self.next() || to < from {
            return Err(Hole { expected: self.next(), found: from });
        }
        self.after = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::protocol::{Epoch, GapReason};

    fn gap(from: u64, to: u64) -> GapFrame {
        GapFrame { epoch: Epoch(1), from, to, reason: GapReason::Age, count: 1, at: None }
    }

    #[test]
    fn there_are_no_holes_and_there_is_no_way_back() {
        let mut expected = Expected { after: 4 };
        assert_eq!(expected.gap(&gap(7, 9)), Err(Hole { expected: 5, found: 7 }));
        assert_eq!(expected.gap(&gap(5, 9)), Ok(Cursor { epoch: Epoch(1), seq: 9 }));
        assert_eq!(expected.gap(&gap(5, 9)), Err(Hole { expected: 10, found: 5 }));
        assert_eq!(expected.gap(&gap(10, 10)), Ok(Cursor { epoch: Epoch(1), seq: 10 }));
        assert_eq!(expected.next(), 11);
    }
}
