//! The README's tables are those of the program. `DUBWATCH_WRITE_README=1 cargo test --test cli readme`
//! writes them anew.

use std::fmt::Write as _;
use std::process::Command;
use std::{env, fs};

use dubwatch::callback::Event;
use dubwatch::config::{RELAY_SETTINGS, SETTINGS, Setting};
use dubwatch::filter::TERMS;
use dubwatch::tui::keymap::{Context, KEYMAP};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn settings<K>(table: &[Setting<K>]) -> String {
    let row = |setting: &Setting<K>| {
        let Setting { flag, env, default, help, .. } = setting;
        let names = [*flag, *env].into_iter().filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        format!("| {} | {default} | {help} |\n", names.join(", "))
    };
    let rows: String = table.iter().map(row).collect();
    format!("| flag, variable | default | what it does |\n|---|---|---|\n{rows}")
}

fn keys() -> String {
    let mut table = "| where | keys | what they do |\n|---|---|---|\n".to_owned();
    for context in Context::ALL {
        let mut title = context.title();
        for row in KEYMAP.iter().filter(|row| row.context == context) {
            let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
            let _ = writeln!(table, "| {title} | {} | {} |", keys.join(" "), row.help);
            title = "";
        }
    }
    table
}

fn filter() -> String {
    let mut table = "| term | matches |\n|---|---|\n".to_owned();
    for term in TERMS {
        let forms: Vec<String> = term.forms.split(' ').map(|form| format!("`{form}`")).collect();
        let _ = writeln!(table, "| {} | {} |", forms.join(" "), term.matches);
    }
    table
}

#[test]
fn every_command_and_every_event_stands_in_it() {
    let readme = fs::read_to_string(README).unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_dubwatch")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let (commands, rest) = commands.split_once("\n\n").unwrap();
    let (_, rest) = rest.split_once("Settings:\n").unwrap();
    let (settings, _) = rest.split_once("\n\n").unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(names.contains(&"watch") && names.len() > 8, "read from the help: {names:?}");
    for name in names {
        let named = [format!("`dubwatch {name}"), format!("`{name}`")];
        assert!(named.iter().any(|named| readme.contains(named)), "the command {name} is missing");
    }
    for word in settings.split_whitespace().filter(|word| word.starts_with("--")) {
        let flag = word.split(['[', '=']).next().unwrap();
        assert!(readme.contains(&format!("`{flag}")), "the flag {flag} is missing");
    }
    for event in Event::ALL {
        let row = format!("| `{}` |", event.name());
        assert!(readme.contains(&row), "the event {} is missing", event.name());
    }
}

#[test]
fn the_tables_are_those_of_the_program() {
    let mut readme = fs::read_to_string(README).unwrap();
    let written = env::var_os("DUBWATCH_WRITE_README").is_some();
    let tables = [
        ("settings", settings(&SETTINGS)),
        ("relay settings", settings(&RELAY_SETTINGS)),
        ("keys", keys()),
        ("filter", filter()),
    ];
    for (name, wanted) in tables {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = readme.split_once(&begin).unwrap();
        let (found, after) = rest.split_once(&end).unwrap();
        if !written {
            assert_eq!(
                found, wanted,
                "DUBWATCH_WRITE_README=1 cargo test --test cli readme writes it anew"
            );
        }
        readme = format!("{before}{begin}{wanted}{end}{after}");
    }
    if written {
        fs::write(README, readme).unwrap();
    }
}
