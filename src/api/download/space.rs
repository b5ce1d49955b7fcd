//! How much may be written: a download must not fill the disk, because the journal may be on it.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::fstatvfs;

/// The space that is left to others, in bytes.
pub(super) const LEFT_FREE: u64 = 64 << 20;

/// Returns how many bytes may be written to the file system of `file`.
pub(super) fn room(file: impl AsFd) -> io::Result<u64> {
    let disk = fstatvfs(file)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(LEFT_FREE))
}
