//! `dubwatch demo`: a story of a catalogue being dubbed, played to a listener of its own.

use super::characters::out;
use super::watch::form;
use super::{logging, say};
use crate::app::{self, DemoOptions, Exit};
use crate::config::Config;
use crate::simulate::Speed;

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// How many times as fast as life; the story takes about four minutes at 1
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Show the story of this number; another one each time where not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Go on with another story when it ends
    #[arg(long = "loop")]
    endless: bool,
    /// Serve a stand-in for the service's API too, with events that only the API knows and videos
    /// to download
    #[arg(long)]
    api: bool,
}

fn speed(text: &str) -> Result<Speed, String> {
    let times = text.parse().ok().and_then(Speed::new);
    times.ok_or_else(|| "a number from 0.1 to 1000 was expected".to_owned())
}

pub(super) fn run(config: &Config, args: &DemoArgs) -> anyhow::Result<Exit> {
    logging::start(config);
    let seed = args.seed.unwrap_or_else(app::any_seed);
    let program = DemoOptions { seed, speed: args.speed, endless: args.endless, api: args.api };
    let form = form(config);
    let out = out(config, form.is_text());
    app::demo(config, program, form, out, say)
}
