//! Hands on what the dashboard asks for: reading to the journal's teller, notes to the one who
//! writes, demos to whoever runs them.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::aside::Aside;
use super::telling::Ask;
use crate::journal::{Journal, Pending, Unwritten};
use crate::tui::effect::Request;
use crate::tui::msg::{Msg, Stage, Told};

/// Has the user's notes written, and has questions answered.
pub(super) struct Notary {
    /// Whose journal it is.
    pub(super) stage: Stage,
    /// Whoever reads the journal.
    pub(super) asks: mpsc::Sender<Ask>,
    /// The journal; `None` where another process writes it.
    pub(super) journal: Option<Arc<Journal>>,
    /// Where words go.
    pub(super) inbox: mpsc::Sender<Msg>,
}

/// Hands on requests until it is stopped or nobody asks any more; then ends the demo, if one runs.
pub(super) async fn route(
    mut requests: mpsc::Receiver<(Stage, Request)>,
    notary: Notary,
    mut aside: Aside,
    stop: CancellationToken,
) {
    loop {
        let request = tokio::select! {
            () = stop.cancelled() => break,
            why = aside.broken() => {
                aside.end(Some(why)).await;
                continue;
            }
            request = requests.recv() => request,
        };
        let handled = async {
            match request {
                Some((_, Request::StartDemo)) => aside.begin().await,
                Some((_, Request::StopDemo)) => aside.end(None).await,
                Some((Stage::Real, request)) => notary.ask(request).await,
                Some((Stage::Demo, request)) => aside.ask(request).await,
                None => return false,
            }
            true
        };
        if stop.run_until_cancelled(handled).await != Some(true) {
            break;
        }
    }
    aside.close().await;
}

impl Notary {
    /// Has a request answered. One that cannot be is answered with a word.
    pub(super) async fn ask(&self, request: Request) {
        let pending = match (&request, &self.journal) {
            (Request::Name { asset_id, name }, Some(journal)) => {
                journal.name(asset_id.clone(), name.clone())
            }
            (Request::Acknowledge { asset_id, version_id, at }, Some(journal)) => {
                journal.acknowledge(asset_id.clone(), version_id.clone(), *at)
            }
            (Request::Name { .. } | Request::Acknowledge { .. }, None) => {
                let word = "read-only: another dubwatch writes this journal";
                unanswered(self.stage, request, word.to_owned(), &self.inbox).await;
                return;
            }
            (_, _) => {
                // Its end is told elsewhere.
                let _ = self.asks.send(Ask::Request(request)).await;
                return;
            }
        };
        // Beside this: a disk that takes its time must not hold up the next question. How many can
        // wait there is bounded by the journal's queue.
        let (asks, inbox) = (self.asks.clone(), self.inbox.clone());
        tokio::spawn(noted(self.stage, request, pending, asks, inbox));
    }
}

async fn noted(
    stage: Stage,
    request: Request,
    pending: Result<Pending<u64>, Unwritten>,
    asks: mpsc::Sender<Ask>,
    inbox: mpsc::Sender<Msg>,
) {
    let written = match pending {
        Ok(pending) => pending.receipt().await,
        Err(unwritten) => Err(unwritten),
    };
    match written {
        Ok(_) => {
            let _ = asks.send(Ask::Noted(request)).await;
        }
        Err(unwritten) => {
            unanswered(stage, request, format!("not kept: {unwritten}"), &inbox).await;
        }
    }
}

/// Says why a request came to nothing.
async fn unanswered(stage: Stage, request: Request, why: String, inbox: &mpsc::Sender<Msg>) {
    // Without a dashboard nobody needs to know.
    let _ = inbox.send(Msg::Told(stage, Told::Unanswered(request))).await;
    let _ = inbox.send(Msg::Word(why)).await;
}
