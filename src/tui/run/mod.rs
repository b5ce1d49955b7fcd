//! The event loop of the dashboard: applies input and events to the model, draws after changes,
//! carries out the effects. Terminal, input, clock and channels are parameters, so that a test runs
//! the same loop as the program.

mod limits;
mod runs;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::effect::Effect;
use super::input::{Input, Report};
use super::job_control::{JobSignal, SuspendError};
use super::msg::Msg;
use super::shell_terminal::Terminal;
use super::terminal::TerminalError;
use super::update::{next_change, update};
use super::view;
use super::widget::theme::Theme;
use limits::{BellLimiter, FrameLimiter};
use runs::{Runs, Which};

pub use runs::{DemoCommand, DemoEvent, DemoPorts, Run};

/// Maximum number of messages applied before a frame is drawn.
const MAX_BATCH: usize = 512;

/// What the loop works with, apart from the runs it shows.
pub struct Ports<T, I, C> {
    /// The terminal to draw on.
    pub terminal: T,
    /// Input from the user.
    pub inputs: I,
    /// Returns the current time.
    pub clock: C,
    /// Starts and stops a demo, which is shown instead of the run.
    pub demo: DemoPorts,
    /// Ends the loop.
    pub end: CancellationToken,
    /// Colours and character set.
    pub theme: Theme,
    /// Whether to switch between light and dark with the background that the terminal reports.
    pub follows_background: bool,
}

/// How long the first frame waits for the terminal to report its background: most answer
/// immediately, and some never.
const BACKGROUND_WAIT: Duration = Duration::from_millis(50);

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// The user quit.
    Quit,
    /// The terminal is gone.
    Gone,
    /// The loop was cancelled.
    Cancelled,
}

/// Shows a run until the loop ends.
///
/// # Errors
///
/// Returns an error if the terminal cannot be written. The terminal is restored when `ports` is
/// dropped, which is when this function returns.
pub async fn run<T, I, C>(run: Run, ports: Ports<T, I, C>) -> Result<ExitReason, TerminalError>
where
    T: Terminal,
    I: Stream<Item = Input> + Unpin,
    C: Fn() -> Timestamp,
{
    let size = ports.terminal.size()?;
    let runs = Runs::new(run, (ports.clock)(), size);
    let first = ports.follows_background.then(|| Instant::now() + BACKGROUND_WAIT);
    let mut event_loop = EventLoop {
        ports,
        runs,
        stale: true,
        wake: None,
        frames: FrameLimiter::from(first),
        bell: BellLimiter::default(),
    };
    loop {
        event_loop.draw_if_due()?;
        if let Some(exit) = event_loop.step().await? {
            return Ok(exit);
        }
    }
}

struct EventLoop<T, I, C> {
    ports: Ports<T, I, C>,
    runs: Runs,
    /// Whether the terminal shows something other than the current state.
    stale: bool,
    /// When the screen changes because time passes.
    wake: Option<Instant>,
    frames: FrameLimiter,
    bell: BellLimiter,
}

/// What ended the wait.
enum Wakeup {
    End,
    Job(JobSignal),
    Input(Option<Input>),
    Msg(Which, Msg),
    Demo(DemoEvent),
    Time,
}

impl<T, I, C> EventLoop<T, I, C>
where
    T: Terminal,
    I: Stream<Item = Input> + Unpin,
    C: Fn() -> Timestamp,
{
    fn draw_if_due(&mut self) -> Result<(), TerminalError> {
        if !self.stale || self.frames.due(Instant::now()) > Instant::now() {
            return Ok(());
        }
        self.stale = false;
        self.runs.shown_mut().settle();
        let (model, theme) = (self.runs.shown(), self.ports.theme);
        self.ports.terminal.draw(|frame| {
            let area = frame.area();
            view::draw(model, theme, area, frame.buffer_mut());
            // Both the user and a screen reader or input method look for the cursor there.
            if let Some(position) = view::cursor(model, area) {
                frame.set_cursor_position(position);
            }
        })?;
        self.ports.terminal.title(&view::title(model))?;
        // From the end of drawing: a slow terminal needs a pause between two frames.
        let now = Instant::now();
        self.frames.drawn(now);
        self.wake = next_change(model, self.runs.behind()).map(|at| {
            let ahead = at.duration_since(model.now);
            now + ahead.try_into().unwrap_or_default()
        });
        Ok(())
    }

    /// Waits for something to happen, and applies it with everything else that is ready.
    async fn step(&mut self) -> Result<Option<ExitReason>, TerminalError> {
        let now = Instant::now();
        // A pending frame is due before one that would only show that time passed.
        let frame = if self.stale { Some(self.frames.due(now)) } else { self.wake };
        let alarm = [frame, self.bell.due(now)].into_iter().flatten().min();
        let Ports { terminal, inputs, demo, end, .. } = &mut self.ports;
        let woken = tokio::select! {
            // In this order, because later arms can be ready all the time. Cancellation goes first.
            // Keys go before events, so that a flood of events cannot delay a key. The timer goes
            // last, because everything that arrived is applied before a frame is drawn.
            biased;
            () = end.cancelled() => Wakeup::End,
            job = terminal.job() => Wakeup::Job(job),
            input = inputs.next() => Wakeup::Input(input),
            Some(event) = demo.events.recv() => Wakeup::Demo(event),
            (which, event) = self.runs.next() => Wakeup::Msg(which, Msg::Event(event)),
            () = sleep_until(alarm.unwrap_or(now)), if alarm.is_some() => Wakeup::Time,
        };
        // Before applying anything: no event may be later than the model's time.
        self.tick().await?;
        let exit = match woken {
            Wakeup::End => Some(ExitReason::Cancelled),
            Wakeup::Job(JobSignal::Stop) => {
                self.suspend().await?;
                None
            }
            Wakeup::Job(JobSignal::Continued) => {
                self.ports.terminal.resume()?;
                self.refresh_after_resume()?;
                None
            }
            Wakeup::Input(input) => self.input(input).await?,
            Wakeup::Msg(which, msg) => self.apply(which, msg).await?,
            Wakeup::Demo(event) => {
                self.runs.demo(event);
                self.stale = true;
                None
            }
            Wakeup::Time => {
                self.stale |= self.wake.is_some_and(|at| at <= Instant::now());
                None
            }
        };
        let exit = match exit {
            None => self.drain().await?,
            exit => exit,
        };
        if let Some(words) = self.bell.take(Instant::now()) {
            self.ports.terminal.notify(&words)?;
        }
        Ok(exit)
    }

    /// Applies everything that is ready. A key waits for at most one event.
    async fn drain(&mut self) -> Result<Option<ExitReason>, TerminalError> {
        let started = Instant::now();
        for _ in 0..MAX_BATCH {
            let input = self.ports.inputs.next().now_or_never();
            let event = self.runs.try_next();
            if input.is_none() && event.is_none() {
                break;
            }
            if let Some(input) = input
                && let Some(exit) = self.input(input).await?
            {
                return Ok(Some(exit));
            }
            if let Some((which, event)) = event
                && let Some(exit) = self.apply(which, Msg::Event(event)).await?
            {
                return Ok(Some(exit));
            }
            // With large events, draw what arrived so far before applying the rest.
            if started.elapsed() >= limits::FRAME_INTERVAL {
                break;
            }
        }
        Ok(None)
    }

    async fn input(&mut self, input: Option<Input>) -> Result<Option<ExitReason>, TerminalError> {
        let msg = match input {
            None | Some(Input::Gone) => return Ok(Some(ExitReason::Gone)),
            Some(Input::Key(chord)) => Msg::Key(chord),
            Some(Input::Paste(text)) => Msg::Paste(text),
            Some(Input::Resize(columns, rows)) => return self.resize(columns, rows).await,
            Some(Input::Report(report)) => {
                self.ports.terminal.handle_report(report)?;
                if let Report::Background { is_light } = report
                    && self.ports.follows_background
                {
                    self.stale |= self.ports.theme.light != is_light;
                    self.ports.theme.light = is_light;
                    self.frames.skip_delay();
                }
                return Ok(None);
            }
        };
        self.apply(Which::Shown, msg).await
    }

    /// Tells both runs the current time. Time alone changes nothing before `next_change`.
    async fn tick(&mut self) -> Result<(), TerminalError> {
        let now = (self.ports.clock)();
        for which in [Which::Shown, Which::Behind] {
            let effects = self.runs.update(which, Msg::Tick(now));
            self.carry_out(which, effects).await?;
        }
        Ok(())
    }

    async fn resize(
        &mut self,
        columns: u16,
        rows: u16,
    ) -> Result<Option<ExitReason>, TerminalError> {
        self.apply(Which::Behind, Msg::Resize(columns, rows)).await?;
        self.apply(Which::Shown, Msg::Resize(columns, rows)).await
    }

    /// Applies a message to a run and carries out the effects.
    async fn apply(&mut self, which: Which, msg: Msg) -> Result<Option<ExitReason>, TerminalError> {
        self.stale = true;
        let effects = self.runs.update(which, msg);
        self.carry_out(which, effects).await
    }

    async fn carry_out(
        &mut self,
        which: Which,
        mut effects: Vec<Effect>,
    ) -> Result<Option<ExitReason>, TerminalError> {
        let mut done = 0;
        while let Some(effect) = effects.get(done).cloned() {
            done += 1;
            let message = match effect {
                Effect::Quit => return Ok(Some(ExitReason::Quit)),
                Effect::Suspend => {
                    self.suspend().await?;
                    None
                }
                Effect::Repaint => {
                    self.ports.terminal.repaint();
                    None
                }
                Effect::Copy { what, text } => match self.ports.terminal.copy(&text) {
                    Err(error @ TerminalError::TooLong { .. }) => Some(error.to_string()),
                    copied => Some(copied?.copied(&what)),
                },
                Effect::Notify(words) => {
                    self.bell.add(words);
                    None
                }
                Effect::Request(request) => self.runs.request(which, request).err(),
                Effect::StartDemo => self.ports.demo.send(DemoCommand::Start).err(),
                Effect::StopDemo => self.ports.demo.send(DemoCommand::Stop).err(),
            };
            if let Some(message) = message {
                self.stale = true;
                effects.extend(self.runs.update(which, Msg::Message(message)));
            }
        }
        Ok(None)
    }

    async fn suspend(&mut self) -> Result<(), TerminalError> {
        match self.ports.terminal.suspend().await {
            Ok(()) => self.refresh_after_resume(),
            Err(SuspendError::Terminal(error)) => Err(error),
            Err(error) => {
                update(self.runs.shown_mut(), Msg::Message(error.to_string()));
                self.stale = true;
                Ok(())
            }
        }
    }

    /// Redraws after the terminal was taken over again: its size and the time may have changed, and
    /// it shows nothing of the last frame.
    fn refresh_after_resume(&mut self) -> Result<(), TerminalError> {
        let (columns, rows) = self.ports.terminal.size()?;
        let now = (self.ports.clock)();
        for which in [Which::Shown, Which::Behind] {
            self.runs.update(which, Msg::Tick(now));
            self.runs.update(which, Msg::Resize(columns, rows));
        }
        self.stale = true;
        self.frames.skip_delay();
        Ok(())
    }
}
