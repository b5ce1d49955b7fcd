//! Owns the end of a subscription: its reason, the last frame and close, the wait for both to
//! arrive.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use tokio::time::timeout;

use super::ServerShared;
use super::socket_writer::SocketWriter;
use crate::relay::protocol::{Close, CloseCode, Draining, EncodedFrame, Fault, RelayFrame};
use crate::relay::store::LogError;

/// Why a subscription ended.
pub(super) enum SubscriptionEnd {
    /// We close it.
    Close(Close),
    /// The other side closes and waits for our answer.
    Left,
    /// The connection broke.
    Gone,
}

impl<C: Into<Close>> From<C> for SubscriptionEnd {
    fn from(close: C) -> Self {
        Self::Close(close.into())
    }
}

/// Returns the end for a reader that a newer connection of the same name replaces.
pub(super) fn superseded() -> SubscriptionEnd {
    Close::new(CloseCode::Superseded, "another connection came with this reader name").into()
}

/// Returns the end for a reader that accepted no data for too long.
pub(super) fn stalled() -> SubscriptionEnd {
    Close::new(CloseCode::Stalled, "the reader takes nothing of what is sent").into()
}

/// Returns the close after a failure of the store, and logs it.
pub(super) fn unavailable(error: &LogError) -> Close {
    tracing::warn!(%error, "a subscription cannot be served");
    let sentence = match error {
        LogError::Write(_) => "the relay cannot write its store now",
        _ => "the relay cannot read its store now",
    };
    Close::new(CloseCode::Unavailable, sentence)
}

/// Returns the end for an error of the message stream.
pub(super) fn broken(error: axum::Error) -> SubscriptionEnd {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => {
            Close::new(CloseCode::TooLarge, "a message over the limit").into()
        }
        Some(Error::Utf8(_)) => Close::new(CloseCode::NotUtf8, "text that is not UTF-8").into(),
        // The reader disconnected without a close.
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => SubscriptionEnd::Gone,
        Some(Error::Protocol(_)) => {
            Close::new(CloseCode::Protocol, "not the websocket protocol").into()
        }
        _ => SubscriptionEnd::Gone,
    }
}

/// Closes a connection over a limit.
pub(super) async fn turn_away(shared: &ServerShared, socket: WebSocket, whose: &str) {
    let (sink, stream) = socket.split();
    let sentence = format!("{whose} has as many connections as it may have");
    finish(shared, SocketWriter::start(sink), stream, &Close::new(CloseCode::TooMany, sentence))
        .await;
}

/// Sends the reason and the close, and waits a moment until the other side has read them: a socket
/// that is closed with unread bytes discards what it has not yet sent.
pub(super) async fn finish(
    shared: &ServerShared,
    socket_writer: SocketWriter,
    mut stream: SplitStream<WebSocket>,
    close: &Close,
) {
    shared.metrics.closed();
    let mut last = Vec::with_capacity(3);
    match close.code {
        CloseCode::Draining => {
            let retry_after = shared.settings.retry_after;
            last.push(message(&RelayFrame::Draining(Draining { retry_after })));
        }
        CloseCode::Superseded => last.push(message(&RelayFrame::Superseded)),
        _ => last.push(message(&RelayFrame::Error(Fault::from(close)))),
    }
    last.push(Message::Close(Some(CloseFrame {
        code: close.code.number(),
        reason: close.reason().into(),
    })));
    let _ = timeout(Close::PATIENCE, async {
        let hear = async { while let Some(Ok(_)) = stream.next().await {} };
        tokio::join!(socket_writer.end(last, Close::PATIENCE), hear);
    })
    .await;
}

/// Answers the other side's close with the same code (RFC 6455, section 5.5.1), after the current
/// write. The websocket prepared the answer when it read the close, and sends it on the next read.
pub(super) async fn answer(socket_writer: SocketWriter, mut stream: SplitStream<WebSocket>) {
    let _ = timeout(Close::PATIENCE, async {
        socket_writer.end(Vec::new(), Close::PATIENCE).await;
        while let Some(Ok(_)) = stream.next().await {}
    })
    .await;
}

pub(super) fn message(frame: &RelayFrame) -> Message {
    match frame.encode() {
        EncodedFrame::Text(text) => Message::Text(text.into()),
        EncodedFrame::Binary(bytes) => Message::Binary(bytes.into()),
    }
}
