//! Reads the configuration file into a layer; a mistake in it is shown in its place.

use std::io::{ErrorKind, Read as _};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::InFile;
use super::kind::Written;
use super::setting::Layer;
use super::table::Table;
use super::{ConfigError, Key, SETTINGS};
use crate::files;
use crate::text::{Printable, nearest};

/// The longest configuration file that is read, in bytes: one that is longer is some other file.
const MAX_FILE: u64 = 1024 * 1024;

/// What `path` says; `None` where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Layer>, ConfigError> {
    let mut bytes = Vec::new();
    let read = files::open(path)
        .and_then(|(file, found)| file.take(MAX_FILE + 1).read_to_end(&mut bytes).map(|_| found));
    let found = match read {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::read(path, &error)),
    };
    let cannot =
        |why: &str| ConfigError::Read { path: super::error::shown(path), why: why.to_owned() };
    // It says which keys are trusted.
    if let Some(mode) = files::open_to_all(&found) {
        return Err(cannot(&format!(
            "every user can change it (mode {mode:03o}); look at what is in it and `chmod o-w` it"
        )));
    }
    let mode = found.permissions().mode() & 0o777;
    if bytes.len() as u64 > MAX_FILE {
        return Err(cannot("it is longer than 1 MiB, so it is no configuration file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8"))?;
    let layer = parse(path, &text).map_err(|(span, why)| {
        ConfigError::InFile(Box::new(InFile::new(path, &text, span, why)))
    })?;
    // As a file of the token alone: whoever reads it can read the inbox.
    if layer.relay_token.is_some() && mode & 0o077 != 0 {
        return Err(ConfigError::Open { path: super::error::shown(path), mode });
    }
    Ok(Some(layer))
}

/// The settings in `text`, or the place of the first mistake and what is wrong with it.
fn parse(path: &Path, text: &str) -> Result<Layer, (Range<usize>, String)> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        (span, Printable::new(error.message()).to_string())
    })?;
    let base = path.parent().unwrap_or(Path::new(""));
    let mut layer = Layer::default();
    // The parser sorts by key; a person corrects from the top down.
    let mut entries: Vec<_> = table.into_inner().into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in &entries {
        let key =
            Key::from_name(name.get_ref()).ok_or_else(|| (name.span(), unknown(name.get_ref())))?;
        written(value)
            .and_then(|written| layer.set(key, &written, base))
            .map_err(|why| (value.span(), format!("{}: {why}", key.setting().name)))?;
    }
    Ok(layer)
}

fn written<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<Written<'a>, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(Written::Text(text.as_ref().into())),
        // `listen = 3829` and `max-body = 1048576` are as clear as their quoted twins.
        DeValue::Integer(number) => Ok(Written::Text(number.to_string().into())),
        DeValue::Boolean(flag) => Ok(Written::Flag(*flag)),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.as_ref().into()),
                other => Err(format!("expected a list of texts, found {} in it", article(other))),
            });
            texts.collect::<Result<_, _>>().map(Written::List)
        }
        other => Err(format!("expected text, found {}", article(other))),
    }
}

fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn unknown(name: &str) -> String {
    let names = SETTINGS.map(|setting| setting.name);
    let shown = Printable::new(name).cut(80);
    match nearest(name, names) {
        Some(known) => format!("there is no setting {shown}; did you mean {known}?"),
        None => format!("there is no setting {shown}; known are {}", names.join(", ")),
    }
}
