//! The table of which command uses which shared setting, for parsing, help and completions.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::UsageError;
use crate::config::{
    Config, Environment, Origin, RELAY_SETTINGS, RelayKey, SETTINGS, Setting, SettingKey,
};
use crate::text::nearest;

/// The shared flags that a command uses.
#[derive(Debug, Clone, Copy)]
enum SharedFlags {
    /// Every one.
    All,
    /// These, by their long names.
    Only(&'static [&'static str]),
}

/// One row of the table.
struct CommandUse {
    /// The command after `dubwatch`, its words separated by spaces.
    command: &'static str,
    flags: SharedFlags,
    /// Whether its settings are those of a relay that runs here.
    of_relay: bool,
}

const fn all(command: &'static str) -> CommandUse {
    CommandUse { command, flags: SharedFlags::All, of_relay: false }
}

const fn only(command: &'static str, flags: &'static [&'static str]) -> CommandUse {
    CommandUse { command, flags: SharedFlags::Only(flags), of_relay: false }
}

const fn of_relay(command: &'static str, flags: &'static [&'static str]) -> CommandUse {
    CommandUse { command, flags: SharedFlags::Only(flags), of_relay: true }
}

/// The command that shows the settings of all others.
const SHOW: &str = "config show";

/// What every question to the API needs.
const API: &[&str] = &["api-url", "api-key-file", "cacert", "config"];

/// Every command that does something.
const ROWS: &[CommandUse] = &[
    all(""),
    all("watch"),
    only(
        "demo",
        &[
            "path", "json", "output", "color", "theme", "ascii", "no-bell", "max-body", "overdue",
            "expect", "config",
        ],
    ),
    only("send", &["listen", "path", "db", "ephemeral", "ascii", "cacert", "config"]),
    only("keygen", &[]),
    only("verify", &["listen", "public-key", "no-dev-key", "db", "ephemeral", "ascii", "config"]),
    only("status", &["db", "json", "output", "color", "ascii", "overdue", "expect", "config"]),
    only("log", &["db", "json", "output", "color", "ascii", "config"]),
    only(
        "wait",
        &[
            "listen",
            "path",
            "public-url",
            "public-key",
            "no-dev-key",
            "db",
            "ephemeral",
            "json",
            "output",
            "color",
            "ascii",
            "max-body",
            "overdue",
            "expect",
            "relay",
            "relay-name",
            "relay-token-file",
            "relay-insecure",
            "trust-forwarded-for",
            "api-url",
            "api-key-file",
            "cacert",
            "config",
        ],
    ),
    only("replay", &["db", "ascii", "cacert", "config"]),
    only("names import", &["db", "config"]),
    only("names list", &["db", "json", "output", "config"]),
    only("names export", &["db", "config"]),
    only("export", &["db", "overdue", "expect", "config"]),
    only(
        "open",
        &[
            "listen",
            "public-key",
            "no-dev-key",
            "db",
            "color",
            "theme",
            "ascii",
            "no-bell",
            "overdue",
            "expect",
            "config",
        ],
    ),
    only("journal path", &["db", "config"]),
    only("journal size", &["db", "config"]),
    only("journal backup", &["db", "config"]),
    only("journal restore", &["db", "config"]),
    only("journal delete", &["db", "config"]),
    only("journal vacuum", &["db", "config"]),
    only("prune", &["db", "config"]),
    only("api get-version", API),
    only("api get-asset", API),
    only("api list", API),
    only("download", &["api-url", "api-key-file", "cacert", "db", "config"]),
    all("doctor"),
    of_relay(
        "relay",
        &["listen", "public-url", "trust-forwarded-for", "public-key", "db", "max-body", "config"],
    ),
    of_relay(
        "relay inbox create",
        &["listen", "public-url", "db", "json", "output", "tls-cert", "tls-key", "config"],
    ),
    of_relay(
        "relay inbox list",
        &["listen", "public-url", "db", "json", "output", "tls-cert", "tls-key", "config"],
    ),
    of_relay(
        "relay inbox rotate",
        &["listen", "public-url", "db", "json", "output", "tls-cert", "tls-key", "config"],
    ),
    of_relay("relay inbox revoke", &["db", "json", "output", "config"]),
    of_relay("relay inbox forget", &["db", "config"]),
    of_relay("relay inbox prune", &["db", "json", "output", "config"]),
    of_relay("relay prune", &["db", "json", "output", "config"]),
    all(SHOW),
    only("completions", &[]),
    only("man", &[]),
];

/// Hidden aliases of commands.
const ALIASES: &[&str] = &["relay prune"];

impl CommandUse {
    fn uses(&self, flag: &str) -> bool {
        match self.flags {
            SharedFlags::All => true,
            SharedFlags::Only(flags) => flags.contains(&flag),
        }
    }

    /// Returns whether it uses the flag of a setting but not the variable, which is the watcher's.
    fn uses_flag_alone(&self, key: SettingKey) -> bool {
        let means_watcher = || {
            let own = RelayKey::from_name(key.setting().name);
            own.is_some_and(|own| own.setting().env != key.setting().env)
        };
        self.of_relay && means_watcher()
    }

    /// Returns whether it uses the variable of a setting.
    fn uses_variable(&self, key: SettingKey) -> bool {
        // Secrets have no flag: the token belongs to `--relay`, the key to `--api-url`.
        let flag = match key {
            SettingKey::RelayToken => SettingKey::Relay,
            SettingKey::ApiKey => SettingKey::ApiUrl,
            key => key,
        };
        self.uses(flag.setting().name) && !self.uses_flag_alone(key)
    }

    /// Returns whether it only writes lines on standard output, for people or programs.
    fn writes_text_or_json(&self) -> bool {
        matches!(self.flags, SharedFlags::Only(_)) && self.command != "demo"
    }
}

fn row(command: &str) -> Option<&'static CommandUse> {
    ROWS.iter().find(|row| row.command == command)
}

/// Returns whether the help of a command shows a shared flag. `None` if the command has no row,
/// because it only has subcommands.
pub(super) fn shows(command: &str, flag: &str) -> Option<bool> {
    let row = row(command)?;
    // Only the `--json` form of `--output` is useful there.
    Some(row.uses(flag) && !(flag == "output" && row.writes_text_or_json()))
}

/// The parsed arguments of the command to run, and its name.
struct Leaf<'a> {
    name: String,
    matches: &'a ArgMatches,
    /// Its parents, the outermost first, with their definitions.
    above: Vec<(&'a Command, &'a ArgMatches)>,
}

fn leaf<'a>(command: &'a Command, matches: &'a ArgMatches) -> Leaf<'a> {
    let mut leaf = Leaf { name: String::new(), matches, above: Vec::new() };
    let mut command = command;
    while let Some((name, inner)) = leaf.matches.subcommand() {
        leaf.above.push((command, leaf.matches));
        let Some(next) = command.find_subcommand(name) else { break };
        command = next;
        if !leaf.name.is_empty() {
            leaf.name.push(' ');
        }
        leaf.name.push_str(name);
        leaf.matches = inner;
    }
    leaf
}

/// Returns whether a flag is on the command line.
pub(super) fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.try_get_raw(id), Ok(Some(_)))
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Refuses flags that the command does not use: a flag must have an effect.
pub(super) fn check(command: &Command, matches: &ArgMatches) -> Result<(), UsageError> {
    let leaf = leaf(command, matches);
    let Some(row) = row(&leaf.name) else { return Ok(()) };
    for arg in command.get_arguments().filter(|arg| arg.is_global_set()) {
        let flag = arg.get_long().unwrap_or_default();
        if is_given(leaf.matches, arg.get_id().as_str()) && !row.uses(flag) {
            return Err(unused(&leaf.name, flag));
        }
    }
    // A flag of a command itself, before the name of a subcommand.
    for (command, matches) in &leaf.above {
        for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
            let flag = arg.get_long().unwrap_or_default();
            if is_given(matches, arg.get_id().as_str()) && !row.uses(flag) {
                return Err(unused(&leaf.name, flag));
            }
        }
    }
    let output = leaf.matches.try_get_raw("output").ok().flatten();
    if row.writes_text_or_json()
        && let Some(form) = output.and_then(|mut raw| raw.next()).and_then(|form| form.to_str())
        && is_given(leaf.matches, "output")
        && !matches!(form, "text" | "json")
    {
        return Err(UsageError(format!(
            "`{}` writes text, or with --json NDJSON: --output {form} is for `dubwatch watch` and `dubwatch demo`",
            spoken(&leaf.name)
        )));
    }
    Ok(())
}

fn unused(command: &str, flag: &str) -> UsageError {
    let users: Vec<_> = if flag == "signature" {
        vec!["`dubwatch watch`".to_owned()]
    } else if SettingKey::from_name(flag).is_some() || matches!(flag, "json" | "config") {
        let is_told =
            |row: &&CommandUse| !row.command.is_empty() && !ALIASES.contains(&row.command);
        let users = ROWS.iter().filter(is_told).filter(|row| row.uses(flag));
        users.map(|row| format!("`{}`", spoken(row.command))).collect()
    } else {
        // The flag of a command above.
        let above = command.split(' ').next().unwrap_or_default();
        vec![format!("`{}`", spoken(above))]
    };
    let users = match users.as_slice() {
        [] => String::new(),
        [one] => format!("; it is for {one}"),
        [first @ .., last] => format!("; it is for {} and {last}", first.join(", ")),
    };
    UsageError(format!("`{}` does not use --{flag}: leave it out{users}", spoken(command)))
}

fn spoken(command: &str) -> String {
    if command.is_empty() { "dubwatch".to_owned() } else { format!("dubwatch {command}") }
}

/// Returns the environment of the command to run, and warnings about it.
///
/// A variable is set for a whole shell or service, and so for many commands: a variable that this
/// command does not use is ignored, even if its value is invalid.
pub(super) fn heeded(
    command: &Command,
    matches: &ArgMatches,
    environment: Environment,
) -> (Environment, Vec<String>) {
    let leaf = leaf(command, matches);
    let mut cautions = mistyped(command, &environment);
    let Some(row) = row(&leaf.name) else { return (environment, cautions) };
    for setting in SETTINGS.iter().filter(|setting| row.uses_flag_alone(setting.key)) {
        if row.uses(setting.name)
            && environment.has_variable(setting.env)
            && !is_given(leaf.matches, setting.name)
        {
            cautions.push(format!(
                "{} is for the watcher, `{}` takes the flag {}, or {} below [relay] in its file",
                setting.env,
                spoken(&leaf.name),
                setting.flag,
                setting.name
            ));
        }
    }
    // `config show` shows what a relay would use.
    let is_relays = row.of_relay || row.command == SHOW;
    let environment = environment.retaining(|name| {
        let mut shared = SETTINGS.iter().filter(|setting| setting.env == name).peekable();
        if shared.peek().is_some() {
            return shared.all(|setting| row.uses_variable(setting.key));
        }
        is_relays || RELAY_SETTINGS.iter().all(|setting| setting.env != name)
    });
    (environment, cautions)
}

/// Returns warnings about settings of the watcher in the configuration file, if a relay has one of
/// the same name and the file has no table for it.
pub(super) fn passed_over(command: &Command, matches: &ArgMatches, config: &Config) -> Vec<String> {
    let leaf = leaf(command, matches);
    let Some(row) = row(&leaf.name).filter(|row| row.of_relay) else { return Vec::new() };
    if config.origins.has_relays_table() {
        return Vec::new();
    }
    let is_passed_over = |own: &Setting<RelayKey>| {
        let key = SettingKey::from_name(own.name).filter(|_| row.uses(own.name))?;
        let from @ Origin::File(_) = config.origins.of(key) else { return None };
        let is_default = config.origins.of_relay(own.key) == &Origin::Default;
        is_default.then(|| {
            let (name, flag) = (own.name, own.flag);
            format!(
                "{name} in {from} is for the watcher, `{}` takes the flag {flag}, or {name} below [relay]",
                spoken(&leaf.name)
            )
        })
    };
    RELAY_SETTINGS.iter().filter_map(is_passed_over).collect()
}

/// Returns warnings about variables with our prefix that nothing reads, each with the one that may
/// be meant.
fn mistyped(command: &Command, environment: &Environment) -> Vec<String> {
    let known = known_variables(command);
    environment
        .unknown_variables(&known)
        .map(|(name, shown)| match nearest_variable(name, &known) {
            Some(near) => format!("there is no variable {shown}: did you mean {near}?"),
            None => format!(
                "there is no variable {shown}: nothing reads it (`dubwatch --help` lists those that there are)"
            ),
        })
        .collect()
}

/// Finds the nearest variable. Compares without the shared prefix, which would make all of them
/// near.
fn nearest_variable<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let tail = |name: &str| name.split_once('_').map_or(name, |(_, tail)| tail).to_lowercase();
    let tails: Vec<String> = known.iter().map(|known| tail(known)).collect();
    let near = nearest(&tail(name), tails.iter().map(String::as_str))?;
    known.iter().map(String::as_str).find(|known| tail(known) == near)
}

/// Returns every variable that the program reads.
pub(super) fn known_variables(command: &Command) -> Vec<String> {
    let relay = RELAY_SETTINGS.iter().map(|setting| setting.env).filter(|env| !env.is_empty());
    let known = SETTINGS.iter().map(|setting| setting.env).chain(relay);
    let mut known: Vec<String> = known.map(str::to_owned).collect();
    known.push(crate::config::CONFIG_VARIABLE.to_owned());
    known.push(super::logging::VARIABLE.to_owned());
    let mut commands = vec![command];
    while let Some(command) = commands.pop() {
        let variables = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
        known.extend(variables.map(str::to_owned));
        commands.extend(command.get_subcommands());
    }
    known.sort();
    known.dedup();
    known
}

#[cfg(test)]
mod tests {
    use super::super::definition;
    use super::*;

    /// The names of the commands that do something.
    fn leaves(command: &Command, name: &str, found: &mut Vec<String>) {
        let inner: Vec<_> =
            command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
        if inner.is_empty() || !command.is_subcommand_required_set() {
            found.push(name.to_owned());
        }
        for inner in inner {
            let name = format!("{name} {}", inner.get_name());
            leaves(inner, name.trim_start(), found);
        }
    }

    #[test]
    fn every_command_has_a_row_and_every_row_is_a_command() {
        let mut found = Vec::new();
        leaves(&definition::command(), "", &mut found);
        found.sort();
        let mut rows: Vec<_> = ROWS.iter().map(|row| row.command.to_owned()).collect();
        rows.sort();
        assert_eq!(found, rows);
    }

    #[test]
    fn every_flag_in_the_table_exists() {
        let command = definition::command();
        for row in ROWS {
            let SharedFlags::Only(flags) = row.flags else { continue };
            for flag in flags {
                let shared = command.get_arguments().any(|arg| arg.get_long() == Some(flag));
                let own = command.get_subcommands().any(|inner| {
                    row.command.starts_with(inner.get_name())
                        && inner.get_arguments().any(|arg| arg.get_long() == Some(flag))
                });
                assert!(shared || own, "{} --{flag}", row.command);
            }
        }
    }

    /// The commands that use a flag, or that do not, as the page lists them.
    fn listed(flag: &str, use_it: bool) -> String {
        let rows = ROWS
            .iter()
            .filter(|row| !row.command.is_empty() && !ALIASES.contains(&row.command))
            .filter(|row| row.uses(flag) == use_it);
        let names: Vec<_> = rows.map(|row| format!("`{}`", row.command)).collect();
        let (last, first) = names.split_last().unwrap();
        format!("{} and {last}", first.join(", "))
    }

    #[test]
    fn the_page_says_which_commands_take_json_and_config() {
        let page = include_str!("../docs/commands.md");
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let json =
            format!("`--json` (short for `--output json`) works with {}.", listed("json", true));
        assert!(page.contains(&json), "{json}");
        let config =
            format!("`--config FILE` works with every command except {}.", listed("config", false));
        assert!(page.contains(&config), "{config}");
    }

    #[test]
    fn a_mistyped_variable_is_told_with_the_one_that_was_meant() {
        let command = definition::command();
        let environment = Environment::below(std::path::Path::new("/nowhere"));
        let with = |name: &str, value: &str| {
            mistyped(&command, &environment.clone().with_variable(name, value)).join("|")
        };
        for (wrong, right) in [
            ("DUBWATCH_LISEN", "DUBWATCH_LISTEN"),
            ("DUBWATCH_EPHEMERAI", "DUBWATCH_EPHEMERAL"),
            ("DUBWATCH_LOGG", "DUBWATCH_LOG"),
            ("DUBWATCH_CONFG", "DUBWATCH_CONFIG"),
            ("DUBWATCH_TLSCERT", "DUBWATCH_TLS_CERT"),
            ("DUBWATCH_RELAYTOKEN", "DUBWATCH_RELAY_TOKEN"),
            ("DUBWATCH_Listen", "DUBWATCH_LISTEN"),
            ("dubwatch_listen", "DUBWATCH_LISTEN"),
        ] {
            let said = with(wrong, "secret");
            assert!(said.contains(wrong) && said.ends_with(&format!("mean {right}?")), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
        assert!(with("DUBWATCH_ZEBRA", "1").contains("nothing reads it"));
        assert!(with("DUBWATCH_\u{1b}[2J", "1").contains("\\u{1b}"));
        for fine in ["DUBWATCH_LISTEN", "DUBWATCH_LOG", "DUBWATCH_TLS_KEY", "DUBWATCH_CONFIG"] {
            assert_eq!(with(fine, "1"), "", "{fine}");
        }
        // An orchestrator sets these for a service that is called dubwatch.
        assert_eq!(with("DUBWATCH_PORT", "tcp://10.0.0.1:3829"), "");
        assert_eq!(with("DUBWATCH_PORT_3829_TCP_ADDR", "10.0.0.1"), "");
        assert_eq!(with("DUBWATCH_SERVICE_HOST", "10.0.0.1"), "");
        assert_ne!(with("DUBWATCH_PORT", "4000"), "");
        // Our own tests and their tools.
        assert_eq!(with("DUBWATCH_TEST_ROUNDS", "3"), "");
    }
}
