//! How files that somebody named are opened and put in their place: without waiting for a named pipe,
//! and with a look at who can change them.

use std::ffi::c_int;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Does not wait for who writes a named pipe, or for a device.
pub const NO_WAIT: c_int = OFlags::NONBLOCK.bits().cast_signed();

/// Does not wait either, and refuses a symbolic link.
pub const NO_LINK: c_int = OFlags::NONBLOCK.union(OFlags::NOFOLLOW).bits().cast_signed();

/// Opens a regular file for reading.
///
/// A shell's `<(command)` and `/dev/stdin` are read as they are, and `/dev/null` is an empty file:
/// they are named on purpose. Any other pipe or device is an error, since reading it may never end.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    if is_handed_over(path) {
        let file = File::open(path)?;
        let found = file.metadata()?;
        return Ok((file, found));
    }
    let file = OpenOptions::new().read(true).custom_flags(NO_WAIT).open(path)?;
    let found = file.metadata()?;
    match kind(found.file_type()) {
        Some(kind) if path != Path::new("/dev/null") => {
            Err(io::Error::other(format!("it is {kind}, and a file was expected")))
        }
        _ => Ok((file, found)),
    }
}

/// Reads a file of at most `max` bytes that says what is trusted: an error for one that every user can
/// change.
pub fn read_trusted(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let (file, found) = open(path)?;
    if let Some(mode) = open_to_all(&found) {
        let why = "every user can change it, so nothing in it can be relied on";
        return Err(io::Error::other(format!("{why} (mode {mode:03o}): `chmod go-w` it")));
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("it has more than {max} bytes")));
    }
    Ok(bytes)
}

/// Why a file that holds a secret cannot be used.
#[derive(Debug)]
pub enum SecretFileError {
    /// It cannot be read.
    Read(io::Error),
    /// Other users can read or change it.
    Open {
        /// Its permissions.
        mode: u32,
    },
}

/// Reads the beginning of a file that holds a secret, at most `max` bytes: an error for one that other
/// users can read; `None` if the file does not exist.
pub fn read_secret(path: &Path, max: u64) -> Result<Option<String>, SecretFileError> {
    let (file, found) = match open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SecretFileError::Read(error)),
    };
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::Open { mode });
    }
    let mut text = String::new();
    file.take(max).read_to_string(&mut text).map_err(SecretFileError::Read)?;
    Ok(Some(text))
}

/// Opens a file that is the user's alone, with mode 0600 where it is created. In a directory that
/// others can write to, one that they put there is an error: a link to another file, or a file of
/// theirs.
pub fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(0o600).custom_flags(NO_LINK).open(path)?;
    let found = file.metadata()?;
    if let Some(kind) = kind(found.file_type()) {
        return Err(io::Error::other(format!("it is {kind}, and a file was expected")));
    }
    if !is_ours(&found) || found.nlink() > 1 {
        return Err(io::Error::other("it is another user's, or has another name too; remove it"));
    }
    Ok(file)
}

/// Renames a file to `to`, which may exist only if `replaces`. Its bytes must be on the disk.
pub fn put_in_place(from: &Path, to: &Path, replaces: bool) -> io::Result<()> {
    if replaces {
        return fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system without that.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        renamed => Ok(renamed?),
    }
}

/// Syncs the name of a file to disk.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes a file, if there is one.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a name stands for something that this process was started with.
fn is_handed_over(path: &Path) -> bool {
    ["/dev/fd", "/proc/self/fd"].iter().any(|directory| path.starts_with(directory))
        || path == Path::new("/dev/stdin")
}

/// Returns what something is called that is no regular file.
pub fn kind(found: FileType) -> Option<&'static str> {
    match () {
        () if found.is_file() => None,
        () if found.is_dir() => Some("a directory"),
        () if found.is_symlink() => Some("a symbolic link"),
        () if found.is_fifo() => Some("a named pipe"),
        () if found.is_socket() => Some("a socket"),
        () if found.is_block_device() || found.is_char_device() => Some("a device"),
        () => Some("something else"),
    }
}

/// Whether a file belongs to this process's user or to root, so that no other user decides what is in
/// it.
pub fn is_ours(found: &Metadata) -> bool {
    found.uid() == 0 || found.uid() == geteuid().as_raw()
}

/// Returns the mode of a regular file that every user can write.
pub fn open_to_all(found: &Metadata) -> Option<u32> {
    (found.is_file() && found.mode() & 0o002 != 0).then(|| found.mode() & 0o777)
}
