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

/// The version of this module.
pub const VERSION: u32 = 1;
/// The subprotocol that both ends name in the upgrade.
pub const SUBPROTOCOL: &str = "dubwatch.v1";
/// The path to subscribe at.
pub const SUBSCRIBE_PATH: &str = "/v1/subscribe";
/// What precedes a publish id in a path.
pub const PUBLISH_PREFIX: &str = "/in/";
/// The longest text message, in bytes, and the room for a delivery's header beside its body.
pub const MAX_TEXT: usize = 64 << 10;
/// Frames (deliveries and gaps) that a reader may leave unacked.
pub const WINDOW: usize = 1024;
/// How long `hello` may take after the upgrade.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How often each end sends a `ping`.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a silent connection is believed in.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Reads a number of a frame. Other programs' numbers are exact below 2⁵³ only (RFC 8259, section 6).
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = <u64 as serde::Deserialize>::deserialize(deserializer)?;
    if number >= 1 << 53 {
        return Err(serde::de::Error::custom("a number of 2^53 or more"));
    }
    Ok(number)
}

/// Whether a text is this many lower-case hex digits. `from_str_radix` alone would take a sign and
/// capitals: one value, one spelling.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
