//! Finds a P-256 key in PEM text and says what else the text is; must not touch files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::der::Decode as _;
use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use p256::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Names of curves and algorithms that people bring instead of P-256 (RFC 5480, RFC 8410, SEC 2).
const OTHERS: [(ObjectIdentifier, &str); 12] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.33"), "a P-224 key"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "a P-384 key"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "a P-521 key"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "a secp256k1 key"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"), "a brainpoolP256r1 key"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), "an RSA key"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"), "an RSA-PSS key"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "a DSA key"),
    (ObjectIdentifier::new_unwrap("1.3.101.110"), "an X25519 key"),
    (ObjectIdentifier::new_unwrap("1.3.101.111"), "an X448 key"),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), "an Ed25519 key"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "an Ed448 key"),
];

/// Why a text gives no key. Each message follows the name of the key or of its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Nothing in it.
    #[error("is empty; a PEM file with a P-256 key was expected")]
    Empty,
    /// More than any key needs.
    #[error("is larger than 64 KiB; a PEM file with one P-256 key was expected")]
    TooLarge,
    /// No PEM block.
    #[error("is not PEM{0}; it should hold a line \"-----BEGIN {1}-----\"")]
    NotPem(&'static str, &'static str),
    /// A block without an end, or with something else than base64 in it.
    #[error("holds a broken PEM block: {0}")]
    BrokenPem(&'static str),
    /// A private key where a public one was expected.
    #[error("is a private key; give the public half (`dubwatch keygen` writes it beside)")]
    Private,
    /// A public key where a private one was expected.
    #[error("is a public key; give the private half to sign with")]
    Public,
    /// A private key behind a passphrase.
    #[error("is encrypted; decrypt it with `openssl pkey -in ENCRYPTED -out PLAIN` first")]
    Encrypted,
    /// An X.509 certificate.
    #[error(
        "is a certificate; take the key out with `openssl x509 -pubkey -noout -in CERT > KEY.pem`"
    )]
    Certificate,
    /// More than one key, so that it is not clear which one is meant.
    #[error("holds {0} keys; give each its own file")]
    Several(usize),
    /// A PEM block of another kind.
    #[error("holds no \"{0}\" block, only other PEM blocks")]
    OtherBlock(&'static str),
    /// A key for something else.
    #[error("is {0}; a P-256 key was expected (ES256)")]
    NotP256(String),
    /// The block holds no key structure.
    #[error("is damaged: its PEM is fine, but what it encodes is no key")]
    NotAKey,
    /// A public key whose point does not satisfy the curve's equation.
    #[error("is no usable key: its point is not on the curve P-256")]
    NotOnCurve,
    /// No private number, or one that is zero or not below the order of the curve, or that does
    /// not belong to the public half in the same block.
    #[error("is damaged: its private number is missing, out of range or of another public half")]
    BadSecret,
}

/// One PEM block.
struct Block<'a> {
    label: &'a str,
    /// `None` where there is something else than base64 in it. Wiped when dropped, because it may
    /// be a private key.
    der: Option<Zeroizing<Vec<u8>>>,
}

impl Block<'_> {
    fn der(&self) -> Result<&[u8], KeyFault> {
        self.der
            .as_ref()
            .map(|der| der.as_slice())
            .ok_or(KeyFault::BrokenPem("there is something else than base64 in it"))
    }
}

/// Reads a `PUBLIC KEY` block (RFC 5480 `SubjectPublicKeyInfo`) for P-256.
pub(super) fn public_key(text: &str) -> Result<p256::PublicKey, KeyFault> {
    let blocks = blocks(text, "PUBLIC KEY")?;
    let block = only(&blocks, &["PUBLIC KEY"])?.ok_or_else(|| other_than_public(&blocks))?;
    let info = SubjectPublicKeyInfoRef::from_der(block.der()?).map_err(|_| KeyFault::NotAKey)?;
    expect_p256(&info.algorithm)?;
    let point = info.subject_public_key.as_bytes().ok_or(KeyFault::NotAKey)?;
    p256::PublicKey::from_sec1_bytes(point).map_err(|_| KeyFault::NotOnCurve)
}

/// Reads a `PRIVATE KEY` (PKCS#8, RFC 5208) or an `EC PRIVATE KEY` block (SEC 1, RFC 5915).
pub(super) fn private_key(text: &str) -> Result<p256::SecretKey, KeyFault> {
    const PKCS8: &str = "PRIVATE KEY";
    const SEC1: &str = "EC PRIVATE KEY";
    let blocks = blocks(text, PKCS8)?;
    // How OpenSSL wrote SEC 1 keys behind a passphrase (RFC 1421, section 4.6.1.1).
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyFault::Encrypted);
    }
    let block = only(&blocks, &[PKCS8, SEC1])?.ok_or_else(|| other_than_private(&blocks))?;
    let der = block.der()?;
    if block.label == SEC1 {
        return p256::SecretKey::from_sec1_der(der).map_err(|_| {
            named_inside(der).map_or(KeyFault::BadSecret, |name| KeyFault::NotP256(name.to_owned()))
        });
    }
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyFault::NotAKey)?;
    expect_p256(&info.algorithm)?;
    p256::SecretKey::try_from(info).map_err(|_| KeyFault::BadSecret)
}

/// The one block with one of these labels, if there is any.
fn only<'a>(blocks: &'a [Block<'a>], labels: &[&str]) -> Result<Option<&'a Block<'a>>, KeyFault> {
    let mut found = blocks.iter().filter(|block| labels.contains(&block.label));
    let first = found.next();
    match found.count() {
        0 => Ok(first),
        more => Err(KeyFault::Several(more + 1)),
    }
}

/// Every PEM block of a text; `expected` is what the error asks for where there is none.
///
/// Text around blocks is passed over, as OpenSSL does, and lines may have any width.
fn blocks<'a>(text: &'a str, expected: &'static str) -> Result<Vec<Block<'a>>, KeyFault> {
    if text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').is_empty() {
        return Err(KeyFault::Empty);
    }
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) =
            after
                .split_once("-----")
                .filter(|(label, _)| !label.contains('\n'))
                .ok_or(KeyFault::BrokenPem("its BEGIN line does not end in five dashes"))?;
        let (inside, after) = after
            .split_once("-----END ")
            .ok_or(KeyFault::BrokenPem("its END line is missing, the file may be cut"))?;
        let digits: Zeroizing<String> =
            Zeroizing::new(inside.chars().filter(|c| !c.is_whitespace()).collect());
        let der = STANDARD.decode(digits.as_bytes()).ok().map(Zeroizing::new);
        blocks.push(Block { label, der });
        rest = after;
    }
    if blocks.is_empty() {
        return Err(KeyFault::NotPem(other_format(text), expected));
    }
    Ok(blocks)
}

/// What a text without a PEM block seems to be.
fn other_format(text: &str) -> &'static str {
    let text = text.trim_start();
    if text.starts_with("\u{ff}\u{fe}") {
        " but UTF-16 text, as PowerShell's `>` writes it (save it as UTF-8)"
    } else if text.starts_with('{') {
        " but JSON (a JWK?)"
    } else if text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") {
        " but an SSH key (`ssh-keygen -e -m PKCS8 -f KEY.pub` converts it)"
    } else if text.starts_with("0\u{82}") || text.starts_with("0Y0\u{13}") {
        " but DER (`openssl pkey -pubin -inform DER -in KEY -out KEY.pem` converts it)"
    } else {
        ""
    }
}

fn other_than_public(blocks: &[Block<'_>]) -> KeyFault {
    let has = |wanted: fn(&str) -> bool| blocks.iter().any(|block| wanted(block.label));
    if has(|label| label.ends_with("PRIVATE KEY")) {
        KeyFault::Private
    } else if has(|label| label == "CERTIFICATE") {
        KeyFault::Certificate
    } else if has(|label| label == "RSA PUBLIC KEY") {
        KeyFault::NotP256("an RSA key".to_owned())
    } else {
        KeyFault::OtherBlock("PUBLIC KEY")
    }
}

fn other_than_private(blocks: &[Block<'_>]) -> KeyFault {
    let has = |wanted: &str| blocks.iter().any(|block| block.label == wanted);
    if has("ENCRYPTED PRIVATE KEY") {
        KeyFault::Encrypted
    } else if has("RSA PRIVATE KEY") {
        KeyFault::NotP256("an RSA key".to_owned())
    } else if has("OPENSSH PRIVATE KEY") {
        KeyFault::NotP256("an OpenSSH key".to_owned())
    } else if has("PUBLIC KEY") {
        KeyFault::Public
    } else if has("CERTIFICATE") {
        KeyFault::Certificate
    } else {
        KeyFault::OtherBlock("PRIVATE KEY")
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
    let name = OTHERS.iter().find(|(other, _)| *other == oid).map(|(_, name)| *name);
    Err(KeyFault::NotP256(
        name.map_or_else(|| format!("a key of another kind (OID {oid})"), str::to_owned),
    ))
}

/// The name of another curve whose OID stands somewhere in `der`: SEC 1 keys may name their curve.
fn named_inside(der: &[u8]) -> Option<&'static str> {
    OTHERS
        .iter()
        .find(|(oid, _)| der.windows(oid.as_bytes().len()).any(|window| window == oid.as_bytes()))
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    macro_rules! key {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/keys/", $name))
        };
    }

    #[test]
    fn one_key_in_every_writing() {
        let expected = public_key(key!("sec1.pub.pem")).unwrap();
        let plain = key!("sec1.pub.pem");
        let one_line = {
            let digits: String = plain.lines().filter(|line| !line.starts_with('-')).collect();
            format!("-----BEGIN PUBLIC KEY-----\n{digits}\n-----END PUBLIC KEY-----")
        };
        for text in [
            plain,
            key!("compressed.pub.pem"),
            &plain.replace('\n', "\r\n"),
            &format!("\u{feff}{plain}"),
            &format!("Vendor's key of 2026:\n\n{plain}\nthe end\n"),
            &one_line,
        ] {
            assert_eq!(public_key(text).unwrap(), expected, "{text}");
        }
        for text in [key!("sec1.pem"), key!("pkcs8.pem")] {
            assert_eq!(private_key(text).unwrap().public_key(), expected, "{text}");
        }
    }

    #[rstest]
    #[case::empty("", "is empty; a PEM file with a P-256 key was expected")]
    #[case::blank(" \r\n\u{feff}", "is empty; a PEM file with a P-256 key was expected")]
    #[case::text("hello", "is not PEM; it should hold a line \"-----BEGIN PUBLIC KEY-----\"")]
    #[case::jwk(
        "{\"kty\":\"EC\"}",
        "is not PEM but JSON (a JWK?); it should hold a line \"-----BEGIN PUBLIC KEY-----\""
    )]
    #[case::ssh(
        "ecdsa-sha2-nistp256 AAAA me",
        "is not PEM but an SSH key (`ssh-keygen -e -m PKCS8 -f KEY.pub` converts it); it should hold a line \"-----BEGIN PUBLIC KEY-----\""
    )]
    #[case::private(
        key!("pkcs8.pem"),
        "is a private key; give the public half (`dubwatch keygen` writes it beside)"
    )]
    #[case::sec1_private(
        key!("sec1.pem"),
        "is a private key; give the public half (`dubwatch keygen` writes it beside)"
    )]
    #[case::certificate(
        key!("certificate.pem"),
        "is a certificate; take the key out with `openssl x509 -pubkey -noout -in CERT > KEY.pem`"
    )]
    #[case::rsa(key!("rsa.pub.pem"), "is an RSA key; a P-256 key was expected (ES256)")]
    #[case::p384(key!("secp384r1.pub.pem"), "is a P-384 key; a P-256 key was expected (ES256)")]
    #[case::p521(key!("secp521r1.pub.pem"), "is a P-521 key; a P-256 key was expected (ES256)")]
    #[case::k1(key!("secp256k1.pub.pem"), "is a secp256k1 key; a P-256 key was expected (ES256)")]
    #[case::ed25519(key!("ed25519.pub.pem"), "is an Ed25519 key; a P-256 key was expected (ES256)")]
    #[case::explicit(
        key!("explicit.pub.pem"),
        "is an EC key that spells its curve out instead of naming it; a P-256 key was expected (ES256)"
    )]
    #[case::cut(
        &key!("sec1.pub.pem")[..100],
        "holds a broken PEM block: its END line is missing, the file may be cut"
    )]
    #[case::no_base64(
        "-----BEGIN PUBLIC KEY-----\nM!\n-----END PUBLIC KEY-----",
        "holds a broken PEM block: there is something else than base64 in it"
    )]
    #[case::no_key(
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "is damaged: its PEM is fine, but what it encodes is no key"
    )]
    #[case::several(
        concat!(key!("sec1.pub.pem"), key!("rsa.pub.pem")),
        "holds 2 keys; give each its own file"
    )]
    #[case::other(
        "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----",
        "holds no \"PUBLIC KEY\" block, only other PEM blocks"
    )]
    fn says_what_is_no_public_key(#[case] text: &str, #[case] sentence: &str) {
        assert_eq!(public_key(text).unwrap_err().to_string(), sentence);
    }

    #[rstest]
    #[case::public(
        key!("sec1.pub.pem"),
        "is a public key; give the private half to sign with"
    )]
    #[case::encrypted(
        key!("encrypted.pem"),
        "is encrypted; decrypt it with `openssl pkey -in ENCRYPTED -out PLAIN` first"
    )]
    #[case::encrypted_sec1(
        key!("encrypted_sec1.pem"),
        "is encrypted; decrypt it with `openssl pkey -in ENCRYPTED -out PLAIN` first"
    )]
    #[case::no_base64(
        "-----BEGIN EC PRIVATE KEY-----\nM!\n-----END EC PRIVATE KEY-----",
        "holds a broken PEM block: there is something else than base64 in it"
    )]
    #[case::no_key(
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
        "is damaged: its private number is missing, out of range or of another public half"
    )]
    #[case::p384(key!("sec1_p384.pem"), "is a P-384 key; a P-256 key was expected (ES256)")]
    #[case::text("hello", "is not PEM; it should hold a line \"-----BEGIN PRIVATE KEY-----\"")]
    fn says_what_is_no_private_key(#[case] text: &str, #[case] sentence: &str) {
        assert_eq!(private_key(text).err().unwrap().to_string(), sentence);
    }

    #[test]
    fn a_point_beside_the_curve_is_refused() {
        let text = key!("sec1.pub.pem");
        let mut blocks = blocks(text, "PUBLIC KEY").unwrap();
        let der = blocks[0].der.as_mut().unwrap();
        *der.last_mut().unwrap() ^= 1;
        let text = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_slice())
        );
        assert_eq!(public_key(&text), Err(KeyFault::NotOnCurve));
    }

    #[test]
    fn a_private_number_with_another_public_half_is_refused() {
        let text = key!("pkcs8.pem");
        let mut blocks = blocks(text, "PRIVATE KEY").unwrap();
        let der = blocks[0].der.as_mut().unwrap();
        der[40] ^= 1;
        let text = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_slice())
        );
        assert_eq!(private_key(&text).err(), Some(KeyFault::BadSecret));
    }

    proptest::proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(-----BEGIN |PUBLIC KEY|-----|-----END |[A-Za-z0-9+/=\n]{0,9}|é){0,12}") {
            let _ = public_key(&text);
            let _ = private_key(&text);
        }

        #[test]
        fn any_der_does_no_harm(place in 0_usize..91, byte: u8) {
            let mut der = blocks(key!("sec1.pub.pem"), "PUBLIC KEY").unwrap().remove(0).der.unwrap();
            let place = place % der.len();
            der[place] = byte;
            let text = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der.as_slice()));
            let _ = public_key(&text);
        }
    }
}
