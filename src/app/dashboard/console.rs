//! The thread that has the terminal: runs the loop on it, because writing to a terminal can block.

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::super::Exit;
use super::super::signals::HANGUP;
use crate::tui::display::Console;
use crate::tui::effect::Request;
use crate::tui::input;
use crate::tui::jobs::Jobs;
use crate::tui::model::Facts;
use crate::tui::msg::{Msg, Stage};
use crate::tui::run::{Edges, Left, run};
use crate::tui::terminal::{Screen, TerminalError};
use crate::tui::widget::look::Look;

/// How long the terminal may take to be given back.
const LEAVE: std::time::Duration = std::time::Duration::from_secs(2);

/// The loop on the terminal.
pub(super) struct Playing {
    end: CancellationToken,
    /// Cancelled by a panic anywhere.
    broken: CancellationToken,
    /// `None` once it was told.
    ended: Option<oneshot::Receiver<Result<Left, TerminalError>>>,
}

impl Playing {
    /// Takes over the terminal and starts the loop. Needs a running runtime.
    pub(super) fn start(
        facts: Facts,
        look: Look,
        follows_ground: bool,
        inbox: mpsc::Receiver<Msg>,
        requests: mpsc::Sender<(Stage, Request)>,
    ) -> anyhow::Result<Self> {
        let (end, broken) = (CancellationToken::new(), CancellationToken::new());
        // Before the terminal is ours: from here on a stop gives it back first.
        let jobs = Jobs::new().context("cannot listen for the shell's signals")?;
        let mut screen = Screen::enter(broken.clone())?;
        // Without colours every ground is the same.
        let follows_ground = follows_ground && look.color;
        if follows_ground {
            screen.follow_ground()?;
        }
        let display = Console::new(screen, jobs);
        let inputs = input::stream().context("cannot read the terminal")?;
        let clock = Timestamp::now;
        let end_of = end.clone();
        let edges =
            Edges { display, inputs, clock, inbox, requests, end: end_of, look, follows_ground };
        let (ended, is_over) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || {
                // When it returns, the terminal was given back.
                let left = runtime.block_on(run(facts, edges));
                let _ = ended.send(left);
            })
            .context("cannot start the dashboard's thread")?;
        Ok(Self { end, broken, ended: Some(is_over) })
    }

    /// Waits until nothing is drawn any more.
    pub(super) async fn over(&mut self) -> anyhow::Result<Exit> {
        let Some(ended) = &mut self.ended else { std::future::pending().await };
        let left = tokio::select! {
            biased;
            left = ended => left.ok(),
            () = self.broken.cancelled() => {
                return Err(anyhow::anyhow!("a part of it broke down, as said above"));
            }
        };
        self.ended = None;
        match left {
            Some(Ok(Left::Quit | Left::Told)) => Ok(Exit::Done),
            // Whichever tells of it first, the terminal or its signal.
            Some(Ok(Left::Gone)) => Ok(Exit::Signal(HANGUP)),
            Some(Err(error)) => Err(error.into()),
            None => Err(anyhow::anyhow!("the dashboard broke down, as said above")),
        }
    }

    /// Ends it and waits until the terminal was given back.
    pub(super) async fn leave(&mut self) {
        self.end.cancel();
        if let Some(ended) = self.ended.take() {
            // A terminal that takes nothing keeps it for as long as it likes.
            let _ = tokio::time::timeout(LEAVE, ended).await;
        }
    }
}
