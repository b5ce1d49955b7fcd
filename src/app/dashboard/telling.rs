//! Starts a teller in a thread of its own, asks it, and ends it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::teller::{Halt, Teller};
use crate::journal::{Feed, Reader};
use crate::signature::TrustedKeys;
use crate::tui::effect::Request;
use crate::tui::msg::{Msg, Stage};

/// Questions that may wait. One more waits before them, and the requests of the dashboard with it.
const ASKS: usize = 64;

/// What a teller is asked.
pub(super) enum Ask {
    /// What the dashboard wants to know.
    Request(Request),
    /// What became of the asset that this request noted something of.
    Noted(Request),
}

/// How it is learnt that there is more.
pub(super) enum Source {
    /// This process writes the journal.
    Feed(Feed),
    /// Another one does: the file is looked at.
    File,
}

/// What a teller works with.
pub(super) struct Sources {
    /// Which of the dashboard's journals it is.
    pub(super) stage: Stage,
    /// What reads it.
    pub(super) reader: Reader,
    /// What tells of more.
    pub(super) source: Source,
    /// The keys that deliveries are checked with when they are opened.
    pub(super) keys: Arc<TrustedKeys>,
}

/// A teller that tells.
pub(super) struct Telling {
    pub(super) asks: mpsc::Sender<Ask>,
    stop: CancellationToken,
    /// `None` once it was told.
    ended: Option<oneshot::Receiver<anyhow::Result<()>>>,
}

/// Whoever gives up before anything runs closes nothing: the thread has to end before the runtime
/// does.
impl Drop for Telling {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Telling {
    /// Starts the thread. That it could not be started is told by [`Telling::broken`]: by then there
    /// is a terminal to be given back.
    pub(super) fn start(sources: Sources, inbox: mpsc::Sender<Msg>) -> Self {
        let (asks, questions) = mpsc::channel(ASKS);
        let stop = CancellationToken::new();
        let (ended, mut is_over) = oneshot::channel();
        let mut teller = Teller::new(sources, inbox, questions, stop.clone());
        let started = std::thread::Builder::new().name("teller".to_owned()).spawn(move || {
            let result = match teller.tell_all() {
                Ok(()) | Err(Halt::Stopped) => Ok(()),
                Err(Halt::Journal(error)) => Err(error.into()),
            };
            // The journal is let go of before anybody hears that it was.
            drop(teller);
            let _ = ended.send(result);
        });
        if let Err(error) = started {
            let (failed, is_known) = oneshot::channel();
            let what = "cannot start the thread that reads for the dashboard";
            let _ = failed.send(Err(anyhow::Error::from(error).context(what)));
            is_over = is_known;
        }
        Self { asks, stop, ended: Some(is_over) }
    }

    /// Waits until it cannot go on: gives what went wrong. That nobody listens any more is nothing
    /// wrong, and whoever listened says why.
    pub(super) async fn broken(&mut self) -> anyhow::Error {
        let Some(ended) = &mut self.ended else { std::future::pending().await };
        let result = ended.await;
        self.ended = None;
        match result {
            Ok(Err(error)) => error,
            Ok(Ok(())) => std::future::pending().await,
            Err(_) => anyhow::anyhow!("the thread that reads the journal ended"),
        }
    }

    /// Ends it and waits until the journal is let go of.
    pub(super) async fn close(mut self) {
        self.stop.cancel();
        if let Some(ended) = self.ended.take() {
            let _ = ended.await;
        }
    }
}
