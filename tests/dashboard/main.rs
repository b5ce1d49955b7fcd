//! Tests of the dashboard on a terminal: the real binary, and the module that takes over and
//! restores the terminal.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of commands use the rest")]
#[path = "../cli_support/mod.rs"]
mod cli_support;
#[expect(dead_code, reason = "other tests on a terminal use the rest")]
#[path = "../tui_support/mod.rs"]
mod tui_support;

mod program;
mod terminal;
