//! Writes the user's notes to the journal: names of assets, what is expected of them, and marks of
//! seen failures.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::journal::Journal;
use crate::tui::effect::Request;

/// A note that is being written. Returns its request and, if writing failed, the reason.
type PendingNote = BoxFuture<'static, (Request, Result<(), String>)>;

/// Writes notes. The journal's queue bounds the number of pending ones.
pub(super) struct NoteWriter {
    /// `None` if another process writes the journal.
    journal: Option<Arc<Journal>>,
    pub(super) pending: FuturesUnordered<PendingNote>,
}

impl NoteWriter {
    pub(super) fn of(journal: Option<Arc<Journal>>) -> Self {
        Self { journal, pending: FuturesUnordered::new() }
    }

    /// Queues a note. Does not wait for the disk, so that no other request has to.
    pub(super) fn submit(&self, request: Request) {
        let submitted = match (&request, &self.journal) {
            (Request::Name { asset_id, name }, Some(journal)) => {
                journal.name(asset_id.clone(), name.clone())
            }
            (Request::Expect { asset_id, expected }, Some(journal)) => {
                journal.expect(asset_id.clone(), expected.clone())
            }
            (Request::Acknowledge { asset_id, version_id, at }, Some(journal)) => {
                journal.acknowledge(asset_id.clone(), version_id.clone(), *at)
            }
            (_, Some(_)) => return,
            (_, None) => {
                let why = "read-only: another dubwatch writes this journal".to_owned();
                self.pending.push(Box::pin(async { (request, Err(why)) }));
                return;
            }
        };
        self.pending.push(Box::pin(async {
            let written = match submitted {
                Ok(pending) => pending.receipt().await.map(drop),
                Err(error) => Err(error),
            };
            (request, written.map_err(|error| format!("not kept: {error}")))
        }));
    }
}
