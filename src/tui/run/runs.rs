//! The runs of the dashboard: the one that is shown and, during a demo, the real one behind it.
//! Each has its own model, events and requests.

use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::super::effect::{Effect, Request};
use super::super::event::BackendEvent;
use super::super::model::{Model, RunInfo};
use super::super::msg::Msg;
use super::super::update::update;

/// A run to show: its facts, and the channels of its backend.
#[derive(Debug)]
pub struct Run {
    /// Facts that do not change during the run.
    pub info: RunInfo,
    /// Events from the backend. The channel is bounded: the backend waits while the dashboard is
    /// busy.
    pub events: mpsc::Receiver<BackendEvent>,
    /// Requests to the backend. If the channel is full, the user gets a message and can try again.
    pub requests: mpsc::Sender<Request>,
}

/// A command to the demo that can be started from the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoCommand {
    /// Start a demo, unless one is running.
    Start,
    /// Stop the demo.
    Stop,
}

/// An event of the demo.
#[derive(Debug)]
pub enum DemoEvent {
    /// The demo has started.
    Started(Box<Run>),
    /// The demo has ended or could not start, with the reason unless it was stopped.
    Ended(Option<String>),
}

/// Starts and stops demos.
pub struct DemoPorts {
    /// Commands.
    pub commands: mpsc::Sender<DemoCommand>,
    /// Events.
    pub events: mpsc::Receiver<DemoEvent>,
}

impl DemoPorts {
    /// Sends a command. Returns a message for the user if that is not possible now.
    pub(super) fn send(&self, command: DemoCommand) -> Result<(), String> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => "the demo is busy starting or ending; try again".to_owned(),
            TrySendError::Closed(_) => "the demo can no longer be started".to_owned(),
        })
    }
}

/// One of the two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that is shown and receives the keys.
    Shown,
    /// The one behind a demo.
    Behind,
}

/// The run that is shown, and the one behind it.
pub(super) struct Runs {
    shown: LiveRun,
    behind: Option<LiveRun>,
}

/// A run and its model.
struct LiveRun {
    model: Model,
    events: mpsc::Receiver<BackendEvent>,
    requests: mpsc::Sender<Request>,
    /// How many requests had been received when the demo started.
    received_before: u64,
}

impl LiveRun {
    fn new(run: Run, now: Timestamp, size: (u16, u16)) -> Self {
        let Run { info, events, requests } = run;
        Self { model: Model::new(info, now, size), events, requests, received_before: 0 }
    }
}

impl Runs {
    /// Shows a run with an empty model.
    pub(super) fn new(run: Run, now: Timestamp, size: (u16, u16)) -> Self {
        Self { shown: LiveRun::new(run, now, size), behind: None }
    }

    /// Returns the model that is shown.
    pub(super) const fn shown(&self) -> &Model {
        &self.shown.model
    }

    /// Returns the model that is shown, for changes.
    pub(super) const fn shown_mut(&mut self) -> &mut Model {
        &mut self.shown.model
    }

    /// Returns the model of the run behind a demo.
    pub(super) fn behind(&self) -> Option<&Model> {
        self.behind.as_ref().map(|run| &run.model)
    }

    /// Waits for the next event. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Which, BackendEvent) {
        let Self { shown, behind } = self;
        let hidden = async {
            match behind {
                Some(run) => run.events.recv().await,
                None => None,
            }
        };
        tokio::select! {
            Some(event) = shown.events.recv() => (Which::Shown, event),
            Some(event) = hidden => (Which::Behind, event),
            else => std::future::pending().await,
        }
    }

    /// Returns the next event if there is one.
    pub(super) fn try_next(&mut self) -> Option<(Which, BackendEvent)> {
        if let Ok(event) = self.shown.events.try_recv() {
            return Some((Which::Shown, event));
        }
        let hidden = self.behind.as_mut()?.events.try_recv().ok()?;
        Some((Which::Behind, hidden))
    }

    /// Applies a message to a run; returns the effects.
    pub(super) fn update(&mut self, which: Which, msg: Msg) -> Vec<Effect> {
        let run = match (which, &mut self.behind) {
            (Which::Shown, _) => &mut self.shown,
            (Which::Behind, Some(run)) => run,
            // The demo has ended meanwhile.
            (Which::Behind, None) => return Vec::new(),
        };
        let before = run.model.live.received;
        let effects = update(&mut run.model, msg);
        let after = run.model.live.received;
        if which == Which::Behind && after != before {
            let received = after.saturating_sub(run.received_before);
            update(&mut self.shown.model, Msg::ReceivedBehind(received));
        }
        effects
    }

    /// Sends a request of a run to its backend. Returns a message for the user if that is not
    /// possible now.
    pub(super) fn request(&self, which: Which, request: Request) -> Result<(), String> {
        let run = match which {
            Which::Shown => Some(&self.shown),
            Which::Behind => self.behind.as_ref(),
        };
        let Some(run) = run else { return Ok(()) };
        run.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => {
                "the journal is busy with earlier requests; try again".to_owned()
            }
            TrySendError::Closed(_) => "the journal is already closed".to_owned(),
        })
    }

    /// Shows a demo that has started, or the real run after the demo has ended.
    pub(super) fn demo(&mut self, event: DemoEvent) {
        match event {
            DemoEvent::Started(run) => {
                let (now, size) = (self.shown.model.now, self.shown.model.size);
                let mut hidden = std::mem::replace(&mut self.shown, LiveRun::new(*run, now, size));
                update(&mut self.shown.model, Msg::ReceivedBehind(0));
                hidden.received_before = hidden.model.live.received;
                self.behind = Some(hidden);
            }
            DemoEvent::Ended(why) => {
                if let Some(run) = self.behind.take() {
                    self.shown = run;
                }
                if let Some(why) = why {
                    let message = format!("the demo ended: {why}");
                    update(&mut self.shown.model, Msg::Message(message));
                }
            }
        }
    }
}
