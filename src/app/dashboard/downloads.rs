//! Downloads that the user wants: what the backend's thread knows of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::download_queue::{DownloadQueue, QueueCommand, QueuedDownload};
use crate::api::ApiClient;
use crate::text::Printable;
use crate::tui::event::BackendEvent;
use crate::tui::model::download::DownloadOrder;

/// Maximum number of events and commands that wait.
const WAITING: usize = 64;

/// Starts and stops downloads. They end with it, and what has arrived is kept.
pub(super) struct Downloads {
    /// To the task that downloads; `None` without an API key.
    commands: Option<mpsc::Sender<QueueCommand>>,
    /// What the task has to say.
    pub(super) events: mpsc::Receiver<BackendEvent>,
    /// The directory that was typed last.
    typed: Option<String>,
}

impl Downloads {
    /// Starts the task.
    pub(super) fn start(client: Option<Arc<ApiClient>>, runtime: &Handle) -> Self {
        let (sender, events) = mpsc::channel(WAITING);
        let commands = client.map(|client| {
            let (commands, received) = mpsc::channel(WAITING);
            runtime.spawn(DownloadQueue::new(client, received, sender).run());
            commands
        });
        Self { commands, events, typed: None }
    }

    /// Returns the directory to propose: the one that was typed last, or where browsers download to.
    pub(super) fn directory(&self) -> Result<String, String> {
        if self.commands.is_none() {
            return Err(
                "a download needs an API key: set PANJAYA_API_KEY, and start again".to_owned()
            );
        }
        let usual = || {
            let home = std::env::home_dir().map(|home| home.join("Downloads"));
            let usual = home.filter(|directory| directory.is_dir());
            usual.or_else(|| std::env::current_dir().ok()).unwrap_or_else(|| PathBuf::from("."))
        };
        let typed = self.typed.clone();
        Ok(typed.unwrap_or_else(|| usual().to_string_lossy().into_owned()))
    }

    /// Begins a download. `stem` is the name of the file without its extension.
    pub(super) fn begin(&mut self, order: DownloadOrder, stem: String) -> Result<(), String> {
        self.typed = Some(order.directory.clone());
        let directory = directory_of(&order.directory);
        let shown = Printable::new(&directory.to_string_lossy());
        match std::fs::metadata(&directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(format!("{shown} is no directory; d: name another one")),
            Err(error) => return Err(format!("cannot use {shown}: {error}; d: name another one")),
        }
        let command = QueueCommand::Download(QueuedDownload { order, stem, directory });
        let is_queued =
            self.commands.as_ref().is_some_and(|commands| commands.try_send(command).is_ok());
        if is_queued {
            Ok(())
        } else {
            Err("too many downloads wait; try again when one has ended".to_owned())
        }
    }

    /// Stops the download of a version.
    pub(super) fn stop(&self, version_id: String) {
        if let Some(commands) = &self.commands {
            // With that many commands the user can press the key again.
            let _ = commands.try_send(QueueCommand::Stop(version_id));
        }
    }
}

/// Returns the directory that a user means: `~` is the home directory.
fn directory_of(typed: &str) -> PathBuf {
    let below_home = match typed.strip_prefix('~') {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    match (below_home, std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(below),
        _ => Path::new(typed).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_directory() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(directory_of("~"), home);
        assert_eq!(directory_of("~/a b"), home.join("a b"));
        for other in ["~user/x", "/tmp/~", "a", "."] {
            assert_eq!(directory_of(other), Path::new(other));
        }
    }
}
