//! The command line: one file for each subcommand, errors in one sentence, reliable exit codes.

mod api;
mod characters;
mod completions;
mod config;
mod confirm;
mod definition;
mod demo;
mod doctor;
#[cfg(test)]
mod documented;
mod download;
mod export;
mod inbox;
mod journal;
mod keygen;
mod log;
mod logging;
mod man;
mod names;
mod open;
mod progress;
mod prune;
mod relay;
mod replay;
mod send;
mod status;
mod uses;
mod verify;
mod wait;
mod watch;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::app::{Exit, is_closed_pipe};
use crate::config::{
    Color, Config, ConfigError, Environment, Flags, LocalZone, SettingKey, local_zone,
};
use crate::output::Lines;
use crate::signature::KeyError;
use crate::text::{is_hidden, printable_lines, without_secrets};
use crate::tui::terminal::why_not_drawn_on;

/// Watches video-dubbing jobs live: receives the service's callbacks, verifies each signature,
/// keeps every one on disk before it answers, and says what became of each version.
#[derive(Debug, Parser)]
#[command(
    name = "dubwatch",
    version,
    max_term_width = 100,
    after_help = "Without a command, dubwatch watches. First steps:\n  \
        dubwatch                                     receive callbacks on 127.0.0.1:3829\n  \
        dubwatch send --event version_generated      post a signed test callback to it\n  \
        dubwatch status                              what became of each version\n\n\
        `dubwatch COMMAND --help` says what a command takes. Exit status: 0 done, 1 failed, 2 used \
        wrongly, 129, 130 or 143 ended by SIGHUP (a closed terminal), SIGINT or SIGTERM after everything \
        received was written."
)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive callbacks and show them as they come (the default)
    Watch(watch::WatchArgs),
    /// Show a made-up catalogue being dubbed: signed callbacks over real HTTP, nothing kept
    Demo(demo::DemoArgs),
    /// Post signed test callbacks, sound or spoiled
    Send(send::SendArgs),
    /// Make a key pair to sign test callbacks with
    Keygen(keygen::KeygenArgs),
    /// Check the signature of a callback's body in a file, step by step
    Verify(verify::VerifyArgs),
    /// Show what became of every asset and version
    Status(status::StatusArgs),
    /// Show the deliveries in the journal, oldest first, or what was refused
    Log(log::LogArgs),
    /// Wait until versions are ready or generated; the exit status is the answer
    Wait(wait::WaitArgs),
    /// Send deliveries of the journal to a URL again, byte for byte
    Replay(replay::ReplayArgs),
    /// Give assets local names in bulk; callbacks carry only ids
    #[command(subcommand)]
    Names(names::NamesCommand),
    /// Write the journal to a file for others: a capture that verifies, a table, or a report
    Export(export::ExportArgs),
    /// Open somebody's capture in a read-only dashboard, with the verdicts of your keys
    Open(open::OpenArgs),
    /// Look after the journal by hand: its size, backups, deleting an asset
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Delete assets that have been quiet for long, with all their deliveries
    Prune(prune::PruneArgs),
    /// Ask the service's API, as far as it can be asked without changing anything
    #[command(subcommand)]
    Api(api::ApiCommand),
    /// Download finished dubs: one version, or every one of an asset
    Download(download::DownloadArgs),
    /// Look at everything that a run depends on, and say what to do about what is wrong
    #[command(after_help = doctor::AFTER_HELP)]
    Doctor,
    /// Run a relay: a public host that keeps callbacks for dashboards behind NAT
    Relay(relay::RelayArgs),
    /// Show the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Runs the program with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = definition::command();
    // `clap` repeats rejected arguments unchanged, including secrets. Without its own styles, every
    // control character in its messages comes from an argument.
    let is_odd = arguments.iter().any(|argument| {
        argument.to_str().is_none_or(|text| {
            text.chars().any(|c| c.is_control() || is_hidden(c)) || without_secrets(text) != text
        })
    });
    if is_odd {
        command = command.styles(Styles::plain());
    }
    let parsed = command.clone().try_get_matches_from(arguments).map_err(without_query);
    match parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches))) {
        Ok((cli, matches)) => match dispatch(cli, &command, &matches) {
            Ok(exit) => exit.into(),
            Err(error) => report(&error),
        },
        // A key that was parsed as an option because of its dashes: it may be private, and is not
        // repeated.
        Err(error) if error.to_string().contains("-----BEGIN ") => report(&KeyError::NoPath.into()),
        Err(error) if is_odd && error.use_stderr() => {
            let said = printable_lines(&without_secrets(&error.render().ansi().to_string()));
            let _ = write!(io::stderr(), "{said}");
            ExitCode::from(2)
        }
        Err(error) => {
            // Help and version go to standard output, and are not failures.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// Returns an error without the URL of the API if that has a query, which may hold the key, and
/// without a header to add.
fn without_query(mut error: clap::Error) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let of = |key: SettingKey| {
        text(ContextKind::InvalidArg).split(' ').next() == Some(key.setting().flag)
    };
    let has_query = of(SettingKey::ApiUrl) && text(ContextKind::InvalidValue).contains('?');
    if has_query || of(SettingKey::ForwardHeader) {
        let hidden = ContextValue::String("(not shown)".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    error
}

fn dispatch(mut cli: Cli, command: &clap::Command, matches: &ArgMatches) -> anyhow::Result<Exit> {
    uses::check(command, matches)?;
    // These need no settings, and must work when the settings are broken.
    match &cli.command {
        Some(Command::Completions(args)) => return completions::run(args),
        Some(Command::Man) => return man::run(),
        Some(Command::Keygen(args)) => return keygen::run(args),
        Some(Command::Watch(args)) => {
            cli.flags.settings.signature = args.signature.or(cli.flags.settings.signature);
        }
        Some(Command::Relay(args)) => {
            cli.flags.relay = args.settings.clone().with_shared(&cli.flags.settings)?;
        }
        _ => {}
    }
    let (environment, cautions) = uses::heeded(command, matches, Environment::of_process());
    let mut config = Config::load(cli.flags, &environment)?;
    config.cautions.extend(cautions);
    let passed_over = uses::passed_over(command, matches, &config);
    config.cautions.extend(passed_over);
    // Long-running commands show them in their own output.
    let shows_them =
        matches!(cli.command, None | Some(Command::Watch(_) | Command::Demo(_) | Command::Doctor));
    if !shows_them {
        for caution in &config.cautions {
            say(caution);
        }
    }
    match cli.command {
        None | Some(Command::Watch(_)) => watch::run(&config),
        Some(Command::Demo(args)) => demo::run(&config, &args),
        Some(Command::Send(args)) => send::run(&config, &args),
        Some(Command::Verify(args)) => verify::run(&config, &args),
        Some(Command::Status(args)) => status::run(&config, &args),
        Some(Command::Names(command)) => names::run(&config, &command),
        Some(Command::Log(args)) => log::run(&config, &args),
        Some(Command::Export(args)) => export::run(&config, &args),
        Some(Command::Open(args)) => open::run(&config, &args),
        Some(Command::Journal(command)) => journal::run(&config, &command),
        Some(Command::Replay(args)) => replay::run(&config, &args),
        Some(Command::Wait(args)) => wait::run(config, &args),
        Some(Command::Prune(args)) => prune::run(&config, &args),
        Some(Command::Api(command)) => api::run(&config, &command),
        Some(Command::Download(args)) => download::run(&config, &args),
        Some(Command::Doctor) => doctor::run(&config),
        Some(Command::Relay(args)) => relay::run(&config, args),
        Some(Command::Config(config::ConfigCommand::Show)) => config::show(&config),
        Some(Command::Completions(_) | Command::Man | Command::Keygen(_)) => Ok(Exit::Done),
    }
}

/// Writes one sentence on standard error. Unusable settings and keys are usage errors.
fn report(error: &anyhow::Error) -> ExitCode {
    say(&format!("{error:#}"));
    let key = matches!(
        error.downcast_ref(),
        Some(KeyError::Read { .. } | KeyError::Unusable { .. } | KeyError::NoPath)
    );
    if key || error.is::<ConfigError>() || error.is::<UsageError>() {
        ExitCode::from(2)
    } else {
        ExitCode::from(1)
    }
}

/// An invalid command line that `clap` accepted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Writes a sentence for people on standard error; ignores a closed one. Escapes control
/// characters, for example in file names.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "dubwatch: {}", printable_lines(&without_secrets(sentence)));
}

/// Returns whether lines for people on standard output are coloured (<https://no-color.org>).
fn colored(config: &Config) -> bool {
    match config.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            io::stdout().is_terminal() && !asked_not_to && why_not_drawn_on().is_none()
        }
    }
}

/// Returns the formatter of lines for people on standard output, with times in `zone`: for a
/// terminal, or for a pipe.
fn lines_in(config: &Config, zone: TimeZone) -> Lines {
    let color = colored(config);
    if io::stdout().is_terminal() {
        Lines::for_screen(color, zone, Timestamp::now())
    } else {
        Lines::for_pipe(color, zone)
    }
}

/// Returns the same in UTC if requested, else in the local zone. Warns if that is not the zone of
/// `TZ`.
fn lines(config: &Config, utc: bool) -> Lines {
    if utc {
        return lines_in(config, TimeZone::UTC);
    }
    let LocalZone { zone, caution } = local_zone();
    if let Some(caution) = caution {
        say(&caution);
    }
    lines_in(config, zone)
}

/// Returns the exit of a command that writes a lot: a closed standard output is not a failure.
fn done_unless(result: anyhow::Result<()>) -> anyhow::Result<Exit> {
    match result {
        Err(error) if is_closed_pipe(&error) => Ok(Exit::Done),
        Err(error) => Err(error),
        Ok(()) => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    /// Every command and flag is built and checked by `clap`, which otherwise panics at first use.
    #[test]
    fn the_command_line_is_sound() {
        super::definition::command().debug_assert();
    }
}
