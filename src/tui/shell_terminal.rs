//! The terminal that the event loop draws on, together with the shell's job control. Tests use a
//! recording implementation.

use std::future::Future;

use ratatui::Frame;

use super::input::Report;
use super::job_control::{JobControl, JobSignal, SuspendError};
use super::terminal::{Multiplexer, TerminalError, TerminalScreen};
use crate::text::{ClipText, Printable};

/// The terminal operations that the event loop needs.
pub trait Terminal {
    /// Returns the size in columns and rows.
    fn size(&self) -> Result<(u16, u16), TerminalError>;

    /// Draws a frame, visible immediately.
    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), TerminalError>;

    /// Sets the window title.
    fn title(&mut self, title: &Printable) -> Result<(), TerminalError>;

    /// Redraws the whole screen with the next frame.
    fn repaint(&mut self);

    /// Handles an answer of the terminal.
    fn handle_report(&mut self, report: Report) -> Result<(), TerminalError>;

    /// Copies text to the clipboard; returns the multiplexer it was sent through.
    fn copy(&mut self, text: &ClipText) -> Result<Multiplexer, TerminalError>;

    /// Notifies the user, who may be looking elsewhere.
    fn notify(&mut self, words: &Printable) -> Result<(), TerminalError>;

    /// Waits for a signal from the shell. Cancel-safe.
    fn job(&mut self) -> impl Future<Output = JobSignal>;

    /// Returns the terminal to the shell and stops; takes the terminal over when the process
    /// continues. The next frame then redraws the whole screen.
    fn suspend(&mut self) -> impl Future<Output = Result<(), SuspendError>>;

    /// Takes the terminal over again after a stop that could not be caught. The next frame redraws
    /// the whole screen.
    fn resume(&mut self) -> Result<(), TerminalError>;
}

/// The terminal of standard input and output, with job control.
#[derive(Debug)]
pub struct ShellTerminal {
    screen: TerminalScreen,
    job_control: JobControl,
}

impl ShellTerminal {
    /// Combines the terminal and the shell's signals.
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

    fn handle_report(&mut self, report: Report) -> Result<(), TerminalError> {
        self.screen.handle_report(report)
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
