//! What a reader expects next of a relay: no holes, no way back; stores nothing.

use super::{Close, CloseCode, Cursor, DeliveryFrame, GapFrame, Welcome};

/// The reader's side of a subscription: where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    after: u64,
}

/// The relay left something out, or went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay sent {found} where {expected} was due")]
pub struct Hole {
    /// The `seq` that was due.
    pub expected: u64,
    /// The one that came.
    pub found: u64,
}

impl From<Hole> for Close {
    fn from(hole: Hole) -> Self {
        Self::new(CloseCode::OutOfOrder, hole.to_string())
    }
}

impl Expected {
    /// What a welcome promises.
    pub const fn after(welcome: &Welcome) -> Self {
        Self { after: welcome.after }
    }

    /// The `seq` of the next frame's beginning.
    pub const fn next(&self) -> u64 {
        self.after.saturating_add(1)
    }

    /// A delivery came: gives what an ack of it names.
    pub fn delivery(&mut self, delivery: &DeliveryFrame) -> Result<Cursor, Hole> {
        self.advance(delivery.cursor.seq, delivery.cursor.seq)?;
        Ok(delivery.cursor)
    }

    /// A gap came: gives what an ack of it names.
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
