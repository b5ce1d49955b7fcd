//! What can go wrong with a key or its file.

use std::io;
use std::path::PathBuf;

use super::KeyFault;

/// What went wrong with a key or its file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be opened or read.
    #[error("cannot read the key file {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A key where the name of its file was expected.
    #[error(
        "a key was given where the name of a file with it was expected; write it to a file first (`printf '%b' \"$KEY\" > key.pem`)"
    )]
    NoPath,
    /// The file could not be written.
    #[error("cannot write the key file {}: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Key files are never written over.
    #[error("{} exists already and is left as it is; give another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// What was read is no key for this purpose.
    #[error("{origin} {fault}")]
    Unusable {
        /// The name of the key, or its file.
        origin: String,
        /// What it is instead.
        fault: KeyFault,
    },
    /// Any user could have put another key into it.
    #[error(
        "the key file {} is not trusted: every user can change it (mode {mode:03o}); look at what is in it and `chmod o-w` it", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another user has the key, or made it.
    #[error("the development key {} is not trusted: {why}; remove it, and a new one is made", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Which other users can sign with it.
        why: String,
    },
    /// No random numbers.
    #[error("the system gives no random numbers, so nothing can be signed or generated")]
    Random,
}
