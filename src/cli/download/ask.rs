//! Asks before the first download from a host.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::UsageError;
use crate::text::Printable;

/// Asks whether to download from a host. Returns an error if the answer is not yes, and a usage error
/// if nobody can be asked: a script must say `--yes`.
pub(super) async fn agreed(host: &Printable) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(UsageError(format!(
            "the video is on {host}, and nobody can be asked about that host without a terminal; nothing was downloaded, --yes allows every host"
        ))
        .into());
    }
    let mut error = io::stderr().lock();
    write!(error, "Download from {host}? [y/N] ")?;
    error.flush()?;
    drop(error);
    // On a thread that ends with the process, because reading cannot be given up.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("ask".to_owned()).spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        // Nobody waits any more after a signal.
        let _ = sender.send(read.map(|_| answer));
    })?;
    let answer = receiver.await.map_err(io::Error::other)??;
    anyhow::ensure!(
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"),
        "nothing was downloaded from {host}"
    );
    Ok(())
}
