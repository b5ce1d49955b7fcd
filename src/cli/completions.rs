//! `dubwatch completions`: a completion script, made from the same definition as the parser.

use std::io::{self, Write};

use clap_complete::Shell;

use super::{definition, done_unless};
use crate::app::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell that the script is for
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition::command(), "dubwatch", &mut script);
    done_unless(io::stdout().write_all(&script).map_err(Into::into))
}
