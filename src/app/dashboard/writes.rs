//! What the user notes of assets: names and marks of seen failures, written by the journal's writer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::backend::{Backend, Halt};
use crate::journal::Journal;
use crate::tui::effect::Request;
use crate::tui::event::BackendEvent;

/// A note that is being written: its request, and why it could not be where that is so.
type PendingNote = BoxFuture<'static, (Request, Result<(), String>)>;

/// Writes notes. How many can wait is bounded by the journal's queue.
pub(super) struct NoteWriter {
    /// `None` where another process writes the journal.
    journal: Option<Arc<Journal>>,
    pub(super) pending: FuturesUnordered<PendingNote>,
}

impl NoteWriter {
    pub(super) fn of(journal: Option<Arc<Journal>>) -> Self {
        Self { journal, pending: FuturesUnordered::new() }
    }

    /// Queues a note. A disk that takes its time holds up no other request.
    pub(super) fn submit(&self, request: Request) {
        let submitted = match (&request, &self.journal) {
            (Request::Name { asset_id, name }, Some(journal)) => {
                journal.name(asset_id.clone(), name.clone())
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

impl Backend {
    /// A note is on disk, or why it is not.
    pub(super) fn written(
        &mut self,
        request: Request,
        written: Result<(), String>,
    ) -> Result<(), Halt> {
        match written {
            Ok(()) => {
                // After the news, which this may be in the midst of.
                self.noted.push_back(request);
                Ok(())
            }
            Err(why) => self.send(BackendEvent::Unanswered(request, why)),
        }
    }
}
