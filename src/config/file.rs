//! Reads the configuration file into a layer; an error shows the line with the mistake.

use std::borrow::Cow;
use std::io::{ErrorKind, Read as _};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::FileMistake;
use super::kind::WrittenValue;
use super::relay::{RELAY_SETTINGS, RELAY_TABLE, RelayKey, RelayLayer};
use super::setting::Layer;
use super::table::Table;
use super::{ConfigError, SETTINGS, SettingKey};
use crate::files;
use crate::text::{Printable, nearest};

/// The longest configuration file that is read, in bytes: a longer one is some other file.
const MAX_FILE: u64 = 1024 * 1024;

/// The settings that hold a secret, with what each is.
const SECRETS: [(SettingKey, &str); 2] =
    [(SettingKey::RelayToken, "token"), (SettingKey::ApiKey, "key")];

/// The settings in a configuration file.
#[derive(Debug, Default)]
pub(super) struct FileLayers {
    /// Those of the watcher.
    pub(super) watcher: Layer,
    /// Those of a relay that runs here.
    pub(super) relay: RelayLayer,
}

/// Reads the file at `path`; `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<FileLayers>, ConfigError> {
    let mut bytes = Vec::new();
    let read = files::open(path)
        .and_then(|(file, found)| file.take(MAX_FILE + 1).read_to_end(&mut bytes).map(|_| found));
    let file = match read {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::read(path, &error)),
    };
    let cannot =
        |why: &str| ConfigError::Read { path: super::error::shown(path), why: why.to_owned() };
    // The file decides which keys are trusted.
    if let Some(mode) = files::open_to_all(&file) {
        return Err(cannot(&format!(
            "every user can change it (mode {mode:03o}); look at what is in it and `chmod o-w` it"
        )));
    }
    let mode = file.permissions().mode() & 0o777;
    if bytes.len() as u64 > MAX_FILE {
        return Err(cannot("it is longer than 1 MiB, so it is no configuration file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8"))?;
    let found = parse(path, &text).map_err(|(span, why)| {
        let [token, key] = SECRETS.map(|(key, _)| key.setting().name);
        // The URL may hold the key, in a query that it must not have.
        let secrets = [token, key, SettingKey::ApiUrl.setting().name];
        ConfigError::InFile(Box::new(FileMistake::new(path, &text, span, why, &secrets)))
    })?;
    // As for a file of the secret alone: it gives access to the inbox or the account.
    let held = [found.watcher.relay_token.is_some(), found.watcher.api_key.is_some()];
    let held = SECRETS.iter().zip(held).find_map(|(secret, is_held)| is_held.then_some(secret));
    match held {
        Some((key, what)) if mode & 0o077 != 0 => {
            let (setting, path) = (key.setting().name, super::error::shown(path));
            Err(ConfigError::Open { setting, what, path, mode })
        }
        _ => Ok(Some(found)),
    }
}

/// A mistake: its position, and what is wrong.
type Mistake = (Range<usize>, String);

/// Returns the settings in `text`, or the first mistake.
fn parse(path: &Path, text: &str) -> Result<FileLayers, Mistake> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let mut why = Printable::new(error.message()).to_string();
        if text.get(span.clone()) == Some(RELAY_TABLE) && names_a_relay(&text[..span.start]) {
            why.push_str(TWO_RELAYS);
        }
        (span, why)
    })?;
    let base = path.parent().unwrap_or(Path::new(""));
    let mut found = FileLayers::default();
    for (name, value) in in_order(table.get_ref()) {
        match value.get_ref() {
            DeValue::Table(relay) if name.get_ref() == RELAY_TABLE => {
                for (name, value) in in_order(relay) {
                    take(&mut found.relay, name, value, base, unknown_in_relay)?;
                }
            }
            _ => take(&mut found.watcher, name, value, base, unknown)?,
        }
    }
    Ok(found)
}

/// Returns whether the text before the relay's table has the watcher's key of that name.
fn names_a_relay(text: &str) -> bool {
    let key =
        |line: &str| Some(line.split_once('=')?.0.trim().trim_matches(['"', '\'']).to_owned());
    text.lines().filter_map(key).any(|key| key == RELAY_TABLE)
}

/// The advice if the file has the watcher's `relay` and the relay's table.
const TWO_RELAYS: &str = ": the relay to take from and [relay], the settings of one that runs here, exclude each other in one file; give a relay a file of its own, with `dubwatch relay --config FILE`";

/// Returns the entries of a table from top to bottom, the order in which a person corrects them;
/// the parser sorts by key.
fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// Reads one entry of a table into the layer.
fn take<L: Table>(
    layer: &mut L,
    name: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    base: &Path,
    unknown: fn(&str) -> String,
) -> Result<(), Mistake> {
    let row = L::row(name.get_ref()).ok_or_else(|| (name.span(), unknown(name.get_ref())))?;
    written(value)
        .and_then(|written| layer.set(row.key, &written, base))
        .map_err(|why| (value.span(), format!("{}: {why}", row.name)))
}

fn written<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<WrittenValue<'a>, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(WrittenValue::Text(text.as_ref().into())),
        // `listen = 3829` and `max-body = 1048576` are as clear as with quotes.
        DeValue::Integer(number) => Ok(WrittenValue::Text(number.to_string().into())),
        DeValue::Boolean(flag) => Ok(WrittenValue::Flag(*flag)),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.as_ref().into()),
                other => Err(format!("expected a list of texts, found {} in it", article(other))),
            });
            texts.collect::<Result<_, _>>().map(WrittenValue::List)
        }
        other => Err(format!("expected text, found {}", article(other))),
    }
}

fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Explains what is wrong with a key at the top of the file.
fn unknown(name: &str) -> String {
    let shown = Printable::new(name).cut(80);
    if RelayKey::from_name(name).is_some() {
        return format!("there is no setting {shown} of the watcher; a relay's is below [relay]");
    }
    let names = SETTINGS.map(|setting| setting.name);
    match nearest(name, names) {
        Some(known) => format!("there is no setting {shown}; did you mean {known}?"),
        None => format!("there is no setting {shown}; known are {}", names.join(", ")),
    }
}

/// Explains what is wrong with a key in the relay's table.
fn unknown_in_relay(name: &str) -> String {
    let shown = Printable::new(name).cut(80);
    if SettingKey::from_name(name).is_some() {
        return format!("there is no setting {shown} in [relay]; the watcher's is above [relay]");
    }
    let names = RELAY_SETTINGS.map(|setting| setting.name);
    match nearest(name, names) {
        Some(known) => format!("there is no setting {shown} in [relay]; did you mean {known}?"),
        None => format!("there is no setting {shown} in [relay]; known are {}", names.join(", ")),
    }
}
