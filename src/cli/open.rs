//! `dubwatch open`: somebody's capture in a read-only dashboard.

use std::path::PathBuf;

use clap::ValueHint;

use super::watch::form;
use super::{UsageError, logging};
use crate::app::{self, Exit, Form};
use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Verdicts are those of the keys that are trusted here: the vendor's, every --public-key and your development key. What does not hold is shown as unchecked. The capture is never merged into a journal."
)]
pub(super) struct OpenArgs {
    /// A capture that `dubwatch export --format ndjson` made
    #[arg(value_name = "CAPTURE", value_hint = ValueHint::FilePath)]
    capture: PathBuf,
}

pub(super) fn run(config: &Config, args: &OpenArgs) -> anyhow::Result<Exit> {
    logging::start(config);
    let Form::Dashboard(theme) = form(config) else {
        let why =
            "a capture is opened on a terminal; without one, `dubwatch verify --capture` checks it";
        return Err(UsageError(why.to_owned()).into());
    };
    app::open_capture(config, &args.capture, theme)
}
