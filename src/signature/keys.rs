//! Public and private P-256 keys as values; their files are in `key_file`.

use std::fmt;
use std::sync::Arc;

use p256::ecdsa::signature::{RandomizedSigner as _, Verifier as _};
use p256::ecdsa::{SigningKey, VerifyingKey};
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::common::getrandom::SysRng;
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::callback::Encoding;

use super::{KeyError, Signature, key_form};

/// The name of the vendor's production key, which is built in.
pub const VENDOR_KEY: &str = "panjaya";

/// The name of the development key.
pub const DEV_KEY: &str = "dev";

const VENDOR_PEM: &str = include_str!("../../assets/panjaya_public_key.pem");

/// A key that signatures are checked with.
///
/// Always a point on the curve. Two keys are equal when their points are.
#[derive(Debug, Clone)]
pub struct PublicKey {
    name: Arc<str>,
    /// For the reference check.
    verifying: VerifyingKey,
    /// For the fast check: the uncompressed point, as ring needs it.
    fast: UnparsedPublicKey<[u8; 65]>,
}

impl PublicKey {
    /// Returns the vendor's production key, called [`VENDOR_KEY`].
    pub fn vendor() -> Self {
        Self::from_pem(VENDOR_KEY, VENDOR_PEM)
            .expect("the built-in key is a P-256 key, as a test confirms")
    }

    /// Reads the key from a PEM text with one `PUBLIC KEY` block (RFC 5480), and names it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Unusable`] says what the text is instead, and begins with the name.
    pub fn from_pem(name: &str, text: &str) -> Result<Self, KeyError> {
        key_form::public_key(text.as_bytes())
            .map(|key| Self::new(name, key))
            .map_err(|fault| KeyError::Unusable { origin: format!("the key {name}"), fault })
    }

    pub(super) fn new(name: &str, key: p256::PublicKey) -> Self {
        let verifying = VerifyingKey::from(key);
        let point = verifying.to_sec1_point(false);
        let mut bytes = [0; 65];
        bytes.copy_from_slice(point.as_bytes());
        let fast = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes);
        Self { name: name.into(), verifying, fast }
    }

    /// Returns its name in verdicts.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the same key under another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Returns the key as a PEM text with a `PUBLIC KEY` block.
    pub fn to_pem(&self) -> String {
        self.verifying
            .to_public_key_pem(LineEnding::LF)
            .expect("a point on the curve can always be encoded")
    }

    /// Returns `SHA256:` and the digest of its `SubjectPublicKeyInfo` in hex: what `openssl pkey
    /// -pubin -outform DER | sha256sum` prints.
    pub fn digest(&self) -> String {
        let der =
            self.verifying.to_public_key_der().expect("a point on the curve can always be encoded");
        let digest = ring::digest::digest(&ring::digest::SHA256, der.as_bytes());
        format!("SHA256:{}", hex::encode(digest))
    }

    /// Returns whether it made `signature` over `body`, by ring.
    pub(super) fn made(&self, signature: &Signature, body: &[u8]) -> bool {
        self.fast.verify(body, signature.fixed()).is_ok()
    }

    /// Returns whether it made `signature` over `body`, by p256.
    pub(super) fn made_by_reference(&self, signature: &Signature, body: &[u8]) -> bool {
        p256::ecdsa::Signature::from_slice(signature.fixed())
            .is_ok_and(|signature| self.verifying.verify(body, &signature).is_ok())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.fast.as_ref() == other.fast.as_ref()
    }
}

impl Eq for PublicKey {}

/// A key that signs; its number is wiped from memory when it is dropped and never shown.
#[derive(Clone)]
pub struct PrivateKey {
    pub(super) secret: p256::SecretKey,
}

impl PrivateKey {
    /// Generates a key from the system's random numbers.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`] if the system returns none.
    pub fn generate() -> Result<Self, KeyError> {
        let secret = p256::SecretKey::try_generate().map_err(|_| KeyError::Random)?;
        Ok(Self { secret })
    }

    /// Reads the key from a PEM text with one `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (SEC 1)
    /// block.
    ///
    /// The error begins with `name`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Unusable`] says what the text is instead.
    pub fn from_pem(name: &str, text: &str) -> Result<Self, KeyError> {
        key_form::private_key(text.as_bytes())
            .map(|secret| Self { secret })
            .map_err(|fault| KeyError::Unusable { origin: format!("the key {name}"), fault })
    }

    /// Returns the key as a PKCS#8 PEM text, which is wiped when dropped.
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.secret.to_pkcs8_pem(LineEnding::LF).expect("a number in range can always be encoded")
    }

    /// Returns the public half, under the given name.
    pub fn public(&self, name: &str) -> PublicKey {
        PublicKey::new(name, self.secret.public_key())
    }

    /// Returns the public half as a PEM text.
    pub fn public_pem(&self) -> String {
        self.public("").to_pem()
    }

    /// Signs `body`. Returns the bytes that the header has in hex.
    ///
    /// Nonces are derived from the key, the body and fresh random numbers (RFC 6979, section 3.6):
    /// two signatures of one body differ, as a sender's do, and a bad random source does not reveal
    /// the key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`] if the system returns no random numbers.
    pub fn sign(&self, body: &[u8], encoding: Encoding) -> Result<Vec<u8>, KeyError> {
        let signature: p256::ecdsa::Signature = SigningKey::from(&self.secret)
            .try_sign_with_rng(&mut SysRng, body)
            .map_err(|_| KeyError::Random)?;
        Ok(match encoding {
            Encoding::Der => signature.to_der().as_bytes().to_vec(),
            Encoding::Raw => signature.to_bytes().to_vec(),
        })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_key_is_the_vendors() {
        let key = PublicKey::vendor();
        assert_eq!(&**key.name(), "panjaya");
        assert_eq!(key.to_pem().trim_end(), VENDOR_PEM.trim_end());
    }

    #[test]
    fn two_signatures_of_one_body_differ_and_both_hold() {
        let key = PrivateKey::generate().unwrap();
        let public = key.public("k");
        for encoding in [Encoding::Der, Encoding::Raw] {
            let one = key.sign(b"{}", encoding).unwrap();
            let two = key.sign(b"{}", encoding).unwrap();
            assert_ne!(one, two);
            for bytes in [one, two] {
                let signature = Signature::from_bytes(&bytes).unwrap();
                assert!(public.made(&signature, b"{}"));
                assert!(public.made_by_reference(&signature, b"{}"));
                assert!(!public.made(&signature, b"{ }"));
                assert!(!public.made_by_reference(&signature, b"{ }"));
            }
        }
    }

    #[test]
    fn keys_survive_their_pem() {
        let key = PrivateKey::generate().unwrap();
        let again = PrivateKey::from_pem("k", &key.to_pem()).unwrap();
        assert_eq!(again.public("a"), key.public("b"));
        assert_eq!(PublicKey::from_pem("k", &key.public_pem()).unwrap(), key.public("k"));
        assert_ne!(PrivateKey::generate().unwrap().public("k"), key.public("k"));
    }

    #[test]
    fn a_private_key_does_not_show_itself() {
        let key = PrivateKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey { .. }");
    }

    #[test]
    fn errors_begin_with_the_name() {
        let error = PublicKey::from_pem("prod", "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key prod is empty; a PEM file with a P-256 key was expected"
        );
    }
}
