//! The README's tables are those of the program. `DUBWATCH_WRITE_README=1 cargo test --test readme`
//! writes them anew.

use std::fmt::Write as _;
use std::{env, fs};

use dubwatch::config::{SETTINGS, Setting};
use dubwatch::tui::keymap::{Context, KEYMAP};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn settings() -> String {
    let row = |setting: &Setting| {
        let Setting { flag, env, default, help, .. } = setting;
        let flag = if flag.is_empty() { String::new() } else { format!("`{flag}`, ") };
        format!("| {flag}`{env}` | {default} | {help} |\n")
    };
    let rows: String = SETTINGS.iter().map(row).collect();
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

#[test]
fn the_tables_are_those_of_the_program() {
    let mut readme = fs::read_to_string(README).unwrap();
    let written = env::var_os("DUBWATCH_WRITE_README").is_some();
    for (name, wanted) in [("settings", settings()), ("keys", keys())] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = readme.split_once(&begin).unwrap();
        let (found, after) = rest.split_once(&end).unwrap();
        if !written {
            assert_eq!(
                found, wanted,
                "DUBWATCH_WRITE_README=1 cargo test --test readme writes it anew"
            );
        }
        readme = format!("{before}{begin}{wanted}{end}{after}");
    }
    if written {
        fs::write(README, readme).unwrap();
    }
}
