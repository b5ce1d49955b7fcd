//! Shows how far a download is: a bar on a terminal, a line every few seconds elsewhere.

use std::time::Instant;

use super::super::progress::{ProgressLine, bar};
use crate::api::{DownloadProgress, Pace};
use crate::text::{Printable, transfer_words};

/// Columns of the name in a line.
const NAME: usize = 40;

/// The progress of one download on standard error.
pub(super) struct Bar {
    name: Printable,
    pace: Pace,
    line: ProgressLine,
}

impl Bar {
    pub(super) fn new(name: &str) -> Self {
        let name = Printable::new(name).cut(NAME);
        Self { name, pace: Pace::default(), line: ProgressLine::new() }
    }

    /// Shows how far the download is.
    pub(super) fn show(&mut self, progress: &DownloadProgress) {
        let (have, total) = (progress.have(), progress.total());
        let rate = self.pace.note(Instant::now(), have);
        let name = &self.name;
        let figures = || transfer_words(have, total, rate);
        let drawn = || match total {
            Some(total) => format!("{name}  {} {}", bar(have, total), figures()),
            None => format!("{name}  {}", figures()),
        };
        self.line.show(drawn, || format!("{name}: {}", figures()));
    }

    /// Shows the end of a complete download.
    pub(super) fn complete(&mut self, progress: &DownloadProgress) {
        if self.line.is_terminal() {
            self.show(progress);
        }
    }
}
