//! The unfinished file, `NAME.part`, and the note beside it that says which file it is the beginning
//! of. Both are the user's alone, and neither holds the link.

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::DownloadError;
use super::head::RangeStart;
use crate::files;

/// The longest note that is read, in bytes.
const MAX_NOTE: u64 = 8 << 10;

/// An unfinished file. Locked while this exists, so that two downloads do not write to one file.
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
    version_id: String,
    have: u64,
    /// What the beginning is of; `None` if it cannot be gone on with.
    origin: Option<PartOrigin>,
}

/// What a beginning is of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartOrigin {
    etag: String,
    total: u64,
}

impl PartFile {
    /// Opens the unfinished file of a version, or creates an empty one. What an earlier run has left
    /// there is gone on with if it is of the same version.
    pub(super) fn open(
        directory: &Path,
        stem: &str,
        version_id: &str,
    ) -> Result<Self, DownloadError> {
        let path = directory.join(format!("{stem}.part"));
        let unusable = |cause| DownloadError::disk(&path, cause);
        let file = files::open_own(OpenOptions::new().read(true).write(true).create(true), &path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DownloadError::busy(&path)),
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // Another download may have finished and renamed it before the lock was free.
        let (found, named) = (file.metadata().map_err(unusable)?, fs::symlink_metadata(&path));
        if !named.is_ok_and(|named| (named.dev(), named.ino()) == (found.dev(), found.ino())) {
            return Err(DownloadError::busy(&path));
        }
        let mut part =
            Self { file, version_id: version_id.to_owned(), have: found.len(), origin: None, path };
        part.origin = part.read_note().filter(|origin| part.have <= origin.total);
        if part.origin.is_none() && part.have > 0 {
            part.restart()?;
        }
        Ok(part)
    }

    /// Returns from where to go on; `None` at the beginning.
    pub(super) fn resume(&self) -> Option<RangeStart> {
        let PartOrigin { etag, total } = self.origin.clone()?;
        // A complete one may have been left behind before it was renamed. Its last byte is asked for
        // again, because no host answers for a range of nothing.
        let from = self.have.min(total.saturating_sub(1));
        (from > 0).then_some(RangeStart { from, etag, total })
    }

    /// Returns the number of bytes that are there.
    pub(super) const fn have(&self) -> u64 {
        self.have
    }

    /// Empties it.
    pub(super) fn restart(&mut self) -> Result<(), DownloadError> {
        self.origin = None;
        let emptied = self.file.set_len(0).and_then(|()| files::remove(&self.note_path()));
        emptied.map_err(|cause| DownloadError::disk(&self.path, cause))?;
        self.have = 0;
        Ok(())
    }

    /// Prepares it for bytes from `from` on. `origin` is the `ETag` and the length of the file that
    /// they are of, if it can be gone on with. Returns the file, at its end.
    pub(super) fn begin(
        &mut self,
        from: u64,
        origin: Option<(&str, u64)>,
    ) -> Result<File, DownloadError> {
        if from == 0 {
            self.restart()?;
        }
        let prepare = |part: &mut Self| -> io::Result<File> {
            if from == 0
                && let Some((etag, total)) = origin
            {
                let origin = PartOrigin { etag: etag.to_owned(), total };
                part.write_note(&origin)?;
                part.origin = Some(origin);
            }
            part.file.set_len(from)?;
            let mut file = part.file.try_clone()?;
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        };
        let file = prepare(self).map_err(|cause| DownloadError::disk(&self.path, cause))?;
        self.have = from;
        Ok(file)
    }

    /// Finds out how much was written.
    pub(super) fn measure(&mut self) -> Result<u64, DownloadError> {
        let found = self.file.metadata();
        self.have = found.map_err(|cause| DownloadError::disk(&self.path, cause))?.len();
        Ok(self.have)
    }

    /// Returns the file itself, to look at its disk.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Renames it to `to`, which may exist only if `replaces`. Its bytes must be on the disk.
    pub(super) fn finish(self, to: &Path, replaces: bool) -> Result<(), DownloadError> {
        files::put_in_place(&self.path, to, replaces).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => DownloadError::exists(to),
            _ => DownloadError::disk(to, cause),
        })?;
        // The file is there; a note that stays behind is of no version that will be asked for.
        let _ = files::remove(&self.note_path());
        files::sync_name(to).map_err(|cause| DownloadError::disk(to, cause))
    }

    fn note_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push("-note");
        path.into()
    }

    /// Reads the note; `None` if there is none of this version.
    fn read_note(&self) -> Option<PartOrigin> {
        let file = files::open_own(OpenOptions::new().read(true), &self.note_path()).ok()?;
        let mut text = String::new();
        file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
        let note: Value = serde_json::from_str(&text).ok()?;
        let field = |name: &str| note.get(name)?.as_str();
        (field("version_id")? == self.version_id).then_some(())?;
        Some(PartOrigin { etag: field("etag")?.to_owned(), total: note.get("bytes")?.as_u64()? })
    }

    fn write_note(&self, origin: &PartOrigin) -> io::Result<()> {
        let path = self.note_path();
        files::remove(&path)?;
        let mut file = files::open_own(OpenOptions::new().write(true).create_new(true), &path)?;
        let PartOrigin { etag, total } = origin;
        let note = json!({"version_id": self.version_id, "etag": etag, "bytes": total});
        writeln!(file, "{note}")
    }
}

impl Drop for PartFile {
    /// Removes it if nothing is in it: the download did not begin.
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|found| found.len() == 0) {
            let _ = files::remove(&self.note_path());
            let _ = files::remove(&self.path);
        }
    }
}
