//! Shows how far a download is: a bar on a terminal, a line every few seconds elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::say;
use crate::api::{DownloadProgress, Pace};
use crate::text::{Printable, transfer_words};

/// How often a bar is drawn, and the rate measured.
pub(super) const EVERY: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Columns of a bar without its brackets.
const BAR: usize = 20;
/// Columns of the name in a line.
const NAME: usize = 40;

/// The progress of one download on standard error.
pub(super) struct Bar {
    name: Printable,
    pace: Pace,
    is_terminal: bool,
    is_drawn: bool,
    last_line: Instant,
}

impl Bar {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: Printable::new(name).cut(NAME),
            pace: Pace::default(),
            is_terminal: io::stderr().is_terminal(),
            is_drawn: false,
            last_line: Instant::now(),
        }
    }

    /// Shows how far the download is.
    pub(super) fn show(&mut self, progress: &DownloadProgress) {
        let (have, total) = (progress.have(), progress.total());
        let now = Instant::now();
        let rate = self.pace.note(now, have);
        let name = &self.name;
        if !self.is_terminal {
            if now.duration_since(self.last_line) >= LINE_EVERY {
                self.last_line = now;
                say(&format!("{name}: {}", transfer_words(have, total, rate)));
            }
            return;
        }
        self.is_drawn = true;
        let line = match total {
            Some(total) => {
                format!("[{}] {}", bar(have, total), transfer_words(have, Some(total), rate))
            }
            None => transfer_words(have, None, rate),
        };
        draw(&format!("{name}  {line}"));
    }

    /// Shows the end of a complete download.
    pub(super) fn complete(&mut self, progress: &DownloadProgress) {
        if self.is_terminal {
            self.show(progress);
        }
    }
}

impl Drop for Bar {
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

/// Returns the part of a bar between its brackets.
fn bar(have: u64, total: u64) -> String {
    let done = usize::try_from(u128::from(have) * BAR as u128 / u128::from(total.max(1)));
    let done = done.unwrap_or(BAR).min(BAR);
    format!("{}{}", "=".repeat(done), " ".repeat(BAR - done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_at_each_moment() {
        for (have, total, done) in [(0, 10, 0), (5, 10, 10), (10, 10, 20), (11, 10, 20), (0, 0, 0)]
        {
            let bar = bar(have, total);
            assert_eq!((bar.len(), bar.matches('=').count()), (BAR, done), "{have} of {total}");
        }
        assert_eq!(bar(u64::MAX, u64::MAX).matches('=').count(), BAR);
    }
}
