//! P-256 keys in DER, and recognising other DER structures; must not look at text or files.

use p256::pkcs8::der::Decode as _;
use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use p256::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};

use super::KeyFault;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Curves that are often used instead of P-256 (RFC 5480, SEC 2).
const CURVES: [(ObjectIdentifier, &str); 5] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.33"), "a P-224 key"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "a P-384 key"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "a P-521 key"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "a secp256k1 key"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"), "a brainpoolP256r1 key"),
];

/// Algorithms that are often used instead of EC (RFC 3279, RFC 8410).
const ALGORITHMS: [(ObjectIdentifier, &str); 7] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), "an RSA key"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"), "an RSA-PSS key"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "a DSA key"),
    (ObjectIdentifier::new_unwrap("1.3.101.110"), "an X25519 key"),
    (ObjectIdentifier::new_unwrap("1.3.101.111"), "an X448 key"),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), "an Ed25519 key"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "an Ed448 key"),
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// What a DER seems to hold, by the types of its first parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Structure {
    /// `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
    Public,
    /// `PrivateKeyInfo` (RFC 5208).
    Pkcs8,
    /// `ECPrivateKey` (RFC 5915).
    Sec1,
    /// `RSAPublicKey` or `RSAPrivateKey` (RFC 8017, appendix A.1).
    Rsa,
    /// `EncryptedPrivateKeyInfo` (RFC 5208).
    Encrypted,
    Certificate,
    CertificateRequest,
    Pkcs12,
    Other,
}

/// Returns the type of the first element, its contents, and the bytes after it; `None` if it is not
/// complete.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length, rest @ ..] = der else { return None };
    let (length, rest) = match *length {
        short @ ..0x80 => (usize::from(short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            if digits.is_empty() || digits.len() > 4 {
                return None;
            }
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((*tag, inside, after))
}

/// Returns whether the bytes are one complete DER sequence.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    matches!(element(bytes), Some((SEQUENCE, _, [])))
}

fn structure(der: &[u8]) -> Structure {
    let parts = || {
        let (_, inside, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (first, first_inside, rest) = element(inside)?;
        let (second, ..) = element(rest)?;
        Some((first, first_inside, second))
    };
    match parts() {
        Some((SEQUENCE, _, BIT_STRING)) => Structure::Public,
        Some((SEQUENCE, _, OCTET_STRING)) => Structure::Encrypted,
        // The parts of a certificate begin with its version or number, those of a request with 0.
        Some((SEQUENCE, [INTEGER, 1, 0, ..], SEQUENCE)) => Structure::CertificateRequest,
        Some((SEQUENCE, [INTEGER | 0xa0, ..], SEQUENCE)) => Structure::Certificate,
        Some((INTEGER, [3], SEQUENCE)) => Structure::Pkcs12,
        Some((INTEGER, _, SEQUENCE)) => Structure::Pkcs8,
        Some((INTEGER, _, OCTET_STRING)) => Structure::Sec1,
        Some((INTEGER, _, INTEGER)) => Structure::Rsa,
        _ => Structure::Other,
    }
}

/// Reads a `SubjectPublicKeyInfo` for P-256.
pub(super) fn public_key(der: &[u8]) -> Result<p256::PublicKey, KeyFault> {
    match structure(der) {
        Structure::Public => {}
        Structure::Pkcs8 | Structure::Sec1 => {
            // One of another kind is of no use in either half.
            return Err(match private_key(der) {
                Err(fault @ KeyFault::NotP256(_)) => fault,
                _ => KeyFault::Private,
            });
        }
        Structure::Encrypted => return Err(KeyFault::Private),
        other => return Err(neither(other)),
    }
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyFault::NotAKey)?;
    expect_p256(&info.algorithm)?;
    let point = info.subject_public_key.as_bytes().ok_or(KeyFault::NotAKey)?;
    p256::PublicKey::from_sec1_bytes(point).map_err(|_| KeyFault::NotOnCurve)
}

/// Reads a `PrivateKeyInfo` or an `ECPrivateKey` for P-256.
pub(super) fn private_key(der: &[u8]) -> Result<p256::SecretKey, KeyFault> {
    match structure(der) {
        Structure::Pkcs8 => {
            let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyFault::NotAKey)?;
            expect_p256(&info.algorithm)?;
            p256::SecretKey::try_from(info).map_err(|_| KeyFault::BadSecret)
        }
        // It names its curve itself, where it does.
        Structure::Sec1 => match curve_inside(der) {
            Some(name) => Err(KeyFault::NotP256(name.to_owned())),
            None => p256::SecretKey::from_sec1_der(der).map_err(|_| KeyFault::BadSecret),
        },
        Structure::Public => Err(match public_key(der) {
            Err(fault @ KeyFault::NotP256(_)) => fault,
            _ => KeyFault::Public,
        }),
        Structure::Encrypted => Err(KeyFault::Encrypted),
        other => Err(neither(other)),
    }
}

/// Returns the fault of something that is neither a public nor a private key, or none for ES256.
fn neither(structure: Structure) -> KeyFault {
    match structure {
        Structure::Rsa => KeyFault::NotP256("an RSA key".to_owned()),
        Structure::Certificate => KeyFault::Certificate,
        Structure::CertificateRequest => KeyFault::CertificateRequest,
        Structure::Pkcs12 => KeyFault::Pkcs12,
        _ => KeyFault::NotAKey,
    }
}

/// Refuses every algorithm but EC on the named curve P-256, and names the other one.
fn expect_p256(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), KeyFault> {
    let oid = match algorithm.oids() {
        Ok((EC, Some(P256))) => return Ok(()),
        Ok((EC, Some(curve))) => curve,
        Ok((EC, None)) | Err(_) if algorithm.oid == EC => {
            return Err(KeyFault::NotP256(
                "an EC key that spells its curve out instead of naming it".to_owned(),
            ));
        }
        _ => algorithm.oid,
    };
    let name = CURVES.iter().chain(&ALGORITHMS).find(|(other, _)| *other == oid);
    Err(KeyFault::NotP256(
        name.map_or_else(|| format!("a key of another kind (OID {oid})"), |(_, n)| (*n).to_owned()),
    ))
}

/// Returns the name of another curve whose OID occurs in `der`. At least seven bytes must agree, so
/// a secret practically never contains them by chance.
fn curve_inside(der: &[u8]) -> Option<&'static str> {
    CURVES
        .iter()
        .find(|(oid, _)| {
            let oid = oid.as_bytes();
            der.windows(oid.len() + 2).any(|window| {
                window.first() == Some(&0x06)
                    && window.get(1).map(|length| usize::from(*length)) == Some(oid.len())
                    && window.ends_with(oid)
            })
        })
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_sequence_is_whole() {
        assert!(is_whole(&[0x30, 1, 0]));
        assert!(is_whole(&[0x30, 0x81, 1, 0]));
        for bytes in [
            [].as_slice(),
            &[0x30],
            &[0x30, 2, 0],
            &[0x30, 1, 0, 0],
            &[0x31, 1, 0],
            &[0x30, 0x80, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
        ] {
            assert!(!is_whole(bytes), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_der_does_no_harm(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let der = [&[0x30, u8::try_from(bytes.len()).unwrap()], &*bytes].concat();
            for der in [&bytes, &der] {
                let _ = public_key(der);
                let _ = private_key(der);
            }
        }
    }
}
