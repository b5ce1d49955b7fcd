//! The README and the reference pages in `src/docs/`: their tables are those of the program, and their
//! links lead somewhere. `DUBWATCH_WRITE_README=1 cargo test --test cli readme` writes the tables anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use dubwatch::internals::callback::Event;
use dubwatch::internals::config::{RELAY_SETTINGS, SETTINGS, Setting};
use dubwatch::internals::filter::TERMS;
use dubwatch::internals::tui::keymap::{Context, KEYMAP};

/// A newcomer reads the README in one go.
const README_LINES: usize = 250;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the text of a page in `src/docs/`.
fn page(name: &str) -> String {
    fs::read_to_string(root().join("src/docs").join(name)).unwrap()
}

/// Returns the README and every page, by their paths.
fn documents() -> BTreeMap<PathBuf, String> {
    let pages = fs::read_dir(root().join("src/docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let paths = pages.chain([root().join("README.md")]);
    paths.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// Returns the lines of a document that stand outside blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

fn settings<K>(table: &[Setting<K>]) -> String {
    let row = |setting: &Setting<K>| {
        let Setting { flag, env, default, help, .. } = setting;
        let names = [*flag, *env].into_iter().filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        // Rustdoc refuses a bare URL.
        let tick = if default.contains("://") { "`" } else { "" };
        format!("| {} | {tick}{default}{tick} | {help} |\n", names.join(", "))
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
fn every_command_flag_and_event_has_its_place() {
    let (commands_page, settings_page, callbacks) =
        (page("commands.md"), page("settings.md"), page("callbacks.md"));
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
        let named = format!("`dubwatch {name}");
        assert!(commands_page.contains(&named), "the command {name} is missing");
    }
    for word in settings.split_whitespace().filter(|word| word.starts_with("--")) {
        let flag = word.split(['[', '=']).next().unwrap();
        let named = [format!("`{flag}`"), format!("`{flag} ")];
        let found = |page: &str| named.iter().any(|named| page.contains(named));
        let found = found(&settings_page) || found(&commands_page);
        assert!(found, "the flag {flag} is missing");
    }
    for event in Event::ALL {
        let row = format!("| `{}` |", event.name());
        assert!(callbacks.contains(&row), "the event {} is missing", event.name());
    }
}

#[test]
fn the_tables_are_those_of_the_program() {
    let written = env::var_os("DUBWATCH_WRITE_README").is_some();
    let tables = [
        ("settings.md", "settings", settings(&SETTINGS)),
        ("settings.md", "relay settings", settings(&RELAY_SETTINGS)),
        ("keys.md", "keys", keys()),
        ("filter.md", "filter", filter()),
    ];
    for (file, name, wanted) in tables {
        let text = page(file);
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = text.split_once(&begin).unwrap();
        let (found, after) = rest.split_once(&end).unwrap();
        if written {
            let text = format!("{before}{begin}{wanted}{end}{after}");
            fs::write(root().join("src/docs").join(file), text).unwrap();
        } else {
            assert_eq!(
                found, wanted,
                "DUBWATCH_WRITE_README=1 cargo test --test cli readme writes {file} anew"
            );
        }
    }
}

#[test]
fn the_readme_is_short_and_names_the_tests_and_every_page() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= README_LINES, "{lines} lines: what is looked up belongs into src/docs");
    assert!(readme.contains("\n```sh\ncargo test\n```\n"), "how the tests are run");
    for path in documents().into_keys().filter(|path| !path.ends_with("README.md")) {
        let link = format!("](src/docs/{})", path.file_name().unwrap().to_str().unwrap());
        assert!(readme.contains(&link), "no link to {}", path.display());
    }
}

/// Returns where the links of a document lead, pictures and labels at its end included.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        let target = |rest: &str| rest.split([')', ' ']).next().unwrap().to_owned();
        links.extend(line.split("](").skip(1).map(target));
        links.extend(label(line).map(|(_, target)| target.to_owned()));
    }
    links
}

/// Reads the definition of a label: `[label]: target`.
fn label(line: &str) -> Option<(&str, &str)> {
    let (name, target) = line.strip_prefix('[')?.split_once("]: ")?;
    (!name.contains(']') && !target.contains(' ')).then_some((name, target))
}

/// Returns the anchors of a document's headings, as GitHub and rustdoc make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let mut seen = 0;
    for (path, text) in &documents {
        for link in links(text).iter().filter(|link| !link.contains("://")) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let target = target.canonicalize();
            let target =
                target.unwrap_or_else(|error| panic!("{}: {link}: {error}", path.display()));
            let found = anchor.is_empty() || anchors(&documents[&target]).contains(anchor);
            assert!(found, "{}: {link}: there is no such heading", path.display());
        }
    }
    assert!(seen > 30, "the links were found: {seen}");
}

/// `cargo doc` has the pages too, where a label leads to a module: `src/docs/mod.rs` defines each.
#[test]
fn every_label_is_used_and_leads_to_a_page_in_the_crates_documentation_too() {
    let modules = fs::read_to_string(root().join("src/docs/mod.rs")).unwrap();
    let mut targets = BTreeMap::new();
    for (path, text) in documents() {
        for (name, target) in text.lines().filter_map(label) {
            let shown = path.display();
            assert!(text.contains(&format!("][{name}]")), "{shown}: nothing uses [{name}]");
            let first = targets.entry(name.to_owned()).or_insert_with(|| target.to_owned());
            assert_eq!(first, target, "{shown}: [{name}] leads elsewhere on another page");
        }
        for used in prose(&text).flat_map(|line| line.split("][").skip(1)) {
            let (name, _) = used.split_once(']').unwrap();
            assert!(text.contains(&format!("\n[{name}]: ")), "{}: [{name}]", path.display());
        }
    }
    for (name, target) in targets {
        let own = format!("/// [{name}]: crate::");
        let line = modules.lines().find_map(|line| line.trim_start().strip_prefix(&own));
        let line = line.unwrap_or_else(|| panic!("src/docs/mod.rs does not define [{name}]"));
        let anchor = |target: &str| target.split_once('#').map(|(_, anchor)| anchor.to_owned());
        assert_eq!(anchor(line), anchor(&target), "[{name}]");
    }
}
