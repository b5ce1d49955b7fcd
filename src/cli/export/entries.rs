//! Exports of single entries, as a capture or as a table: deliveries in the order of the journal, then
//! refusals, then gaps.

use std::io::{self, Write};

use super::{ExportFormat, ExportSelection};
use crate::app;
use crate::callback::{Callback, Delivery, NotedGap, RefusalEntry};
use crate::export::{CaptureCounts, CaptureEnd, CaptureHead, CsvWriter, Redaction};
use crate::output::{Format, RecordWriter, write_line};

/// Rows read at once.
const PAGE: u32 = 512;

/// Writes the entries of either format.
enum EntryWriter<W: Write> {
    Capture(RecordWriter<W>),
    Table(CsvWriter<W>),
}

/// Writes every entry that is selected.
pub(super) fn write(
    selection: &ExportSelection<'_>,
    mut out: impl Write,
) -> anyhow::Result<CaptureCounts> {
    let mut writer = if selection.format == ExportFormat::Csv {
        EntryWriter::Table(CsvWriter::begin(&mut out)?)
    } else {
        let chosen_by = selection.chosen_by.as_deref();
        let head = CaptureHead::new(selection.now, chosen_by, selection.redaction.is_some());
        write_line(&mut out, &head)?;
        EntryWriter::Capture(RecordWriter::new(&mut out, Format::Json))
    };
    let mut counts = CaptureCounts::default();
    deliveries(selection, &mut writer, &mut counts)?;
    refusals(selection, &mut writer, &mut counts)?;
    gaps(selection, &mut writer, &mut counts)?;
    let is_capture = matches!(writer, EntryWriter::Capture(_));
    writer.flush()?;
    drop(writer);
    if is_capture {
        write_line(&mut out, &CaptureEnd::new(counts))?;
    }
    out.flush()?;
    Ok(counts)
}

/// Writes the deliveries up to the newest that is there at the beginning. Ends early when the reader
/// of standard output has gone, which a filter without matches would never notice.
fn deliveries<W: Write>(
    selection: &ExportSelection<'_>,
    writer: &mut EntryWriter<W>,
    counts: &mut CaptureCounts,
) -> anyhow::Result<()> {
    let ExportSelection { reader, filter, redaction, .. } = selection;
    let gone = app::reader_gone();
    let head = reader.head()?;
    let mut seq = 0;
    while seq < head {
        if gone.is_cancelled() {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        let page = reader.deliveries_after(seq, PAGE)?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        for delivery in page.into_iter().take_while(|delivery| delivery.seq <= head) {
            let name = reader.name_of(&delivery)?;
            if !filter.matches_named(&delivery, name.as_deref()) {
                continue;
            }
            counts.deliveries += 1;
            match redaction {
                Some(redaction) => writer.delivery(&redaction.delivery(delivery), None)?,
                None => writer.delivery(&delivery, name.as_deref())?,
            }
        }
    }
    Ok(())
}

fn refusals<W: Write>(
    selection: &ExportSelection<'_>,
    writer: &mut EntryWriter<W>,
    counts: &mut CaptureCounts,
) -> anyhow::Result<()> {
    let ExportSelection { reader, filter, redaction, .. } = selection;
    let mut change = 0;
    loop {
        let (page, last) = reader.refusals_after(change, PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        change = last;
        for listed in page {
            if !reader.refusal_matches(filter, &listed)? {
                continue;
            }
            counts.refusals += 1;
            if redaction.is_some() {
                writer.refusal(&Redaction::refusal(&listed), None)?;
            } else {
                let claim = Callback::claimed(&listed.refusal.body.bytes);
                let name = reader.name_claimed(&claim)?;
                writer.refusal(&listed, name.as_deref())?;
            }
        }
    }
}

/// Writes the gaps, unless only some entries are asked for: a gap fits no term.
fn gaps<W: Write>(
    selection: &ExportSelection<'_>,
    writer: &mut EntryWriter<W>,
    counts: &mut CaptureCounts,
) -> anyhow::Result<()> {
    if !selection.filter.is_empty() {
        return Ok(());
    }
    let mut id = 0;
    loop {
        let page = selection.reader.gaps_after(id, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        id = last.id;
        for noted in &page {
            counts.gaps += 1;
            match &selection.redaction {
                Some(_) => writer.gap(&Redaction::gap(noted))?,
                None => writer.gap(noted)?,
            }
        }
    }
}

impl<W: Write> EntryWriter<W> {
    fn delivery(&mut self, delivery: &Delivery, name: Option<&str>) -> io::Result<()> {
        match self {
            Self::Capture(writer) => writer.delivery(delivery, name),
            Self::Table(writer) => writer.delivery(delivery, name),
        }
    }

    fn refusal(&mut self, listed: &RefusalEntry, name: Option<&str>) -> io::Result<()> {
        match self {
            Self::Capture(writer) => writer.refusal_with_bodies(listed, name),
            Self::Table(writer) => writer.refusal(listed, name),
        }
    }

    fn gap(&mut self, noted: &NotedGap) -> io::Result<()> {
        match self {
            Self::Capture(writer) => writer.gap(noted),
            Self::Table(writer) => writer.gap(noted),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Capture(writer) => writer.flush(),
            Self::Table(writer) => writer.flush(),
        }
    }
}
