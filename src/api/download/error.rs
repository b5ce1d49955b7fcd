//! Why there is no file: one sentence each, which names the host and the version and never the link.

use std::io;
use std::path::Path;

use http::StatusCode;

use super::super::ApiError;
use super::link::LinkError;
use super::space::LEFT_FREE;
use crate::text::Printable;

/// Why a version was not downloaded. `host` is the host of its link, `api` the host of the API,
/// `version` its id.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("version {version} has no video: its status is {status}, not Completed")]
    NotGenerated { version: Printable, status: Printable },
    #[error(
        "{api} gives no link for version {version} although it is generated; try again later, or look in the studio"
    )]
    NoLink { api: Printable, version: Printable },
    #[error("the link that {api} gives for version {version} is not followed: {why}")]
    Link { api: Printable, version: Printable, why: LinkError },
    #[error("{host} was not agreed to")]
    NewHost { host: Printable },
    #[error("{host} redirects the link of version {version} to where it is not followed: {why}")]
    Redirect { host: Printable, version: Printable, why: LinkError },
    #[error(
        "{host} redirects the link of version {version} in a circle, or over more than 3 hosts"
    )]
    Circle { host: Printable, version: Printable },
    #[error(
        "{host} refuses the link of version {version} ({}), and also a new one: it expired at once, or is good for another address only",
        status.as_u16()
    )]
    Expired { host: Printable, version: Printable, status: StatusCode },
    #[error("{host} answers with {} for version {version}", status.as_u16())]
    Refused { host: Printable, version: Printable, status: StatusCode },
    #[error("{why}")]
    Unreachable { why: String },
    #[error("{host} sent a page in HTML or XML in place of the video of version {version}")]
    Markup { host: Printable, version: Printable },
    #[error("{host} sent nothing in place of the video of version {version}: it is empty")]
    Empty { host: Printable, version: Printable },
    #[error(
        "{host} sent the video of version {version} compressed ({encoding}), which was not asked for"
    )]
    Encoded { host: Printable, version: Printable, encoding: Printable },
    #[error(
        "{host} sent {have} bytes of the video of version {version}, and announced {total}: the length is wrong"
    )]
    WrongLength { host: Printable, version: Printable, have: u64, total: u64 },
    #[error(
        "{host} broke off the video of version {version} {times} times without anything new: {why}; the next download goes on from what was kept ({have} bytes) where the host allows it"
    )]
    Cut { host: Printable, version: Printable, times: u32, have: u64, why: String },
    #[error(
        "{path} exists and was left as it is; --overwrite replaces it, --to names another directory"
    )]
    Exists { path: Printable },
    #[error("another download is writing {path}; wait for it, or end it")]
    Busy { path: Printable },
    #[error("cannot write {path}: {cause}")]
    Disk { path: Printable, cause: io::Error },
    #[error(
        "the disk of {path} is too full for version {version}: free some space ({} MiB are left to others), the next download goes on from what there is",
        LEFT_FREE >> 20
    )]
    Full { path: Printable, version: Printable },
}

impl DownloadError {
    pub(super) fn disk(path: &Path, cause: io::Error) -> Self {
        Self::Disk { path: shown(path), cause }
    }

    pub(super) fn busy(path: &Path) -> Self {
        Self::Busy { path: shown(path) }
    }

    pub(super) fn exists(path: &Path) -> Self {
        Self::Exists { path: shown(path) }
    }

    /// Returns whether other versions can be expected to be downloaded all the same.
    pub const fn is_about_the_version(&self) -> bool {
        match self {
            Self::Api(error) => error.is_about_the_question(),
            Self::NewHost { .. }
            | Self::Unreachable { .. }
            | Self::Disk { .. }
            | Self::Full { .. } => false,
            _ => true,
        }
    }
}

/// Returns a path for a message.
pub(super) fn shown(path: &Path) -> Printable {
    Printable::new(&path.to_string_lossy())
}
