//! Writes the entries of a journal, one line each: as NDJSON, or as text below the names of the
//! columns.

use std::io::{self, Write};

use jiff::Timestamp;

use super::json::write_line;
use super::ndjson::{DeliveryRecord, ForwardRecord, GapRecord, RefusalRecord};
use super::text::Lines;
use crate::callback::{Delivery, NotedGap, RefusalEntry};
use crate::forward::ForwardAttempt;

/// The format of the output.
#[derive(Debug, Clone)]
pub enum Format {
    /// Lines for people.
    Text(Lines),
    /// NDJSON.
    Json,
    /// Nothing but errors.
    Quiet,
}

/// The kind of a list, which decides its columns.
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
    /// The heading to write above the first line of text, if it was not written yet.
    heading: Option<Heading>,
}

impl<W: Write> RecordWriter<W> {
    /// Creates a writer without a heading.
    pub const fn new(out: W, format: Format) -> Self {
        Self { out, format, heading: None }
    }

    /// Creates a writer with the names of the columns above the first line of text.
    pub const fn with_heading(out: W, format: Format, heading: Heading) -> Self {
        Self { out, format, heading: Some(heading) }
    }

    /// Writes a delivery, with the local name of its asset, if it has one.
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

    /// Writes an entry of the log of refusals with all of its kept bodies, if the format has room
    /// for them. Not for followed entries: there each body has been shown as the last one.
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

    /// Writes a gap.
    pub fn gap(&mut self, noted: &NotedGap) -> io::Result<()> {
        self.begin(noted.gap.at, [None; 2])?;
        match &self.format {
            Format::Json => write_line(&mut self.out, &GapRecord::new(noted)),
            Format::Text(lines) => writeln!(self.out, "{}", lines.gap(&noted.gap)),
            Format::Quiet => Ok(()),
        }
    }

    /// Writes an attempt to forward.
    pub fn forward(&mut self, attempt: &ForwardAttempt) -> io::Result<()> {
        self.begin(attempt.at, [None; 2])?;
        match &self.format {
            Format::Json => write_line(&mut self.out, &ForwardRecord::new(attempt)),
            Format::Text(lines) => writeln!(self.out, "{}", lines.forward(attempt)),
            Format::Quiet => Ok(()),
        }
    }

    /// Flushes the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes the heading above the first line, whose time is `at` and whose asset and version have
    /// these ids.
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

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::samples::forward;
    use super::*;

    fn written(format: Format, attempts: &[ForwardAttempt]) -> String {
        let mut records = RecordWriter::new(Vec::new(), format);
        for attempt in attempts {
            records.forward(attempt).unwrap();
        }
        String::from_utf8(records.out).unwrap()
    }

    #[test]
    fn an_attempt_to_forward_is_a_line() {
        let mut failed = forward();
        failed.attempt = 2;
        failed.answer.status = None;
        failed.answer.error = Some("no answer within 30s\u{1b}[2J".to_owned());
        let attempts = [forward(), failed];
        assert_eq!(
            written(Format::Json, &attempts[..1]),
            concat!(
                r#"{"v":1,"type":"forward","seq":7,"target":"http://localhost:3000/","attempt":1,"#,
                r#""status":200,"ms":3.1,"error":null}"#,
                "\n"
            )
        );
        let lines = Lines::for_pipe(false, TimeZone::UTC);
        assert_eq!(
            written(Format::Text(lines), &attempts),
            "2026-11-23T21:00:02+00:00  → 200        delivery 7 to http://localhost:3000/  3.1 ms\n\
             2026-11-23T21:00:02+00:00  ✗ NO ANSWER  delivery 7 to http://localhost:3000/  3.1 ms  \
             attempt 2  no answer within 30s\\u{1b}[2J\n"
        );
    }
}
