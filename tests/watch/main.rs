//! The real binary from outside: HTTP over real sockets in, NDJSON and text out.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod answers;
mod policy;
mod reasons;
mod refusals;
mod runs;
mod start;
mod stop;
mod text;
mod unreadable;
