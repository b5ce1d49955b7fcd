//! Converts frames to websocket messages and back. Never panics on a message.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::frame::{
    ClientFrame, DeliveryFrame, Draining, Fault, GapFrame, PingPayload, RelayFrame, Welcome,
};
use super::{Close, CloseCode, Cursor, Epoch, MAX_TEXT};
use crate::callback::Headers;
use crate::text::Printable;

/// Size of the length field before a binary message's header, in bytes.
const PREFIX: usize = 4;
/// Maximum width of an error's text, in columns, because it can quote the message.
const WORDS: usize = 80;

/// Returns the maximum size of a relay's message, in bytes, for bodies of at most `max_body` bytes.
pub const fn message_limit(max_body: usize) -> usize {
    max_body.saturating_add(MAX_TEXT)
}

/// A frame as a websocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncodedFrame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// Why a message is not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// A text message that cannot be parsed.
    #[error("not a frame: {0}")]
    Text(String),
    /// A text message over [`MAX_TEXT`].
    #[error("a text message of {0} bytes, at most {MAX_TEXT} are read")]
    TooLong(usize),
    /// A binary message from a reader: none of its frames has a body.
    #[error("a binary message, but no frame of a reader has a body")]
    BinaryFromReader,
    /// A binary message that is shorter than its length field says, or with too long a header.
    #[error("a binary message whose header does not fit in it")]
    Header,
}

impl From<FrameFault> for Close {
    fn from(fault: FrameFault) -> Self {
        let code = match fault {
            FrameFault::TooLong(_) => CloseCode::TooLarge,
            _ => CloseCode::Malformed,
        };
        Self::new(code, fault.to_string())
    }
}

impl From<serde_json::Error> for FrameFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Text(Printable::new(&error.to_string()).cut(WORDS).as_str().to_owned())
    }
}

/// A relay's frames without a body, as in a text message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Text {
    Welcome(Welcome),
    Gap(GapFrame),
    Draining(Draining),
    Superseded,
    Error(Fault),
    Ping(PingPayload),
    Pong(PingPayload),
    // Listed, so that it is an error and not an unknown frame: a delivery is never a text message.
    Delivery,
    #[serde(other)]
    Unknown,
}

/// The header of a binary message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BinaryHeader {
    Delivery(DeliveryHeader),
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeliveryHeader {
    epoch: Epoch,
    #[serde(deserialize_with = "super::number")]
    seq: u64,
    #[serde(deserialize_with = "super::number")]
    head: u64,
    received_at: Timestamp,
    method: String,
    #[serde(default)]
    tail: String,
    #[serde(default)]
    query: Option<String>,
    headers: Vec<(String, String)>,
    /// Positions of the headers that are not UTF-8. Older relays do not send it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers_latin1: Vec<usize>,
    peer: String,
}

/// Parses a reader's message. `None` is a binary message.
pub fn decode_client(text: Option<&str>) -> Result<ClientFrame, FrameFault> {
    let text = text.ok_or(FrameFault::BinaryFromReader)?;
    bounded(text)?;
    Ok(serde_json::from_str(text)?)
}

fn bounded(text: &str) -> Result<(), FrameFault> {
    if text.len() > MAX_TEXT { Err(FrameFault::TooLong(text.len())) } else { Ok(()) }
}

impl ClientFrame {
    /// Returns the frame as a text message.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl RelayFrame {
    /// Returns the frame as a message.
    ///
    /// A [`RelayFrame::Unknown`] becomes a frame that every reader ignores.
    pub fn encode(&self) -> EncodedFrame {
        let text = match self {
            Self::Delivery(delivery) => return EncodedFrame::Binary(delivery.encode()),
            Self::Welcome(welcome) => Text::Welcome(welcome.clone()),
            Self::Gap(gap) => Text::Gap(*gap),
            Self::Draining(draining) => Text::Draining(*draining),
            Self::Superseded => Text::Superseded,
            Self::Error(fault) => Text::Error(fault.clone()),
            Self::Ping(beat) => Text::Ping(*beat),
            Self::Pong(beat) => Text::Pong(*beat),
            Self::Unknown => Text::Unknown,
        };
        EncodedFrame::Text(serde_json::to_string(&text).unwrap_or_default())
    }

    /// Parses a relay's text message.
    pub fn decode_text(text: &str) -> Result<Self, FrameFault> {
        bounded(text)?;
        Ok(match serde_json::from_str(text)? {
            Text::Welcome(welcome) => Self::Welcome(welcome),
            Text::Gap(gap) if gap.from > gap.to || gap.from == 0 => {
                return Err(FrameFault::Text("a gap ends before it begins".to_owned()));
            }
            Text::Gap(gap) => Self::Gap(gap),
            Text::Draining(draining) => Self::Draining(draining),
            Text::Superseded => Self::Superseded,
            Text::Error(fault) => Self::Error(fault),
            Text::Ping(beat) => Self::Ping(beat),
            Text::Pong(beat) => Self::Pong(beat),
            Text::Delivery => {
                return Err(FrameFault::Text("a delivery is a binary message".to_owned()));
            }
            Text::Unknown => Self::Unknown,
        })
    }

    /// Parses a relay's binary message.
    pub fn decode_binary(message: &[u8]) -> Result<Self, FrameFault> {
        let (length, rest) = message.split_first_chunk::<PREFIX>().ok_or(FrameFault::Header)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_TEXT - PREFIX || length > rest.len() {
            return Err(FrameFault::Header);
        }
        let (header, body) = rest.split_at(length);
        Ok(match serde_json::from_slice(header)? {
            BinaryHeader::Delivery(header) => Self::Delivery(Box::new(header.with(body.to_vec()))),
            BinaryHeader::Unknown => Self::Unknown,
        })
    }
}

impl DeliveryHeader {
    fn with(self, body: Vec<u8>) -> DeliveryFrame {
        // The relay is not trusted to follow the rules for names and secrets.
        let headers = Headers::from_text(&self.headers, &self.headers_latin1);
        DeliveryFrame {
            cursor: Cursor { epoch: self.epoch, seq: self.seq },
            head: self.head,
            received_at: self.received_at,
            method: self.method,
            tail: self.tail,
            query: self.query,
            headers,
            peer: self.peer,
            body,
        }
    }
}

impl DeliveryFrame {
    /// Returns the binary message: the header's length, the header, the body.
    ///
    /// The header has at most [`MAX_TEXT`] with its length if the request's head had at most
    /// [`DeliveryFrame::MAX_HEAD`].
    pub fn encode(&self) -> Vec<u8> {
        let header = BinaryHeader::Delivery(DeliveryHeader {
            epoch: self.cursor.epoch,
            seq: self.cursor.seq,
            head: self.head,
            received_at: self.received_at,
            method: self.method.clone(),
            tail: self.tail.clone(),
            query: self.query.clone(),
            headers: self.headers.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            headers_latin1: self.headers.latin1(),
            peer: self.peer.clone(),
        });
        let mut message = Vec::with_capacity(512 + self.headers.size() + self.body.len());
        message.extend([0; PREFIX]);
        // Writing strings and numbers to a vector cannot fail.
        let _ = serde_json::to_writer(&mut message, &header);
        let length = u32::try_from(message.len() - PREFIX).unwrap_or(u32::MAX);
        message[..PREFIX].copy_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&self.body);
        message
    }

    /// Maximum size of a request's head, in bytes, for which the delivery always fits: JSON turns
    /// one byte into at most two, and adds at most nine bytes to each of at most 100 headers.
    pub const MAX_HEAD: usize = 24 << 10;
}

#[cfg(test)]
mod tests;
