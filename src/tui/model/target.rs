//! What a row of a list stands for.

/// Identifies a row of the Deliveries screen. Stays the same when the row changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A delivery, by its `seq`.
    Delivery(u64),
    /// An entry of the refusal log, by its id.
    Refusal(u64),
}
