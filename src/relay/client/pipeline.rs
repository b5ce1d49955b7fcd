//! What came from a relay on its way to the disk: checked on every core, taken over in order, bounded.

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

/// Messages that may be under way. More are left in the socket.
const MESSAGES: usize = WINDOW;
/// Bytes of them: what the journal's queue takes is shared with the listener.
const BYTES: usize = 16 << 20;
/// Messages that are checked together, at most.
const CHUNK: usize = 32;
/// How long the disk may take before we say that it cannot be written.
const DISK: Duration = Duration::from_secs(10);

/// A message of the relay, in order.
pub(super) struct IncomingMessage {
    pub(super) cursor: Cursor,
    pub(super) position: MessagePosition,
    /// Length of its body.
    pub(super) bytes: usize,
    pub(super) verification: Verification,
}

/// Whether a message needs a check of its signature.
pub(super) enum Verification {
    /// The signature must be checked.
    Check(Box<Received>),
    /// No check is needed.
    Ready(Verified),
}

/// What is on disk now.
pub(super) struct OnDisk {
    /// Up to here, everything.
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

/// The messages of one connection that are under way.
pub(super) struct Pipeline {
    intake: Arc<Intake>,
    /// What came and is not being checked yet; empty whenever anybody waits.
    came: Vec<IncomingMessage>,
    /// What is being checked, in order: a check takes most of the time that a delivery takes.
    checking: FuturesOrdered<JoinHandle<Vec<CheckedMessage>>>,
    taking: FuturesOrdered<BoxFuture<'static, WrittenMessage>>,
    under_way: usize,
    bytes: usize,
    /// When the disk last took something, or began to have something to take.
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

    /// Whether more may come.
    pub(super) fn has_room(&self) -> bool {
        self.under_way < MESSAGES && self.bytes < BYTES
    }

    /// Whether more may come before what came is checked.
    pub(super) fn wants_more(&self) -> bool {
        self.came.len() < CHUNK && self.has_room()
    }

    /// Whether nothing is under way.
    pub(super) const fn is_empty(&self) -> bool {
        self.under_way == 0
    }

    /// Whether the disk took nothing for too long.
    pub(super) fn is_stuck(&self) -> bool {
        !self.taking.is_empty() && self.moved.elapsed() >= DISK
    }

    /// A message came.
    pub(super) fn put(&mut self, work: IncomingMessage) {
        self.under_way += 1;
        self.bytes += work.bytes;
        self.came.push(work);
    }

    /// Has what came checked.
    pub(super) fn check(&mut self) -> Result<(), ConnectionEnd> {
        let came = std::mem::take(&mut self.came);
        let intake = Arc::clone(&self.intake);
        // One alone is not worth the way to another core.
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

    /// Waits until something went on; gives what is on disk then, where that is more than before.
    /// Waits for ever while nothing is under way. Nothing is lost when the wait is given up.
    pub(super) async fn progress(&mut self) -> Result<Option<OnDisk>, ConnectionEnd> {
        tokio::select! {
            // Before what is checked: an ack makes room at the relay.
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

    /// A message is on disk, or is known not to be.
    fn settle(&mut self, taken: WrittenMessage) -> Result<Cursor, ConnectionEnd> {
        self.bytes -= taken.bytes;
        self.under_way -= 1;
        self.moved = Instant::now();
        match taken.upto {
            Ok(upto) if upto >= taken.cursor.seq => Ok(taken.cursor),
            // It was not its turn: something before it was not written.
            Ok(_) => Err(ConnectionEnd::WriteFailed(WriteError::Late)),
            Err(error) => {
                self.intake.complain(error.clone());
                Err(ConnectionEnd::WriteFailed(error))
            }
        }
    }
}
