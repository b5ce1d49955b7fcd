//! The backend that ratatui draws through: one write per frame, none for a frame without changes,
//! and no queries to the terminal, which may not answer.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType as Part, EndSynchronizedUpdate,
};
use ratatui::backend::{ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::shown_rows::{ShownRows, is_width_uncertain};

/// Holds a whole frame of a large screen, so that it is written in one system call.
const BUFFER: usize = 64 * 1024;

/// Returns the size of the terminal.
pub(super) type TerminalSize = Box<dyn Fn() -> io::Result<Size> + Send>;

/// Draws to `W`. Everything drawn between the beginning and the end of a frame is one synchronized
/// update.
pub struct TerminalBackend<W: Write> {
    inner: CrosstermBackend<BufWriter<OutputGate<W>>>,
    measure: TerminalSize,
    frame: FrameState,
    cursor: CursorState,
    shown: ShownRows,
}

/// The progress of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameState {
    /// No frame is being drawn.
    Outside,
    /// A frame is being drawn and has changed nothing yet.
    Unchanged,
    /// A frame is being drawn, and the synchronized update has begun.
    Begun,
}

/// The state of the terminal's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CursorState {
    Hidden,
    /// Shown, at an unknown position after drawing cells.
    Unknown,
    At(Position),
}

impl<W: Write> TerminalBackend<W> {
    /// Creates a backend that draws to `writer` while `open` is true.
    pub(super) fn new(writer: W, open: Arc<AtomicBool>, measure: TerminalSize) -> Self {
        let writer = BufWriter::with_capacity(BUFFER, OutputGate { writer, open });
        Self {
            inner: CrosstermBackend::new(writer),
            measure,
            frame: FrameState::Outside,
            cursor: CursorState::Hidden,
            shown: ShownRows::default(),
        }
    }

    /// Begins a frame: everything drawn until its end becomes visible at once.
    pub(super) fn begin_frame(&mut self) {
        self.frame = FrameState::Unchanged;
    }

    /// Ends a frame and sends it; sends nothing if nothing changed.
    pub(super) fn end_frame(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.frame, FrameState::Outside) == FrameState::Begun {
            queue!(self.inner, EndSynchronizedUpdate)?;
        }
        self.send()
    }

    /// Sends everything written so far.
    pub(super) fn send(&mut self) -> io::Result<()> {
        Write::flush(&mut self.inner)
    }

    /// Records that the terminal was taken over again, with its cursor hidden.
    pub(super) fn forget_cursor(&mut self) {
        self.cursor = CursorState::Hidden;
    }

    fn begin_update(&mut self) -> io::Result<()> {
        if self.frame == FrameState::Unchanged {
            self.frame = FrameState::Begun;
            queue!(self.inner, BeginSynchronizedUpdate)?;
        }
        Ok(())
    }

    /// Draws cells from left to right. After a grapheme of uncertain width the column is set
    /// explicitly, wherever the terminal believes its cursor to be.
    fn draw_cells<'a>(
        inner: &mut CrosstermBackend<BufWriter<OutputGate<W>>>,
        cells: impl Iterator<Item = (u16, u16, &'a Cell)>,
    ) -> io::Result<()> {
        let mut cells = cells.peekable();
        while cells.peek().is_some() {
            let mut is_last = false;
            let part = std::iter::from_fn(|| {
                let cell = if is_last { None } else { cells.next() };
                is_last = cell.is_some_and(|(.., cell)| is_width_uncertain(cell.symbol()));
                cell
            });
            // Sets the column of its first cell.
            ratatui::backend::Backend::draw(inner, part)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for TerminalBackend<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl<W: Write> ratatui::backend::Backend for TerminalBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let content: Vec<_> = content.collect();
        // Even without cells, the colours would be reset.
        if content.is_empty() {
            return Ok(());
        }
        self.begin_update()?;
        if self.cursor != CursorState::Hidden {
            self.cursor = CursorState::Unknown;
        }
        // Rows of which only the changes are drawn are sent together.
        let mut plain = 0..0;
        for row in content.chunk_by(|(_, one, _), (_, other, _)| one == other) {
            let y = row[0].1;
            if !self.shown.change(y, row) {
                plain.end += row.len();
                continue;
            }
            if !plain.is_empty() {
                self.inner.draw(content[plain.clone()].iter().copied())?;
            }
            plain = plain.end + row.len()..plain.end + row.len();
            queue!(self.inner, MoveTo(0, y), Clear(Part::UntilNewLine))?;
            Self::draw_cells(&mut self.inner, self.shown.cells(y))?;
        }
        if plain.is_empty() { Ok(()) } else { self.inner.draw(content[plain].iter().copied()) }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor == CursorState::Hidden {
            return Ok(());
        }
        self.begin_update()?;
        self.cursor = CursorState::Hidden;
        queue!(self.inner, Hide)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor != CursorState::Hidden {
            return Ok(());
        }
        self.begin_update()?;
        self.cursor = CursorState::Unknown;
        queue!(self.inner, Show)
    }

    /// Always fails: a terminal that does not answer would stall the dashboard for seconds.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        let why = "the terminal is not asked for its cursor; repaint instead of clearing";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor == CursorState::At(position) {
            return Ok(());
        }
        self.begin_update()?;
        if self.cursor != CursorState::Hidden {
            self.cursor = CursorState::At(position);
        }
        queue!(self.inner, MoveTo(position.x, position.y))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, part: ClearType) -> io::Result<()> {
        self.begin_update()?;
        // Only the whole screen is ever cleared, see `TerminalScreen::paint`.
        self.shown.clear(self.size()?.width);
        let part = match part {
            ClearType::All => Part::All,
            ClearType::AfterCursor => Part::FromCursorDown,
            ClearType::BeforeCursor => Part::FromCursorUp,
            ClearType::CurrentLine => Part::CurrentLine,
            ClearType::UntilNewLine => Part::UntilNewLine,
        };
        queue!(self.inner, Clear(part))
    }

    fn size(&self) -> io::Result<Size> {
        (self.measure)()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    /// Does nothing: a frame is sent at its end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> fmt::Debug for TerminalBackend<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalBackend").field("frame", &self.frame).finish_non_exhaustive()
    }
}

/// Drops output after the terminal was restored: the panic hook does that from any thread, and the
/// rest of a frame must not end up in the shell. It is behind the buffer, which would otherwise
/// flush itself when dropped.
pub(super) struct OutputGate<W> {
    writer: W,
    open: Arc<AtomicBool>,
}

impl<W: Write> Write for OutputGate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.open.load(Ordering::Acquire) { self.writer.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.open.load(Ordering::Acquire) { self.writer.flush() } else { Ok(()) }
    }
}
