//! The merged settings as a configuration file or as lines of JSON, for `config show`.

use std::fmt::{self, Write as _};
use std::path::Path;

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::Serialize;

use super::{Config, Key, SETTINGS};
use crate::text::is_hidden;

const DAY: i64 = 24 * 60 * 60;

/// A setting in force, as a line of JSON for programs.
#[derive(Debug, Serialize)]
pub struct SettingRecord {
    v: u8,
    r#type: &'static str,
    name: &'static str,
    /// `null` where it has none, or is not shown.
    value: Option<Value>,
    from: String,
}

pub(super) fn records(config: &Config) -> impl Iterator<Item = SettingRecord> {
    SETTINGS.into_iter().map(|setting| SettingRecord {
        v: 1,
        r#type: "setting",
        name: setting.name,
        value: value(config, setting.key),
        from: config.origins.of(setting.key).to_string(),
    })
}

/// The value of a setting, for TOML and JSON alike.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Flag(bool),
    Text(String),
    List(Vec<String>),
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

pub(super) fn show(config: &Config) -> String {
    let rows = SETTINGS.map(|setting| {
        let row = match value(config, setting.key) {
            Some(value) => format!("{} = {value}", setting.name),
            // A line that says nothing to the parser and everything to a person.
            None if setting.key == Key::Db && config.ephemeral => {
                "# db means nothing: the journal is in memory".to_owned()
            }
            None if setting.key == Key::RelayToken && config.relay_token.is_some() => {
                "# relay-token is set, and is not shown".to_owned()
            }
            None => format!("# {} is not set: {}", setting.name, setting.default),
        };
        (row, config.origins.of(setting.key).to_string())
    });
    let width = rows.iter().map(|(row, _)| row.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (row, origin) in rows {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{row:<width$}  # {origin}");
    }
    text
}

/// The value of a setting; `None` where it has none.
fn value(config: &Config, key: Key) -> Option<Value> {
    match key {
        Key::Listen => {
            let addresses: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
            Some(match addresses.as_slice() {
                [one] => one.as_str().into(),
                _ => Value::List(addresses),
            })
        }
        Key::Path => Some(config.path.as_str().into()),
        Key::PublicUrl => config.public_url.as_deref().map(Value::from),
        Key::PublicKey => {
            Some(Value::List(config.public_keys.iter().map(|file| lossy(file)).collect()))
        }
        Key::NoDevKey => Some((!config.dev_key).into()),
        Key::Signature => Some(word(&config.signature)),
        // Both in one file would be a contradiction.
        Key::Db if config.ephemeral || config.db.as_os_str().is_empty() => None,
        Key::Db => Some(lossy(&config.db).into()),
        Key::Ephemeral => Some(config.ephemeral.into()),
        Key::Output => config.output.as_ref().map(word),
        Key::Color => Some(word(&config.color)),
        Key::Theme => Some(word(&config.theme)),
        Key::Ascii => config.ascii.map(Value::from),
        Key::NoBell => Some((!config.bell).into()),
        Key::NoConfirmQuit => Some((!config.confirm_quit).into()),
        Key::MaxBody => Some(size(config.max_body).into()),
        Key::Overdue => Some(span(config.overdue).into()),
        Key::Keep => config.keep.map(|keep| span(keep).into()),
        Key::Relay => config.relay.as_deref().map(Value::from),
        Key::RelayName => config.relay_name.as_deref().map(Value::from),
        // Never shown.
        Key::RelayToken => None,
        Key::RelayTokenFile => config.relay_token_file.as_deref().map(|file| lossy(file).into()),
        Key::RelayInsecure => Some(config.relay_insecure.into()),
        Key::Cacert => config.cacert.as_deref().map(|file| lossy(file).into()),
        Key::NoListen => Some((!config.listens).into()),
        Key::TrustForwardedFor => Some(match config.proxies.to_string().as_str() {
            "true" => true.into(),
            "false" => false.into(),
            list => list.into(),
        }),
    }
}

fn lossy(path: &Path) -> String {
    path.as_os_str().to_string_lossy().into_owned()
}

fn word(value: &impl ValueEnum) -> Value {
    let value = value.to_possible_value();
    value.as_ref().map_or("", |value| value.get_name()).into()
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
fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;
    match bytes {
        _ if bytes.is_multiple_of(MIB) => format!("{}MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{}KiB", bytes / KIB),
        _ => bytes.to_string(),
    }
}

/// In days where it is whole days, which jiff would write as hours.
fn span(span: SignedDuration) -> String {
    if span.subsec_nanos() == 0 && span.as_secs() % DAY == 0 {
        return format!("{}d", span.as_secs() / DAY);
    }
    format!("{span:#}")
}
