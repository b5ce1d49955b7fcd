//! Writes what a journal holds, a line each: as NDJSON, or as text with the names of the columns above
//! it.

use std::io::{self, Write};

use jiff::Timestamp;

use super::json::write_line;
use super::ndjson::{DeliveryRecord, GapRecord, RefusalRecord};
use super::text::Lines;
use crate::callback::{Delivery, NotedGap, RefusalEntry};

/// How things are written.
#[derive(Debug, Clone)]
pub enum Format {
    /// Lines for people.
    Text(Lines),
    /// NDJSON.
    Json,
    /// Nothing but what goes wrong.
    Quiet,
}

/// What the columns of a list of lines hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    /// Deliveries.
    Deliveries,
    /// Refusals.
    Refusals,
}

/// Writes deliveries, refusals and gaps.
#[derive(Debug)]
pub struct RecordWriter<W> {
    pub(super) out: W,
    pub(super) format: Format,
    /// What is to stand above the first line of text, where that was not written yet.
    heading: Option<Heading>,
}

impl<W: Write> RecordWriter<W> {
    /// Creates a writer of lines without names of columns.
    pub const fn new(out: W, format: Format) -> Self {
        Self { out, format, heading: None }
    }

    /// Creates a writer that names the columns above the first line of text.
    pub const fn with_heading(out: W, format: Format, heading: Heading) -> Self {
        Self { out, format, heading: Some(heading) }
    }

    /// Writes a delivery, with the local name of its asset where that has one.
    pub fn delivery(&mut self, delivery: &Delivery, name: Option<&str>) -> io::Result<()> {
        let callback = &delivery.callback;
        let ids = [&callback.asset_id, &callback.version_id].map(Option::as_deref);
        self.begin(delivery.request.received_at, ids)?;
        match &self.format {
            Format::Json => write_line(&mut self.out, &DeliveryRecord::new(delivery, name)),
            Format::Text(lines) => writeln!(self.out, "{}", lines.delivery(delivery, name)),
            Format::Quiet => Ok(()),
        }
    }

    /// Writes an entry of the log of refusals with all bodies that are kept of it, where there is room
    /// for them. While an entry is followed, each of them has been its last one.
    pub fn refusal_with_bodies(
        &mut self,
        listed: &RefusalEntry,
        name: Option<&str>,
    ) -> io::Result<()> {
        if let Format::Json = &self.format {
            return write_line(
                &mut self.out,
                &RefusalRecord::new(listed, name).with_bodies(listed),
            );
        }
        self.refusal(listed, name)
    }

    /// Writes an entry of the log of refusals, with the local name of the asset that it claims.
    pub fn refusal(&mut self, listed: &RefusalEntry, name: Option<&str>) -> io::Result<()> {
        self.begin(listed.refusal.at, [None; 2])?;
        match &self.format {
            Format::Json => write_line(&mut self.out, &RefusalRecord::new(listed, name)),
            Format::Text(lines) => writeln!(self.out, "{}", lines.refusal(listed, name)),
            Format::Quiet => Ok(()),
        }
    }

    /// Writes what a relay took and will never pass on.
    pub fn gap(&mut self, noted: &NotedGap) -> io::Result<()> {
        self.begin(noted.gap.at, [None; 2])?;
        match &self.format {
            Format::Json => write_line(&mut self.out, &GapRecord::new(noted)),
            Format::Text(lines) => writeln!(self.out, "{}", lines.gap(&noted.gap)),
            Format::Quiet => Ok(()),
        }
    }

    /// Passes on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes the names of the columns above the first line, which is of the moment `at` and has
    /// these ids of an asset and a version.
    fn begin(&mut self, at: Timestamp, [asset, version]: [Option<&str>; 2]) -> io::Result<()> {
        let (Some(heading), Format::Text(lines)) = (self.heading.take(), &mut self.format) else {
            return Ok(());
        };
        *lines = lines.clone().beginning_with(at).fitting(asset, version);
        let names = match heading {
            Heading::Deliveries => lines.delivery_heading(),
            Heading::Refusals => lines.refusal_heading(),
        };
        writeln!(self.out, "{names}")
    }
}
