//! The listener: its HTTP server, its router, and the real binary that receives, is flooded, killed,
//! and runs out of disk; commands that read the journal meanwhile.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the tests of the relay use the rest")]
#[path = "../relay_support/mod.rs"]
mod relay_support;
#[expect(dead_code, reason = "the tests of the terminal use the rest")]
#[path = "../tui_support/mod.rs"]
mod tui_support;

mod beside;
mod demo;
mod flood;
mod forward;
mod full_disk;
mod hooks;
mod kill;
mod reconcile;
mod router;
mod serve;
mod stand_in;
mod test_store;
mod watch;
