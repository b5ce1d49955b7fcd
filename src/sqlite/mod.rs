//! An SQLite file as a durable store: opening, modes, migrations, the bounded group-commit writer.
//!
//! It knows nothing of deliveries; the journal (and a relay's store) say what is written.
//!
//! What is promised: once a [`Writer`] answers an entry with a receipt, the entry is on the disk,
//! as far as the operating system's `fsync` tells the truth. What is not promised: that an entry
//! answered with an error is *not* on the disk; a commit can fail after its bytes arrived.

mod files;
mod open;
mod reserve;
mod schema;
mod writer;

pub use open::{
    Commands, Database, OpenError, Place, Schema, WriteConnection, create_directory_of, has_writer,
};
pub use writer::{Health, Ledger, Limits, Pending, Room, Unwritten, Writer};
