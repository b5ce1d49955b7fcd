//! The merged settings as a configuration file, for `config show`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use clap::ValueEnum;
use jiff::SignedDuration;

use super::{Config, Key, SETTINGS};
use crate::text::is_hidden;

const DAY: i64 = 24 * 60 * 60;

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

/// The value of a setting in TOML; `None` where TOML has none for it.
fn value(config: &Config, key: Key) -> Option<String> {
    match key {
        Key::Listen => {
            let addresses: Vec<_> =
                config.listen.iter().map(|address| quoted(&address.to_string())).collect();
            Some(match addresses.as_slice() {
                [one] => one.clone(),
                addresses => format!("[{}]", addresses.join(", ")),
            })
        }
        Key::Path => Some(quoted(&config.path)),
        Key::PublicUrl => config.public_url.as_deref().map(quoted),
        Key::PublicKey => {
            let files: Vec<_> =
                config.public_keys.iter().map(|file| quoted(&lossy(file))).collect();
            Some(format!("[{}]", files.join(", ")))
        }
        Key::NoDevKey => Some((!config.dev_key).to_string()),
        Key::Signature => Some(word(&config.signature)),
        // Both in one file would be a contradiction.
        Key::Db if config.ephemeral || config.db.as_os_str().is_empty() => None,
        Key::Db => Some(quoted(&lossy(&config.db))),
        Key::Ephemeral => Some(config.ephemeral.to_string()),
        Key::Output => config.output.as_ref().map(word),
        Key::Color => Some(word(&config.color)),
        Key::Theme => Some(word(&config.theme)),
        Key::Ascii => config.ascii.map(|ascii| ascii.to_string()),
        Key::NoBell => Some((!config.bell).to_string()),
        Key::NoConfirmQuit => Some((!config.confirm_quit).to_string()),
        Key::MaxBody => Some(quoted(&size(config.max_body))),
        Key::Overdue => Some(quoted(&span(config.overdue))),
        Key::Keep => config.keep.map(|keep| quoted(&span(keep))),
        Key::Relay => config.relay.as_deref().map(quoted),
        Key::RelayName => config.relay_name.as_deref().map(quoted),
        Key::RelayToken => None,
        Key::RelayTokenFile => config.relay_token_file.as_deref().map(|file| quoted(&lossy(file))),
        Key::RelayInsecure => Some(config.relay_insecure.to_string()),
        Key::Cacert => config.cacert.as_deref().map(|file| quoted(&lossy(file))),
        Key::NoListen => Some((!config.listens).to_string()),
        Key::TrustForwardedFor => Some(match config.proxies.to_string() {
            word if matches!(word.as_str(), "true" | "false") => word,
            list => quoted(&list),
        }),
    }
}

fn lossy(path: &Path) -> Cow<'_, str> {
    path.as_os_str().to_string_lossy()
}

fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| quoted(value.get_name())).unwrap_or_default()
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
