//! The real relay from outside: posts by HTTP, readers by websocket, kills, floods, operators.
//!
//! `DUBWATCH_RELAY_LONG=1 cargo test --test relay --test link` is the long form (see
//! `relay_support::form`): more of everything, and what takes half a minute to happen.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[path = "../relay_support/mod.rs"]
mod relay_support;

mod caps;
mod closes;
mod crash;
mod damage;
mod isolation;
mod operator;
mod patience;
mod readers;
mod subscribe;
mod tls;
