//! `dubwatch [watch]`: receives callbacks and shows them.

use std::io::{self, IsTerminal};

use super::characters::{only_ascii, out};
use super::{colored, lines_in, logging, say};
use crate::app::{self, Exit, Form};
use crate::config::{Config, Output, SettingKey, SignaturePolicy, ThemeChoice, local_zone};
use crate::output::Format;
use crate::tui::terminal::why_not_drawn_on;
use crate::tui::widget::theme::Theme;

/// The arguments of `dubwatch watch`, also of `dubwatch` without a command.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    #[arg(long, help_heading = "Settings", value_name = "POLICY", hide_possible_values = true, help = SettingKey::Signature.about())]
    pub(super) signature: Option<SignaturePolicy>,
}

pub(super) fn run(config: &Config) -> anyhow::Result<Exit> {
    logging::start(config);
    let form = form(config);
    let out = out(config, form.is_text());
    app::watch(config, form, out, say)
}

/// Returns how a run is shown: by default in the dashboard, if stdin and stdout are a terminal that
/// it can be drawn on.
pub(super) fn form(config: &Config) -> Form {
    let output = config.output.unwrap_or_else(|| {
        match (io::stdin().is_terminal(), io::stdout().is_terminal()) {
            (true, true) => match why_not_drawn_on() {
                None => Output::Tui,
                Some(why) => {
                    say(&format!("{why}: text instead of the dashboard"));
                    Output::Text
                }
            },
            (false, true) => Output::Text,
            (_, false) => Output::Json,
        }
    });
    match output {
        Output::Tui => Form::Dashboard(theme(config)),
        Output::Text => Form::Lines(Format::Text(lines_in(config, local_zone().zone))),
        Output::Json => Form::Lines(Format::Json),
        Output::Quiet => Form::Lines(Format::Quiet),
    }
}

/// Returns the dashboard's look: colours as configured; ASCII on request, or if the terminal is
/// known to have no other characters.
fn theme(config: &Config) -> Theme {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let light = match config.theme {
        ThemeChoice::Dark => false,
        ThemeChoice::Light => true,
        ThemeChoice::Auto => variable("COLORFGBG").is_some_and(|colors| is_light(&colors)),
    };
    Theme { color: colored(config), ascii: only_ascii(config), light }
}

/// Returns whether `COLORFGBG`, with foreground and background as numbers of the 16 colours, means
/// a light background: white, or a bright colour except grey.
fn is_light(colors: &str) -> bool {
    let background = colors.rsplit(';').next().and_then(|number| number.parse::<u8>().ok());
    background.is_some_and(|number| number == 7 || (9..=15).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ground_is_told_by_its_number() {
        assert!(is_light("0;15") && is_light("0;default;7"));
        assert!(!is_light("15;0") && !is_light("7;8") && !is_light("15;default"));
    }
}
