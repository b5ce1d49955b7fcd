//! The loop of the dashboard: takes in what comes, draws when something changed, carries out what
//! `update` wants. All its edges are parameters, so that a test is the program. It decides nothing
//! of what is shown.

mod pace;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::display::Display;
use super::effect::{Effect, Request};
use super::input::{Input, Report};
use super::jobs::{Job, SuspendError};
use super::model::{Dashboard, Facts};
use super::msg::{Msg, Stage};
use super::terminal::TerminalError;
use super::update::{next_change, update};
use super::view;
use super::widget::look::Look;
use pace::{Calls, Frames};

/// Messages that are taken in before a frame is drawn, at most.
const DRAIN: usize = 512;

/// What the loop works with.
pub struct Edges<D, I, C> {
    /// What it draws on.
    pub display: D,
    /// What the user does.
    pub inputs: I,
    /// Says how late it is.
    pub clock: C,
    /// What the dashboard is told. It is bounded: whoever tells waits while the dashboard is busy.
    pub inbox: mpsc::Receiver<Msg>,
    /// What the dashboard asks for. When it is full, the user is told and may ask again.
    pub requests: mpsc::Sender<(Stage, Request)>,
    /// Ends the loop.
    pub end: CancellationToken,
    /// Colours and characters.
    pub look: Look,
    /// Whether the ground is what the terminal says, once it says anything.
    pub follows_ground: bool,
}

/// How long the first frame waits for the terminal to say what its ground is: most answer at once,
/// and some never.
const GROUND_SAID: Duration = Duration::from_millis(50);

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The user quit.
    Quit,
    /// The terminal is gone.
    Gone,
    /// It was told to end.
    Told,
}

/// Shows the dashboard until it ends.
///
/// # Errors
///
/// The terminal cannot be written. It is given back when the display is dropped, which is when this
/// returns.
pub async fn run<D, I, C>(facts: Facts, edges: Edges<D, I, C>) -> Result<Left, TerminalError>
where
    D: Display,
    I: Stream<Item = Input> + Unpin,
    C: Fn() -> Timestamp,
{
    let size = edges.display.size()?;
    let dashboard = Dashboard::new(facts, (edges.clock)(), size);
    let first = edges.follows_ground.then(|| Instant::now() + GROUND_SAID);
    let mut running = Running {
        edges,
        dashboard,
        stale: true,
        wake: None,
        frames: Frames::from(first),
        calls: Calls::default(),
    };
    loop {
        running.draw_if_due()?;
        if let Some(left) = running.step().await? {
            return Ok(left);
        }
    }
}

struct Running<D, I, C> {
    edges: Edges<D, I, C>,
    dashboard: Dashboard,
    /// Whether the terminal shows something else than what is known.
    stale: bool,
    /// When what is shown ages.
    wake: Option<Instant>,
    frames: Frames,
    calls: Calls,
}

/// What ended the wait.
enum Woken {
    End,
    Job(Job),
    Input(Option<Input>),
    Told(Msg),
    Time,
}

impl<D, I, C> Running<D, I, C>
where
    D: Display,
    I: Stream<Item = Input> + Unpin,
    C: Fn() -> Timestamp,
{
    fn draw_if_due(&mut self) -> Result<(), TerminalError> {
        if !self.stale || self.frames.due(Instant::now()) > Instant::now() {
            return Ok(());
        }
        self.stale = false;
        let model = self.dashboard.shown_mut();
        model.settle();
        let (model, look) = (self.dashboard.shown(), self.edges.look);
        self.edges.display.draw(|frame| {
            let area = frame.area();
            view::draw(model, look, area, frame.buffer_mut());
            // Where it is seen, and where a screen reader or an input method looks for it.
            if let Some(position) = view::cursor(model, area) {
                frame.set_cursor_position(position);
            }
        })?;
        self.edges.display.title(&view::title(model))?;
        // Counted from the end: a terminal that is slow to take a frame must leave time between two.
        let now = Instant::now();
        self.frames.drawn(now);
        self.wake = next_change(&self.dashboard).map(|at| {
            let ahead = at.duration_since(self.dashboard.shown().now);
            now + ahead.try_into().unwrap_or_default()
        });
        Ok(())
    }

    /// Waits for something, and takes it in with all that is ready besides.
    async fn step(&mut self) -> Result<Option<Left>, TerminalError> {
        let now = Instant::now();
        // Of a frame that has to wait and one that would only show that time goes by, the first.
        let frame = if self.stale { Some(self.frames.due(now)) } else { self.wake };
        let alarm = [frame, self.calls.due(now)].into_iter().flatten().min();
        let Edges { display, inputs, inbox, end, .. } = &mut self.edges;
        let woken = tokio::select! {
            // In this order, because later arms can be ready all the time: the end ends it whatever
            // else there is; keys come before news, so that a flood of news cannot keep a key
            // waiting; the time comes last, because what comes is taken in before a frame is drawn.
            biased;
            () = end.cancelled() => Woken::End,
            job = display.job() => Woken::Job(job),
            input = inputs.next() => Woken::Input(input),
            Some(msg) = inbox.recv() => Woken::Told(msg),
            () = sleep_until(alarm.unwrap_or(now)), if alarm.is_some() => Woken::Time,
        };
        // Before what came: nothing may come from the future.
        self.tell(Msg::Tick((self.edges.clock)())).await?;
        let left = match woken {
            Woken::End => Some(Left::Told),
            Woken::Job(Job::Stop) => {
                self.suspend().await?;
                None
            }
            Woken::Job(Job::Continued) => {
                self.edges.display.resume()?;
                self.come_back()?;
                None
            }
            Woken::Input(input) => self.take(input).await?,
            Woken::Told(msg) => self.tell(msg).await?,
            Woken::Time => {
                self.stale |= self.wake.is_some_and(|at| at <= Instant::now());
                None
            }
        };
        let left = match left {
            None => self.drain().await?,
            left => left,
        };
        if let Some(words) = self.calls.take(Instant::now()) {
            self.edges.display.call(&words)?;
        }
        Ok(left)
    }

    /// Takes in what is ready. A key waits for one message at most.
    async fn drain(&mut self) -> Result<Option<Left>, TerminalError> {
        let begun = Instant::now();
        for _ in 0..DRAIN {
            let input = self.edges.inputs.next().now_or_never();
            let msg = self.edges.inbox.try_recv().ok();
            if input.is_none() && msg.is_none() {
                break;
            }
            if let Some(input) = input
                && let Some(left) = self.take(input).await?
            {
                return Ok(Some(left));
            }
            if let Some(msg) = msg
                && let Some(left) = self.tell(msg).await?
            {
                return Ok(Some(left));
            }
            // Large messages: what came so far is to be seen before the rest is taken in.
            if begun.elapsed() >= pace::FRAME {
                break;
            }
        }
        Ok(None)
    }

    async fn take(&mut self, input: Option<Input>) -> Result<Option<Left>, TerminalError> {
        let msg = match input {
            None | Some(Input::Gone) => return Ok(Some(Left::Gone)),
            Some(Input::Key(chord)) => Msg::Key(chord),
            Some(Input::Paste(text)) => Msg::Paste(text),
            Some(Input::Resize(columns, rows)) => Msg::Resize(columns, rows),
            Some(Input::Mouse { .. }) => return Ok(None),
            Some(Input::Report(report)) => {
                self.edges.display.answered(report)?;
                if let Report::Ground { is_light } = report
                    && self.edges.follows_ground
                {
                    self.stale |= self.edges.look.light != is_light;
                    self.edges.look.light = is_light;
                    self.frames.hurry();
                }
                return Ok(None);
            }
        };
        self.tell(msg).await
    }

    /// Takes one message in and does what follows from it.
    async fn tell(&mut self, msg: Msg) -> Result<Option<Left>, TerminalError> {
        // Time alone changes nothing before `next_change`.
        self.stale |= !matches!(msg, Msg::Tick(_));
        let mut effects = update(&mut self.dashboard, msg);
        let mut done = 0;
        while let Some(effect) = effects.get(done).cloned() {
            done += 1;
            let word = match effect {
                Effect::Quit => return Ok(Some(Left::Quit)),
                Effect::Suspend => {
                    self.suspend().await?;
                    None
                }
                Effect::Repaint => {
                    self.edges.display.repaint();
                    None
                }
                Effect::Copy { what, text } => match self.edges.display.copy(&text) {
                    Err(error @ TerminalError::TooLong { .. }) => Some(error.to_string()),
                    copied => Some(copied?.copied(&what)),
                },
                Effect::Call(words) => {
                    self.calls.add(words);
                    None
                }
                Effect::Ask(stage, request) => self.ask(stage, request),
            };
            if let Some(word) = word {
                effects.extend(update(&mut self.dashboard, Msg::Word(word)));
            }
        }
        Ok(None)
    }

    /// Passes a request on; gives a word where that cannot be done.
    fn ask(&self, stage: Stage, request: Request) -> Option<String> {
        let word = match self.edges.requests.try_send((stage, request)) {
            Ok(()) => return None,
            Err(TrySendError::Full(_)) => {
                "the journal is busy with what was asked before; try again"
            }
            Err(TrySendError::Closed(_)) => "the journal is closed already",
        };
        Some(word.to_owned())
    }

    async fn suspend(&mut self) -> Result<(), TerminalError> {
        match self.edges.display.suspend().await {
            Ok(()) => self.come_back(),
            Err(SuspendError::Terminal(error)) => Err(error),
            Err(error) => {
                update(&mut self.dashboard, Msg::Word(error.to_string()));
                self.stale = true;
                Ok(())
            }
        }
    }

    /// The terminal is ours again: it may have another size, it is later, and nothing of what was
    /// drawn is on it.
    fn come_back(&mut self) -> Result<(), TerminalError> {
        let (columns, rows) = self.edges.display.size()?;
        update(&mut self.dashboard, Msg::Tick((self.edges.clock)()));
        update(&mut self.dashboard, Msg::Resize(columns, rows));
        self.stale = true;
        self.frames.hurry();
        Ok(())
    }
}
