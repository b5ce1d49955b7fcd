//! Sends frames to a relay: the newest ack and a few other frames. Never blocks the receiving side.

use futures_util::{Sink, SinkExt as _};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::super::protocol::{ClientFrame, Close, Cursor};

/// A frame other than an ack.
pub(super) enum OutgoingFrame {
    Frame(ClientFrame),
    Close(Option<Close>),
}

/// Sends until a close has been sent or all senders are dropped.
pub(super) async fn write(
    mut sink: impl Sink<Message, Error = Error> + Unpin,
    mut frames: mpsc::Receiver<OutgoingFrame>,
    mut acks: watch::Receiver<Option<Cursor>>,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            // Acks first: the last one must be sent before the close.
            biased;
            Ok(()) = acks.changed() => {
                let ack = *acks.borrow_and_update();
                if let Some(cursor) = ack {
                    sink.feed(text(&ClientFrame::Ack(cursor))).await?;
                }
            }
            frame = frames.recv() => match frame {
                Some(OutgoingFrame::Frame(frame)) => sink.feed(text(&frame)).await?,
                Some(OutgoingFrame::Close(close)) => {
                    let (code, reason) = close.as_ref().map_or((Code::Normal, ""), |close| {
                        (Code::from(close.code.number()), close.reason())
                    });
                    let frame = CloseFrame { code, reason: reason.into() };
                    return sink.send(Message::Close(Some(frame))).await;
                }
                None => return Ok(()),
            },
        }
        sink.flush().await?;
    }
}

fn text(frame: &ClientFrame) -> Message {
    Message::Text(frame.encode().into())
}
