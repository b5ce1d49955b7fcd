//! Writes what arrives, on a thread of its own, so that the network does not wait for the disk.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::early_sync::EarlySync;
use super::progress::DownloadProgress;
use super::space;

/// Pieces that wait to be written. hyper reads at most 400 KiB at once.
const WAITING: usize = 16;
/// Small pieces, as TLS brings them, are written together.
const BUFFER: usize = 256 << 10;
/// After how many bytes the free space is looked at, and the disk begins to write: less than what is
/// left free.
const STEP: u64 = 16 << 20;

/// Why not everything was written.
#[derive(Debug)]
pub(super) enum WriteFailure {
    /// The disk is nearly full.
    Full,
    /// The system's reason.
    Disk(io::Error),
}

/// A file that is being written.
pub(super) struct FileWriter {
    pieces: Sender<Bytes>,
    done: JoinHandle<Result<u64, WriteFailure>>,
}

impl FileWriter {
    /// Starts to write to `file`, which is `have` bytes long, at its end.
    pub(super) fn start(file: File, have: u64, progress: Arc<DownloadProgress>) -> Self {
        let (pieces, waiting) = channel(WAITING);
        let done = tokio::task::spawn_blocking(move || write(file, have, waiting, &progress));
        Self { pieces, done }
    }

    /// Hands over a piece. Waits while the disk is slower than the network. Returns `false` if writing
    /// failed; [`FileWriter::finish`] has the reason.
    pub(super) async fn send(&self, piece: Bytes) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Waits until everything is on the disk. Returns the length of the file.
    pub(super) async fn finish(self) -> Result<u64, WriteFailure> {
        drop(self.pieces);
        self.done
            .await
            .unwrap_or_else(|panicked| Err(WriteFailure::Disk(io::Error::other(panicked))))
    }
}

/// Writes until there are no more pieces: at the end of the download, and when it is given up. What
/// has arrived is synced either way, so that a later download can go on from it.
fn write(
    file: File,
    mut have: u64,
    mut pieces: Receiver<Bytes>,
    progress: &DownloadProgress,
) -> Result<u64, WriteFailure> {
    let mut next_step = have;
    let early = EarlySync::start(&file);
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let result = (|| {
        while let Some(piece) = pieces.blocking_recv() {
            if have >= next_step {
                early.begin();
                if space::room(file.get_ref()).map_err(WriteFailure::Disk)? == 0 {
                    return Err(WriteFailure::Full);
                }
                next_step = have.saturating_add(STEP);
            }
            file.write_all(&piece).map_err(WriteFailure::Disk)?;
            have += piece.len() as u64;
            progress.set_have(have);
        }
        Ok(())
    })();
    // The sender must not wait for room while this thread syncs.
    pieces.close();
    let synced = early.end();
    let flushed = file.flush().and_then(|()| file.get_ref().sync_all()).and(synced);
    result?;
    flushed.map_err(WriteFailure::Disk)?;
    Ok(have)
}
