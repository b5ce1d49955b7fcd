//! `dubwatch config show`: the settings in force and where each comes from.

use std::io::{self, Write};

use super::done_unless;
use crate::app::Exit;
use crate::config::Config;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the settings in force as TOML, with where each comes from
    Show,
}

pub(super) fn show(config: &Config) -> anyhow::Result<Exit> {
    done_unless(write!(io::stdout(), "{}", config.show()).map_err(Into::into))
}
