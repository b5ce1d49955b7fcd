//! The dashboard without a terminal: what its screens show, and what keys do.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../tui_harness/mod.rs"]
mod tui_harness;

mod every;
mod everywhere;
mod for_you;
mod keys;
mod link;
mod lists;
mod pictures;
mod states;
mod timeline;
mod typing;
mod unchecked;
