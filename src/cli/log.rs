//! `dubwatch log`: the journal, oldest first, filtered; works beside a running watch, and follows it.

use std::collections::VecDeque;
use std::io::Write;

use jiff::Timestamp;

use super::characters::out;
use super::{UsageError, done_unless, lines};
use crate::app::{self, Exit, is_closed_pipe};
use crate::callback::{Callback, Delivery};
use crate::config::{Config, Output};
use crate::filter::Filter;
use crate::journal::{Follower, JournalReader};
use crate::output::{EntrySelection, Format, Heading, RecordWriter, StreamOutput};

/// Rows read at once.
const PAGE: u32 = 512;

#[derive(Debug, clap::Args)]
#[command(after_help = Filter::help())]
pub(super) struct LogArgs {
    /// Only what fits every one of these terms, which are listed below
    #[arg(long, value_name = "TERMS")]
    filter: Option<String>,
    /// Only what came since then: a span like 1h, or a time like 2026-11-23T21:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only the newest N of what the other flags leave; what --follow adds is not counted
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Show the requests that were refused, and why, in place of the deliveries
    #[arg(long)]
    refused: bool,
    /// Go on with what is written from now on, refusals and gaps too, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
}

pub(super) fn run(config: &Config, args: &LogArgs) -> anyhow::Result<Exit> {
    let filter = filter(args.filter.as_deref(), args.since.as_deref())?;
    config.needs_journal()?;
    // Before a warning about the zone, so that an error is the only message.
    let follower = Follower::open(&config.db)?;
    let format = match config.output {
        Some(Output::Json) => Format::Json,
        _ => Format::Text(lines(config, args.utc)),
    };
    let heading = if args.refused { Heading::Refusals } else { Heading::Deliveries };
    let out = out(config, matches!(format, Format::Text(_)));
    let records = RecordWriter::with_heading(out, format, heading);
    if args.follow {
        return follow(follower, args, filter, records);
    }
    let mut records = records;
    let written = what_is_there(&follower, args, &filter, &mut records);
    done_unless(written.and_then(|()| Ok(records.flush()?)))
}

/// Parses a filter of deliveries. `since` is one more of its terms.
pub(super) fn filter(terms: Option<&str>, since: Option<&str>) -> anyhow::Result<Filter> {
    let mut terms = terms.unwrap_or_default().to_owned();
    if let Some(since) = since {
        terms.push_str(" since:");
        terms.push_str(since);
    }
    let filter =
        Filter::parse(&terms, Timestamp::now()).map_err(|error| UsageError(error.to_string()))?;
    if filter.is_about_versions() {
        // It would match everything.
        let why = "overdue is said of versions, and log lists deliveries; dubwatch status --filter \
                   overdue lists such versions";
        return Err(UsageError(why.to_owned()).into());
    }
    Ok(filter)
}

fn follow<W: Write + Send + 'static>(
    follower: Follower,
    args: &LogArgs,
    filter: Filter,
    mut records: RecordWriter<W>,
) -> anyhow::Result<Exit> {
    let follower = if args.refused || args.limit.is_some() {
        let written = what_is_there(&follower, args, &filter, &mut records);
        match written.and_then(|()| Ok(records.flush()?)) {
            Err(error) if is_closed_pipe(&error) => return Ok(Exit::Done),
            written => written?,
        }
        follower
    } else {
        // Existing entries are read the same way as new ones.
        follower.behind(0)
    };
    let selection = EntrySelection { filter, only_refusals: args.refused };
    app::follow(StreamOutput::new(records, follower).with_selection(selection))
}

/// Writes the entries that were in the journal when it was opened.
fn what_is_there<W: Write>(
    follower: &Follower,
    args: &LogArgs,
    filter: &Filter,
    records: &mut RecordWriter<W>,
) -> anyhow::Result<()> {
    let (reader, head) = (follower.reader(), follower.seen().head);
    if args.refused {
        refusals(reader, filter, args.limit, records)
    } else if let Some(limit) = args.limit {
        for (delivery, name) in newest(reader, filter, limit, head)? {
            records.delivery(&delivery, name.as_deref())?;
        }
        Ok(())
    } else {
        deliveries(reader, filter, head, records)
    }
}

/// Writes every matching delivery up to `head`. Ends early when the reader of standard output has
/// gone, which a filter without matches would never notice.
fn deliveries<W: Write>(
    reader: &JournalReader,
    filter: &Filter,
    head: u64,
    records: &mut RecordWriter<W>,
) -> anyhow::Result<()> {
    let gone = app::reader_gone();
    let mut seq = 0;
    while seq < head && !gone.is_cancelled() {
        let page = reader.deliveries_after(seq, PAGE)?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        for delivery in page.iter().take_while(|delivery| delivery.seq <= head) {
            let name = reader.name_of(delivery)?;
            if filter.matches_named(delivery, name.as_deref()) {
                records.delivery(delivery, name.as_deref())?;
            }
        }
    }
    Ok(())
}

/// Returns the newest `limit` matching deliveries up to `head`, oldest first, each with the name of
/// its asset. Reads from the end, which is quick.
fn newest(
    reader: &JournalReader,
    filter: &Filter,
    limit: usize,
    head: u64,
) -> anyhow::Result<VecDeque<(Delivery, Option<String>)>> {
    let gone = app::reader_gone();
    let mut found = VecDeque::new();
    let mut seq = head.saturating_add(1);
    while found.len() < limit && !gone.is_cancelled() {
        let page = reader.deliveries_before(seq, PAGE)?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        for delivery in page {
            let name = reader.name_of(&delivery)?;
            if filter.matches_named(&delivery, name.as_deref()) {
                found.push_front((delivery, name));
                if found.len() == limit {
                    break;
                }
            }
        }
    }
    Ok(found)
}

fn refusals<W: Write>(
    reader: &JournalReader,
    filter: &Filter,
    limit: Option<usize>,
    records: &mut RecordWriter<W>,
) -> anyhow::Result<()> {
    let mut found = Vec::new();
    let mut change = 0;
    loop {
        let (page, last) = reader.refusals_after(change, PAGE)?;
        if page.is_empty() {
            break;
        }
        change = last;
        for listed in page {
            if reader.refusal_matches(filter, &listed)? {
                let claim = Callback::claimed(&listed.refusal.body.bytes);
                let name = reader.name_claimed(&claim)?;
                found.push((listed, name));
            }
        }
    }
    found.sort_by_key(|(listed, _)| (listed.refusal.at, listed.id));
    let skip = limit.map_or(0, |limit| found.len().saturating_sub(limit));
    for (listed, name) in found.iter().skip(skip) {
        records.refusal_with_bodies(listed, name.as_deref())?;
    }
    Ok(())
}
