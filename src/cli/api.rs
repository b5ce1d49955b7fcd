//! `dubwatch api`: asks the service's API and prints its answers without what grants access.

use std::io::{self, IsTerminal as _, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::prune::counted;
use super::{UsageError, done_unless, say};
use crate::api::{ApiClient, ApiError, AssetPage, Endpoint, NextPage, PageWalk, WalkStep, redact};
use crate::app::{Exit, api_settings};
use crate::config::{Config, ConfigError};
use crate::output::{write_line, write_pretty};

/// The pause between two pages: the service's limits are not known.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Subcommand)]
#[command(after_help = after_help())]
pub(super) enum ApiCommand {
    /// Print what the service says of a version
    GetVersion(ThingId),
    /// Print what the service says of an asset and its versions
    GetAsset(ThingId),
    /// Print the assets of the account, each as the list shows it
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ThingId {
    /// Its id, as callbacks and the service name it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// How many assets to print at most
    #[arg(long, value_name = "N", default_value = "100")]
    limit: NonZeroUsize,
}

fn after_help() -> &'static str {
    "The key comes from PANJAYA_API_KEY, from the file of --api-key-file (chmod 600), or from api-key in the \
     configuration file. Links that grant access are replaced by [redacted]. The JSON is indented on a \
     terminal, and one value a line elsewhere. Exit status: 0 when the service answered, 1 when it did \
     not or refused, 2 used wrongly or no key."
}

pub(super) fn run(config: &Config, command: &ApiCommand) -> anyhow::Result<Exit> {
    let settings = api_settings(config)?.ok_or_else(|| {
        ConfigError::Conflict(
            "there is no API key: set PANJAYA_API_KEY, or name a file (chmod 600) that holds it with --api-key-file"
                .to_owned(),
        )
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    done_unless(runtime.block_on(async {
        // Created inside the runtime, in which the connection's tasks run.
        let client = ApiClient::new(settings);
        match command {
            ApiCommand::GetVersion(thing) => one(&client, Endpoint::Version(&thing.id)).await,
            ApiCommand::GetAsset(thing) => one(&client, Endpoint::Asset(&thing.id)).await,
            ApiCommand::List(args) => list(&client, args.limit.get()).await,
        }
    }))
}

/// Prints the answer to one question.
async fn one(client: &ApiClient, endpoint: Endpoint<'_>) -> anyhow::Result<()> {
    let answer = client.value(&endpoint).await.map_err(|error| match error {
        ApiError::NoId { .. } => anyhow::Error::from(UsageError(error.to_string())),
        error => error.into(),
    })?;
    print(client, answer)
}

/// Prints assets, page after page, until the limit or the end of the list.
async fn list(client: &ApiClient, limit: usize) -> anyhow::Result<()> {
    let mut walk = PageWalk::default();
    let mut asked: Option<NextPage> = None;
    let mut left = limit;
    loop {
        let endpoint = Endpoint::Assets(asked.as_ref());
        let answer = client.value(&endpoint).await?;
        let page = match AssetPage::read(&answer, asked.as_ref()) {
            Ok(page) => page,
            Err(why) => {
                // What the service says in place of a list may explain it.
                print(client, answer)?;
                return Err(client.nonsense(&endpoint, why).into());
            }
        };
        page.cautions.iter().for_each(|caution| say(caution));
        let items = AssetPage::items(&answer).unwrap_or_default();
        for item in items.iter().take(left) {
            print(client, item.clone())?;
        }
        let is_cut = items.len() > left;
        left = left.saturating_sub(items.len());
        let why = match walk.take(&page) {
            WalkStep::Next(next) if left > 0 => {
                asked = Some(next);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            WalkStep::End if !is_cut => return Ok(()),
            WalkStep::Cut(why) if !is_cut => why.to_owned(),
            _ => {
                let printed = counted(limit, "asset", "assets");
                format!("stopped after {printed}, and there are more; --limit N prints N")
            }
        };
        say(&why);
        return Ok(());
    }
}

/// Prints an answer without what grants access.
fn print(client: &ApiClient, mut answer: Value) -> anyhow::Result<()> {
    redact(&mut answer, client.key());
    let mut out = io::stdout().lock();
    if io::stdout().is_terminal() {
        write_pretty(&mut out, &answer)?;
    } else {
        write_line(&mut out, &answer)?;
    }
    Ok(out.flush()?)
}
