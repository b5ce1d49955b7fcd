//! Where an export goes: standard output, or a file that has its name only when it is complete.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::files;

/// Why a file cannot be written. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    #[error("{} exists already and was left as it is; name another file, or add --overwrite", .0.display())]
    Exists(PathBuf),
    #[error("there is not enough space for {}; free some, or name a file on another disk; nothing was left there", .0.display())]
    Full(PathBuf),
    #[error("cannot write {}: {cause}; nothing was left there", path.display())]
    Write { path: PathBuf, cause: io::Error },
}

/// An export's destination.
pub(super) enum ExportTarget {
    Stdout(BufWriter<io::Stdout>),
    File(PartOfFile),
}

/// An unfinished file. Removed with this, unless it was finished.
pub(super) struct PartOfFile {
    out: BufWriter<File>,
    path: PathBuf,
    part: PathBuf,
    replaces: bool,
    is_finished: bool,
}

impl ExportTarget {
    /// Opens the destination; `None` is standard output. The file belongs to the user alone: it holds
    /// what was received.
    pub(super) fn open(path: Option<&Path>, replaces: bool) -> Result<Self, TargetError> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::with_capacity(1 << 16, io::stdout())));
        };
        let found = path.symlink_metadata();
        if found.is_ok() && !replaces {
            return Err(TargetError::Exists(path.to_owned()));
        }
        let failed = |cause| failed(path, cause);
        if found.is_ok_and(|found| !found.is_file()) {
            return Err(failed(io::Error::other("it is no file")));
        }
        let mut part = path.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        // One that a killed process has left.
        files::remove(&part).map_err(failed)?;
        let mut how = OpenOptions::new();
        let file = files::open_own(how.write(true).create_new(true), &part).map_err(failed)?;
        let out = BufWriter::with_capacity(1 << 16, file);
        Ok(Self::File(PartOfFile {
            out,
            path: path.to_owned(),
            part,
            replaces,
            is_finished: false,
        }))
    }

    /// Returns an error of writing as one sentence about the destination.
    pub(super) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match (self, error.downcast::<io::Error>()) {
            (Self::File(file), Ok(cause)) => failed(&file.path, cause).into(),
            (Self::Stdout(_), Ok(cause)) => {
                anyhow::Error::new(cause).context("cannot write to standard output")
            }
            (_, Err(error)) => error,
        }
    }

    /// Writes the rest, and gives a file its name. Returns the size of the file.
    pub(super) fn finish(self) -> Result<Option<u64>, TargetError> {
        match self {
            Self::Stdout(mut out) => match out.flush() {
                Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
                    Err(TargetError::Write { path: "standard output".into(), cause })
                }
                _ => Ok(None),
            },
            Self::File(file) => file.finish().map(Some),
        }
    }
}

fn failed(path: &Path, cause: io::Error) -> TargetError {
    let path = path.to_owned();
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TargetError::Full(path),
        io::ErrorKind::AlreadyExists => TargetError::Exists(path),
        _ => TargetError::Write { path, cause },
    }
}

impl PartOfFile {
    fn finish(mut self) -> Result<u64, TargetError> {
        let mut finish = || -> io::Result<u64> {
            self.out.flush()?;
            self.out.get_ref().sync_all()?;
            let size = self.out.get_ref().metadata()?.len();
            files::put_in_place(&self.part, &self.path, self.replaces)?;
            files::sync_name(&self.path)?;
            Ok(size)
        };
        let size = finish().map_err(|cause| failed(&self.path, cause))?;
        self.is_finished = true;
        Ok(size)
    }
}

impl Drop for PartOfFile {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = files::remove(&self.part);
        }
    }
}

impl Write for ExportTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File(file) => file.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File(file) => file.out.flush(),
        }
    }
}
