//! The files of one run: a folder that only this user can enter, removed when the run ends.

use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Attempts to find a name that is free.
const TRIES: usize = 100;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder for the files of one run.
#[derive(Debug)]
pub(super) struct EventFolder(PathBuf);

impl EventFolder {
    /// Makes a folder in `TMPDIR`.
    pub(super) fn new() -> io::Result<Self> {
        let parent = env::temp_dir();
        for _ in 0..TRIES {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("dubwatch-{}-{number}", process::id()));
            // Fails for whatever is there already, also for a link.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Writes a file, and returns its path.
    pub(super) fn write<'a>(
        &self,
        name: &str,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        for piece in pieces {
            file.write_all(piece)?;
        }
        Ok(path)
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for EventFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}
