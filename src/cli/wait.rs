//! `dubwatch wait`: waits until versions are ready or generated, and answers with its exit status.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::characters::out;
use super::{UsageError, lines, logging, say};
use crate::app::{self, Exit, WaitAfter, WaitOptions, WaitOutput, WaitSource};
use crate::config::{Config, Origin, Output, SettingKey, parse_span};
use crate::filter::Filter;
use crate::output::Format;
use crate::wait::{WaitCondition, WaitGoal, WaitSubject};

#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct WaitArgs {
    /// Wait for this version
    #[arg(long, value_name = "ID", required_unless_present_any = ["asset", "filter"])]
    version: Option<String>,
    /// Wait for every expected version of this asset (--expect); with --version, only for that one of
    /// its versions
    #[arg(long, value_name = "ID")]
    asset: Option<String>,
    /// Wait for the first version that fits every one of these terms; `dubwatch log --help` lists them
    #[arg(long, value_name = "TERMS", conflicts_with_all = ["version", "asset"])]
    filter: Option<String>,
    /// The state to wait for; one that is further along will do
    #[arg(long, value_name = "STATE", value_enum, default_value = "generated")]
    until: Until,
    /// Give up after this long, like 45m [default: never]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    timeout: Option<SignedDuration>,
    /// Count only states that are reported after the delivery with this number in the journal, or
    /// after the last one (now) [default: a state that already holds counts]
    #[arg(long, value_name = "SEQ|now", value_parser = after)]
    after: Option<WaitAfter>,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Until {
    /// Dubbed, so that a person can check and edit it
    Ready,
    /// The final video exists
    Generated,
}

fn after_help() -> &'static str {
    "It follows the journal of a running dubwatch, also of one that is started later. With --listen or \
     --relay it receives by itself instead, which needs a journal that is not in use, or --ephemeral. \
     Each change is a line on standard output. Exit status: 0 when it has come, 3 when it has failed, 4 \
     when it has not come in time, 1 when waiting failed, 2 used wrongly."
}

fn after(text: &str) -> Result<WaitAfter, String> {
    if text == "now" {
        return Ok(WaitAfter::Now);
    }
    text.parse().map(WaitAfter::Seq).map_err(|_| {
        "expected the number of a delivery, which `dubwatch log --json` has as seq, or now"
            .to_owned()
    })
}

pub(super) fn run(mut config: Config, args: &WaitArgs) -> anyhow::Result<Exit> {
    let deadline = args.timeout.map(deadline).transpose()?;
    let source = source(&config)?;
    if source != WaitSource::Journal {
        config.listens = is_asked(&config, SettingKey::Listen);
        logging::start(&config);
    }
    let options =
        WaitOptions { condition: condition(&config, args)?, after: args.after, deadline, source };
    let format = match config.output {
        Some(Output::Json) => Format::Json,
        _ => Format::Text(lines(&config, args.utc)),
    };
    let out = out(&config, matches!(format, Format::Text(_)));
    let out = WaitOutput::new(out, format, config.overdue);
    app::wait(&config, options, out, say)
}

/// Returns when to give up.
fn deadline(timeout: SignedDuration) -> Result<Instant, UsageError> {
    let too_long = || UsageError("--timeout is too long; leave it out to wait forever".to_owned());
    let timeout = Duration::try_from(timeout).map_err(|_| too_long())?;
    Instant::now().checked_add(timeout).ok_or_else(too_long)
}

fn condition(config: &Config, args: &WaitArgs) -> anyhow::Result<WaitCondition> {
    let is_flagged = |key| matches!(config.origins.of(key), Origin::Flag(_));
    let expected = config.expect.clone().map(Arc::new);
    let subject = match (&args.version, &args.asset, &args.filter) {
        (Some(version_id), asset_id, _) => {
            WaitSubject::Version { asset_id: asset_id.clone(), version_id: version_id.clone() }
        }
        (None, Some(asset_id), _) => WaitSubject::Asset {
            asset_id: asset_id.clone(),
            expected: expected.clone().filter(|_| is_flagged(SettingKey::Expect)),
        },
        (None, None, filter) => WaitSubject::Fitting(self::filter(filter.as_deref())?),
    };
    if is_flagged(SettingKey::Expect) && !matches!(subject, WaitSubject::Asset { .. }) {
        let why = "--expect says which versions an asset will have: leave it out, or name the asset alone";
        return Err(UsageError(why.to_owned()).into());
    }
    for (flag, id) in [("--version", &args.version), ("--asset", &args.asset)] {
        if id.as_ref().is_some_and(|id| id.trim().is_empty()) {
            return Err(UsageError(format!("{flag} is empty; name an id")).into());
        }
    }
    let goal = match args.until {
        Until::Ready => WaitGoal::Ready,
        Until::Generated => WaitGoal::Generated,
    };
    Ok(WaitCondition::new(subject, goal, expected, config.overdue, args.after.is_some()))
}

fn filter(terms: Option<&str>) -> anyhow::Result<Filter> {
    let filter = Filter::parse(terms.unwrap_or_default(), Timestamp::now())
        .map_err(|error| UsageError(error.to_string()))?;
    if filter.is_about_deliveries() {
        let why = "--filter has a term about single deliveries, and wait looks at versions; \
                   dubwatch log --follow --filter shows such deliveries";
        return Err(UsageError(why.to_owned()).into());
    }
    if filter.is_empty() {
        let why =
            "--filter is empty, so that any version would do; name one, like --filter locale:es";
        return Err(UsageError(why.to_owned()).into());
    }
    Ok(filter)
}

/// Returns whether a flag or a variable sets it.
fn is_asked(config: &Config, key: SettingKey) -> bool {
    matches!(config.origins.of(key), Origin::Flag(_) | Origin::Variable(_))
}

/// Returns where deliveries come from. Flags of receiving alone would have no effect.
fn source(config: &Config) -> Result<WaitSource, UsageError> {
    let is_flagged = |key: &SettingKey| matches!(config.origins.of(*key), Origin::Flag(_));
    let sources = [SettingKey::Listen, SettingKey::Relay];
    if sources.iter().any(is_flagged) {
        return Ok(WaitSource::Own);
    }
    let receiving = [
        SettingKey::Path,
        SettingKey::PublicUrl,
        SettingKey::PublicKey,
        SettingKey::NoDevKey,
        SettingKey::Ephemeral,
        SettingKey::MaxBody,
        SettingKey::RelayName,
        SettingKey::RelayTokenFile,
        SettingKey::RelayInsecure,
        SettingKey::TrustForwardedFor,
        SettingKey::ApiUrl,
        SettingKey::ApiKeyFile,
        SettingKey::Cacert,
    ];
    let is_set = sources.iter().any(|key| is_asked(config, *key));
    if !is_set && let Some(idle) = receiving.iter().find(|key| is_flagged(key)) {
        return Err(UsageError(format!(
            "{} does nothing without --listen or --relay: leave it out, or let this one receive",
            idle.setting().flag
        )));
    }
    Ok(if is_set { WaitSource::Either } else { WaitSource::Journal })
}
