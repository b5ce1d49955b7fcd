//! Waits in the journal of another process, which may not exist yet.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::Exit;
use super::super::read_only::ReadOnly;
use super::super::signals::Signals;
use super::super::status;
use super::super::supervisor::{self, in_runtime};
use super::super::worker::or_never;
use super::{TIMED_OUT, WaitOptions, WaitOutput, check, start};
use crate::config::Config;
use crate::journal::{Follower, JournalError};
use crate::output::Ready;
use crate::sqlite::{OpenError, names_writer};

/// Interval between two looks at the journal: a commit is seen within it, for two system calls each.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The same while there is no journal yet.
const AWAIT_EVERY: Duration = Duration::from_millis(50);
/// How long another process may take to make the journal or to bring it up to date.
const MAKING: Duration = Duration::from_secs(10);

pub(super) fn run<W: Write + Send + 'static>(
    config: &Config,
    options: WaitOptions,
    mut out: WaitOutput<W>,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    in_runtime(async {
        let mut signals = Signals::new(false).context("cannot listen for signals")?;
        let follower = tokio::select! {
            follower = open(config, print) => follower?,
            signal = signals.next() => return Ok(Exit::Signal(signal)),
            () = until(options.deadline) => {
                print(&format!("timed out: there is no journal at {}", config.db.display()));
                return Ok(Exit::Answer(TIMED_OUT));
            }
        };
        check(&options, &follower)?;
        out.ready(&Ready::read_only(config.db.display().to_string()))?;
        let (status, worker) = status::of_writer(config.db.clone());
        let frontend = start(options, follower.looking_every(LOOK_EVERY), out, status, print)?;
        supervisor::run(signals, ReadOnly(Some(worker)), frontend).await
    })
}

/// Waits for the deadline; forever without one.
async fn until(deadline: Option<Instant>) {
    or_never(deadline.map(sleep_until)).await;
}

/// Opens the journal. Where there is none yet, waits for it: a script starts `dubwatch` and then this.
async fn open(config: &Config, print: fn(&str)) -> Result<Follower, JournalError> {
    let (mut is_told, mut begun_at) = (false, None);
    loop {
        match Follower::open(&config.db) {
            Err(JournalError::Open(OpenError::Missing { .. })) => {
                if !is_told {
                    print(&format!(
                        "there is no journal at {} yet: waiting until a dubwatch makes it; --db names another, and with --listen or --relay this one receives",
                        config.db.display()
                    ));
                }
                is_told = true;
            }
            // Its writer is making it, or bringing it up to date.
            Err(_)
                if names_writer(&config.db)
                    && begun_at.get_or_insert_with(Instant::now).elapsed() < MAKING => {}
            opened => return opened,
        }
        sleep(AWAIT_EVERY).await;
    }
}
