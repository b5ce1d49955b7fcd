//! Runs one program for what happens: one run at a time. What happens meanwhile is told to the next run,
//! together.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::event_folder::EventFolder;
use super::limits::{MAX_EVENT_BYTES, MAX_EVENTS, RUN_LIMITS};
use super::process::{RunEnd, run};
use super::{Happening, Hook, Trigger};

/// A hook, and what has happened that its program was not told yet.
#[derive(Debug)]
pub struct HookRunner {
    hook: Hook,
    journal: String,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// What happened since the last run began.
#[derive(Debug, Default)]
struct Waiting {
    /// How much that was.
    count: u64,
    /// The newest of it.
    newest: VecDeque<Happening>,
    bytes: usize,
}

impl Waiting {
    fn add(&mut self, happening: Happening) {
        self.count += 1;
        self.bytes += happening.size();
        self.newest.push_back(happening);
        while self.newest.len() > MAX_EVENTS
            || (self.bytes > MAX_EVENT_BYTES && self.newest.len() > 1)
        {
            let oldest = self.newest.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.size());
        }
    }
}

impl HookRunner {
    /// Creates a runner. `journal` is told to the program.
    pub fn new(hook: Hook, journal: String) -> Arc<Self> {
        let (waiting, changed) = (Mutex::default(), Notify::new());
        Arc::new(Self { hook, journal, waiting, changed })
    }

    /// Returns whether the program runs for it.
    pub fn is_for(&self, trigger: Trigger) -> bool {
        self.hook.on.has(trigger)
    }

    /// Notes what happened. Never blocks.
    pub fn note(&self, happening: Happening) {
        self.waiting().add(happening);
        self.changed.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the program whenever something has happened. Sends a warning for each run that fails;
    /// drops it if nobody reads them. Ends after `stop`, when what is known was told.
    pub async fn run(self: Arc<Self>, warnings: mpsc::Sender<String>, stop: CancellationToken) {
        loop {
            let waiting = std::mem::take(&mut *self.waiting());
            if waiting.count > 0 {
                if let Err(why) = self.once(waiting, &stop).await {
                    let _ =
                        warnings.try_send(format!("--exec {}: {why}", self.hook.command.shown()));
                }
                continue;
            }
            if stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Runs the program once.
    async fn once(&self, waiting: Waiting, stop: &CancellationToken) -> Result<(), String> {
        let no_files = |error: io::Error| format!("cannot write its files: {error}");
        let Some(last) = waiting.newest.back() else { return Ok(()) };
        let folder = EventFolder::new().map_err(no_files)?;
        let mut variables = last.variables();
        let lines = waiting.newest.iter().map(|happening| happening.line.as_slice());
        let mut file = |name, path: &std::path::Path| {
            variables.push((name, path.to_string_lossy().into_owned()));
        };
        file("DUB_FOLDER", folder.path());
        file("DUB_EVENTS_FILE", &folder.write("events.ndjson", lines).map_err(no_files)?);
        for (name, file_name, bytes) in [
            ("DUB_PAYLOAD_FILE", "payload", &last.payload),
            ("DUB_HEADERS_FILE", "headers", &last.headers),
        ] {
            let bytes = bytes.as_deref().unwrap_or_default();
            let path = folder.write(file_name, std::iter::once(bytes)).map_err(no_files)?;
            file(name, &path);
        }
        variables.push(("DUB_COUNT", waiting.count.to_string()));
        variables.push(("DUB_JOURNAL", self.journal.clone()));
        let end = run(&self.hook.command, &variables, RUN_LIMITS, stop);
        match end.await.map_err(|error| format!("cannot be started: {error}"))? {
            RunEnd::Exited(status) if status.success() => Ok(()),
            RunEnd::Exited(status) => Err(format!("failed ({status}); the log has what it wrote")),
            RunEnd::TimedOut => {
                Err(format!("took longer than {} s and was ended", RUN_LIMITS.run.as_secs()))
            }
            RunEnd::Stopped => Err("still ran and was ended".to_owned()),
        }
    }
}
