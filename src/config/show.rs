//! The merged settings as a configuration file or as lines of JSON, for `config show`.

use std::fmt::{self, Write as _};
use std::path::Path;

use jiff::SignedDuration;
use serde::Serialize;

use super::relay::{RELAY_TABLE, RelayLayer};
use super::setting::Layer;
use super::table::Table;
use super::{Config, Origin, SettingKey};
use crate::text::is_hidden;

const DAY: i64 = 24 * 60 * 60;

/// A setting in force, as a line of JSON for programs.
#[derive(Debug, Serialize)]
pub struct SettingRecord {
    v: u8,
    r#type: &'static str,
    name: String,
    /// `null` where it has none, or is not shown.
    value: Option<Shown>,
    from: String,
}

pub(super) fn records(config: &Config) -> impl Iterator<Item = SettingRecord> {
    let record = |name, value, from| SettingRecord { v: 1, r#type: "setting", name, value, from };
    let watcher = lines::<Layer>(&config.settings, &config.origins.watcher);
    let watcher = watcher.map(move |(name, value, from)| {
        // Both in one file would be a contradiction.
        let is_nothing = name == SettingKey::Db.setting().name && config.ephemeral;
        record(name.to_owned(), value.filter(|_| !is_nothing), from)
    });
    let relay = lines::<RelayLayer>(&config.own_relay, &config.origins.relay);
    // As TOML calls it from outside of the table.
    watcher.chain(
        relay.map(move |(name, value, from)| record(format!("{RELAY_TABLE}.{name}"), value, from)),
    )
}

/// The name of each setting of a table, its value and where it came from.
fn lines<'a, L: Table>(
    values: &'a L::Values,
    origins: &'a [Origin],
) -> impl Iterator<Item = (&'static str, Option<Shown>, String)> {
    let rows = L::ROWS.iter().zip(origins);
    rows.map(|(row, origin)| (row.name, L::show(values, row.key), origin.to_string()))
}

/// The value of a setting, for TOML and JSON alike.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// True or false.
    Flag(bool),
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// A number.
    Number(u64),
    /// A secret: that there is one is all that is shown.
    Hidden,
}

impl fmt::Display for Shown {
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

impl From<bool> for Shown {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

pub(super) fn show(config: &Config) -> String {
    let mut rows = rows::<Layer>(&config.settings, &config.origins.watcher);
    if config.ephemeral {
        "# db means nothing: the journal is in memory"
            .clone_into(&mut rows[SettingKey::Db as usize].0);
    }
    let relay = self::rows::<RelayLayer>(&config.own_relay, &config.origins.relay);
    let width = rows.iter().chain(&relay).map(|(row, _)| row.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    for (row, origin) in rows {
        let _ = writeln!(text, "{row:<width$}  # {origin}");
    }
    // TOML has one meaning for a key: with the watcher's, the table is for people alone.
    let (note, mark) = match config.relay {
        Some(_) => ("# Settings of a relay, which cannot stand in one file with relay:\n# ", "# "),
        None => ("", ""),
    };
    let _ = writeln!(text, "\n{note}[{RELAY_TABLE}]");
    for (row, origin) in relay {
        let row = if row.starts_with('#') { row } else { format!("{mark}{row}") };
        let _ = writeln!(text, "{row:<width$}  # {origin}");
    }
    text
}

/// A line of a configuration file for each setting of a table, and where the setting came from.
fn rows<L: Table>(values: &L::Values, origins: &[Origin]) -> Vec<(String, String)> {
    let row = |(name, value, origin)| {
        let row = match value {
            // Lines that say nothing to the parser and everything to a person.
            Some(Shown::Hidden) => format!("# {name} is set, and is not shown"),
            None => {
                let default = L::row(name).map_or("", |row| row.default);
                format!("# {name} is not set: {default}")
            }
            Some(value) => format!("{name} = {value}"),
        };
        (row, origin)
    };
    lines::<L>(values, origins).map(row).collect()
}

pub(super) fn lossy(path: &Path) -> String {
    path.as_os_str().to_string_lossy().into_owned()
}

/// A TOML basic string; what a terminal would act on is written as an escape.
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

/// In the largest unit that loses nothing.
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

/// In days where it is whole days, which jiff would write as hours.
pub(super) fn span(span: SignedDuration) -> String {
    if span.subsec_nanos() == 0 && span.as_secs() % DAY == 0 {
        return format!("{}d", span.as_secs() / DAY);
    }
    format!("{span:#}")
}
