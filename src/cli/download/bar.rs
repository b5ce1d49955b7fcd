//! Shows how far a download is: a bar on a terminal, a line every few seconds elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::say;
use crate::api::{DownloadProgress, Pace};
use crate::text::Printable;

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
                say(&format!("{name}: {}", figures(have, total, rate)));
            }
            return;
        }
        self.is_drawn = true;
        let line = match total {
            Some(total) => format!("[{}] {}", bar(have, total), figures(have, Some(total), rate)),
            None => figures(have, None, rate),
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

/// Returns what is there, the rate in bytes a second, and the time left.
fn figures(have: u64, total: Option<u64>, rate: Option<u64>) -> String {
    let there = match total {
        Some(total) => {
            let percent = u128::from(have) * 100 / u128::from(total.max(1));
            format!("{percent} %, {} of {}", size(have), size(total))
        }
        None => size(have),
    };
    let Some(rate) = rate else { return there };
    let left = match total.map(|total| total.saturating_sub(have)) {
        None | Some(0) => String::new(),
        Some(left) => left
            .checked_div(rate)
            .map_or(", stalled".to_owned(), |seconds| format!(", {} left", duration(seconds))),
    };
    format!("{there}, {}/s{left}", size(rate))
}

/// Returns a number of bytes for a person.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", tenths(1 << 10)),
        1_048_576..1_073_741_824 => format!("{} MiB", tenths(1 << 20)),
        _ => format!("{} GiB", tenths(1 << 30)),
    }
}

/// Returns seconds as `m:ss` or `h:mm:ss`.
fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_say_what_is_there_and_what_is_left() {
        let mib = |count: u64| count << 20;
        for (have, total, rate, expected) in [
            (mib(3), Some(mib(12)), None, "25 %, 3.0 MiB of 12.0 MiB"),
            (
                mib(3),
                Some(mib(12)),
                Some(mib(2)),
                "25 %, 3.0 MiB of 12.0 MiB, 2.0 MiB/s, 0:04 left",
            ),
            (mib(3), Some(mib(12)), Some(0), "25 %, 3.0 MiB of 12.0 MiB, 0 bytes/s, stalled"),
            (mib(12), Some(mib(12)), Some(1536), "100 %, 12.0 MiB of 12.0 MiB, 1.5 KiB/s"),
            (500, None, Some(10), "500 bytes, 10 bytes/s"),
        ] {
            assert_eq!(figures(have, total, rate), expected);
        }
        assert_eq!(duration(59), "0:59");
        assert_eq!(duration(3661), "1:01:01");
    }

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
