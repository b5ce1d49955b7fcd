//! Protocol 1 between a relay and its readers; pure, and so the same for both ends.
//!
#![doc = include_str!("../../docs/relay-protocol.md")]

mod callback_url;
mod close;
mod cursor;
mod expect;
mod frame;
mod heartbeat;
mod inbox;
mod outstanding;
mod reader_name;
mod session;
mod wire;

use std::time::Duration;

pub use callback_url::callback_url;
pub use close::{Close, CloseCode, Redial};
pub use cursor::{Cursor, Epoch, Resume};
pub use expect::Expected;
pub use frame::{
    ClientFrame, DeliveryFrame, Draining, Fault, GapFrame, GapReason, Hello, PingPayload,
    RelayFrame, Resumed, Versions, Welcome,
};
pub use heartbeat::{Due, Heartbeat};
pub use inbox::InboxIdentity;
pub use outstanding::{AckFault, Outstanding};
pub use reader_name::ReaderName;
pub(crate) use reader_name::is_sound as is_sound_name;
pub use session::{Session, SessionAction};
pub use wire::{EncodedFrame, FrameFault, decode_client, message_limit};

/// The protocol version of this module.
pub const VERSION: u32 = 1;
/// The websocket subprotocol.
pub const SUBPROTOCOL: &str = "dubwatch.v1";
/// The path to subscribe at.
pub const SUBSCRIBE_PATH: &str = "/v1/subscribe";
/// The path prefix before a publish id.
pub const PUBLISH_PREFIX: &str = "/in/";
/// Maximum size of a text message, and of a delivery's header, in bytes.
pub const MAX_TEXT: usize = 64 << 10;
/// Maximum number of unacked frames (deliveries and gaps) of a reader.
pub const WINDOW: usize = 1024;
/// Time limit for `hello` after the upgrade.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which each end sends a `ping`.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// A connection is dead after this long without a received byte.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Parses a number in a frame: below 2⁵³, as larger ones are not exact everywhere (RFC 8259,
/// section 6).
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = <u64 as serde::Deserialize>::deserialize(deserializer)?;
    if number >= 1 << 53 {
        return Err(serde::de::Error::custom("a number of 2^53 or more"));
    }
    Ok(number)
}

/// Returns whether a text is exactly this many lower-case hex digits. `from_str_radix` would also
/// accept a sign and capitals, but each value must have only one spelling.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
