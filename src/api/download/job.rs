//! What to download, and what came of it.

use std::path::PathBuf;

use crate::text::Printable;

/// What to download, and where to.
#[derive(Debug, Clone)]
pub struct DownloadJob {
    /// The version.
    pub version_id: String,
    /// The directory, which must exist.
    pub directory: PathBuf,
    /// The name of the file without its extension, from [`file_stem`](super::file_stem).
    pub stem: String,
    /// What to do if the file exists.
    pub existing: ExistingFile,
}

impl DownloadJob {
    /// Returns the version for a message.
    pub(super) fn version(&self) -> Printable {
        Printable::new(&self.version_id).cut(80)
    }
}

/// What to do with a file that has the name of the finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingFile {
    /// Leave it; that is an error.
    Refuse,
    /// Leave it; that is an error unless it is as long as the video.
    KeepIfSame,
    /// Replace it.
    Replace,
}

/// A finished download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedDownload {
    /// The file.
    pub path: PathBuf,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Whether it was there already, as long as the video is.
    pub was_there: bool,
}
