//! A reserve of disk space for a full disk, because deleting and opening need some as well.
//!
//! A file next to the database. It is released if a write that frees space fails, and filled again
//! as soon as there is space for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};
use rustix::fs::statvfs;

use super::files::beside;
use crate::files;

/// Space that opening a database needs, in bytes: the log's index and the beginning of the log.
pub(super) const TO_OPEN: u64 = 128 << 10;
/// Size of one write, in bytes.
const CHUNK: usize = 64 << 10;

/// The reserve of one database.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    /// Its full size, in bytes.
    size: u64,
}

impl Reserve {
    /// Returns the reserve of `size` bytes of the database at `path`; `None` if the size is 0.
    pub(super) fn of(path: &Path, size: u64) -> Option<Self> {
        (size > 0).then(|| Self { path: beside(path, "-reserve"), size })
    }

    /// Releases at most `bytes` to the disk. Returns how many.
    pub(super) fn lend(&self, bytes: u64) -> u64 {
        let lend = || -> io::Result<u64> {
            let file = self.open(OpenOptions::new().write(true))?;
            let held = file.metadata()?.len();
            let bytes = bytes.min(held);
            file.set_len(held - bytes)?;
            Ok(bytes)
        };
        // Without a file there is nothing to release.
        lend().unwrap_or(0)
    }

    /// Releases all of it to the disk. Returns how many bytes.
    pub(super) fn lend_all(&self) -> u64 {
        self.lend(u64::MAX)
    }

    /// Fills it if the disk has twice the missing space, so that it does not use up the last space.
    pub(super) fn keep(&self) {
        let lacking = self.size.saturating_sub(self.held());
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let has_room = || {
            let disk = statvfs(directory.unwrap_or(Path::new("."))).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize) >= lacking.saturating_mul(2))
        };
        if lacking > 0 && has_room() == Some(true) {
            self.fill(self.size);
        }
    }

    /// Fills it up to `size` bytes as far as the disk has space. Returns whether it had enough.
    pub(super) fn fill(&self, size: u64) -> bool {
        let fill = || -> io::Result<()> {
            let mut how = OpenOptions::new();
            how.write(true).create(true).truncate(false).mode(0o600);
            let mut file = self.open(&mut how)?;
            let mut held = file.seek(SeekFrom::End(0))?;
            // Written, because a file that is only extended uses no space.
            let zeros = vec![0; CHUNK];
            while held < size {
                let lacking = usize::try_from(size - held).unwrap_or(CHUNK).min(CHUNK);
                held += file.write(zeros.get(..lacking).unwrap_or(&zeros))? as u64;
            }
            Ok(())
        };
        if let Err(error) = fill() {
            let (path, held) = (&self.path, self.held());
            tracing::debug!(?path, held, %error, "the reserve is not full");
            return false;
        }
        true
    }

    fn held(&self) -> u64 {
        self.path.symlink_metadata().map_or(0, |found| found.len())
    }

    /// Opens the file. Returns an error for a link or another kind of file, because it is
    /// overwritten.
    fn open(&self, how: &mut OpenOptions) -> io::Result<File> {
        let file = how.custom_flags(files::NO_LINK).open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() || found.nlink() > 1 {
            return Err(io::Error::other("it is not a file of its own"));
        }
        Ok(file)
    }
}

/// Returns whether a write failed because the disk or a quota has no space.
pub fn is_full(error: &rusqlite::Error) -> bool {
    // SQLite extends the file that readers and the writer share in another way than the others.
    let without_room = [ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_WRITE];
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|error| without_room.contains(&error.extended_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_filled_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n.db");
        assert!(Reserve::of(&path, 0).is_none());
        let reserve = Reserve::of(&path, 300_000).unwrap();
        assert_eq!(reserve.lend_all(), 0, "there is none yet");
        reserve.keep();
        assert_eq!(reserve.held(), 300_000);
        assert_eq!(reserve.lend(100_000), 100_000);
        assert_eq!(reserve.held(), 200_000);
        assert_eq!((reserve.lend_all(), reserve.lend_all()), (200_000, 0));
        assert!(reserve.fill(300_000));
        assert_eq!(reserve.held(), 300_000);
        let taken = reserve.path.metadata().unwrap().blocks() * 512;
        assert!(taken >= 300_000, "it takes {taken} bytes of the disk");
    }

    #[test]
    fn another_file_of_its_name_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mine) = (dir.path().join("n.db"), dir.path().join("mine"));
        std::fs::write(&mine, "mine").unwrap();
        let reserve = Reserve::of(&path, 300_000).unwrap();
        for link in
            [std::fs::hard_link, |from: &Path, to: &Path| std::os::unix::fs::symlink(from, to)]
        {
            link(&mine, &reserve.path).unwrap();
            assert!(!reserve.fill(300_000) && reserve.lend_all() == 0);
            assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
            std::fs::remove_file(&reserve.path).unwrap();
        }
    }
}
