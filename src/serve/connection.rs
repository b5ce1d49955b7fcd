//! Runs one connection with hyper from its first byte to its last, ends it on request and reports what
//! was wrong with it.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1::UpgradeableConnection;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use super::Observer;
use super::conn_failure;
use super::conn_io::ConnIo;
use super::conn_state::{ConnState, Phase};
use super::service::RouterService;

/// hyper's side of a connection.
pub(super) type HyperConn = UpgradeableConnection<TokioIo<ConnIo>, RouterService>;

/// What the task of a connection shares with the accept loop.
pub(super) struct ConnContext {
    pub(super) conn: Arc<ConnState>,
    /// Resolves when the connection must end after its current answer.
    pub(super) finish: oneshot::Receiver<()>,
    /// Resolves when the socket is closed, even if a handler owns it.
    pub(super) closed: oneshot::Receiver<()>,
    pub(super) observer: Observer,
    pub(super) max_head: usize,
}

/// Runs a connection until its socket is closed. `open` does the TLS handshake, if there is one, and
/// returns hyper's connection.
pub(super) async fn run(open: impl Future<Output = io::Result<HyperConn>>, context: ConnContext) {
    let ConnContext { conn, finish, closed, observer, max_head } = context;
    let connection = match open.await {
        Ok(connection) => connection,
        Err(error) => {
            if let Some(failure) = conn_failure::failed_handshake(&conn, &error) {
                observer(failure);
            } else {
                tracing::debug!(peer = %conn.peer, %error, "no TLS handshake");
            }
            return;
        }
    };
    if let Err(error) = converse(connection, finish).await {
        if let Some(failure) = conn_failure::from_hyper(&conn, &error, max_head) {
            observer(failure);
        } else {
            tracing::debug!(peer = %conn.peer, %error, "connection ended early");
        }
    } else if conn.is_plain() && conn.phase().0 != Phase::Fresh {
        observer(conn_failure::plain_http(&conn));
    }
    conn.handed_over();
    // An error is expected: `ConnIo` drops its end and never sends.
    let _ = closed.await;
}

/// Drops hyper's side when it returns, and the socket with it unless a handler upgraded.
async fn converse(connection: HyperConn, finish: oneshot::Receiver<()>) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        // Asked first, so that an answer that is ready as well says `connection: close`.
        biased;
        _ = finish => {}
        result = connection.as_mut() => return result,
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}
