//! The flags that every command shares.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::relay::RelayLayer;
use super::setting::Layer;
use super::table::Flag;

/// The flags that every command shares.
// clap does not read their variables: these are a layer of their own, so that an error names the
// variable. (A second paragraph of documentation here would become the program's.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Flags {
    /// The settings.
    #[command(flatten)]
    pub settings: Layer,
    /// Those of `dubwatch relay`.
    #[arg(skip)]
    pub relay: RelayLayer,
    /// Short for --output json
    #[arg(long, global = true, help_heading = Flag::SHARED)]
    pub json: bool,
    /// The configuration file to read instead of the default one.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = Flag::SHARED, help = CONFIG_HELP)]
    pub config: Option<PathBuf>,
}

const CONFIG_HELP: &str =
    "Configuration file [env: DUBWATCH_CONFIG] [default: $XDG_CONFIG_HOME/dubwatch/config.toml]";

/// The variable behind `--config`.
pub const CONFIG_VARIABLE: &str = "DUBWATCH_CONFIG";
