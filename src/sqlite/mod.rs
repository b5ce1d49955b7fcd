//! An SQLite file as a durable store: opening, modes, migrations, the bounded group-commit writer.
//!
//! The contents are up to a [`BatchHandler`]: the journal has one, a relay's store another.
//!
//! Once a [`Writer`] answers an entry with a receipt, the entry is on disk, as far as the operating
//! system's `fsync` is reliable. An entry that is answered with an error may be on disk
//! nevertheless: a commit can fail after its bytes were written.

mod copy;
mod files;
mod open;
mod replace;
mod reserve;
mod schema;
mod vacuum;
mod writer;

pub use copy::{CopyError, copy};
pub use open::{
    Database, Location, OpenError, WriteConnection, create_directory_of, has_writer, names_writer,
};
pub use replace::{ReplaceError, replace};
pub use reserve::is_full;
pub use schema::{Commands, Schema};
pub use vacuum::vacuum;
pub use writer::{BatchHandler, Health, PendingCommit, Room, WriteError, Writer, WriterLimits};
