//! The command line as it is parsed and shown: each command's help has the settings that it uses.

use clap::{Command, CommandFactory};

use super::{Cli, uses};

/// The whole definition, for the parser and for everything that is made from it.
///
/// The parser takes the shared flags with every command, so that one which a command does not use is
/// refused with a sentence that says who does (`uses::check`). Help and completions show only those
/// that the command uses.
pub(super) fn command() -> Command {
    let mut command = Cli::command();
    // Hands the shared flags down to the commands.
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

/// A relay's shared flags mean the relay: they are not the watcher's variables and defaults.
fn of_a_relay(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_long() {
        Some("listen") => arg.help(format!(
            "Address and port to listen on; a port alone means 127.0.0.1, localhost both loopbacks, port 0 a free one; may be given again [default: {}]",
            super::relay::LISTEN
        )),
        Some("db") => {
            arg.help("File of the relay's store [default: $XDG_DATA_HOME/dubwatch/relay.db]")
        }
        Some("public-url") => arg.help(
            "URL at which the relay is reached, where a proxy stands before it [default: what readers dial]",
        ),
        Some("trust-forwarded-for") => arg.help(
            "Believe X-Forwarded-For and -Proto of a proxy on this machine, or of those named like =10.0.0.2,172.16.0.0/12 [default: false]",
        ),
        Some("public-key") => arg.help(
            "PEM file of a key whose signatures count beside the vendor's; may be given again. A relay only decides by it who goes first when room runs out",
        ),
        _ => arg,
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
