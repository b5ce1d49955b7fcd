//! The definition of the command line: each command's help shows the settings that it uses.

use clap::{Command, CommandFactory};

use super::{Cli, uses};
use crate::config::RelayKey;

/// Returns the whole definition, for the parser and for everything that is generated from it.
///
/// The parser accepts the shared flags with every command, so that the error for an unused one can
/// name the commands that use it (`uses::check`). Help and completions show only the flags that the
/// command uses.
pub(super) fn command() -> Command {
    let mut command = Cli::command();
    // Propagates the shared flags to the commands.
    command.build();
    command.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let command = showing(command, &name);
        if name == "relay" { of_a_relay(command) } else { command }
    })
}

/// Hides the shared flags that a command, or every command below it, does not use.
fn showing(command: Command, name: &str) -> Command {
    let inner: Vec<String> =
        command.get_subcommands().map(|inner| format!("{name} {}", inner.get_name())).collect();
    let command = command.mut_args(|arg| {
        let flag = arg.get_long().unwrap_or_default();
        let below = || inner.iter().filter_map(|name| uses::shows(name, flag)).any(|shows| shows);
        let shown = flag == "help" || uses::shows(name, flag).unwrap_or_else(below);
        let hidden = arg.is_global_set() && !shown;
        arg.hide(hidden)
    });
    command.mut_subcommands(|command| {
        let name = format!("{name} {}", command.get_name());
        showing(command, &name)
    })
}

/// Gives a relay's shared flags the help of the relay's own table of settings.
fn of_a_relay(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_long().and_then(RelayKey::from_name) {
        Some(key) => arg.help(key.about()),
        None => arg,
    });
    command.mut_subcommands(of_a_relay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_what_a_command_uses() {
        let command = command();
        for command in command.get_subcommands() {
            for arg in command.get_arguments().filter(|arg| arg.is_global_set()) {
                let flag = arg.get_long().unwrap();
                if let Some(shows) = uses::shows(command.get_name(), flag) {
                    assert_eq!(!arg.is_hide_set(), shows, "{} --{flag}", command.get_name());
                }
            }
        }
    }
}
