//! `dubwatch prune`: deletes assets that have been quiet for long, with all their deliveries.

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};

use super::confirm::confirmed;
use super::{UsageError, done_unless, say};
use crate::app::Exit;
use crate::config::{Config, parse_span};
use crate::journal::{Journal, JournalError, PruneCounts};
use crate::sqlite::OpenError;

#[derive(Debug, clap::Args)]
pub(super) struct PruneArgs {
    /// Delete the assets that nothing was heard of for this long, like 90d or 12h
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    older_than: SignedDuration,
    /// Say how much would be deleted, and delete nothing; works beside a running dubwatch
    #[arg(long)]
    dry_run: bool,
    /// Do not ask first; only a terminal is asked
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

pub(super) fn run(config: &Config, args: &PruneArgs) -> anyhow::Result<Exit> {
    config.needs_journal()?;
    let cutoff = Timestamp::now()
        .checked_sub(args.older_than)
        .map_err(|_| UsageError("--older-than reaches back beyond the calendar".to_owned()))?;
    if args.dry_run {
        let would = Journal::prunable(&config.db, cutoff)?;
        let say = || writeln!(io::stdout(), "Would delete {}.", spoken(would));
        return done_unless(say().map_err(Into::into));
    }
    if !args.yes && !may_delete(config, cutoff)? {
        say("nothing was deleted");
        return Ok(Exit::Failed);
    }
    let pruned = Journal::prune(&config.db, cutoff).map_err(|error| match error {
        JournalError::Open(OpenError::InUse { .. }) => anyhow::anyhow!(
            "{} is in use by a running dubwatch; stop that one, or start it with --keep, which prunes as it goes",
            config.db.display()
        ),
        error => error.into(),
    })?;
    let say = || writeln!(io::stdout(), "Deleted {}.", spoken(pruned));
    done_unless(say().map_err(Into::into))
}

/// Asks, if there is something to delete and a terminal.
fn may_delete(config: &Config, cutoff: Timestamp) -> anyhow::Result<bool> {
    let would = match Journal::prunable(&config.db, cutoff) {
        Ok(would) if would == PruneCounts::default() => return Ok(true),
        Ok(would) => spoken(would),
        // Written by an older dubwatch: pruning migrates it first.
        Err(JournalError::Open(OpenError::Older { .. })) => "what is older".to_owned(),
        Err(error) => return Err(error.into()),
    };
    confirmed(&format!("Delete {would}, from {}, for good?", config.db.display()))
}

fn spoken(PruneCounts { deliveries, assets, refusals }: PruneCounts) -> String {
    let deliveries = counted(deliveries, "delivery", "deliveries");
    let assets = counted(assets, "asset", "assets");
    let refusals = counted(refusals, "refusal", "refusals");
    format!("{deliveries} of {assets}, and {refusals}")
}

pub(super) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
