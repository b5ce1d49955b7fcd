//! The real relay from outside: posts by HTTP, readers by websocket, kills, floods, operators; and
//! its client.
//!
//! `DUBWATCH_RELAY_LONG=1 cargo test --test relay` is the long form (see
//! `relay_support::form`): more of everything, and what takes half a minute to happen.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[path = "../relay_support/mod.rs"]
mod relay_support;
#[expect(dead_code, reason = "the dashboard's own tests use the rest")]
#[path = "../tui_support/mod.rs"]
mod tui_support;

mod caps;
mod closes;
mod crash;
mod damage;
mod isolation;
mod link;
mod operator;
mod patience;
mod readers;
mod subscribe;
mod tls;
