//! The relay's client from outside: the real binary on both ends, faults between them.
//!
//! `DUBWATCH_RELAY_LONG=1 cargo test --test relay --test link` is the long form (see
//! `relay_support::form`).
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the relay's own tests use the rest")]
#[path = "../relay_support/mod.rs"]
mod relay_support;
#[expect(dead_code, reason = "the dashboard's own tests use the rest")]
#[path = "../tui_support/mod.rs"]
mod tui_support;

mod acks;
mod dashboard;
mod faults;
mod headers;
mod laptop;
mod losses;
mod moves;
mod reasons;
mod send;
mod sender;
mod spoilt;
mod starts;
mod stopped;
mod tenants;
mod token;
mod ways;
mod wire;
