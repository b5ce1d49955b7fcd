//! `dubwatch [watch]`: receives callbacks and shows them.

use std::io::{self, BufWriter, IsTerminal};

use super::{colored, logging, say};
use crate::app::{self, Exit};
use crate::config::{Config, Key, Output, SignaturePolicy};
use crate::output::{Format, Lines};

/// What `dubwatch watch` takes after its name and `dubwatch` takes before any.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(long, help_heading = "Settings", value_name = "POLICY", hide_possible_values = true, help = Key::Signature.about())]
    pub(super) signature: Option<SignaturePolicy>,
}

pub(super) fn run(config: &Config) -> anyhow::Result<Exit> {
    logging::start(config);
    app::watch(config, format(config), out(), say)
}

/// What standard output is to carry.
pub(super) fn format(config: &Config) -> Format {
    let terminal = io::stdout().is_terminal();
    let output = config.output.unwrap_or(if terminal { Output::Text } else { Output::Json });
    match output {
        Output::Text => Format::Text(Lines::new(colored(config))),
        Output::Json => Format::Json,
        Output::Quiet => Format::Quiet,
    }
}

/// Standard output, written a page at a time.
pub(super) fn out() -> BufWriter<io::Stdout> {
    BufWriter::with_capacity(1 << 16, io::stdout())
}
