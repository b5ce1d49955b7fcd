//! `dubwatch replay`: sends deliveries of the journal to a URL again, byte for byte.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueHint;
use http::Uri;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::interval;

use super::characters::text_out;
use super::progress::{EVERY, ProgressLine, bar};
use super::prune::counted;
use super::{done_unless, log, say, send};
use crate::app::Exit;
use crate::config::Config;
use crate::filter::Filter;
use crate::journal::JournalReader;
use crate::replay::{Poster, Replay, ReplayPlan, ReplaySpeed, ReplayStop, ReplaySummary};
use crate::text::{Printable, clock_words};

#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct ReplayArgs {
    /// Where to post: a whole URL, or a host, port and path like localhost:3000/hook; a port alone is
    /// one of this machine
    #[arg(value_name = "URL", value_hint = ValueHint::Url, value_parser = target)]
    to: Uri,
    /// Only deliveries that fit every one of these terms, which are listed below
    #[arg(long, value_name = "TERMS")]
    filter: Option<String>,
    /// Only what came since then: a span like 1h, or a time like 2026-11-23T21:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// How fast: a multiple of the pace at which they came, like 1 or 10, or max for at once
    #[arg(long, value_name = "SPEED", default_value = "max")]
    speed: ReplaySpeed,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

fn after_help() -> String {
    format!(
        "Bodies and headers, the signature among them, are those that were received, without the \
         headers of the connection. The deliveries of a version are sent one after the other. \
         Redirects are not followed. Exit status: 0 when every delivery was answered 2xx, 1 when one \
         was not or the URL cannot be reached, 2 used wrongly.\n\n{}",
        Filter::help()
    )
}

/// Reads the URL to post to.
fn target(text: &str) -> Result<Uri, String> {
    let expected = || {
        let text = Printable::new(text).cut(80);
        format!(
            "{text} is no URL to post to; expected one like http://localhost:3000/hook, localhost:3000 or 3000"
        )
    };
    let is_port = text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = if is_port && !text.is_empty() {
        format!("http://127.0.0.1:{text}/")
    } else if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let uri: Uri = whole.parse().map_err(|_| expected())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let has_bad_port = uri.host() != Some(authority) && uri.port_u16().is_none();
    // A login would have to be a header of its own.
    let has_login = authority.contains('@');
    if is_http && has_host && !has_login && !has_bad_port { Ok(uri) } else { Err(expected()) }
}

pub(super) fn run(config: &Config, args: &ReplayArgs) -> anyhow::Result<Exit> {
    let filter = log::filter(args.filter.as_deref(), args.since.as_deref())?;
    config.needs_journal()?;
    let reader = JournalReader::open(&config.db)?;
    let outbound = send::outbound(config, &args.to)?;
    let plan = ReplayPlan::new(&reader, filter)?;
    if plan.answers > 0 {
        let answers = counted(usize::try_from(plan.answers).unwrap_or(usize::MAX), "row", "rows");
        say(&format!(
            "leaves out {answers} that the service's API answered: they were no requests"
        ));
    }
    if args.dry_run || plan.count == 0 {
        return done_unless(would(config, args, &plan));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let poster = Poster::new(args.to.clone(), outbound);
        until_signal(config, args, &plan, reader, poster).await
    })
}

/// Writes what would be sent.
fn would(config: &Config, args: &ReplayArgs, plan: &ReplayPlan) -> anyhow::Result<()> {
    let mut out = text_out(config);
    if plan.count == 0 {
        writeln!(out, "Nothing fits: there is nothing to send.")?;
        return Ok(out.flush()?);
    }
    let takes = match args.speed {
        ReplaySpeed::Max => "at once".to_owned(),
        ReplaySpeed::Multiple(_) => {
            format!("over {}", clock_words(plan.takes(args.speed).as_secs()))
        }
    };
    let span = clock_words(u64::try_from(plan.span().as_secs()).unwrap_or_default());
    writeln!(
        out,
        "Would send {} to {} {takes}; they came over {span}.",
        deliveries(plan.count),
        args.to
    )?;
    Ok(out.flush()?)
}

fn deliveries(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "delivery", "deliveries")
}

/// Sends until everything is answered or a signal arrives.
async fn until_signal(
    config: &Config,
    args: &ReplayArgs,
    plan: &ReplayPlan,
    reader: JournalReader,
    poster: Poster,
) -> anyhow::Result<Exit> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut interrupt, mut terminate): (Signal, Signal) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let begun = Instant::now();
    let replay = Replay::new();
    let mut line = ProgressLine::new();
    let mut ticks = interval(EVERY);
    let ended = {
        let mut running = std::pin::pin!(replay.run(plan, reader, poster, args.speed));
        loop {
            tokio::select! {
                ended = &mut running => break Ok(ended),
                _ = interrupt.recv() => break Err(2),
                _ = terminate.recv() => break Err(15),
                _ = ticks.tick() => show(&mut line, replay.sent(), plan.count, begun.elapsed()),
            }
        }
    };
    if line.is_terminal() {
        show(&mut line, replay.sent(), plan.count, begun.elapsed());
    }
    drop(line);
    let summary = replay.summary();
    done_unless(sum_up(config, plan, &summary, begun.elapsed()))?;
    match ended {
        Err(signal) => Ok(Exit::Signal(signal)),
        Ok(Err(ReplayStop::NoWay { why, next })) => {
            anyhow::bail!(
                "cannot reach {}: {why}; `--filter seq:{next}..` goes on from there",
                args.to
            )
        }
        Ok(Err(ReplayStop::Journal(error))) => Err(error.into()),
        Ok(Ok(())) if summary.failed() > 0 => Ok(Exit::Failed),
        Ok(Ok(())) => Ok(Exit::Done),
    }
}

fn show(line: &mut ProgressLine, sent: u64, count: u64, elapsed: Duration) {
    let rate = u128::from(sent) * 1000 / elapsed.as_millis().max(1);
    let figures = || format!("{sent} of {} sent, {rate}/s", deliveries(count));
    line.show(|| format!("{} {}", bar(sent, count), figures()), figures);
}

/// Writes what became of the deliveries.
fn sum_up(
    config: &Config,
    plan: &ReplayPlan,
    summary: &ReplaySummary,
    took: Duration,
) -> anyhow::Result<()> {
    let mut out = text_out(config);
    writeln!(
        out,
        "Sent {} of {} in {:.1} s; the slowest answer took {:.1} ms.",
        summary.sent,
        deliveries(plan.count),
        took.as_secs_f64(),
        summary.slowest.as_secs_f64() * 1e3
    )?;
    for (status, count) in &summary.statuses {
        writeln!(out, "  {count:>8}  answered {status}")?;
    }
    for (why, count) in &summary.failures {
        writeln!(out, "  {count:>8}  {}", Printable::new(why))?;
    }
    if !summary.bad.is_empty() {
        let seqs: Vec<String> = summary.bad.iter().map(u64::to_string).collect();
        let more = if summary.failed() > summary.bad.len() as u64 { ", …" } else { "" };
        writeln!(out, "Not answered 2xx: seq {}{more}", seqs.join(", "))?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_short() {
        let read = |text: &str| target(text).map(|uri| uri.to_string());
        assert_eq!(read("3000").unwrap(), "http://127.0.0.1:3000/");
        assert_eq!(read("localhost:3000/x?y=1").unwrap(), "http://localhost:3000/x?y=1");
        assert_eq!(read("https://a.example/x").unwrap(), "https://a.example/x");
        for wrong in ["", "99999999", "ftp://a/", "http://", "http:///x", "a b", "http://u:p@a/"] {
            assert!(read(wrong).unwrap_err().contains("expected one like"), "{wrong}");
        }
    }
}
