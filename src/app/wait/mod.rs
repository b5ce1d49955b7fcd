//! `dubwatch wait`: waits until versions have come to a state, in the journal of a running dubwatch or
//! by receiving itself.

mod attach;
mod frontend;
mod lines;
mod waiter;

use std::io::Write;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Exit;
use super::api_source::api_settings;
use super::keys::named_keys;
use super::receiver::PreparedReceiver;
use super::signals::Signals;
use super::supervisor::{self, in_runtime, warn};
use super::welcome::callback_url;
use crate::config::{Config, ConfigError};
use crate::journal::Follower;
use crate::output::Ready;
use crate::sqlite::names_writer;
use crate::status::Status;
use crate::text::Printable;
use crate::wait::{WaitCondition, WaitSubject};

use frontend::WaitFrontend;
pub use lines::WaitOutput;
use waiter::Waiter;

/// The exit status where what is waited for has failed.
const FAILED: u8 = 3;
/// The exit status where it has not come in time.
const TIMED_OUT: u8 = 4;

/// What to wait for, and where.
pub struct WaitOptions {
    /// What to wait for.
    pub condition: WaitCondition,
    /// Which deliveries count, where not all do.
    pub after: Option<WaitAfter>,
    /// When to give up, if ever.
    pub deadline: Option<Instant>,
    /// Where the deliveries come from.
    pub source: WaitSource,
}

/// After which delivery a state counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitAfter {
    /// The last one that is there at the start.
    Now,
    /// The one with this number.
    Seq(u64),
}

/// Where deliveries come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitSource {
    /// The journal of another process.
    Journal,
    /// A listener or relay client of this process.
    Own,
    /// The journal of another process, if there is one, else this process.
    Either,
}

/// Waits. `print` receives messages for the user.
pub fn wait<W: Write + Send + 'static>(
    config: &Config,
    options: WaitOptions,
    out: WaitOutput<W>,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    let receives = match options.source {
        WaitSource::Journal => false,
        WaitSource::Own => true,
        WaitSource::Either => config.ephemeral || !names_writer(&config.db),
    };
    if !config.ephemeral || !receives {
        config.needs_journal()?;
    }
    if receives {
        receive(config, options, out, print)
    } else {
        attach::run(config, options, out, print)
    }
}

/// Waits for what this process receives.
fn receive<W: Write + Send + 'static>(
    config: &Config,
    options: WaitOptions,
    mut out: WaitOutput<W>,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    config.check_sources()?;
    api_settings(config)?;
    let prepared = PreparedReceiver::open(config, named_keys(config)?)?;
    in_runtime(async {
        let signals = Signals::new(false).context("cannot listen for signals")?;
        // The follower must exist before the first delivery.
        let follower = prepared.follower()?;
        check(&options, &follower)?;
        let receiver = prepared.start(config).await?;
        let journal = receiver.prepared.journal.path().display().to_string();
        let urls: Vec<String> =
            receiver.bound.iter().map(|bound| config.local_url(*bound)).collect();
        if !urls.is_empty() {
            print(&format!("listening on {}, journal {journal}", urls.join(" and ")));
        }
        out.ready(&Ready::new(&receiver.bound, callback_url(config, &receiver.bound), journal))?;
        let status = receiver.status.clone();
        let frontend = start(options, follower, out, status, print)?;
        let cautions = receiver.prepared.cautions.clone();
        for caution in cautions.into_iter().chain(config.unreachable(&receiver.bound)) {
            warn(&frontend, caution);
        }
        supervisor::run(signals, receiver, frontend).await
    })
}

/// Starts to follow a journal.
fn start<W: Write + Send + 'static>(
    options: WaitOptions,
    follower: Follower,
    out: WaitOutput<W>,
    status: watch::Receiver<Status>,
    print: fn(&str),
) -> anyhow::Result<WaitFrontend> {
    let follower = follower.of_summaries();
    let follower = match options.after {
        Some(WaitAfter::Seq(seq)) => follower.behind(seq),
        Some(WaitAfter::Now) | None => follower,
    };
    let waiter = Waiter::new(options.condition, follower, out, options.deadline);
    WaitFrontend::start(waiter, status, print)
}

/// Fails for a place that the journal has not reached, and for an asset of which nothing says what is
/// expected.
fn check(options: &WaitOptions, follower: &Follower) -> anyhow::Result<()> {
    let (condition, last) = (&options.condition, follower.seen().head);
    if let Some(WaitAfter::Seq(seq)) = options.after
        && seq > last
    {
        return Err(ConfigError::Conflict(format!(
            "--after {seq}: the last delivery in the journal has the number {last}; `--after now` begins behind it"
        ))
        .into());
    }
    let WaitSubject::Asset { asset_id, .. } = condition.subject() else { return Ok(()) };
    let found = follower.reader().asset(asset_id)?;
    if condition.knows_its_versions(found.as_ref().map(|(row, notes)| (row, notes))) {
        return Ok(());
    }
    Err(ConfigError::Conflict(format!(
        "nothing says which versions the asset {} will have, because callbacks do not: name them with --expect, like --expect es-ES,fr-FR, or wait for one with --version",
        Printable::new(asset_id).cut(80)
    ))
    .into())
}
