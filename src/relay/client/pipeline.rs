//! Messages of a relay on their way to the disk: verified on all cores, written in order, bounded.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::protocol::{Cursor, WINDOW};
use super::connection_end::{ConnectionEnd, lost};
use crate::callback::{MessagePosition, Received};
use crate::intake::{Intake, Verified, WriteError};

/// Maximum number of messages in the pipeline. Further ones stay in the socket.
const MESSAGES: usize = WINDOW;
/// Maximum number of their bytes, because the journal's queue is shared with the listener.
const BYTES: usize = 16 << 20;
/// Maximum number of messages that are verified together.
const CHUNK: usize = 32;
/// Time limit for a write before the disk is reported as failing.
const DISK: Duration = Duration::from_secs(10);

/// A message for the journal, in order.
pub(super) struct IncomingMessage {
    pub(super) cursor: Cursor,
    pub(super) position: MessagePosition,
    /// Size of its body, in bytes.
    pub(super) bytes: usize,
    pub(super) verification: Verification,
}

pub(super) enum Verification {
    /// A delivery to verify.
    Check(Box<Received>),
    /// A message that needs no verification.
    Ready(Verified),
}

/// Progress of the disk.
pub(super) struct OnDisk {
    /// Everything up to this `seq` is on disk.
    pub(super) upto: Cursor,
    /// How many messages that are since the last time.
    pub(super) count: usize,
}

struct CheckedMessage {
    cursor: Cursor,
    position: MessagePosition,
    bytes: usize,
    verified: Verified,
}

struct WrittenMessage {
    cursor: Cursor,
    bytes: usize,
    upto: Result<u64, WriteError>,
}

/// The messages of one connection that are not on disk yet.
pub(super) struct Pipeline {
    intake: Arc<Intake>,
    /// Received messages that are not being verified yet; empty during every wait.
    came: Vec<IncomingMessage>,
    /// Messages that are being verified, in order: verification takes most of a delivery's time.
    checking: FuturesOrdered<JoinHandle<Vec<CheckedMessage>>>,
    taking: FuturesOrdered<BoxFuture<'static, WrittenMessage>>,
    under_way: usize,
    bytes: usize,
    /// Time of the last finished write, or of the first pending one.
    moved: Instant,
}

impl IncomingMessage {
    fn check(self, intake: &Intake) -> CheckedMessage {
        let Self { cursor, position, bytes, verification } = self;
        let verified = match verification {
            Verification::Check(request) => intake.verify_relayed(*request),
            Verification::Ready(verified) => verified,
        };
        CheckedMessage { cursor, position, bytes, verified }
    }
}

impl Pipeline {
    pub(super) fn new(intake: Arc<Intake>) -> Self {
        Self {
            intake,
            came: Vec::new(),
            checking: FuturesOrdered::new(),
            taking: FuturesOrdered::new(),
            under_way: 0,
            bytes: 0,
            moved: Instant::now(),
        }
    }

    /// Returns whether there is room for another message.
    pub(super) fn has_room(&self) -> bool {
        self.under_way < MESSAGES && self.bytes < BYTES
    }

    /// Returns whether another message may be added before verification starts.
    pub(super) fn wants_more(&self) -> bool {
        self.came.len() < CHUNK && self.has_room()
    }

    /// Returns whether the pipeline is empty.
    pub(super) const fn is_empty(&self) -> bool {
        self.under_way == 0
    }

    /// Returns whether a write is overdue.
    pub(super) fn is_stuck(&self) -> bool {
        !self.taking.is_empty() && self.moved.elapsed() >= DISK
    }

    /// Adds a received message.
    pub(super) fn put(&mut self, work: IncomingMessage) {
        self.under_way += 1;
        self.bytes += work.bytes;
        self.came.push(work);
    }

    /// Starts to verify the received messages.
    pub(super) fn check(&mut self) -> Result<(), ConnectionEnd> {
        let came = std::mem::take(&mut self.came);
        let intake = Arc::clone(&self.intake);
        // A single message is not worth moving to another core.
        if came.len() <= 1 && self.checking.is_empty() {
            return came.into_iter().try_for_each(|work| self.take_over(work.check(&intake)));
        }
        if !came.is_empty() {
            self.checking.push_back(tokio::spawn(async move {
                came.into_iter().map(|work| work.check(&intake)).collect()
            }));
        }
        Ok(())
    }

    /// Waits for the next step. Returns the progress if more is on disk than before. Waits forever
    /// while the pipeline is empty. Cancel safe.
    pub(super) async fn progress(&mut self) -> Result<Option<OnDisk>, ConnectionEnd> {
        tokio::select! {
            // Before verification: an ack makes room at the relay.
            biased;
            Some(taken) = self.taking.next() => {
                let mut on_disk = OnDisk { upto: self.settle(taken)?, count: 1 };
                while let Some(Some(taken)) = self.taking.next().now_or_never() {
                    on_disk = OnDisk { upto: self.settle(taken)?, count: on_disk.count + 1 };
                }
                Ok(Some(on_disk))
            }
            Some(checked) = self.checking.next() => {
                let checked = checked.map_err(|error| lost(&error.to_string()))?;
                checked.into_iter().try_for_each(|checked| self.take_over(checked))?;
                Ok(None)
            }
            else => pending().await,
        }
    }

    fn take_over(&mut self, checked: CheckedMessage) -> Result<(), ConnectionEnd> {
        let CheckedMessage { cursor, position, bytes, verified } = checked;
        let taking = match self.intake.take_over(position, verified) {
            Ok(taking) => taking,
            Err(error) => {
                self.intake.complain(error.clone());
                return Err(ConnectionEnd::WriteFailed(error));
            }
        };
        if self.taking.is_empty() {
            self.moved = Instant::now();
        }
        self.taking.push_back(
            async move { WrittenMessage { cursor, bytes, upto: taking.receipt().await } }.boxed(),
        );
        Ok(())
    }

    /// Handles the result of a write.
    fn settle(&mut self, taken: WrittenMessage) -> Result<Cursor, ConnectionEnd> {
        self.bytes -= taken.bytes;
        self.under_way -= 1;
        self.moved = Instant::now();
        match taken.upto {
            Ok(upto) if upto >= taken.cursor.seq => Ok(taken.cursor),
            // Out of sequence: a message before it was not written.
            Ok(_) => Err(ConnectionEnd::WriteFailed(WriteError::Late)),
            Err(error) => {
                self.intake.complain(error.clone());
                Err(ConnectionEnd::WriteFailed(error))
            }
        }
    }
}
