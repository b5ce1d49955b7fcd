//! Tests of the dashboard without a terminal: what the screens show, and what keys do.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../tui_harness/mod.rs"]
mod tui_harness;

mod answers;
mod downloads;
mod everywhere;
mod expected;
mod for_you;
mod hostile;
mod keys;
mod link;
mod lists;
mod pictures;
mod states;
mod typing;
mod unchecked;
mod views;
