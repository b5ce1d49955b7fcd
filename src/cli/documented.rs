//! Holds the README, the pages in `src/docs/` and the relay's unit to the command line: what they show
//! can be typed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::error::ErrorKind;

use super::definition;
use super::uses::{check, known_variables};
use crate::config::{Config, Environment, Flags};

/// Returns the README, every page and the unit, by their paths.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root.join("src/docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let others = ["README.md", "assets/dubwatch-relay.service"].map(|name| root.join(name));
    let paths = pages.chain(others);
    paths.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// Splits a line as a shell does: quotes keep words together, `#` begins a comment. Ends at the first
/// pipe, redirection or further command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '|' | '>' | '&' | ';') => break,
            (None, '#') if word.is_empty() => break,
            (None, ' ') => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            _ => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Returns the blocks of a document in a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("\n```{language}\n");
    let ends = text.split(&begin).skip(1);
    ends.map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

/// Returns the commands of a document's blocks of code, also those behind `&&`, and of the unit.
fn typed(text: &str) -> Vec<Vec<String>> {
    let lines = blocks(text, "sh").into_iter().flat_map(str::lines);
    let unit = text.lines().filter_map(|line| {
        let begins = ["#   dubwatch ", "ExecStart=/usr/local/bin/dubwatch "];
        let rest = begins.iter().find_map(|begin| line.strip_prefix(begin))?;
        // A remark follows after many spaces.
        Some(format!("dubwatch {}", rest.split("   ").next().unwrap_or(rest)))
    });
    let commands = lines.flat_map(|line| line.split(" && ")).map(words);
    commands.chain(unit.map(|line| words(&line))).filter_map(of_ours).collect()
}

/// Returns a command of ours from `dubwatch` on; `None` where it runs something else.
fn of_ours(words: Vec<String>) -> Option<Vec<String>> {
    let cargo = "cargo run --release -- ".split_whitespace().map(str::to_owned);
    let cargo: Vec<String> = cargo.collect();
    match words.strip_prefix(cargo.as_slice()) {
        Some(rest) => Some([&["dubwatch".to_owned()], rest].concat()),
        None => (words.first()? == "dubwatch").then_some(words),
    }
}

/// Returns the code in the prose of a document.
fn inline(text: &str) -> Vec<String> {
    let mut code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    let prose = lines.collect::<Vec<_>>().join(" ");
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Parses a command line to its end, with the check of flags that the command does not use.
fn parse(command: &Command, words: &[String]) -> Result<(), (ErrorKind, String)> {
    let matches = command.clone().try_get_matches_from(words);
    let matches = matches.map_err(|error| (error.kind(), error.to_string()))?;
    check(command, &matches).map_err(|error| (ErrorKind::UnknownArgument, error.to_string()))
}

#[test]
fn what_blocks_of_code_show_can_be_typed() {
    let command = definition::command();
    let mut seen = 0;
    for (path, text) in documents() {
        for words in typed(&text) {
            seen += 1;
            if let Err((_, error)) = parse(&command, &words) {
                panic!("{}: {}: {error}", path.display(), words.join(" "));
            }
        }
    }
    assert!(seen > 25, "the commands were found: {seen}");
}

/// In prose a command may stand without what it needs.
#[test]
fn what_prose_shows_can_be_typed() {
    let command = definition::command();
    let mut seen = 0;
    for (path, text) in documents() {
        for code in inline(&text) {
            let code = code.replace("COMMAND", "status").replace(['[', ']'], "");
            let Some(words) = of_ours(words(&code)) else { continue };
            seen += 1;
            let Err((kind, error)) = parse(&command, &words) else { continue };
            let is_short = matches!(
                kind,
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
            );
            assert!(is_short, "{}: {code}: {error}", path.display());
        }
    }
    assert!(seen > 50, "the commands were found: {seen}");
}

#[test]
fn every_configuration_file_can_be_used() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("config.toml");
    let mut seen = 0;
    for (document, text) in documents() {
        for example in blocks(&text, "toml") {
            seen += 1;
            fs::write(&path, example).unwrap();
            let flags = Flags { config: Some(path.clone()), ..Flags::default() };
            let loaded = Config::load(flags, &Environment::below(Path::new("/nowhere")));
            loaded.unwrap_or_else(|error| panic!("{}: {error}", document.display()));
        }
    }
    assert!(seen > 2, "the files were found: {seen}");
}

/// Collects the flags of a command and of those below it.
fn flags(command: &Command, found: &mut BTreeSet<String>) {
    found.extend(command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned));
    for inner in command.get_subcommands() {
        flags(inner, found);
    }
}

#[test]
fn flags_and_variables_in_prose_exist() {
    let command = definition::command();
    let variables = known_variables(&command);
    let mut known = BTreeSet::new();
    flags(&command, &mut known);
    for (path, text) in documents() {
        for code in inline(&text) {
            let name = code.split([' ', '=']).next().unwrap_or_default();
            if let Some(flag) = name.strip_prefix("--") {
                assert!(known.contains(flag), "{}: there is no flag --{flag}", path.display());
            }
            let is_ours = name.starts_with("DUBWATCH_") && name != "DUBWATCH_…";
            // Those of the tests stand before the command that reads them.
            if is_ours && !code.contains(" cargo test ") {
                let found = variables.iter().any(|variable| variable == name);
                assert!(found, "{}: there is no variable {name}", path.display());
            }
        }
    }
}
