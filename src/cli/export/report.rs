//! The export as a report: one pass over the assets for the figures, and one for the timelines.

use std::io::Write;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::say;
use super::super::status::version_fits;
use super::ExportSelection;
use crate::config::{LocalZone, local_zone};
use crate::export::{CaptureCounts, ReportFigures, ReportOptions, ReportWriter};
use crate::journal::{AssetPlace, JournalReader};
use crate::timeline::{AssetExpectation, AssetRow, Notes, VersionRow};

/// Rows read at once.
const PAGE: u32 = 200;

/// The precision of times in the journal.
const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

pub(super) fn write(
    selection: &ExportSelection<'_>,
    out: impl Write,
) -> anyhow::Result<CaptureCounts> {
    let ExportSelection { config, reader, now, .. } = selection;
    let setting = config.expect.clone().map(Arc::new);
    let redaction = selection.redaction.as_ref();
    let mut figures = ReportFigures::default();
    let newest = newest_first(reader, Timestamp::MIN, |row, notes| {
        if let Some((row, notes)) = shown(selection, row, notes) {
            figures.add(&row, &notes, redaction, *now, config.overdue);
        }
        Ok(())
    })?;
    let counts = counts(reader)?;
    let options = ReportOptions {
        now: *now,
        zone: zone(selection.utc),
        overdue: config.overdue,
        chosen_by: selection.chosen_by.clone(),
        redaction,
    };
    let mut report = ReportWriter::begin(out, options, &figures, counts)?;
    let mut asset = |row, notes| {
        let Some((row, notes)) = shown(selection, row, notes) else { return Ok(()) };
        let expected = AssetExpectation::of(&row, &notes, setting.as_ref());
        Ok(report.asset(&row, &notes, expected.as_ref())?)
    };
    newest_first(reader, Timestamp::MIN, &mut asset)?;
    // One that became active meanwhile may have moved past the page that was read next.
    if let Some(after) = newest.and_then(|at| at.checked_add(MICROSECOND).ok()) {
        newest_first(reader, after, &mut asset)?;
    }
    report.end()?;
    Ok(counts)
}

/// Returns an asset with the versions of it that are selected, redacted if that is asked for; `None`
/// if nothing of it is selected.
fn shown(
    selection: &ExportSelection<'_>,
    mut row: AssetRow,
    notes: Notes,
) -> Option<(AssetRow, Notes)> {
    let ExportSelection { config, filter, now, redaction, .. } = selection;
    let fits = |version: Option<&VersionRow>| {
        version_fits(filter, &row, &notes, version, *now, config.overdue)
    };
    let as_a_whole = fits(None);
    let fitting: Vec<VersionRow> =
        row.versions.iter().filter(|version| fits(Some(version))).cloned().collect();
    let is_alone = row.versions.is_empty() || row.asset.failure.is_some();
    if fitting.is_empty() && !(as_a_whole && is_alone) {
        return None;
    }
    row.versions = fitting;
    if !as_a_whole {
        row.asset.failure = None;
    }
    Some(match redaction {
        Some(redaction) => redaction.row(row),
        None => (row, notes),
    })
}

/// Calls `each` with every asset that was active since `since`, the most recently active first.
/// Returns when that one was. No read is open while `each` runs.
fn newest_first(
    reader: &JournalReader,
    since: Timestamp,
    mut each: impl FnMut(AssetRow, Notes) -> anyhow::Result<()>,
) -> anyhow::Result<Option<Timestamp>> {
    let (mut newest, mut place) = (None, None);
    loop {
        let page = reader.assets_before(place.as_ref(), since, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(newest) };
        place = Some(AssetPlace::of(last));
        for (row, notes) in page {
            newest = newest.or(Some(row.asset.last_at));
            each(row, notes)?;
        }
    }
}

fn counts(reader: &JournalReader) -> anyhow::Result<CaptureCounts> {
    let (mut refusals, mut gaps) = (0, 0);
    let mut change = 0;
    loop {
        let (page, last) = reader.refusals_after(change, PAGE)?;
        if page.is_empty() {
            break;
        }
        change = last;
        refusals += page.len() as u64;
    }
    let mut id = 0;
    loop {
        let page = reader.gaps_after(id, PAGE)?;
        let Some(last) = page.last() else { break };
        id = last.id;
        gaps += page.len() as u64;
    }
    Ok(CaptureCounts { deliveries: 0, refusals, gaps })
}

/// Returns the zone of the times, with a warning if it is not that of `TZ`.
fn zone(utc: bool) -> TimeZone {
    if utc {
        return TimeZone::UTC;
    }
    let LocalZone { zone, caution } = local_zone();
    if let Some(caution) = caution {
        say(&caution);
    }
    zone
}
