//! The command line as it is parsed and shown: each command's help has the settings that it heeds.

use clap::{Command, CommandFactory};

use super::Cli;

/// The whole definition, for the parser and for everything that is made from it.
///
/// The shared flags are accepted by every command, because a person does not know which ones a
/// command heeds; those that it does not heed are hidden from its help and from completions.
pub(super) fn command() -> Command {
    let mut command = Cli::command();
    // Hands the shared flags down to the commands.
    command.build();
    command.mut_subcommands(|command| {
        let Some(shown) = shown(command.get_name()) else { return command };
        let command = heeding(command, shown);
        if command.get_name() == "names" {
            return command.mut_subcommands(|command| {
                let is_list = command.get_name() == "list";
                heeding(command, if is_list { &["db", "json", "config"] } else { shown })
            });
        }
        if command.get_name() == "relay" { of_a_relay(command) } else { command }
    })
}

/// Hides the shared flags that a command does not heed.
fn heeding(command: Command, shown: &[&str]) -> Command {
    command.mut_args(|arg| {
        let shown = arg.get_long().is_none_or(|flag| shown.contains(&flag));
        let hidden = arg.is_global_set() && !shown;
        arg.hide(hidden)
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
    command.mut_subcommands(|command| {
        of_a_relay(heeding(command, &["listen", "public-url", "db", "json", "config"]))
    })
}

/// The shared flags that a command heeds; `None` where that is all of them.
///
/// `status` and `log` write text wherever standard output goes, so of `--output` they show `--json`
/// alone.
fn shown(command: &str) -> Option<&'static [&'static str]> {
    match command {
        "demo" => Some(&[
            "path", "json", "output", "color", "theme", "ascii", "no-bell", "max-body", "overdue",
            "config",
        ]),
        "send" => Some(&["listen", "path", "db", "ephemeral", "config"]),
        "verify" => Some(&["listen", "public-key", "no-dev-key", "db", "ephemeral", "config"]),
        "status" => Some(&["db", "json", "color", "overdue", "config"]),
        "log" => Some(&["db", "json", "color", "config"]),
        "relay" => Some(&["listen", "public-url", "public-key", "db", "max-body", "config"]),
        "names" | "prune" => Some(&["db", "config"]),
        "keygen" | "completions" | "man" => Some(&[]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_heeds_is_there_and_shown() {
        for command in command().get_subcommands() {
            for flag in shown(command.get_name()).unwrap_or_default() {
                let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag));
                let visible = arg.is_some_and(|arg| arg.is_global_set() && !arg.is_hide_set());
                assert!(visible, "{} --{flag}", command.get_name());
            }
        }
    }
}
