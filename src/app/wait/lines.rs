//! What `dubwatch wait` writes: the state of a version whenever it changes.

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};

use crate::output::{AssetRecord, Format, Ready, VersionRecord, write_line};
use crate::timeline::{AssetRow, VersionRow};

/// Writes lines. A reader that has gone is no failure: the exit status is the answer.
pub struct WaitOutput<W> {
    out: W,
    format: Format,
    /// How long a version may generate before it is overdue.
    overdue: SignedDuration,
    /// Whether the columns have their widths.
    begun: bool,
}

impl<W: Write> WaitOutput<W> {
    /// Creates an output in this format.
    pub const fn new(out: W, format: Format, overdue: SignedDuration) -> Self {
        Self { out, format, overdue, begun: false }
    }

    /// Writes where deliveries come from, for programs.
    pub(super) fn ready(&mut self, ready: &Ready) -> io::Result<()> {
        let is_json = matches!(self.format, Format::Json);
        heeded(if is_json { write_line(&mut self.out, ready) } else { Ok(()) })?;
        heeded(self.out.flush())
    }

    /// Writes the states of versions of an asset.
    pub(super) fn versions(
        &mut self,
        row: &AssetRow,
        name: Option<&str>,
        versions: &[&VersionRow],
        now: Timestamp,
    ) -> io::Result<()> {
        for version in versions {
            heeded(self.version(row, name, version, now))?;
        }
        heeded(self.out.flush())
    }

    /// Writes that an asset failed as a whole.
    pub(super) fn failed_asset(&mut self, row: &AssetRow, name: Option<&str>) -> io::Result<()> {
        let written = match &self.format {
            Format::Json => write_line(&mut self.out, &AssetRecord::new(row, name)),
            Format::Text(lines) => match lines.failed_asset_row(row, name) {
                Some(line) => writeln!(self.out, "{line}"),
                None => Ok(()),
            },
            Format::Quiet => Ok(()),
        };
        heeded(written.and_then(|()| self.out.flush()))
    }

    fn version(
        &mut self,
        row: &AssetRow,
        name: Option<&str>,
        version: &VersionRow,
        now: Timestamp,
    ) -> io::Result<()> {
        if let Format::Text(lines) = &mut self.format
            && !std::mem::replace(&mut self.begun, true)
        {
            *lines = lines.clone().fitting(Some(&row.asset_id), Some(&version.version_id));
        }
        match &self.format {
            Format::Json => {
                let record = VersionRecord::new(&row.asset_id, name, version, now, self.overdue);
                write_line(&mut self.out, &record)
            }
            Format::Text(lines) => {
                let line = lines.version_row(&row.asset_id, version, name, now, self.overdue);
                writeln!(self.out, "{line}")
            }
            Format::Quiet => Ok(()),
        }
    }
}

/// Takes a closed pipe for a success.
fn heeded(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}
