//! Reads a request's body within its bounds: length, time, and memory shared by all of them; knows
//! nothing of what is in it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What every body may take without asking, in bytes. Callbacks have a few hundred.
const FREE: usize = 64 << 10;
/// What all longer bodies may take together, in bytes. When it is used up, further long bodies are
/// answered 503; those of the usual size never are.
const SHARED: usize = 64 << 20;

/// Memory for the long bodies of one router.
#[derive(Debug)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SHARED)))
    }
}

/// A part of the budget; given back when dropped.
pub type Share = Option<OwnedSemaphorePermit>;

/// Why a body was not read.
#[derive(Debug)]
pub enum Unread {
    /// Over the limit.
    TooLarge {
        /// What was read of it; nothing, where its announced length was over already.
        read: Vec<u8>,
        /// Its length in bytes as announced, or as far as it came.
        size: u64,
    },
    /// Not complete in time.
    TooSlow {
        /// What was read of it.
        read: Vec<u8>,
    },
    /// The connection or its chunked encoding broke.
    Broken {
        /// What was read of it.
        read: Vec<u8>,
        /// The words of the error.
        error: String,
    },
    /// The shared memory is used up.
    NoRoom,
}

/// Reads a whole body of at most `limit` bytes within `timeout`; `announced` is its length as its
/// head has it.
///
/// Small bodies are copied out of the connection's buffers: holding on to those would keep 4 KiB
/// and more alive for every 200 bytes that wait for the disk.
///
/// # Errors
///
/// The [`Unread`] that says which bound it broke.
pub async fn read_body(
    mut body: Body,
    announced: Option<u64>,
    limit: usize,
    timeout: Duration,
    budget: &Budget,
) -> Result<(Vec<u8>, Share), Unread> {
    if let Some(size) = announced.filter(|size| *size > limit as u64) {
        return Err(Unread::TooLarge { read: Vec::new(), size });
    }
    let deadline = Instant::now() + timeout;
    let expected = announced.map_or(0, |size| usize::try_from(size).unwrap_or(0));
    let mut bytes = Vec::with_capacity(expected.min(FREE));
    let mut share: Share = None;
    loop {
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Unread::TooSlow { read: bytes }),
            Ok(None) => return Ok((bytes, share)),
            Ok(Some(Err(error))) => {
                return Err(Unread::Broken { read: bytes, error: innermost(&error) });
            }
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are of no use to us.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            let size = (bytes.len() + data.len()) as u64;
            return Err(Unread::TooLarge { read: bytes, size });
        }
        // Memory is taken as bytes come, not as they are announced: an announcement costs nothing.
        let beyond = (bytes.len() + data.len()).saturating_sub(FREE);
        let more = beyond - share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            let permit =
                Arc::clone(&budget.0).try_acquire_many_owned(more).map_err(|_| Unread::NoRoom)?;
            match &mut share {
                Some(share) => share.merge(permit),
                None => share = Some(permit),
            }
        }
        bytes.extend_from_slice(&data);
    }
}

/// The words of the error that is at the bottom of it all; those above only say "error".
fn innermost(error: &axum::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
