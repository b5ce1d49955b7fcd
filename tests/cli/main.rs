//! The commands of the real binary: what they say, where, and how they end; and what the README says
//! of them.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[expect(dead_code, reason = "the tests of the terminal use the rest")]
#[path = "../tui_support/mod.rs"]
mod tui_support;

mod api;
mod asking;
mod capture;
mod commands;
mod doctor;
mod download;
mod export;
mod journal;
mod places;
mod readme;
mod replay;
mod reports;
mod wait;
