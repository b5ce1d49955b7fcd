//! The token that opens an inbox for reading: where it comes from, and that nothing shows it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use http::HeaderValue;
use ring::digest::{SHA256, digest};

use crate::text::Printable;

/// The longest file that is read for a token, in bytes.
const MAX_FILE: u64 = 4096;

/// A subscribe token. Neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A token that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum TokenError {
    #[error("cannot read the relay token in {path}: {cause}")]
    Read { path: Printable, cause: io::Error },
    #[error("others can read the relay token in {path} (mode {mode:03o}); `chmod 600` it")]
    Open { path: Printable, mode: u32 },
    #[error(
        "{place} holds no relay token: expected one line of letters, digits and - _ . as `dubwatch relay inbox create` printed it"
    )]
    NoToken { place: Printable },
}

impl Token {
    /// A token as it was written at `place`, which is named where it is none.
    pub fn new(text: &str, place: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        if text.is_empty() || text.len() > 512 || !text.chars().all(fits) {
            return Err(TokenError::NoToken { place: Printable::new(place) });
        }
        Ok(Self(text.to_owned()))
    }

    /// The token in a file that nobody else may read; `None` where there is no file.
    pub fn from_file(path: &Path) -> Result<Option<Self>, TokenError> {
        let shown = || Printable::from_bytes(path.as_os_str().as_encoded_bytes());
        let read = |cause| TokenError::Read { path: shown(), cause };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        let mode = file.metadata().map_err(read)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Open { path: shown(), mode });
        }
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map_err(read)?;
        Self::new(&text, shown().as_str()).map(Some)
    }

    /// Where the token is kept, if nobody says otherwise: beside the journal.
    pub fn default_file(data_dir: &Path) -> PathBuf {
        data_dir.join("relay.token")
    }

    /// The header that carries it, marked as not to be shown.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// What tells it from other tokens, and leads nobody back to it: 64 bits of its hash.
    pub(super) fn fingerprint(&self) -> String {
        hex::encode(&digest(&SHA256, self.0.as_bytes()).as_ref()[..8])
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(" dwr_s3cret\n", "x").unwrap();
        assert_eq!(format!("{token:?}"), "Token(redacted)");
        assert!(!format!("{:?}", token.header().unwrap()).contains("s3cret"));
        assert!(!token.fingerprint().contains("s3cret"));
        let error = Token::new("dwr s3cret", "DUBWATCH_RELAY_TOKEN").unwrap_err().to_string();
        assert!(error.starts_with("DUBWATCH_RELAY_TOKEN holds no") && !error.contains("s3cret"));
    }

    #[test]
    fn a_file_has_to_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = Token::default_file(dir.path());
        assert!(Token::from_file(&path).unwrap().is_none());
        fs::write(&path, "dwr_s3cret\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = Token::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("mode 644") && error.contains("chmod 600"), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Token::from_file(&path).unwrap(), Some(Token::new("dwr_s3cret", "").unwrap()));
        fs::write(&path, "").unwrap();
        assert!(Token::from_file(&path).is_err());
    }
}
