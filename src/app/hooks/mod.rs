//! The programs of the user that a run starts when something happens: builds them from the settings,
//! and follows the journal for them.

mod detector;
mod overdue;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::worker::Worker;
use crate::config::{Config, ConfigError, Origin, SettingKey};
use crate::hook::{Hook, HookCommand, HookRunner, Triggers};
use crate::journal::{Follower, JournalError};

use detector::Detector;

/// Maximum number of programs.
const MAX_HOOKS: usize = 16;
/// Maximum number of queued warnings; further ones are only in the log.
const WARNINGS: usize = 16;

/// Returns the programs of the settings. A mistake is an error at the start.
pub(super) fn hooks(config: &Config) -> Result<Vec<Hook>, ConfigError> {
    let (on, exec) = (&config.on, &config.exec);
    let (on_name, exec_name) = (spoken(config, SettingKey::On), spoken(config, SettingKey::Exec));
    if on.len() != exec.len() {
        return Err(ConfigError::Conflict(format!(
            "{on_name} and {exec_name} go in pairs, and there are {} and {} of them: give each program what it runs for, like --on failed --exec ./tell.sh",
            on.len(),
            exec.len()
        )));
    }
    if on.len() > MAX_HOOKS {
        let why = format!(
            "{exec_name}: there are {} programs, and at most {MAX_HOOKS} can be run",
            on.len()
        );
        return Err(ConfigError::Conflict(why));
    }
    let pairs = on.iter().zip(exec);
    let named = |name: &str, why: String| ConfigError::Conflict(format!("{name}: {why}"));
    pairs
        .map(|(on, exec)| {
            let on = Triggers::parse(on).map_err(|why| named(&on_name, why))?;
            let command = HookCommand::parse(exec).map_err(|why| named(&exec_name, why))?;
            Ok(Hook { on, command })
        })
        .collect()
}

/// Returns the name of a setting as the user wrote it.
fn spoken(config: &Config, key: SettingKey) -> String {
    match config.origins.of(key) {
        Origin::Default => key.setting().flag.to_owned(),
        origin @ Origin::File(_) => format!("{} in {origin}", key.setting().name),
        origin => origin.to_string(),
    }
}

/// The running follower and its programs.
pub(super) struct HookSource {
    detector: Worker<Result<(), JournalError>>,
    runners: Vec<Worker<()>>,
    warnings: mpsc::Receiver<String>,
}

impl HookSource {
    /// Starts to follow. Must be called inside a Tokio runtime.
    pub(super) fn start(
        config: &Config,
        hooks: Vec<Hook>,
        follower: Follower,
        journal: &str,
    ) -> anyhow::Result<Self> {
        let (sender, warnings) = mpsc::channel(WARNINGS);
        let runners: Vec<Arc<HookRunner>> =
            hooks.into_iter().map(|hook| HookRunner::new(hook, journal.to_owned())).collect();
        let work = |runner: &Arc<HookRunner>| {
            let (runner, sender) = (Arc::clone(runner), sender.clone());
            Worker::task("programs", move |stop| runner.run(sender, stop))
        };
        let workers = runners.iter().map(work).collect();
        let expected = config.expect.clone().map(Arc::new);
        let detector = Detector::new(follower, runners, expected, config.overdue);
        let runtime = Handle::current();
        let detector = Worker::thread("events", move |stop: CancellationToken| {
            let mut detector = detector;
            detector.run(&runtime, &stop)
        })?;
        Ok(Self { detector, runners: workers, warnings })
    }

    /// Waits for the next warning. Cancel safe.
    pub(super) async fn warning(&mut self) -> String {
        tokio::select! {
            warning = self.warnings.recv() => match warning {
                Some(warning) => warning,
                None => std::future::pending().await,
            },
            ended = self.detector.ended() => {
                let why = match ended {
                    Ok(Ok(())) => "the journal was closed".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                format!("no program is started any more: {why}")
            }
        }
    }

    /// Returns the next warning that is already queued, if any.
    pub(super) fn waiting_warning(&mut self) -> Option<String> {
        self.warnings.try_recv().ok()
    }

    /// Tells the programs what happened last, and waits a while for them.
    pub(super) async fn stop(self) {
        self.detector.stop().await;
        // Beside each other: each may take some seconds.
        let mut stopping = tokio::task::JoinSet::new();
        for runner in self.runners {
            stopping.spawn(runner.stop());
        }
        while stopping.join_next().await.is_some() {}
    }
}
