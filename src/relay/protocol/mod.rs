//! Protocol 1 between a relay and its readers: frames, limits and the rules of who may say what
//! when; pure, and so the same for both ends.
//!
//! This page is all that another implementation needs.
//!
//! # Connecting
//!
//! A reader asks for `GET /v1/subscribe`, upgraded to a websocket (RFC 6455):
//!
//! - `Authorization: Bearer TOKEN`, the inbox's subscribe token. It is never part of a URL.
//! - `Sec-WebSocket-Protocol: dubwatch.v1` ([`SUBPROTOCOL`]). The relay answers with the same; a
//!   request without it is answered 400.
//! - No extensions: no compression.
//!
//! Whatever is wrong with the token, the answer is 401 with one constant body. Knowing the URL that
//! senders post to does not let anyone read.
//!
//! # Messages
//!
//! One frame is one websocket message.
//!
//! - A frame without a body is a **text** message: a JSON object whose `type` says which frame it
//!   is. It has at most 64 KiB ([`MAX_TEXT`]).
//! - A frame with a body is a **binary** message. So far that is `delivery` alone, and only from
//!   the relay:
//!
//!   | bytes | what |
//!   |---|---|
//!   | 4 | length of the header in bytes, unsigned, big-endian; at most 64 KiB less these four |
//!   | as many | the header: a JSON object with `type`, in UTF-8 |
//!   | all others | the body exactly as the sender sent it; may be empty |
//!
//! A message has at most the relay's body limit and 64 KiB ([`message_limit`]). Frames of an unknown
//! `type`, and unknown fields of known ones, are passed over, with up to 100 levels
//! nested in them. Everything else that does not read is
//! answered with a close ([`CloseCode::Malformed`]); neither end loses anything by it.
//!
//! Numbers are integers below 2⁵³. Times are RFC 3339 with `Z`.
//!
//! # Cursors
//!
//! Within an inbox every delivery has a `seq`: 1 and up, in the order in which the relay committed.
//! `seq` alone is no identity, because a relay's disk can be put back to an older state, after
//! which the same numbers mean other deliveries. So every run of a relay labels what it takes with
//! an `epoch` of its own, 64 random bits as 16 lower-case hex digits, and **(`epoch`, `seq`) is the
//! identity of a delivery**: the same pair is the same delivery, and a reader stores it once.
//! Deliveries keep the epoch that they came in; `seq` goes on from one epoch to the next.
//!
//! An epoch belongs to a run of the relay and is the same for all its inboxes: what tells deliveries
//! of two inboxes apart is the `inbox` of the welcome. An epoch that a reader was told stays known,
//! also where the relay is restarted before anything came under it.
//!
//! Where a reader names a place that the relay does not know, the relay tells it everything that is
//! still there, under the epochs that it has: a reader passes by what it has already. What comes from
//! then on has a new epoch for everybody. One thing is not promised: a machine that is put back
//! *while its relay runs*, memory and all, goes on with the epoch that it had, and what it takes until
//! the first reader comes that is further than itself can be passed by.
//!
//! # The reader's frames
//!
//! ```json
//! {"type":"hello","protocol":{"min":1,"max":1},"reader":"laptop","resume":{"epoch":"9f…","after":214}}
//! {"type":"ack","epoch":"9f…","seq":230}
//! {"type":"ping","id":7}
//! {"type":"pong","id":3}
//! ```
//!
//! **hello** comes first and once, within 10 s ([`HELLO_TIMEOUT`]). `protocol` is the range that the
//! reader speaks. `reader` names its durable cursor: 1 to 64 of `a`–`z`, `A`–`Z`, `0`–`9`, `.`, `_` and
//! `-`, and no `.` or `-` at the beginning ([`ReaderName`]). An inbox has 32 names at most. A reader
//! whose `reader` is `null` or absent has no cursor at the relay: it never acks, holds nothing back, is
//! sent as much as its socket takes, and may be one of several such at once; it resumes like any other.
//!
//! `resume` says where the reader is in *this* inbox: `epoch` and `seq` (a gap's `epoch` and `to`) of
//! the last delivery or gap that it has recorded, or `epoch` and `after` of the last welcome where
//! nothing came since; `null` or absent where it remembers neither. The relay cannot see which inbox a
//! place was meant for, and epochs are shared by inboxes: a reader compares `welcome.inbox` with the
//! inbox that its place belongs to, and where they differ closes, and begins anew without `resume`,
//! whatever `resumed` says. An optional `agent` says what program this is.
//!
//! **ack** says that everything up to and including this delivery (or gap, by its `to`) is on the
//! reader's disk, also what it refused: one bad delivery must not block those behind it. It is
//! cumulative. It names something that was sent on this connection, and more than the one before; a
//! replayed ack, or one from the future, is closed with [`CloseCode::BadAck`]. A reader without a
//! name never acks.
//!
//! # The relay's frames
//!
//! ```json
//! {"type":"welcome","protocol":1,"inbox":"4e…","epoch":"9f…","head":230,"retained_from":17,"after":214,"resumed":"continued","callback_url":"https://…","window":1024,"max_body":1048576}
//! {"type":"delivery","epoch":"9f…","seq":215,"head":230,"received_at":"2026-11-23T21:04:05.123456Z","method":"POST","tail":"","query":null,"headers":[["x-signature","30…"]],"peer":"192.0.2.7:50312"}
//! {"type":"gap","epoch":"9f…","from":216,"to":219,"reason":"unverified","count":4,"at":"…"}
//! {"type":"draining","retry_after":5}
//! {"type":"superseded"}
//! {"type":"error","code":4004,"sentence":"…"}
//! {"type":"ping","id":3}
//! {"type":"pong","id":7}
//! ```
//!
//! **welcome** answers `hello`. `inbox` ([`InboxIdentity`]) tells the inbox from all others, of other
//! relays as well, and stays when the token, the publish URL or the name of the relay is replaced:
//! with `epoch` and `seq` it says whether a reader has a delivery already. `epoch` labels what comes from now on, `head` is the newest `seq`
//! (0: none yet), `retained_from` the oldest that is still there. The first frame about the inbox
//! will be about `after` + 1, which `resumed` ([`Resumed`]) explains:
//!
//! - `start`: nothing was to be resumed, so it begins at `retained_from`, or behind the last ack under
//!   this name where that is further back: then what was dropped since comes as gaps.
//! - `continued`: it goes on where the reader was.
//! - `rolled_back`: the relay does not know the place. Its store was lost, or is an older copy. It
//!   begins behind the last that it knows of the reader's epoch, or at `retained_from` where it does not
//!   know that epoch; the reader should say so, because what the relay had taken and not yet delivered
//!   may be lost.
//!
//! **delivery** is one request to the inbox, in order of `seq`. `tail` is the path behind the publish
//! id (empty, or beginning with `/`), `query` what stood behind the `?`. `headers` are pairs of name and
//! value, in order, repeats of a name side by side. Names are lower-case. A value that is UTF-8 stands as
//! it is; any other is read as ISO 8859-1, each byte one character (RFC 9110, section 5.5). Which these
//! are, `headers_latin1` says: their positions in `headers`, from 0, as a list of numbers; it is absent
//! where there are none, and at relays before it was added. So the bytes of a value are those of its
//! characters in ISO 8859-1 where its position is in the list, else in UTF-8. The
//! values of `authorization`, `proxy-authorization` and `cookie` are `[redacted by dubwatch]`. `peer` is
//! for people. `head` tells how far
//! the inbox goes. At most `window` frames (deliveries and gaps) to a reader with a name are unacked;
//! a reader should ack at the latest when half of them are.
//!
//! **gap** says that `from` to `to` will never come, and why ([`GapReason`]): there is no silent
//! loss. The reasons are `age` (older than the relay keeps), `unverified` (its signature did not hold at
//! the relay, and room was needed), `read` (every reader with a name had it, and room was needed),
//! `pruned` (the relay's operator deleted it to make room),
//! `refused` (never taken: too large, too slow, too often, no room; the sender was told so and may have
//! sent it again), `damaged` (in the relay's store, where it cannot be read any more) and `unknown`, which also stands for every word that a reader does not know. A
//! `refused` gap has one `seq` for all that were refused since the last, at once for the first and then
//! after 10 s, doubling up to 10 min while the inbox goes on refusing; a relay that stops or is killed
//! forgets none. `at`, where it is given, is when the last of them was dropped. `count` is how many
//! requests that was. Deliveries and gaps together are without holes: a
//! reader that sees one should close the connection ([`Expected`]).
//!
//! **draining** precedes a stop: dial again after `retry_after` seconds, a number from 0 up; a reader takes
//! less than 1 for 1 and more than 60 for 60, and adds a random part, so that not all come at once. **superseded**: another
//! connection came with the same reader name and took over. **error** says in a sentence for people
//! why the relay closes; the close that follows has the same code.
//!
//! # Heartbeat
//!
//! Each end sends `ping` every 15 s ([`HEARTBEAT`]) and answers the other's at once with a `pong` of
//! the same `id`, which gives it the round trip. An end that heard nothing at all for 30 s
//! ([`DEAD_AFTER`]) gives the connection up. Bytes are heard before they are a message: a body that
//! takes minutes on a slow line holds up the pong behind it, and is itself a sign of life. What the
//! relay sends counts in the same way: a reader is given up (4011) when it took no byte for 30 s.
//!
//! # Closing
//!
//! A close is answered with a close of the same code (RFC 6455, section 5.5.1). An `error` frame comes
//! before a close of the relay, but for 4008 and 4010, which have frames of their own.
//!
//! | code | meaning | dial again? |
//! |---|---|---|
//! | 1002 | not the websocket protocol | later |
//! | 1007 | a text message that is not UTF-8 | later |
//! | 4000 | a message that is no frame | later |
//! | 4001 | no common protocol version | no |
//! | 4002 | a frame out of order: before `hello`, or a second `hello` | later |
//! | 4003 | a `hello` that makes no sense | no |
//! | 4004 | an ack of what was not sent, or was acked before | later |
//! | 4005 | a message over the limit | later |
//! | 4006 | no `hello` within 10 s | later |
//! | 4007 | nothing heard for 30 s | at once |
//! | 4008 | superseded by a newer connection of the same name | no |
//! | 4009 | the token was rotated or revoked | no |
//! | 4010 | the relay stops | after `retry_after` |
//! | 4011 | the reader did not take what was sent | later |
//! | 4012 | too many connections: to this inbox (64), or to the relay (`--max-readers`); the sentence says which | later |
//! | 4013 | the relay cannot read its store; or not write it, and nothing was ever told of this inbox | later |
//! | 4014 | the reader's place was forgotten, by the operator or after a long absence; its next `hello` is noted anew | later |
//! | 4015 | the inbox has as many reader names as it may have, and this is none of them: the operator has to forget one, or the reader to take one of them or none | no |
//!
//! "Later" is 0.5 s, doubling up to 30 s, each time a random part of it ([`backoff`]); it begins anew
//! when a connection stood for a minute. "At once" is only after a connection that stood so long:
//! otherwise it is "later" as well, so that no relay is dialled in a loop.
//!
//! [`backoff`]: super::backoff

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
pub use cursor::{Cursor, Epoch, EpochFault, Resume};
pub use expect::{Expected, Hole};
pub use frame::{
    ClientFrame, DeliveryFrame, Draining, Fault, GapFrame, GapReason, Hello, PingPayload,
    RelayFrame, Resumed, Versions, Welcome,
};
pub use heartbeat::{Due, Heartbeat};
pub use inbox::{IdentityFault, InboxIdentity};
pub use outstanding::{AckFault, Outstanding};
pub(crate) use reader_name::is_sound as is_sound_name;
pub use reader_name::{NameFault, ReaderName};
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
