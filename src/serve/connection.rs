//! One connection from its first byte to its last: lets hyper run it, ends it when asked and says
//! what was wrong; accepts and times nothing.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1::UpgradeableConnection;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use super::Observer;
use super::answer::Routed;
use super::slot::{Phase, Slot};
use super::trouble;
use super::wire::Wire;

/// hyper's side of a connection.
pub(super) type Talk = UpgradeableConnection<TokioIo<Wire>, Routed>;

/// What a connection's task shares with the accept loop.
pub(super) struct Ends {
    pub(super) slot: Arc<Slot>,
    /// Resolves when the connection is to end after the answer it owes.
    pub(super) finish: oneshot::Receiver<()>,
    /// Resolves when the socket is closed, also if a handler has it.
    pub(super) closed: oneshot::Receiver<()>,
    pub(super) observer: Observer,
    pub(super) max_head: usize,
}

/// Runs a connection until its socket is closed. `open` shakes hands where that is to be done, and
/// hands it to hyper.
pub(super) async fn run(open: impl Future<Output = io::Result<Talk>>, ends: Ends) {
    let Ends { slot, finish, closed, observer, max_head } = ends;
    let talk = match open.await {
        Ok(talk) => talk,
        Err(error) => {
            if let Some(broken) = trouble::handshake(&slot, &error) {
                observer(broken);
            } else {
                tracing::debug!(peer = %slot.peer, %error, "no TLS handshake");
            }
            return;
        }
    };
    if let Err(error) = converse(talk, finish).await {
        if let Some(broken) = trouble::of(&slot, &error, max_head) {
            observer(broken);
        } else {
            tracing::debug!(peer = %slot.peer, %error, "connection ended early");
        }
    } else if slot.is_plain() && slot.phase().0 != Phase::Fresh {
        observer(trouble::plain(&slot));
    }
    slot.handed_over();
    // An error is what it waits for: the wire drops its end, it never sends.
    let _ = closed.await;
}

/// Drops hyper's side when it returns, and the socket with it unless a handler upgraded.
async fn converse(talk: Talk, finish: oneshot::Receiver<()>) -> hyper::Result<()> {
    let mut talk = pin!(talk);
    tokio::select! {
        // Asked first, so that an answer that is ready as well says `connection: close`.
        biased;
        _ = finish => {}
        result = talk.as_mut() => return result,
    }
    talk.as_mut().graceful_shutdown();
    talk.await
}
