//! `dubwatch export`: the journal as a file for others; works beside a running watch.

mod entries;
mod report;
mod target;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ValueEnum, ValueHint};
use jiff::Timestamp;

use super::{UsageError, say};
use crate::app::{Exit, is_closed_pipe};
use crate::config::Config;
use crate::export::{CaptureCounts, Redaction};
use crate::filter::Filter;
use crate::journal::JournalReader;
use crate::text::{Printable, bytes_in_words, count_in_words};

use target::{ExportTarget, TargetError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// Every delivery byte for byte, and refusals and gaps: verifies again, and opens in dubwatch
    Ndjson,
    /// A table for spreadsheets
    Csv,
    /// A report for people, one file that any browser shows
    Html,
}

#[derive(Debug, clap::Args)]
#[command(after_help = Filter::help())]
pub(super) struct ExportArgs {
    /// The format
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: ExportFormat,
    /// Only what fits every one of these terms, which are listed below: deliveries and refusals, or in
    /// a report versions
    #[arg(long, value_name = "TERMS")]
    filter: Option<String>,
    /// Only what came since then: a span like 1h, or a time like 2026-11-23T21:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(long, requires = "to")]
    overwrite: bool,
    /// Replace ids by aliases, and leave out names, peers, hosts, headers and bodies
    #[arg(long)]
    redact: bool,
    /// Show the times of a report in UTC
    #[arg(long)]
    utc: bool,
}

/// What is exported, and how.
struct ExportSelection<'a> {
    config: &'a Config,
    format: ExportFormat,
    reader: JournalReader,
    filter: Filter,
    /// The terms of the filter and the time, as they were given.
    chosen_by: Option<String>,
    redaction: Option<Redaction>,
    now: Timestamp,
    utc: bool,
}

pub(super) fn run(config: &Config, args: &ExportArgs) -> anyhow::Result<Exit> {
    let now = Timestamp::now();
    let (filter, chosen_by) = filter(args, now)?;
    // The terms of a redacted export may name what it hides.
    let chosen_by = chosen_by.map(|terms| if args.redact { "not shown".to_owned() } else { terms });
    config.needs_journal()?;
    let reader = JournalReader::open(&config.db)?;
    let redaction = if args.redact { Some(redaction()?) } else { None };
    let (format, utc) = (args.format, args.utc);
    let selection =
        ExportSelection { config, format, reader, filter, chosen_by, redaction, now, utc };
    let mut target = ExportTarget::open(args.to.as_deref(), args.overwrite).map_err(refused)?;
    let written = match args.format {
        ExportFormat::Html => report::write(&selection, &mut target),
        _ => entries::write(&selection, &mut target),
    };
    let counts = match written {
        // The file did not come about, and nothing of it is left.
        Err(error) if args.to.is_none() && is_closed_pipe(&error) => return Ok(Exit::Done),
        Err(error) => return Err(target.explain(error)),
        Ok(counts) => counts,
    };
    let finished = target.finish().map_err(refused)?;
    if let Some(bytes) = finished {
        announce(args, counts, bytes);
    }
    if args.redact {
        say(
            "redacted: ids are aliases, and headers and bodies are missing, so nothing in it can be verified against signatures any more",
        );
    }
    Ok(Exit::Done)
}

fn redaction() -> anyhow::Result<Redaction> {
    Redaction::new().context("the system has no random numbers for aliases; nothing was exported")
}

/// Says on standard error what is in the file; standard output stays empty, as without `--to` it
/// holds the export.
fn announce(args: &ExportArgs, counts: CaptureCounts, bytes: u64) {
    let file = args.to.as_deref().unwrap_or_else(|| "".as_ref()).to_string_lossy();
    let CaptureCounts { deliveries, refusals, gaps } = counts;
    let what = match args.format {
        ExportFormat::Html => String::new(),
        _ => format!(
            "{}, {} and {}, ",
            count_in_words(deliveries, "delivery", "deliveries"),
            count_in_words(refusals, "kind of refusal", "kinds of refusals"),
            count_in_words(gaps, "gap", "gaps")
        ),
    };
    say(&format!("wrote {what}{} to {}", bytes_in_words(bytes), Printable::new(&file)));
}

fn refused(error: TargetError) -> anyhow::Error {
    match error {
        error @ TargetError::Exists(_) => UsageError(error.to_string()).into(),
        error => error.into(),
    }
}

/// Returns the filter, and how it was given.
fn filter(args: &ExportArgs, now: Timestamp) -> anyhow::Result<(Filter, Option<String>)> {
    let mut terms = args.filter.clone().unwrap_or_default();
    if let Some(since) = &args.since {
        terms.push_str(" since:");
        terms.push_str(since);
    }
    let terms = terms.trim();
    let filter = Filter::parse(terms, now).map_err(|error| UsageError(error.to_string()))?;
    let of_report = args.format == ExportFormat::Html;
    if of_report && filter.is_about_deliveries() {
        // It would match every version.
        let why = "--filter has a term about single deliveries, and a report shows versions; \
                   --format ndjson and csv have deliveries";
        return Err(UsageError(why.to_owned()).into());
    }
    if !of_report && filter.is_about_versions() {
        let why = "overdue is said of versions, and this format has deliveries; --format html has \
                   versions";
        return Err(UsageError(why.to_owned()).into());
    }
    Ok((filter, (!terms.is_empty()).then(|| terms.to_owned())))
}
