//! Publish ids and subscribe tokens: creates, looks up and compares them.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq as _;

use super::log_error::LogError;
use crate::relay::protocol::InboxIdentity;

/// Random bytes in a publish id: 160 bits.
const PUBLISH_BYTES: usize = 20;
/// Random bytes of a token that identify its inbox. They are not secret.
const KEY_BYTES: usize = 8;
/// Random bytes of a token that are its secret: 256 bits.
const SECRET_BYTES: usize = 32;
/// Prefix of a token, so that scanners for leaked secrets recognize it.
const PREFIX: &str = "dwt_";
const KEY_CHARS: usize = 2 * KEY_BYTES;
const TOKEN_CHARS: usize = PREFIX.len() + KEY_CHARS + 2 * SECRET_BYTES;

/// A subscribe token. Shown once, when it is created; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedToken(String);

impl IssuedToken {
    /// Creates a token from the system's random numbers.
    pub(super) fn generate() -> Result<Self, LogError> {
        let bytes: [u8; KEY_BYTES + SECRET_BYTES] = random()?;
        Ok(Self(format!("{PREFIX}{}", hex::encode(bytes))))
    }

    /// Returns the token as text.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> &str {
        key_of(&self.0).unwrap_or_default()
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The keys of an inbox, to be shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The operator's name for it.
    pub name: String,
    /// Its identity for readers.
    pub identity: InboxIdentity,
    /// The secret part of its publish URL.
    pub publish_id: String,
    /// The subscribe token.
    pub token: IssuedToken,
}

/// The part of a token that finds its inbox; `None` for what cannot be a token.
pub(super) fn key_of(token: &str) -> Option<&str> {
    let sound = token.len() == TOKEN_CHARS
        && token.starts_with(PREFIX)
        && token[PREFIX.len()..].bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    sound.then(|| &token[PREFIX.len()..PREFIX.len() + KEY_CHARS])
}

/// SHA-256 of a token. A token has 256 random bits, so a slow hash is not needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash(pub(super) [u8; 32]);

impl Hash {
    /// A hash that matches no token.
    pub(super) const NONE: Self = Self([0; 32]);

    pub(super) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Compares in constant time.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Creates a publish id.
pub(super) fn publish_id() -> Result<String, LogError> {
    Ok(hex::encode(random::<PUBLISH_BYTES>()?))
}

/// Creates an epoch.
pub(super) fn epoch() -> Result<u64, LogError> {
    Ok(u64::from_be_bytes(random()?))
}

/// Creates an inbox's identity, which is not secret.
pub(super) fn identity() -> Result<u128, LogError> {
    Ok(u128::from_be_bytes(random()?))
}

fn random<const N: usize>() -> Result<[u8; N], LogError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| LogError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_key_and_never_shown() {
        let token = IssuedToken::generate().unwrap();
        assert_eq!(key_of(token.reveal()), Some(token.key()));
        assert_eq!(token.key().len(), 16);
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(token.hash().equals(&Hash::of(token.reveal())));
        let other = IssuedToken::generate().unwrap();
        assert!(!token.hash().equals(&other.hash()));
        assert!(!token.hash().equals(&Hash::NONE));
        for wrong in [
            "",
            "dwt_",
            &token.reveal()[1..],
            &token.reveal()[..83],
            &token.reveal().to_uppercase(),
            &format!("{}é", &token.reveal()[..82]),
        ] {
            assert_eq!(key_of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn publish_ids_have_a_hundred_and_sixty_bits() {
        let (one, two) = (publish_id().unwrap(), publish_id().unwrap());
        assert_eq!(one.len(), 40);
        assert_ne!(one, two);
    }
}
