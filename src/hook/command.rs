//! The program of a hook and its arguments, as the setting has them.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::text::Printable;

/// Where programs are looked for without `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCommand {
    program: PathBuf,
    arguments: Vec<String>,
    text: String,
}

impl HookCommand {
    /// Parses a program and its arguments: words separated by blanks, quotes keep them together, and
    /// `\` outside of single quotes takes the next character literally. Nothing is replaced. Fails if
    /// there is no such program.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = Printable::new(text).cut(80);
        let words = words(text).ok_or_else(|| format!("{shown}: a quote is not closed"))?;
        let mut words = words.into_iter();
        let Some(name) = words.next() else {
            return Err("it names no program".to_owned());
        };
        let program = find(&name)?;
        Ok(Self { program, arguments: words.collect(), text: text.to_owned() })
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(super) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Returns the command for a message.
    pub(super) fn shown(&self) -> Printable {
        Printable::new(&self.text).cut(80)
    }
}

/// Splits a text into words; `None` if a quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Finds a program as a shell does. A relative path is one of the current directory, and stays so.
fn find(name: &str) -> Result<PathBuf, String> {
    let shown = Printable::new(name).cut(80);
    if name.contains('/') {
        let path = env::current_dir().unwrap_or_default().join(name);
        return match why_not_run(&path) {
            None => Ok(path),
            Some(why) => Err(format!("cannot run {shown}: {why}")),
        };
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut found = env::split_paths(&path).map(|directory| directory.join(name));
    found.find(|path| why_not_run(path).is_none()).ok_or_else(|| {
        format!("there is no program {shown} in PATH; name its file, like ./{shown}")
    })
}

/// Returns why a file cannot be run; `None` if it can, as far as its mode says.
fn why_not_run(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Err(error) => Some(error.to_string()),
        Ok(found) if !found.is_file() => Some("it is no file".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some(
            "it is not executable; `chmod +x` it, or name what runs it, like `sh FILE`".to_owned(),
        ),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_nothing_is_replaced() {
        let split = |text: &str| words(text).map(|words| words.join("|"));
        for (text, expected) in [
            ("./a.sh  b", "./a.sh|b"),
            ("'./my dir/a' \"b c\" d\\ e", "./my dir/a|b c|d e"),
            ("a '' \"\"", "a||"),
            ("a $HOME `id` $(id) ; | > b", "a|$HOME|`id`|$(id)|;|||>|b"),
            ("a 'it\\s' \"q\\\"\"", "a|it\\s|q\""),
            ("  ", ""),
        ] {
            assert_eq!(split(text).as_deref(), Some(expected), "{text}");
        }
        for open in ["a 'b", "a \"b", "a \\"] {
            assert_eq!(split(open), None, "{open}");
        }
    }

    #[test]
    fn a_program_must_be_there() {
        let command = HookCommand::parse("sh -c 'exit 0'").unwrap();
        assert!(command.program().is_absolute() && command.program().ends_with("sh"));
        assert_eq!(command.arguments(), ["-c", "exit 0"]);
        for (wrong, said) in [
            ("", "names no program"),
            ("no-such-program-at-all x", "no program no-such-program-at-all in PATH"),
            ("./no-such-file", "cannot run ./no-such-file: No such file"),
            ("./src", "it is no file"),
            ("./Cargo.toml", "it is not executable"),
            ("sh 'a", "a quote is not closed"),
        ] {
            let error = HookCommand::parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
