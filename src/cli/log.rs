//! `dubwatch log`: the journal, oldest first, filtered; works beside a running watch.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};

use jiff::Timestamp;

use super::{Usage, colored, done_unless};
use crate::app::Exit;
use crate::callback::Delivery;
use crate::callback::Listed;
use crate::config::{Config, Output};
use crate::filter::Filter;
use crate::journal::Reader;
use crate::output::{DeliveryRecord, Lines, RefusalRecord, write_line};

/// Rows read at once.
const PAGE: u32 = 512;

#[derive(Debug, clap::Args)]
#[command(after_help = Filter::help())]
pub(super) struct Args {
    /// Only what fits every one of these terms, which are listed below
    #[arg(long, value_name = "TERMS")]
    filter: Option<String>,
    /// Only what came since then: a span like 1h, or a time like 2026-11-23T21:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only the newest N of what the other flags leave
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Show the requests that were refused, and why, in place of the deliveries
    #[arg(long)]
    refused: bool,
}

pub(super) fn run(config: &Config, args: &Args) -> anyhow::Result<Exit> {
    let filter = filter(args)?;
    let reader = Reader::open(&config.db)?;
    let out = BufWriter::new(io::stdout().lock());
    let json = config.output == Some(Output::Json);
    let lines = Lines::new(colored(config));
    let mut printer = Printer { out, lines: (!json).then_some(lines) };
    let result = if args.refused {
        refusals(&reader, &filter, args.limit, &mut printer)
    } else {
        deliveries(&reader, &filter, args.limit, &mut printer)
    };
    done_unless(result.and_then(|()| Ok(printer.out.flush()?)))
}

fn filter(args: &Args) -> anyhow::Result<Filter> {
    let mut terms = args.filter.clone().unwrap_or_default();
    if let Some(since) = &args.since {
        terms.push_str(" since:");
        terms.push_str(since);
    }
    Filter::parse(&terms, Timestamp::now()).map_err(|error| Usage(error.to_string()).into())
}

fn deliveries<W: Write>(
    reader: &Reader,
    filter: &Filter,
    limit: Option<usize>,
    printer: &mut Printer<W>,
) -> anyhow::Result<()> {
    if let Some(limit) = limit {
        for delivery in newest(reader, filter, limit)? {
            printer.delivery(&delivery)?;
        }
        return Ok(());
    }
    let mut seq = 0;
    loop {
        let page = reader.deliveries_after(seq, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        seq = last.seq;
        for delivery in page.iter().filter(|delivery| filter.matches(delivery)) {
            printer.delivery(delivery)?;
        }
    }
}

/// The newest `limit` that fit, oldest first; read from the end, so that it is quick.
fn newest(reader: &Reader, filter: &Filter, limit: usize) -> anyhow::Result<VecDeque<Delivery>> {
    let mut found = VecDeque::new();
    let mut seq = u64::MAX;
    while found.len() < limit {
        let page = reader.deliveries_before(seq, PAGE)?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        let fitting = page.into_iter().filter(|delivery| filter.matches(delivery));
        for delivery in fitting.take(limit - found.len()) {
            found.push_front(delivery);
        }
    }
    Ok(found)
}

fn refusals<W: Write>(
    reader: &Reader,
    filter: &Filter,
    limit: Option<usize>,
    printer: &mut Printer<W>,
) -> anyhow::Result<()> {
    let mut found = Vec::new();
    let mut change = 0;
    loop {
        let (page, last) = reader.refusals_after(change, PAGE)?;
        if page.is_empty() {
            break;
        }
        change = last;
        found.extend(page.into_iter().filter(|listed| filter.matches_refusal(&listed.refusal)));
    }
    found.sort_by_key(|listed| (listed.refusal.at, listed.id));
    let skip = limit.map_or(0, |limit| found.len().saturating_sub(limit));
    found.iter().skip(skip).try_for_each(|listed| printer.refusal(listed))
}

/// Writes rows as lines for people, or as NDJSON where there are none.
struct Printer<W> {
    out: W,
    lines: Option<Lines>,
}

impl<W: Write> Printer<W> {
    fn delivery(&mut self, delivery: &Delivery) -> anyhow::Result<()> {
        match &self.lines {
            Some(lines) => writeln!(self.out, "{}", lines.delivery(delivery))?,
            None => write_line(&mut self.out, &DeliveryRecord::new(delivery))?,
        }
        Ok(())
    }

    fn refusal(&mut self, listed: &Listed) -> anyhow::Result<()> {
        match &self.lines {
            Some(lines) => writeln!(self.out, "{}", lines.refusal(&listed.refusal))?,
            None => write_line(&mut self.out, &RefusalRecord::new(listed))?,
        }
        Ok(())
    }
}
