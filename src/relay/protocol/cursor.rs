//! Positions in an inbox: epoch and `seq`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Labels the deliveries of one run of a relay: 64 random bits, written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epoch(pub u64);

/// The text is not an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an epoch has 16 lower-case hex digits")]
pub struct EpochFault;

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = EpochFault;

    fn from_str(text: &str) -> Result<Self, EpochFault> {
        if !super::is_hex(text, 16) {
            return Err(EpochFault);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| EpochFault)
    }
}

impl TryFrom<String> for Epoch {
    type Error = EpochFault;

    fn try_from(text: String) -> Result<Self, EpochFault> {
        text.parse()
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.to_string()
    }
}

/// Identifies a delivery or the end of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The epoch in which it was accepted.
    pub epoch: Epoch,
    /// Its number in the inbox, from 1.
    #[serde(deserialize_with = "super::number")]
    pub seq: u64,
}

/// A reader's position: the last delivery or gap that it recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resume {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its `seq`.
    #[serde(deserialize_with = "super::number")]
    pub after: u64,
}

impl From<Cursor> for Resume {
    fn from(cursor: Cursor) -> Self {
        Self { epoch: cursor.epoch, after: cursor.seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_one_spelling() {
        assert_eq!(Epoch(0x9f).to_string(), "000000000000009f");
        assert_eq!("000000000000009f".parse(), Ok(Epoch(0x9f)));
        assert_eq!("ffffffffffffffff".parse(), Ok(Epoch(u64::MAX)));
        for wrong in [
            "",
            "9f",
            "000000000000009F",
            "+00000000000009f",
            "00000000000000009f",
            "é00000000000009",
        ] {
            assert_eq!(wrong.parse::<Epoch>(), Err(EpochFault), "{wrong:?}");
        }
    }
}
