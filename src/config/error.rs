//! Errors in settings: which file, variable or flag is wrong, and what to do.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::text::Printable;

/// The widest line of a file that an error shows, in columns.
const EXCERPT: usize = 160;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {path}: {why}")]
    Read {
        /// The file.
        path: Printable,
        /// The error of the system or the decoder.
        why: String,
    },
    /// The configuration file contains something that is not a setting.
    #[error("{0}")]
    InFile(Box<FileMistake>),
    /// The configuration file contains a secret, and other users can read it.
    #[error(
        "others can read {setting} in the configuration file {path} (mode {mode:03o}); `chmod 600` it, or move the {what} into a file of its own"
    )]
    Open {
        /// The setting that holds it.
        setting: &'static str,
        /// What it is.
        what: &'static str,
        /// The file.
        path: Printable,
        /// Its permissions.
        mode: u32,
    },
    /// A flag or an environment variable has a value that its setting does not accept.
    #[error("{name}: {why}")]
    Named {
        /// The flag or the variable.
        name: &'static str,
        /// What is wrong and what is expected.
        why: String,
    },
    /// Two settings that exclude each other.
    #[error("{0}")]
    Conflict(String),
    /// There is no home directory, and a file that is needed has no other place.
    #[error(
        "the home directory is not known, so there is no place for {what}: set HOME, or {instead}"
    )]
    NoHome {
        /// The file.
        what: &'static str,
        /// How to give it a place.
        instead: &'static str,
    },
}

impl ConfigError {
    pub(super) fn read(path: &Path, error: &io::Error) -> Self {
        Self::Read { path: shown(path), why: error.to_string() }
    }

    pub(super) fn named(name: &'static str, why: impl Into<String>) -> Self {
        Self::Named { name, why: why.into() }
    }
}

/// Returns a path as messages show it.
pub(super) fn shown(path: &Path) -> Printable {
    Printable::from_bytes(path.as_os_str().as_encoded_bytes())
}

/// A mistake in the configuration file: its position, and the line with the mistake marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMistake {
    path: Printable,
    /// Counted from 1.
    line: usize,
    /// Counted from 1, in characters.
    column: usize,
    why: String,
    /// The line itself.
    excerpt: Printable,
    /// The columns of the excerpt that are marked.
    mark: Range<usize>,
}

impl FileMistake {
    /// Creates the mistake at `span`, in bytes, of the file's `text`. Does not show the value of a
    /// setting in `secrets`.
    pub(super) fn new(
        path: &Path,
        text: &str,
        span: Range<usize>,
        why: String,
        secrets: &[&str],
    ) -> Self {
        let start = boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = boundary(text, span.end).clamp(start, line_end);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let before = columns(&text[line_start..start]);
        let marked = columns(&text[start..end]).max(1);
        Self {
            path: shown(path),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            why,
            excerpt: Printable::new(&without_secret(line, secrets)).cut(EXCERPT),
            mark: before.min(EXCERPT)..(before + marked).min(EXCERPT),
        }
    }
}

/// Returns a line without the value of a setting in `secrets`.
fn without_secret<'a>(line: &'a str, secrets: &[&str]) -> std::borrow::Cow<'a, str> {
    match line.split_once('=') {
        Some((before, _)) if secrets.contains(&before.trim().trim_matches(['"', '\''])) => {
            format!("{before}= (not shown)").into()
        }
        _ => line.into(),
    }
}

/// Returns the last character boundary of `text` up to `at`, so that no slice can panic.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Returns the width of a part of a line as an excerpt shows it.
fn columns(piece: &str) -> usize {
    // Blank text would be shown as `(empty)`.
    if piece.trim_matches(' ').is_empty() { piece.len() } else { Printable::new(piece).width() }
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, why, excerpt, mark } = self;
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, "{path}:{line}:{column}: {why}")?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {excerpt}")?;
        write!(f, "{gutter} | {}{}", " ".repeat(mark.start), "^".repeat(mark.len()))
    }
}
