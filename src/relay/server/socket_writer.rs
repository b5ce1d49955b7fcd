//! Owns the task that writes to one reader: small frames before batches, one flush a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::{FutureExt as _, Sink, SinkExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::pages::ReadPermit;

/// Maximum number of queued small frames. A reader that leaves more unread is stalled.
const SMALL: usize = 16;
/// Maximum number of queued batches, besides the one that is being written.
const BATCHES: usize = 1;

/// The handle of the task. Writing is a task of its own, so that no deadline waits for a reader.
pub(super) struct SocketWriter {
    small: mpsc::Sender<Message>,
    batches: mpsc::Sender<MessageBatch>,
    timer: Arc<WriteTimer>,
    /// Aborted with this handle: a flush to a reader that only answers probes never ends.
    task: AbortOnDropHandle<()>,
}

/// Messages that are flushed together, and the permit for their memory.
pub(super) struct MessageBatch {
    pub(super) messages: Vec<Message>,
    pub(super) permit: ReadPermit,
}

/// A reserved slot for a batch.
pub(super) type BatchSlot = mpsc::OwnedPermit<MessageBatch>;

/// Measures how long the task's current write has taken.
struct WriteTimer {
    epoch: Instant,
    /// Milliseconds since the epoch, plus one; 0 while nothing is written.
    busy_since: AtomicU64,
}

impl WriteTimer {
    fn start(&self) {
        let millis = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.busy_since.store(millis + 1, Relaxed);
    }

    fn stop(&self) {
        self.busy_since.store(0, Relaxed);
    }
}

impl SocketWriter {
    pub(super) fn start(sink: impl Sink<Message> + Send + Unpin + 'static) -> Self {
        let (small, small_inbox) = mpsc::channel(SMALL);
        let (batches, batch_inbox) = mpsc::channel(BATCHES);
        let timer = Arc::new(WriteTimer { epoch: Instant::now(), busy_since: AtomicU64::new(0) });
        let task = tokio::spawn(write(sink, small_inbox, batch_inbox, Arc::clone(&timer)));
        Self { small, batches, timer, task: AbortOnDropHandle::new(task) }
    }

    /// Queues a small frame; returns `false` if the reader has left too many unread.
    pub(super) fn send_small(&self, message: Message) -> bool {
        self.small.try_send(message).is_ok()
    }

    /// Waits for a slot for a batch; returns `None` if the connection is broken.
    pub(super) fn slot(&self) -> impl Future<Output = Option<BatchSlot>> + Send + use<> {
        self.batches.clone().reserve_owned().map(Result::ok)
    }

    /// Returns how long the reader has taken no byte of the current write. `made_room` is when its
    /// socket last took bytes after it was full, which happens many times in one long body.
    pub(super) fn stuck_for(&self, made_room: Option<Instant>) -> Option<Duration> {
        let since = self.timer.busy_since.load(Relaxed).checked_sub(1)?;
        let since = self.timer.epoch + Duration::from_millis(since);
        Some(made_room.map_or(since, |at| at.max(since)).elapsed())
    }

    /// Sends these last frames after the current write and ends. Aborts the task after `patience`,
    /// or when the caller stops waiting.
    pub(super) async fn end(self, last: Vec<Message>, patience: Duration) {
        let Self { small, batches, mut task, .. } = self;
        // Queued batches are dropped: they are sent again on the next subscription.
        drop(batches);
        let ended = async {
            for message in last {
                if small.send(message).await.is_err() {
                    break;
                }
            }
            drop(small);
            let _ = (&mut task).await;
        };
        let _late = tokio::time::timeout(patience, ended).await;
    }
}

async fn write(
    mut sink: impl Sink<Message> + Unpin,
    mut small: mpsc::Receiver<Message>,
    mut batches: mpsc::Receiver<MessageBatch>,
    timer: Arc<WriteTimer>,
) {
    loop {
        let batch = tokio::select! {
            // A pong must not wait for a batch.
            biased;
            message = small.recv() => match message {
                Some(message) => MessageBatch { messages: vec![message], permit: None },
                None => break,
            },
            Some(batch) = batches.recv() => batch,
        };
        let MessageBatch { messages, permit } = batch;
        for message in messages {
            timer.start();
            if sink.feed(message).await.is_err() {
                return;
            }
            // Also between two frames of a long batch.
            while let Ok(message) = small.try_recv() {
                if sink.feed(message).await.is_err() {
                    return;
                }
            }
        }
        timer.start();
        if sink.flush().await.is_err() {
            return;
        }
        timer.stop();
        drop(permit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    /// Takes one message and is never done with it. Closes the channel when it is dropped.
    struct Full {
        _here: oneshot::Sender<()>,
    }

    impl Sink<Message> for Full {
        type Error = ();

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), ()> {
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_stuck_only_while_its_socket_takes_nothing() {
        let socket_writer = SocketWriter::start(Full { _here: oneshot::channel().0 });
        assert_eq!(socket_writer.stuck_for(None), None);
        socket_writer
            .slot()
            .await
            .unwrap()
            .send(MessageBatch { messages: vec![Message::Text("x".into())], permit: None });
        let seconds = Duration::from_secs;
        tokio::time::sleep(seconds(40)).await;
        assert_eq!(socket_writer.stuck_for(None), Some(seconds(40)));
        let made_room = Instant::now();
        assert_eq!(socket_writer.stuck_for(Some(made_room)), Some(Duration::ZERO));
        tokio::time::sleep(seconds(29)).await;
        assert_eq!(socket_writer.stuck_for(Some(made_room)), Some(seconds(29)));
        // Space that was made before the write began is not its progress.
        let long_ago = made_room - seconds(60);
        assert_eq!(socket_writer.stuck_for(Some(long_ago)), Some(seconds(69)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_never_ends_ends_with_whoever_waits_for_it() {
        let patience = Duration::from_secs(5);
        for waits in [patience / 2, patience, patience * 2] {
            let (here, gone) = oneshot::channel();
            let socket_writer = SocketWriter::start(Full { _here: here });
            assert!(socket_writer.send_small(Message::Text("x".into())));
            let _late = timeout(waits, socket_writer.end(Vec::new(), patience)).await;
            assert!(timeout(patience * 10, gone).await.is_ok(), "waited for {waits:?}");
        }
    }
}
