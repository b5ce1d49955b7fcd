//! Reads a request's body within its bounds: length, time, and memory shared by all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// What every body may take without asking, in bytes. Callbacks have a few hundred.
const FREE: usize = 64 << 10;
/// What all longer bodies may take together, in bytes. When it is used up, further long bodies are
/// answered 503; those of the usual size never are.
const SHARED: usize = 64 << 20;

/// Memory for long bodies.
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SHARED)))
    }
}

/// A part of the budget; given back when dropped.
pub(super) type Share = Option<OwnedSemaphorePermit>;

/// Why a body was not read.
pub(super) enum Unread {
    TooLarge,
    TooSlow,
    Broken,
    /// The shared memory is used up.
    NoRoom,
}

/// Reads a whole body of at most `limit` bytes within `patience`.
pub(super) async fn read(
    mut body: Body,
    announced: Option<u64>,
    limit: usize,
    patience: Duration,
    budget: &Budget,
) -> Result<(Vec<u8>, Share), Unread> {
    if announced.is_some_and(|size| size > limit as u64) {
        return Err(Unread::TooLarge);
    }
    let deadline = Instant::now() + patience;
    let expected = announced.map_or(0, |size| usize::try_from(size).unwrap_or(0));
    // A copy of what hyper has: holding on to its buffers would keep 4 KiB alive for every 200
    // bytes that wait for the disk.
    let mut bytes = Vec::with_capacity(expected.min(FREE));
    let mut share: Share = None;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Unread::TooSlow),
            Ok(None) => return Ok((bytes, share)),
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are of no use to us.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Unread::TooLarge);
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
