//! `dubwatch prune`: deletes assets that have been quiet for long, with all their deliveries.

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};

use super::{Usage, done_unless};
use crate::app::Exit;
use crate::config::{Config, parse_span};
use crate::journal::{Journal, JournalError, Pruned};
use crate::sqlite::OpenError;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Delete the assets that nothing was heard of for this long, like 90d or 12h
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    older_than: SignedDuration,
}

pub(super) fn run(config: &Config, args: &Args) -> anyhow::Result<Exit> {
    let cutoff = Timestamp::now()
        .checked_sub(args.older_than)
        .map_err(|_| Usage("--older-than reaches back beyond the calendar".to_owned()))?;
    let Pruned { deliveries, assets, refusals } =
        Journal::prune(&config.db, cutoff).map_err(|error| match error {
            JournalError::Open(OpenError::InUse { .. }) => anyhow::anyhow!(
                "{} is in use by a running dubwatch; stop that one, or start it with --keep, which prunes as it goes",
                config.db.display()
            ),
            error => error.into(),
        })?;
    let deliveries = counted(deliveries, "delivery", "deliveries");
    let assets = counted(assets, "asset", "assets");
    let refusals = counted(refusals, "refusal", "refusals");
    let say = || writeln!(io::stdout(), "Deleted {deliveries} of {assets}, and {refusals}.");
    done_unless(say().map_err(Into::into))
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
