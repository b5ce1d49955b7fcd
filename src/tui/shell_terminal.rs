//! What the loop shows things on: the terminal with the shell around it; in tests, a record of what
//! was asked of one.

use std::future::Future;

use ratatui::Frame;

use super::input::Report;
use super::job_control::{JobControl, JobSignal, SuspendError};
use super::terminal::{Multiplexer, TerminalError, TerminalScreen};
use crate::text::{ClipText, Printable};

/// What the loop asks of a terminal.
pub trait Terminal {
    /// Columns and rows.
    fn size(&self) -> Result<(u16, u16), TerminalError>;

    /// Draws a frame, which shows at once.
    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), TerminalError>;

    /// Names the window.
    fn title(&mut self, title: &Printable) -> Result<(), TerminalError>;

    /// Has the next frame drawn whole, whatever the terminal shows now.
    fn repaint(&mut self);

    /// Takes in what the terminal says of itself.
    fn answered(&mut self, report: Report) -> Result<(), TerminalError>;

    /// Hands text to the clipboard; returns to whom it was handed.
    fn copy(&mut self, text: &ClipText) -> Result<Multiplexer, TerminalError>;

    /// Calls the user, who may be looking elsewhere.
    fn notify(&mut self, words: &Printable) -> Result<(), TerminalError>;

    /// Waits until the shell wants something. Nothing is lost when it is dropped before.
    fn job(&mut self) -> impl Future<Output = JobSignal>;

    /// Gives the terminal back, stops, and comes back when the shell says so; the next frame is
    /// drawn whole then.
    fn suspend(&mut self) -> impl Future<Output = Result<(), SuspendError>>;

    /// Takes the terminal over anew, after a stop that could not be caught; the next frame is drawn
    /// whole.
    fn resume(&mut self) -> Result<(), TerminalError>;
}

/// The terminal of standard input and output, as a job of its shell.
#[derive(Debug)]
pub struct ShellTerminal {
    screen: TerminalScreen,
    job_control: JobControl,
}

impl ShellTerminal {
    /// The terminal that was taken over, and the signals of its shell.
    pub const fn new(screen: TerminalScreen, job_control: JobControl) -> Self {
        Self { screen, job_control }
    }
}

impl Terminal for ShellTerminal {
    fn size(&self) -> Result<(u16, u16), TerminalError> {
        self.screen.size().map(|size| (size.width, size.height))
    }

    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), TerminalError> {
        self.screen.draw(render)
    }

    fn title(&mut self, title: &Printable) -> Result<(), TerminalError> {
        self.screen.title(title)
    }

    fn repaint(&mut self) {
        self.screen.repaint();
    }

    fn answered(&mut self, report: Report) -> Result<(), TerminalError> {
        self.screen.answered(report)
    }

    fn copy(&mut self, text: &ClipText) -> Result<Multiplexer, TerminalError> {
        self.screen.copy(text)
    }

    fn notify(&mut self, words: &Printable) -> Result<(), TerminalError> {
        self.screen.bell()?;
        self.screen.notify(words)
    }

    async fn job(&mut self) -> JobSignal {
        self.job_control.next().await
    }

    async fn suspend(&mut self) -> Result<(), SuspendError> {
        self.job_control.suspend(&mut self.screen).await
    }

    fn resume(&mut self) -> Result<(), TerminalError> {
        self.screen.resume()
    }
}
