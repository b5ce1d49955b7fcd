//! The key of the API: reads it from its setting or its file, and never shows it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;

use crate::files::{self, SecretFileError};
use crate::text::Printable;

/// Maximum size of a key file, in bytes.
const MAX_FILE: u64 = 4096;
/// Maximum length of a key, in bytes.
const MAX_KEY: usize = 512;
/// The beginning of every key as the service wants it.
const PREFIX: &str = "panjaya-";
/// A key without its prefix is hidden in answers only from this length on: a shorter one would hide
/// parts of words.
const MIN_HIDDEN: usize = 6;
/// Stands for what is not shown.
pub(super) const REDACTED: &str = "[redacted]";

/// The key of the API. It has no `Display`, and neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// With its prefix.
    text: String,
    place: ApiKeyPlace,
}

/// Where a key comes from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyPlace {
    /// A file that contains only the key.
    File(PathBuf),
    /// A variable or a line of the configuration file, by its name for the user.
    Setting(Arc<str>),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    #[error("cannot read the API key in {path}: {cause}")]
    Read { path: Printable, cause: io::Error },
    #[error("there is no file {path} (--api-key-file); put the API key into it and `chmod 600` it")]
    Missing { path: Printable },
    #[error("others can read the API key in {path} (mode {mode:03o}); `chmod 600` it")]
    Open { path: Printable, mode: u32 },
    #[error(
        "{place} holds no API key: expected one line without spaces, as the service shows it in your account"
    )]
    NoKey { place: ApiKeyPlace },
}

impl fmt::Display for ApiKeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => printable(path).fmt(f),
            Self::Setting(name) => f.write_str(name),
        }
    }
}

fn printable(path: &Path) -> Printable {
    Printable::from_bytes(path.as_os_str().as_encoded_bytes())
}

impl ApiKey {
    /// Parses a key, with or without its prefix and a line end. The error names `place`.
    pub fn new(text: &str, place: ApiKeyPlace) -> Result<Self, ApiKeyError> {
        let text = text.trim();
        let bare = text.strip_prefix(PREFIX).unwrap_or(text);
        // Without spaces: `Bearer panjaya-…` and two lines are mistakes.
        let fits = bare.bytes().all(|byte| byte.is_ascii_graphic());
        if bare.is_empty() || bare.len() > MAX_KEY || !fits {
            return Err(ApiKeyError::NoKey { place });
        }
        Ok(Self { text: format!("{PREFIX}{bare}"), place })
    }

    /// Reads the key from a file that only its owner may read.
    pub fn from_file(path: &Path) -> Result<Self, ApiKeyError> {
        let shown = || printable(path);
        let text = files::read_secret(path, MAX_FILE).map_err(|error| match error {
            SecretFileError::Read(cause) => ApiKeyError::Read { path: shown(), cause },
            SecretFileError::Open { mode } => ApiKeyError::Open { path: shown(), mode },
        })?;
        let text = text.ok_or_else(|| ApiKeyError::Missing { path: shown() })?;
        Self::new(&text, ApiKeyPlace::File(path.to_owned()))
    }

    /// Returns where it comes from.
    pub const fn place(&self) -> &ApiKeyPlace {
        &self.place
    }

    /// Returns the `Authorization` header, marked as sensitive.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.text)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Returns a text from the service without the key, which it may repeat.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let text = text.replace(&self.text, REDACTED);
        match self.text.strip_prefix(PREFIX) {
            Some(bare) if bare.len() >= MIN_HIDDEN => text.replace(bare, REDACTED),
            _ => text,
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey(redacted, from {})", self.place)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn setting() -> ApiKeyPlace {
        ApiKeyPlace::Setting("PANJAYA_API_KEY".into())
    }

    fn key(text: &str) -> Result<ApiKey, String> {
        ApiKey::new(text, setting()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_the_same_with_and_without_its_prefix_and_a_line_end() {
        let expected = "Bearer panjaya-s3cret.key/1+=";
        for text in ["s3cret.key/1+=", "panjaya-s3cret.key/1+=", " panjaya-s3cret.key/1+=\r\n"] {
            assert_eq!(key(text).unwrap().header().unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        let long = "s3cret".repeat(100);
        for text in [
            "",
            "\n",
            "panjaya-",
            "Bearer panjaya-s3cret",
            "s3cret\ns3cret",
            "s3cret\u{0}",
            "s3cr\u{e9}t",
            &long,
        ] {
            let error = key(text).unwrap_err();
            assert!(error.starts_with("PANJAYA_API_KEY holds no API key"), "{error}");
            assert!(!error.contains("s3cr"), "{error}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = key("s3cret-key").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(redacted, from PANJAYA_API_KEY)");
        assert!(!format!("{:?}", key.header().unwrap()).contains("s3cret"));
        let said = key.hidden_in("no key panjaya-s3cret-key, s3cret-key, (s3cret-key)");
        assert_eq!(said, "no key [redacted], [redacted], ([redacted])");
    }

    #[test]
    fn a_file_has_to_be_private_and_to_hold_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.key");
        let read = || ApiKey::from_file(&path).map_err(|error| error.to_string());
        let error = read().unwrap_err();
        assert!(error.contains("there is no file") && error.contains("api.key"), "{error}");
        fs::write(&path, "panjaya-s3cret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let error = read().unwrap_err();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let key = read().unwrap();
        assert_eq!(key.header().unwrap(), "Bearer panjaya-s3cret");
        assert_eq!(key.place().to_string(), path.display().to_string());
        fs::write(&path, "two words").unwrap();
        assert!(read().unwrap_err().contains("api.key holds no API key"));
    }
}
