//! Owns the terminal's modes and all escape sequences: what is switched on is switched off exactly
//! once, however the program ends. Independent of what is drawn.

mod modes;
mod multiplexer;

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::style::{Print, force_color_output};
use crossterm::terminal::{SetTitle, disable_raw_mode, enable_raw_mode};
use crossterm::{Command, queue};
use ratatui::backend::Backend as _;
use ratatui::layout::{Rect, Size};
use ratatui::{Frame, TerminalOptions, Viewport};
use rustix::event::{Timespec, poll};
use tokio_util::sync::CancellationToken;

use super::input::Report;
use super::size::terminal_size;
pub use super::terminal_backend::TerminalBackend;
use super::terminal_backend::TerminalSize;
use crate::text::{ClipText, Printable};
use modes::{
    ASK_BACKGROUND, ASK_KEYBOARD, BELL, END_STRING, ExtraModes, PHYSICAL_KEYS_ON, switch_off,
    switch_on,
};
pub use multiplexer::Multiplexer;

/// Maximum length of a text for [`TerminalScreen::copy`], in bytes: terminals drop anything longer
/// than 74,994 bytes in base64 (hterm's limit, which others adopted).
pub const COPY_LIMIT: usize = 74_994 / 4 * 3;

/// How long to wait for the answer to a query before returning the terminal: a late answer would
/// appear as text in the shell.
const ANSWER_WAIT: Duration = Duration::from_millis(200);

/// Why the terminal cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Standard input or output is a pipe or a file.
    #[error("{0} is not a terminal, so there is nothing to draw on; use --output text or json")]
    NoTerminal(&'static str),
    /// `TERM` is not set, or names a terminal without escape sequences.
    #[error(
        "{0}; use --output text or json, or set TERM to the type of the terminal, such as TERM=xterm-256color"
    )]
    Dumb(String),
    /// The terminal's modes could not be changed.
    #[error("cannot take over the terminal: {0}")]
    Enter(#[source] io::Error),
    /// Output could not be written.
    #[error("cannot write to the terminal: {0}")]
    Write(#[source] io::Error),
    /// Terminals silently drop longer texts.
    #[error("{bytes} bytes are too many to copy through the terminal; the limit is {COPY_LIMIT}")]
    TooLong {
        /// The length of the text.
        bytes: usize,
    },
}

/// The terminal while the dashboard uses it: raw mode, alternate screen, hidden cursor, bracketed
/// paste. Dropping it restores the terminal.
pub struct TerminalScreen<W: Write = File> {
    terminal: ratatui::Terminal<TerminalBackend<W>>,
    owner: Arc<TerminalOwner>,
    /// Whether to switch raw mode in addition to writing to `W`.
    is_real: bool,
    multiplexer: Multiplexer,
    /// When the last query was sent to the terminal.
    queried_at: Option<Instant>,
    title: Option<Printable>,
    /// Whether the terminal may show something other than the last frame.
    is_stale: bool,
}

/// The state of the terminal, shared with the panic hook.
#[derive(Default)]
struct TerminalOwner {
    /// Whether we own the terminal. The thread that sets this to false restores it, so that happens
    /// once.
    is_ours: AtomicBool,
    /// Whether output may be written.
    open: Arc<AtomicBool>,
    /// Whether physical keys are reported.
    physical_keys: AtomicBool,
    /// Whether changes of the background colour are reported.
    background_reports: AtomicBool,
}

impl TerminalOwner {
    fn extra_modes(&self) -> ExtraModes {
        ExtraModes {
            physical_keys: self.physical_keys.load(Ordering::Acquire),
            background_reports: self.background_reports.load(Ordering::Acquire),
        }
    }
}

/// What the panic hook restores and cancels.
struct PanicTarget {
    owner: Arc<TerminalOwner>,
    out: File,
    broken: CancellationToken,
}

static PANIC_TARGET: Mutex<Option<PanicTarget>> = Mutex::new(None);
static HOOK: Once = Once::new();

impl TerminalScreen {
    /// Takes over the terminal of standard input and output.
    ///
    /// A panic in any thread restores it before the message is printed, then cancels `broken`: the
    /// program has to end, because part of it is gone.
    pub fn enter(broken: CancellationToken) -> Result<Self, TerminalError> {
        if !io::stdin().is_terminal() {
            return Err(TerminalError::NoTerminal("standard input"));
        }
        if !io::stdout().is_terminal() {
            return Err(TerminalError::NoTerminal("standard output"));
        }
        if let Some(why) = why_not_drawn_on() {
            return Err(TerminalError::Dumb(why));
        }
        // Our own descriptor: no line buffer in between, and no lock that a panic could wait for.
        let out = || io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let (writer, target, size_source) =
            (|| Ok((out()?, out()?, out()?)))().map_err(TerminalError::Enter)?;
        // With NO_COLOR, crossterm would also drop bold and reverse, which the theme then needs.
        force_color_output(true);
        let measure = Box::new(move || Ok(terminal_size(&size_source)?));
        let mut screen = Self::closed(writer, measure, Multiplexer::of_environment(), true)?;
        let owner = Arc::clone(&screen.owner);
        *lock(&PANIC_TARGET) = Some(PanicTarget { owner, out: target, broken });
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore_and_cancel();
                before(panic);
            }));
        });
        screen.take_over()?;
        Ok(screen)
    }
}

/// Returns why nothing can be drawn on the terminal, according to `TERM`, or `None` if it can.
pub fn why_not_drawn_on() -> Option<String> {
    match std::env::var_os("TERM").filter(|term| !term.is_empty()) {
        None => Some("TERM is not set, so the dashboard cannot be drawn".to_owned()),
        Some(term) if term == "dumb" => Some("TERM=dumb cannot show the dashboard".to_owned()),
        Some(_) => None,
    }
}

impl<W: Write> TerminalScreen<W> {
    /// Creates a screen on any writer, without raw mode, for tests that read what is written.
    ///
    /// `measure` returns the size.
    pub fn over(
        writer: W,
        measure: impl Fn() -> Size + Send + 'static,
        multiplexer: Multiplexer,
    ) -> Result<Self, TerminalError> {
        let mut screen = Self::closed(writer, Box::new(move || Ok(measure())), multiplexer, false)?;
        screen.take_over()?;
        Ok(screen)
    }

    fn closed(
        writer: W,
        measure: TerminalSize,
        multiplexer: Multiplexer,
        is_real: bool,
    ) -> Result<Self, TerminalError> {
        let owner = Arc::new(TerminalOwner::default());
        let backend = TerminalBackend::new(writer, Arc::clone(&owner.open), measure);
        let options = TerminalOptions { viewport: Viewport::Fullscreen };
        let terminal =
            ratatui::Terminal::with_options(backend, options).map_err(TerminalError::Enter)?;
        Ok(Self {
            terminal,
            owner,
            is_real,
            multiplexer,
            queried_at: None,
            title: None,
            is_stale: true,
        })
    }

    /// Draws a frame, visible immediately. Sends only what changed; sends nothing if nothing did.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), TerminalError> {
        self.terminal.backend_mut().begin_frame();
        let drawn = self.paint(render);
        // Also after an error: the terminal must not keep holding back output.
        let ended = self.terminal.backend_mut().end_frame();
        drawn.and(ended).map_err(TerminalError::Write)
    }

    fn paint(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if self.is_stale {
            // Clears the screen and forgets the last frame. `Terminal::clear` would ask the
            // terminal for its cursor position and wait for the answer.
            let area = Rect::from((ratatui::layout::Position::ORIGIN, self.terminal.size()?));
            self.terminal.resize(area)?;
            self.is_stale = false;
        }
        self.terminal.draw(render).map(drop)
    }

    /// Redraws the whole screen with the next frame.
    pub fn repaint(&mut self) {
        self.is_stale = true;
    }

    /// Returns the size of the terminal.
    pub fn size(&self) -> Result<Size, TerminalError> {
        self.terminal.backend().size().map_err(TerminalError::Write)
    }

    /// Asks for the background colour and subscribes to its changes, now and after each
    /// [`TerminalScreen::resume`]. Answers, if any, arrive as [`Report`]s among the inputs.
    pub fn follow_background(&mut self) -> Result<(), TerminalError> {
        self.owner.background_reports.store(true, Ordering::Release);
        self.queried_at = Some(Instant::now());
        self.send(Print(ASK_BACKGROUND))
    }

    /// Handles an answer of the terminal.
    pub fn handle_report(&mut self, report: Report) -> Result<(), TerminalError> {
        if report == Report::PhysicalKeys
            && self.owner.is_ours.load(Ordering::Acquire)
            && !self.owner.physical_keys.swap(true, Ordering::AcqRel)
        {
            return self.send(Print(PHYSICAL_KEYS_ON));
        }
        Ok(())
    }

    /// Copies text to the user's clipboard (OSC 52), also from a remote machine. Returns the
    /// multiplexer that it was sent through.
    ///
    /// Terminals do not say whether they accepted it. Under a multiplexer it is sent twice, because
    /// each way can be disabled: to the multiplexer (tmux: `set-clipboard on`) and through it
    /// (tmux: `allow-passthrough on`).
    pub fn copy(&mut self, text: &ClipText) -> Result<Multiplexer, TerminalError> {
        let text = text.as_str();
        if text.len() > COPY_LIMIT {
            return Err(TerminalError::TooLong { bytes: text.len() });
        }
        let sequence = ansi(CopyToClipboard::to_clipboard_from(text));
        self.send(Print(&sequence))?;
        self.send(Print(self.multiplexer.wrapped(&sequence)))?;
        Ok(self.multiplexer)
    }

    /// Sets the window title. The previous title is restored with the terminal.
    pub fn title(&mut self, title: &Printable) -> Result<(), TerminalError> {
        if self.title.as_ref() == Some(title) {
            return Ok(());
        }
        self.title = Some(title.clone());
        self.send(SetTitle(title))
    }

    /// Rings the bell.
    pub fn bell(&mut self) -> Result<(), TerminalError> {
        self.send(Print(BELL))
    }

    /// Shows a desktop notification if the terminal can (OSC 9).
    pub fn notify(&mut self, text: &Printable) -> Result<(), TerminalError> {
        // The prefix is needed: some terminals interpret a text that begins with a number as a
        // command, and the text begins with an id from outside.
        let sequence = format!("\u{1b}]9;dubwatch: {text}{BELL}");
        match self.multiplexer {
            Multiplexer::None => self.send(Print(sequence)),
            multiplexer => self.send(Print(multiplexer.wrapped(&sequence))),
        }
    }

    /// Restores the terminal until [`TerminalScreen::resume`]. Ignores errors, because nothing
    /// could be done about them. Does nothing if it is restored already.
    pub fn leave(&mut self) {
        if !self.owner.is_ours.swap(false, Ordering::AcqRel) {
            return;
        }
        if self.is_real {
            self.wait_for_answers();
        }
        let backend = self.terminal.backend_mut();
        let _ = switch_off(backend, self.owner.extra_modes());
        let _ = backend.send();
        self.owner.open.store(false, Ordering::Release);
        if self.is_real {
            let _ = disable_raw_mode();
        }
    }

    /// Takes the terminal over again after [`TerminalScreen::leave`], with the same modes and
    /// title. The next frame redraws the whole screen.
    pub fn resume(&mut self) -> Result<(), TerminalError> {
        self.leave();
        self.take_over()?;
        if self.owner.background_reports.load(Ordering::Acquire) {
            self.follow_background()?;
        }
        match self.title.take() {
            Some(title) => self.title(&title),
            None => Ok(()),
        }
    }

    fn take_over(&mut self) -> Result<(), TerminalError> {
        self.is_stale = true;
        self.owner.is_ours.store(true, Ordering::Release);
        self.owner.open.store(true, Ordering::Release);
        // Query again: it may be another terminal by now, as when a tmux session moves.
        self.owner.physical_keys.store(false, Ordering::Release);
        let is_real = self.is_real;
        self.queried_at = is_real.then(Instant::now);
        let backend = self.terminal.backend_mut();
        backend.forget_cursor();
        let taken = if is_real { enable_raw_mode() } else { Ok(()) }
            .and_then(|()| switch_on(backend))
            .and_then(|()| if is_real { queue!(backend, Print(ASK_KEYBOARD)) } else { Ok(()) })
            .and_then(|()| backend.send());
        if taken.is_err() {
            self.leave();
        }
        taken.map_err(TerminalError::Enter)
    }

    fn send(&mut self, command: impl Command) -> Result<(), TerminalError> {
        let backend = self.terminal.backend_mut();
        queue!(backend, command).and_then(|()| backend.send()).map_err(TerminalError::Write)
    }

    /// Waits for an answer to a recent query; the input reader consumes it.
    fn wait_for_answers(&self) {
        let left = self.queried_at.and_then(|at| ANSWER_WAIT.checked_sub(at.elapsed()));
        if let Some(left) = left.and_then(|left| Timespec::try_from(left).ok()) {
            // Only waits for the time to pass.
            let _ = poll(&mut [], Some(&left));
        }
    }
}

impl<W: Write> Drop for TerminalScreen<W> {
    fn drop(&mut self) {
        self.leave();
        if self.is_real {
            // From here on, a panic has nothing to do with the dashboard.
            lock(&PANIC_TARGET).take_if(|target| Arc::ptr_eq(&target.owner, &self.owner));
        }
    }
}

impl<W: Write> fmt::Debug for TerminalScreen<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("title", &self.title).finish_non_exhaustive()
    }
}

/// The panic hook: restores the terminal and cancels the token.
fn restore_and_cancel() {
    let target = lock(&PANIC_TARGET);
    let Some(PanicTarget { owner, out, broken }) = target.as_ref() else { return };
    if owner.is_ours.swap(false, Ordering::AcqRel) {
        owner.open.store(false, Ordering::Release);
        let mut bytes = END_STRING.as_bytes().to_vec();
        let _ = switch_off(&mut bytes, owner.extra_modes());
        let mut out: &File = out;
        let _ = out.write_all(&bytes);
        let _ = disable_raw_mode();
    }
    broken.cancel();
}

fn ansi(command: impl Command) -> String {
    let mut sequence = String::new();
    // Writing to a string cannot fail.
    let _ = command.write_ansi(&mut sequence);
    sequence
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
