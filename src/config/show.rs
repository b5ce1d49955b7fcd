//! The merged settings as a configuration file or as lines of JSON, for `config show`.

use std::fmt::Write as _;

use serde::Serialize;

use super::relay::{RELAY_TABLE, RelayLayer};
use super::setting::Layer;
use super::shown_value::ShownValue;
use super::table::Table;
use super::{Config, Origin, SettingKey};

/// A setting in force, as a line of JSON for programs.
#[derive(Debug, Serialize)]
pub struct SettingRecord {
    v: u8,
    r#type: &'static str,
    name: String,
    /// `null` if it has none, or is not shown.
    value: Option<ShownValue>,
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
    // The dotted key, as TOML writes it outside of the table.
    watcher.chain(
        relay.map(move |(name, value, from)| record(format!("{RELAY_TABLE}.{name}"), value, from)),
    )
}

/// Returns the name, value and origin of each setting of a table.
fn lines<'a, L: Table>(
    values: &'a L::Values,
    origins: &'a [Origin],
) -> impl Iterator<Item = (&'static str, Option<ShownValue>, String)> {
    let rows = L::ROWS.iter().zip(origins);
    rows.map(|(row, origin)| (row.name, L::show(values, row.key), origin.to_string()))
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
    // In TOML a key has one meaning: if the watcher uses it, the table is a comment.
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

/// Returns a line of a configuration file for each setting of a table, and its origin.
fn rows<L: Table>(values: &L::Values, origins: &[Origin]) -> Vec<(String, String)> {
    let row = |(name, value, origin)| {
        let row = match value {
            // Comments: for people, not for the parser.
            Some(ShownValue::Hidden) => format!("# {name} is set, and is not shown"),
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
