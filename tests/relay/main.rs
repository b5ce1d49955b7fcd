//! The real relay from outside: posts by HTTP, readers by websocket, kills, floods, operators.
//!
//! `DUBWATCH_RELAY_ROUNDS=20 cargo nextest run --test relay` is the long form: twenty kills instead
//! of four, and what takes half a minute to happen. The seed is in the test.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[path = "../relay_support/mod.rs"]
mod relay_support;

mod caps;
mod closes;
mod crash;
mod operator;
mod patience;
mod readers;
mod subscribe;
mod tls;

/// Whether what takes long is to run as well.
fn is_long() -> bool {
    std::env::var_os("DUBWATCH_RELAY_ROUNDS").is_some()
}

/// How many rounds the random tests run.
fn rounds(short: usize) -> usize {
    std::env::var("DUBWATCH_RELAY_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(short)
}
