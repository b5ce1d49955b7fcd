//! The README's tables are those of the program. `DUBWATCH_WRITE_README=1 cargo test --test readme`
//! writes them anew.

use std::{env, fs};

use dubwatch::config::{SETTINGS, Setting};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn settings() -> String {
    let row = |setting: &Setting| {
        let Setting { flag, env, default, help, .. } = setting;
        format!("| `{flag}`, `{env}` | {default} | {help} |\n")
    };
    let rows: String = SETTINGS.iter().map(row).collect();
    format!("| flag, variable | default | what it does |\n|---|---|---|\n{rows}")
}

#[test]
fn the_settings_are_those_of_the_program() {
    let readme = fs::read_to_string(README).unwrap();
    let (begin, end) = ("<!-- settings -->\n", "<!-- /settings -->");
    let (before, rest) = readme.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    let wanted = settings();
    if env::var_os("DUBWATCH_WRITE_README").is_some() {
        fs::write(README, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
    } else {
        assert_eq!(
            found, wanted,
            "DUBWATCH_WRITE_README=1 cargo test --test readme writes it anew"
        );
    }
}
