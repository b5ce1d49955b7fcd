//! The relay's client from outside: the real binary on both ends, faults between them.
//!
//! `DUBWATCH_RELAY_ROUNDS=200 cargo nextest run --test link` is the long form of what is random
//! here; the seeds are in the tests.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the relay's own tests use the rest")]
#[path = "../relay_support/mod.rs"]
mod relay_support;

mod faults;
mod laptop;
mod losses;
mod moves;
mod starts;
mod ways;

/// How many rounds the random tests run.
fn rounds(short: usize) -> usize {
    std::env::var("DUBWATCH_RELAY_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(short)
}
