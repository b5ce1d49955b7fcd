//! `dubwatch config show`: the settings in force and where each comes from.

use std::io::{self, Write};

use super::done_unless;
use crate::app::Exit;
use crate::config::Config;
use crate::output::write_line;

#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the settings in force as TOML, with where each comes from; with --json as NDJSON
    Show,
}

pub(super) fn show(config: &Config) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    // Only the flag decides the form: the output in a variable or the file is one of the shown
    // settings.
    let written = if config.is_json_flagged() {
        config.records().try_for_each(|record| write_line(&mut out, &record))
    } else {
        write!(out, "{}", config.show())
    };
    done_unless(written.map_err(Into::into))
}
