//! Reads the body of a request within limits on its length, its time and the memory that all long
//! bodies share. Does not interpret it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Bytes of a body that do not count against the shared memory. Callbacks have a few hundred.
const FREE: usize = 64 << 10;
/// Bytes that all longer bodies may use together. When they are used up, further long bodies are
/// answered 503; bodies of the usual size never are.
const SHARED: usize = 64 << 20;

/// The memory that the long bodies of one router share.
#[derive(Debug)]
pub struct MemoryBudget(Arc<Semaphore>);

impl Default for MemoryBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SHARED)))
    }
}

/// Memory that one body uses; returned to the [`MemoryBudget`] when dropped. `None` for a short
/// body.
pub type Permit = Option<OwnedSemaphorePermit>;

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    /// It is over the limit.
    TooLarge {
        /// The bytes read so far; empty if the announced length is over the limit.
        read: Vec<u8>,
        /// Its length in bytes: announced, or received so far.
        size: u64,
    },
    /// It was not complete in time.
    TooSlow {
        /// The bytes read so far.
        read: Vec<u8>,
    },
    /// The connection or its chunked encoding broke.
    Broken {
        /// The bytes read so far.
        read: Vec<u8>,
        /// The text of the error.
        error: String,
    },
    /// The shared memory is used up.
    NoRoom,
}

/// Reads a complete body of at most `limit` bytes within `timeout`. `announced` is the length from
/// its head.
///
/// Small bodies are copied out of the connection's buffers: holding on to those would keep 4 KiB
/// and more alive for every 200 bytes that wait for the disk.
///
/// # Errors
///
/// Returns the limit that the body exceeded.
pub async fn read_body(
    mut body: Body,
    announced: Option<u64>,
    limit: usize,
    timeout: Duration,
    budget: &MemoryBudget,
) -> Result<(Vec<u8>, Permit), BodyError> {
    if let Some(size) = announced.filter(|size| *size > limit as u64) {
        return Err(BodyError::TooLarge { read: Vec::new(), size });
    }
    let deadline = Instant::now() + timeout;
    let expected = announced.map_or(0, |size| usize::try_from(size).unwrap_or(0));
    let mut bytes = Vec::with_capacity(expected.min(FREE));
    let mut permit: Permit = None;
    loop {
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(BodyError::TooSlow { read: bytes }),
            Ok(None) => return Ok((bytes, permit)),
            Ok(Some(Err(error))) => {
                return Err(BodyError::Broken { read: bytes, error: innermost(&error) });
            }
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are ignored.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            let size = (bytes.len() + data.len()) as u64;
            return Err(BodyError::TooLarge { read: bytes, size });
        }
        // Memory is reserved for received bytes, not for announced ones, which cost the client
        // nothing.
        let beyond = (bytes.len() + data.len()).saturating_sub(FREE);
        let more = beyond - permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            let more = Arc::clone(&budget.0)
                .try_acquire_many_owned(more)
                .map_err(|_| BodyError::NoRoom)?;
            match &mut permit {
                Some(held) => held.merge(more),
                None => permit = Some(more),
            }
        }
        bytes.extend_from_slice(&data);
    }
}

/// Returns the text of the root cause; the errors above it only say "error".
fn innermost(error: &axum::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
