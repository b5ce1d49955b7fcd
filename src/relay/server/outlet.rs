//! Writes to one reader: small frames before batches, each batch flushed once; decides nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::{FutureExt as _, Sink, SinkExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::pages::Share;

/// Small frames that may wait. A reader that leaves more unread is stalled.
const SMALL: usize = 16;
/// Batches that may wait beside the one that is being written.
const BATCHES: usize = 1;

/// The sending side. Writing happens in a task of its own, so that no deadline waits for a reader.
pub(super) struct Outlet {
    small: mpsc::Sender<Message>,
    batches: mpsc::Sender<Batch>,
    pulse: Arc<Pulse>,
    /// Ends with whoever holds it: a flush to a reader that only answers probes never would.
    task: AbortOnDropHandle<()>,
}

/// Messages that are flushed together, and the memory that was taken for them.
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    pub(super) share: Share,
}

/// A place for a batch.
pub(super) type Place = mpsc::OwnedPermit<Batch>;

/// Since when the task is at one write.
struct Pulse {
    epoch: Instant,
    /// Milliseconds since the epoch, and one; 0 while nothing is written.
    busy_since: AtomicU64,
}

impl Pulse {
    fn beat(&self) {
        let millis = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.busy_since.store(millis + 1, Relaxed);
    }

    fn rest(&self) {
        self.busy_since.store(0, Relaxed);
    }
}

impl Outlet {
    pub(super) fn start(sink: impl Sink<Message> + Send + Unpin + 'static) -> Self {
        let (small, small_inbox) = mpsc::channel(SMALL);
        let (batches, batch_inbox) = mpsc::channel(BATCHES);
        let pulse = Arc::new(Pulse { epoch: Instant::now(), busy_since: AtomicU64::new(0) });
        let task = tokio::spawn(write(sink, small_inbox, batch_inbox, Arc::clone(&pulse)));
        Self { small, batches, pulse, task: AbortOnDropHandle::new(task) }
    }

    /// Hands over a small frame; `false` where the reader has left too many unread.
    pub(super) fn say(&self, message: Message) -> bool {
        self.small.try_send(message).is_ok()
    }

    /// A place for a batch, once there is one; `None` where the connection is broken.
    pub(super) fn place(&self) -> impl Future<Output = Option<Place>> + Send + use<> {
        self.batches.clone().reserve_owned().map(Result::ok)
    }

    /// How long the reader has taken nothing of what is being written. `made_room` is when its
    /// socket last took bytes after it was full: one long body is many of those.
    pub(super) fn stuck_for(&self, made_room: Option<Instant>) -> Option<Duration> {
        let since = self.pulse.busy_since.load(Relaxed).checked_sub(1)?;
        let since = self.pulse.epoch + Duration::from_millis(since);
        Some(made_room.map_or(since, |at| at.max(since)).elapsed())
    }

    /// Says these last frames after what is being written and ends; cuts off what takes too long,
    /// and whatever is left when its caller waits no longer.
    pub(super) async fn end(self, last: Vec<Message>, patience: Duration) {
        let Self { small, batches, mut task, .. } = self;
        // What waits is dropped: it is sent again to whoever asks for it.
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
    mut batches: mpsc::Receiver<Batch>,
    pulse: Arc<Pulse>,
) {
    loop {
        let batch = tokio::select! {
            // A pong does not wait for a catch-up.
            biased;
            message = small.recv() => match message {
                Some(message) => Batch { messages: vec![message], share: None },
                None => break,
            },
            Some(batch) = batches.recv() => batch,
        };
        let Batch { messages, share } = batch;
        for message in messages {
            pulse.beat();
            if sink.feed(message).await.is_err() {
                return;
            }
            // Between two frames of a long batch as well.
            while let Ok(message) = small.try_recv() {
                if sink.feed(message).await.is_err() {
                    return;
                }
            }
        }
        pulse.beat();
        if sink.flush().await.is_err() {
            return;
        }
        pulse.rest();
        drop(share);
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
        let outlet = Outlet::start(Full { _here: oneshot::channel().0 });
        assert_eq!(outlet.stuck_for(None), None);
        outlet
            .place()
            .await
            .unwrap()
            .send(Batch { messages: vec![Message::Text("x".into())], share: None });
        let seconds = Duration::from_secs;
        tokio::time::sleep(seconds(40)).await;
        assert_eq!(outlet.stuck_for(None), Some(seconds(40)));
        let made_room = Instant::now();
        assert_eq!(outlet.stuck_for(Some(made_room)), Some(Duration::ZERO));
        tokio::time::sleep(seconds(29)).await;
        assert_eq!(outlet.stuck_for(Some(made_room)), Some(seconds(29)));
        // Room that was made before the write began is no progress of it.
        let long_ago = made_room - seconds(60);
        assert_eq!(outlet.stuck_for(Some(long_ago)), Some(seconds(69)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_never_ends_ends_with_whoever_waits_for_it() {
        let patience = Duration::from_secs(5);
        for waits in [patience / 2, patience, patience * 2] {
            let (here, gone) = oneshot::channel();
            let outlet = Outlet::start(Full { _here: here });
            assert!(outlet.say(Message::Text("x".into())));
            let _late = timeout(waits, outlet.end(Vec::new(), patience)).await;
            assert!(timeout(patience * 10, gone).await.is_ok(), "waited for {waits:?}");
        }
    }
}
