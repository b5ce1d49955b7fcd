//! Timestamps in stored state, as nanoseconds since 1970-01-01T00:00:00Z; knows nothing of the
//! fold.
//!
//! A number keeps full precision. Text would take longer to write than the rest of the state.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    at.as_nanosecond().serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    Timestamp::from_nanosecond(i128::deserialize(deserializer)?).map_err(D::Error::custom)
}
