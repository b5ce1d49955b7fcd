//! The subscribe token: reads it from its file or setting, and never shows it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;
use ring::digest::{SHA256, digest};

use crate::files::{self, SecretFileError};
use crate::text::Printable;

/// Maximum size of a token file, in bytes.
const MAX_FILE: u64 = 4096;

/// A subscribe token. Neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscribeToken(String);

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read the relay token in {path}: {cause}")]
    Read { path: Printable, cause: io::Error },
    #[error(
        "there is no file {path} any more; put the token that `dubwatch relay inbox` printed into it (chmod 600)"
    )]
    Gone { path: Printable },
    #[error("others can read the relay token in {path} (mode {mode:03o}); `chmod 600` it")]
    Open { path: Printable, mode: u32 },
    #[error(
        "{place} holds no relay token: expected one line of letters, digits and - _ . as `dubwatch relay inbox create` printed it"
    )]
    NoToken { place: Printable },
}

/// Where a token is stored. Named in error messages; a file is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// A file that contains only the token.
    File(PathBuf),
    /// A setting, which is read once, with its name for the user.
    Setting(Arc<str>),
}

impl TokenPlace {
    /// Reads the token again; `None` if it cannot have changed. Blocks.
    pub(super) fn read_again(&self) -> Option<Result<SubscribeToken, TokenError>> {
        let Self::File(path) = self else { return None };
        let gone = || TokenError::Gone { path: printable(path) };
        Some(SubscribeToken::from_file(path).and_then(|token| token.ok_or_else(gone)))
    }
}

impl fmt::Display for TokenPlace {
    /// Returns the instruction for the user to replace the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => {
                write!(f, "into {} (a running dubwatch reads it again)", printable(path))
            }
            Self::Setting(name) => write!(f, "into {name}, and start dubwatch again"),
        }
    }
}

fn printable(path: &Path) -> Printable {
    Printable::from_bytes(path.as_os_str().as_encoded_bytes())
}

impl SubscribeToken {
    /// Parses a token. The error names `place`.
    pub fn new(text: &str, place: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        if text.is_empty() || text.len() > 512 || !text.chars().all(fits) {
            return Err(TokenError::NoToken { place: Printable::new(place) });
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads the token from a file that only its owner may read; `None` if the file does not exist.
    pub fn from_file(path: &Path) -> Result<Option<Self>, TokenError> {
        let shown = || printable(path);
        let text = files::read_secret(path, MAX_FILE).map_err(|error| match error {
            SecretFileError::Read(cause) => TokenError::Read { path: shown(), cause },
            SecretFileError::Open { mode } => TokenError::Open { path: shown(), mode },
        })?;
        text.map(|text| Self::new(&text, shown().as_str())).transpose()
    }

    /// Returns the default path of the token file: next to the journal.
    pub fn default_file(data_dir: &Path) -> PathBuf {
        data_dir.join("relay.token")
    }

    /// Returns the `Authorization` header, marked as sensitive.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Returns a fingerprint that does not reveal the token: 64 bits of its hash.
    pub(super) fn fingerprint(&self) -> String {
        hex::encode(&digest(&SHA256, self.0.as_bytes()).as_ref()[..8])
    }
}

impl fmt::Debug for SubscribeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = SubscribeToken::new(" dwr_s3cret\n", "x").unwrap();
        assert_eq!(format!("{token:?}"), "Token(redacted)");
        assert!(!format!("{:?}", token.header().unwrap()).contains("s3cret"));
        assert!(!token.fingerprint().contains("s3cret"));
        let error =
            SubscribeToken::new("dwr s3cret", "DUBWATCH_RELAY_TOKEN").unwrap_err().to_string();
        assert!(error.starts_with("DUBWATCH_RELAY_TOKEN holds no") && !error.contains("s3cret"));
    }

    #[test]
    fn a_file_has_to_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = SubscribeToken::default_file(dir.path());
        assert!(SubscribeToken::from_file(&path).unwrap().is_none());
        fs::write(&path, "dwr_s3cret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = SubscribeToken::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("mode 644") && error.contains("chmod 600"), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(
            SubscribeToken::from_file(&path).unwrap(),
            Some(SubscribeToken::new("dwr_s3cret", "").unwrap())
        );
        fs::write(&path, "").unwrap();
        assert!(SubscribeToken::from_file(&path).is_err());
    }

    #[test]
    fn only_a_file_is_read_again_and_each_place_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.token");
        let place = TokenPlace::File(path.clone());
        let read = || place.read_again().unwrap().map_err(|error| error.to_string());
        let gone = read().unwrap_err();
        assert!(gone.contains("relay.token any more") && gone.contains("chmod 600"), "{gone}");
        fs::write(&path, "dwr_one\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(), Ok(SubscribeToken::new("dwr_one", "").unwrap()));
        fs::write(&path, "dwr_two\n").unwrap();
        assert_eq!(read(), Ok(SubscribeToken::new("dwr_two", "").unwrap()));
        assert!(place.to_string().contains("relay.token (a running dubwatch reads it again)"));
        let place = TokenPlace::Setting("DUBWATCH_RELAY_TOKEN".into());
        assert!(place.read_again().is_none());
        assert_eq!(place.to_string(), "into DUBWATCH_RELAY_TOKEN, and start dubwatch again");
    }
}
