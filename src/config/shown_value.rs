//! The value of a setting as `config show` writes it, in TOML and in JSON.

use std::fmt::{self, Write as _};
use std::path::Path;

use jiff::SignedDuration;
use serde::Serialize;

use crate::text::is_hidden;

const DAY: i64 = 24 * 60 * 60;

/// The value of a setting, for TOML and JSON alike.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ShownValue {
    /// True or false.
    Flag(bool),
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// A number.
    Number(u64),
    /// A secret: only its existence is shown.
    Hidden,
}

impl fmt::Display for ShownValue {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Self::Number(number) => number.fmt(f),
            Self::Hidden => Ok(()),
        }
    }
}

impl From<bool> for ShownValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for ShownValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for ShownValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

pub(super) fn lossy(path: &Path) -> String {
    path.as_os_str().to_string_lossy().into_owned()
}

/// Returns a TOML basic string; characters that a terminal would act on are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || is_hidden(c) => {
                // Writing to a `String` cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes a size in the largest unit that loses nothing.
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    const GIB: u64 = 1024 * MIB;
    match bytes {
        _ if bytes.is_multiple_of(GIB) => format!("{}GiB", bytes / GIB),
        _ if bytes.is_multiple_of(MIB) => format!("{}MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{}KiB", bytes / KIB),
        _ => bytes.to_string(),
    }
}

/// Writes whole days as days, which jiff would write as hours.
pub(super) fn span(span: SignedDuration) -> String {
    if span.subsec_nanos() == 0 && span.as_secs() % DAY == 0 {
        return format!("{}d", span.as_secs() / DAY);
    }
    format!("{span:#}")
}
