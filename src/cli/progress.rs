//! A line on standard error that shows how far something is: redrawn on a terminal, repeated every few
//! seconds elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::say;
use crate::text::Printable;

/// How often the line is drawn.
pub(super) const EVERY: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Columns of a bar without its brackets.
const BAR: usize = 20;

/// The line of one piece of work.
pub(super) struct ProgressLine {
    is_terminal: bool,
    is_drawn: bool,
    last_line: Instant,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, is_drawn: false, last_line: Instant::now() }
    }

    /// Returns whether it is drawn on a terminal.
    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Shows a line: `drawn` on a terminal, else `said`, if the last one is some seconds old.
    pub(super) fn show(&mut self, drawn: impl FnOnce() -> String, said: impl FnOnce() -> String) {
        if self.is_terminal {
            self.is_drawn = true;
            draw(&drawn());
            return;
        }
        let now = Instant::now();
        if now.duration_since(self.last_line) >= LINE_EVERY {
            self.last_line = now;
            say(&said());
        }
    }
}

impl Drop for ProgressLine {
    /// Leaves the line, also after a signal.
    fn drop(&mut self) {
        if self.is_drawn {
            let _ = writeln!(io::stderr());
        }
    }
}

/// Replaces the line. A closed standard error does not matter.
fn draw(line: &str) {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| size.ws_col);
    // The last column is left free: some terminals go to the next line there.
    let columns = usize::from(columns).clamp(20, 200) - 1;
    let line = Printable::new(line).cut(columns);
    let blank = " ".repeat(columns.saturating_sub(line.width()));
    let mut error = io::stderr().lock();
    let _ = write!(error, "\r{line}{blank}").and_then(|()| error.flush());
}

/// Returns a bar between its brackets.
pub(super) fn bar(have: u64, total: u64) -> String {
    let done = usize::try_from(u128::from(have) * BAR as u128 / u128::from(total.max(1)));
    let done = done.unwrap_or(BAR).min(BAR);
    format!("[{}{}]", "=".repeat(done), " ".repeat(BAR - done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_at_each_moment() {
        for (have, total, done) in [(0, 10, 0), (5, 10, 10), (10, 10, 20), (11, 10, 20), (0, 0, 0)]
        {
            let bar = bar(have, total);
            assert_eq!((bar.len(), bar.matches('=').count()), (BAR + 2, done), "{have} of {total}");
        }
        assert_eq!(bar(u64::MAX, u64::MAX).matches('=').count(), BAR);
    }
}
