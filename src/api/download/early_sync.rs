//! Syncs a file while more of it arrives, so that little is left for the sync at its end.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// A thread that syncs a file on request.
pub(super) struct EarlySync(Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>);

impl EarlySync {
    /// Starts the thread. Without one the sync at the end takes longer, and nothing else changes.
    pub(super) fn start(file: &File) -> Self {
        let thread = file.try_clone().and_then(|file| {
            let (requests, requested) = sync_channel(1);
            let sync = move || {
                while requested.recv().is_ok() {
                    file.sync_data()?;
                }
                Ok(())
            };
            Ok((requests, Builder::new().name("early sync".to_owned()).spawn(sync)?))
        });
        Self(thread.ok())
    }

    /// Requests a sync of what is written so far, unless one is requested already.
    pub(super) fn begin(&self) {
        if let Some((requests, _)) = &self.0 {
            let _ = requests.try_send(());
        }
    }

    /// Waits until no sync is running. Returns an error of the disk: the system reports each one once,
    /// so the sync at the end would not return it again.
    pub(super) fn end(self) -> io::Result<()> {
        let Some((requests, thread)) = self.0 else { return Ok(()) };
        drop(requests);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the sync has panicked")))
    }
}
