//! Finds a P-256 key in the contents of a key file, in any form: PEM, bare base64, DER, JWK; and
//! recognises what else it is. Must not touch files.

use base64::Engine as _;
use base64::engine::general_purpose::{
    STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT,
};
use p256::elliptic_curve::zeroize::Zeroizing;

use super::{KeyFault, jwk, key_der};

const PUBLIC: &str = "PUBLIC KEY";
const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";

/// The form of a file's contents.
enum KeyForm<'a> {
    Pem(&'a str),
    Der(Zeroizing<Vec<u8>>),
    Json(&'a str),
}

/// One PEM block.
struct Block<'a> {
    label: &'a str,
    /// `None` if it is not base64. Wiped when dropped, because it may be a private key.
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

/// Reads a public key: a `PUBLIC KEY` block (RFC 5480), its base64 or DER, or a JWK.
pub(super) fn public_key(contents: &[u8]) -> Result<p256::PublicKey, KeyFault> {
    let decoded = decoded(contents);
    match form(decoded.as_ref().map_or(contents, |decoded| decoded), PUBLIC)? {
        KeyForm::Der(der) => key_der::public_key(&der),
        KeyForm::Json(text) => {
            jwk::public_key(text).unwrap_or(Err(KeyFault::NotPem(" but JSON, and no JWK", PUBLIC)))
        }
        KeyForm::Pem(text) => {
            let blocks = blocks(text)?;
            let block =
                only(&blocks, &[PUBLIC])?.ok_or_else(|| other_than_public(text, &blocks))?;
            key_der::public_key(block.der()?)
        }
    }
}

/// Reads a private key: a `PRIVATE KEY` (PKCS#8, RFC 5208) or an `EC PRIVATE KEY` block (SEC 1,
/// RFC 5915), its base64 or DER, or a JWK.
pub(super) fn private_key(contents: &[u8]) -> Result<p256::SecretKey, KeyFault> {
    let decoded = decoded(contents);
    match form(decoded.as_ref().map_or(contents, |decoded| decoded), PKCS8)? {
        KeyForm::Der(der) => key_der::private_key(&der),
        KeyForm::Json(text) => {
            jwk::private_key(text).unwrap_or(Err(KeyFault::NotPem(" but JSON, and no JWK", PKCS8)))
        }
        KeyForm::Pem(text) => {
            let blocks = blocks(text)?;
            if is_encrypted(text) {
                return Err(KeyFault::Encrypted);
            }
            let block =
                only(&blocks, &[PKCS8, SEC1])?.ok_or_else(|| other_than_private(&blocks))?;
            key_der::private_key(block.der()?)
        }
    }
}

/// Decodes base64 of PEM, as in a Kubernetes secret.
fn decoded(contents: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = base64(std::str::from_utf8(contents).ok()?)?;
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes()).then_some(bytes)
}

const BEGIN: &str = "-----BEGIN ";

/// Returns the form of the contents; the error asks for `expected` if they have none.
fn form<'a>(contents: &'a [u8], expected: &'static str) -> Result<KeyForm<'a>, KeyFault> {
    if key_der::is_whole(contents) {
        return Ok(KeyForm::Der(Zeroizing::new(contents.to_vec())));
    }
    let Ok(text) = std::str::from_utf8(contents) else {
        return Err(KeyFault::NotPem(other_format(contents), expected));
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(KeyFault::Empty);
    }
    // First, because text around blocks is passed over: a shell script, or JSON, or `KEY="…"`.
    if text.contains(BEGIN) {
        return Ok(KeyForm::Pem(text));
    }
    if text.starts_with('{') {
        return Ok(KeyForm::Json(text));
    }
    base64(text)
        .filter(|bytes| key_der::is_whole(bytes))
        .or_else(|| hex::decode(text).ok().map(Zeroizing::new).filter(|b| key_der::is_whole(b)))
        .map(KeyForm::Der)
        .ok_or_else(|| KeyFault::NotPem(other_format(contents), expected))
}

/// Returns the digits between two lines of dashes, or of a text without them. Ignores line ends,
/// also those written as `\n` in the value of a variable, and quotes around the text.
fn digits(text: &str) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.trim_matches(['"', '\'', ' ', '\t', '\r', '\n', ',']).chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            while chars.next_if_eq(&'\\').is_some() {}
            if chars.next_if(|c| matches!(c, 'n' | 'r')).is_none() {
                digits.push(c);
            }
        } else if !c.is_whitespace() {
            digits.push(c);
        }
    }
    digits
}

/// Decodes either alphabet, padded or not.
fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = digits(text);
    STANDARD_PAD_INDIFFERENT
        .decode(digits.as_bytes())
        .or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(digits.as_bytes()))
        .ok()
        .map(Zeroizing::new)
}

/// Returns whether a private key is encrypted as OpenSSL did with SEC 1 keys (RFC 1421, section
/// 4.6.1.1).
fn is_encrypted(text: &str) -> bool {
    text.contains("Proc-Type: 4,ENCRYPTED")
}

/// Returns the one block with one of these labels, if there is any.
fn only<'a>(blocks: &'a [Block<'a>], labels: &[&str]) -> Result<Option<&'a Block<'a>>, KeyFault> {
    let mut found = blocks.iter().filter(|block| labels.contains(&block.label));
    let first = found.next();
    match found.count() {
        0 => Ok(first),
        more => Err(KeyFault::Several(more + 1)),
    }
}

/// Returns every PEM block of a text.
///
/// Ignores text around blocks, as OpenSSL does; lines may have any width.
fn blocks(text: &str) -> Result<Vec<Block<'_>>, KeyFault> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) =
            after
                .split_once("-----")
                .filter(|(label, _)| !label.contains('\n'))
                .ok_or(KeyFault::BrokenPem("its BEGIN line does not end in five dashes"))?;
        let (inside, after) = after
            .split_once("-----END ")
            .ok_or(KeyFault::BrokenPem("its END line is missing, the file may be cut"))?;
        let der = STANDARD.decode(digits(inside).as_bytes()).ok().map(Zeroizing::new);
        blocks.push(Block { label, der });
        rest = after;
    }
    Ok(blocks)
}

/// Returns what contents without a key seem to be.
fn other_format(contents: &[u8]) -> &'static str {
    let text = contents.trim_ascii_start();
    if contents.starts_with(b"\xff\xfe") || contents.starts_with(b"\xfe\xff") {
        " but UTF-16 text, as PowerShell's `>` writes it (save it as UTF-8)"
    } else if text.starts_with(b"ssh-") || text.starts_with(b"ecdsa-sha2-") {
        " but an SSH key (`ssh-keygen -e -m PKCS8 -f KEY.pub` converts it)"
    } else if text.starts_with(b"---- BEGIN SSH2") {
        " but an SSH key (`ssh-keygen -i -f KEY | ssh-keygen -e -m PKCS8 -f /dev/stdin` converts it)"
    } else if text.starts_with(b"0\x82") || text.starts_with(b"0Y0\x13") {
        " but DER that was cut or has something behind it"
    } else if text.windows(6).any(|window| window == b"BEGIN ") {
        " because its BEGIN line lost its five dashes"
    } else {
        ""
    }
}

fn other_than_public(text: &str, blocks: &[Block<'_>]) -> KeyFault {
    let private = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY"));
    match private {
        Some(block) if block.label == "OPENSSH PRIVATE KEY" => KeyFault::OpenSsh,
        Some(block) if block.label == "RSA PRIVATE KEY" => rsa(),
        // It may be of another kind: of that no half is of use.
        Some(block) if !is_encrypted(text) => {
            match block.der.as_deref().map(|der| key_der::public_key(der)) {
                Some(Err(fault @ KeyFault::NotP256(_))) => fault,
                _ => KeyFault::Private,
            }
        }
        Some(_) => KeyFault::Private,
        None => other_than_keys(blocks, PUBLIC),
    }
}

fn other_than_private(blocks: &[Block<'_>]) -> KeyFault {
    let find = |wanted: &str| blocks.iter().find(|block| block.label == wanted);
    if find("ENCRYPTED PRIVATE KEY").is_some() {
        KeyFault::Encrypted
    } else if find("RSA PRIVATE KEY").is_some() {
        rsa()
    } else if find("OPENSSH PRIVATE KEY").is_some() {
        KeyFault::OpenSsh
    } else if let Some(block) = find(PUBLIC) {
        match block.der.as_deref().map(|der| key_der::private_key(der)) {
            Some(Err(fault @ KeyFault::NotP256(_))) => fault,
            _ => KeyFault::Public,
        }
    } else {
        other_than_keys(blocks, PKCS8)
    }
}

fn rsa() -> KeyFault {
    KeyFault::NotP256("an RSA key".to_owned())
}

fn other_than_keys(blocks: &[Block<'_>], expected: &'static str) -> KeyFault {
    let has = |wanted: fn(&str) -> bool| blocks.iter().any(|block| wanted(block.label));
    if has(|label| label == "RSA PUBLIC KEY") {
        rsa()
    } else if has(|label| label.ends_with("CERTIFICATE REQUEST")) {
        KeyFault::CertificateRequest
    } else if has(|label| label.ends_with("CERTIFICATE")) {
        KeyFault::Certificate
    } else if has(|label| label.starts_with("PGP ")) {
        KeyFault::NotP256("a PGP key".to_owned())
    } else if has(|label| label == "EC PARAMETERS") {
        KeyFault::Parameters
    } else {
        KeyFault::OtherBlock(expected)
    }
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
        let expected = public_key(key!("sec1.pub.pem").as_bytes()).unwrap();
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
            assert_eq!(public_key(text.as_bytes()).unwrap(), expected, "{text}");
        }
        for text in [key!("sec1.pem"), key!("pkcs8.pem")] {
            assert_eq!(private_key(text.as_bytes()).unwrap().public_key(), expected, "{text}");
        }
    }

    fn der(text: &str) -> Vec<u8> {
        blocks(text).unwrap().pop().unwrap().der.unwrap().to_vec()
    }

    const PARAMETERS: &str =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

    #[test]
    fn one_key_in_every_form() {
        let plain = key!("sec1.pub.pem");
        let expected = public_key(plain.as_bytes()).unwrap();
        let bare = STANDARD.encode(der(plain));
        let escaped = plain.trim_end().replace('\n', "\\n");
        let texts = [
            escaped.clone(),
            format!("PUBLIC_KEY=\"{escaped}\"\n"),
            plain.replace('\n', "\\r\\n"),
            plain.replace('\n', "\\\\n"),
            plain.replace('\n', " "),
            format!("{{\"key\": \"{escaped}\"}}"),
            bare.clone(),
            format!("\u{feff}\"{bare}\"\r\n"),
            format!("{}\n{}\n", &bare[..64], &bare[64..]),
            bare.trim_end_matches('=').replace('+', "-").replace('/', "_"),
            STANDARD.encode(plain),
            hex::encode(der(plain)),
            format!("{PARAMETERS}{plain}"),
        ];
        for text in texts.map(String::into_bytes).into_iter().chain([der(plain)]) {
            let shown = String::from_utf8_lossy(&text);
            assert_eq!(public_key(&text), Ok(expected), "{shown}");
        }
        for key in [key!("sec1.pem"), key!("pkcs8.pem")] {
            let texts = [
                key.replace('\n', "\\n"),
                STANDARD.encode(der(key)),
                STANDARD.encode(key),
                format!("{PARAMETERS}{}", key.replace('\n', "\r\n")),
            ];
            for text in texts.map(String::into_bytes).into_iter().chain([der(key)]) {
                let shown = String::from_utf8_lossy(&text);
                assert_eq!(private_key(&text).unwrap().public_key(), expected, "{shown}");
            }
        }
    }

    #[test]
    fn der_of_the_wrong_half_or_kind_is_named() {
        let fault = |pem: &str| public_key(&der(pem)).unwrap_err();
        assert_eq!(fault(key!("pkcs8.pem")), KeyFault::Private);
        assert_eq!(fault(key!("sec1.pem")), KeyFault::Private);
        assert_eq!(fault(key!("encrypted.pem")), KeyFault::Private);
        assert_eq!(fault(key!("sec1_p384.pem")), KeyFault::NotP256("a P-384 key".to_owned()));
        assert_eq!(fault(key!("certificate.pem")), KeyFault::Certificate);
        assert_eq!(fault(key!("rsa.pub.pem")), KeyFault::NotP256("an RSA key".to_owned()));
        let fault = |pem: &str| private_key(&der(pem)).err().unwrap();
        assert_eq!(fault(key!("sec1.pub.pem")), KeyFault::Public);
        assert_eq!(fault(key!("encrypted.pem")), KeyFault::Encrypted);
        assert_eq!(fault(key!("ed25519.pub.pem")), KeyFault::NotP256("an Ed25519 key".to_owned()));
    }

    #[rstest]
    #[case::empty("", "is empty; a PEM file with a P-256 key was expected")]
    #[case::blank(" \r\n\u{feff}", "is empty; a PEM file with a P-256 key was expected")]
    #[case::text("hello", "is not PEM; it should hold a line \"-----BEGIN PUBLIC KEY-----\"")]
    #[case::jwk("{\"kty\":\"EC\"}", "is a JWK without a usable curve (`crv`)")]
    #[case::ssh(
        "ecdsa-sha2-nistp256 AAAA me",
        "is not PEM but an SSH key (`ssh-keygen -e -m PKCS8 -f KEY.pub` converts it); it should hold a line \"-----BEGIN PUBLIC KEY-----\""
    )]
    #[case::private(
        key!("pkcs8.pem"),
        "is a private key; give its public half, which `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes (`dubwatch keygen` writes both)"
    )]
    #[case::sec1_private(
        key!("sec1.pem"),
        "is a private key; give its public half, which `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes (`dubwatch keygen` writes both)"
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
    #[case::parameters(
        PARAMETERS,
        "holds EC parameters and no key: they only name a curve; `dubwatch keygen` makes a key pair, `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes the public half of a private key"
    )]
    #[case::encrypted(key!("encrypted.pem"), "is a private key; give its public half, which `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes (`dubwatch keygen` writes both)")]
    #[case::encrypted_sec1(key!("encrypted_sec1.pem"), "is a private key; give its public half, which `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes (`dubwatch keygen` writes both)")]
    #[case::private_p384(key!("sec1_p384.pem"), "is a P-384 key; a P-256 key was expected (ES256)")]
    #[case::openssh(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        "is an OpenSSH private key; `ssh-keygen -p -m PKCS8 -f COPY` rewrites a copy of it as PEM"
    )]
    #[case::request(
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        "is a certificate request; take the key out with `openssl req -pubkey -noout -in REQUEST > KEY.pem`"
    )]
    #[case::no_dashes(
        "BEGIN PUBLIC KEY\nAAAA\nEND PUBLIC KEY",
        "is not PEM because its BEGIN line lost its five dashes; it should hold a line \"-----BEGIN PUBLIC KEY-----\""
    )]
    #[case::json(
        "{\"key\":1}",
        "is not PEM but JSON, and no JWK; it should hold a line \"-----BEGIN PUBLIC KEY-----\""
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
        assert_eq!(public_key(text.as_bytes()).unwrap_err().to_string(), sentence);
    }

    #[rstest]
    #[case::public(
        key!("sec1.pub.pem"),
        "is a public key; give the private half to sign with"
    )]
    #[case::rsa_public(key!("rsa.pub.pem"), "is an RSA key; a P-256 key was expected (ES256)")]
    #[case::parameters(
        PARAMETERS,
        "holds EC parameters and no key: they only name a curve; `dubwatch keygen` makes a key pair, `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes the public half of a private key"
    )]
    #[case::certificate(
        key!("certificate.pem"),
        "is a certificate; take the key out with `openssl x509 -pubkey -noout -in CERT > KEY.pem`"
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
        "is damaged: its PEM is fine, but what it encodes is no key"
    )]
    #[case::p384(key!("sec1_p384.pem"), "is a P-384 key; a P-256 key was expected (ES256)")]
    #[case::text("hello", "is not PEM; it should hold a line \"-----BEGIN PRIVATE KEY-----\"")]
    fn says_what_is_no_private_key(#[case] text: &str, #[case] sentence: &str) {
        assert_eq!(private_key(text.as_bytes()).err().unwrap().to_string(), sentence);
    }

    #[test]
    fn a_point_beside_the_curve_is_refused() {
        let text = key!("sec1.pub.pem");
        let mut blocks = blocks(text).unwrap();
        let der = blocks[0].der.as_mut().unwrap();
        *der.last_mut().unwrap() ^= 1;
        let text = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_slice())
        );
        assert_eq!(public_key(text.as_bytes()), Err(KeyFault::NotOnCurve));
    }

    #[test]
    fn a_private_number_with_another_public_half_is_refused() {
        let text = key!("pkcs8.pem");
        let mut blocks = blocks(text).unwrap();
        let der = blocks[0].der.as_mut().unwrap();
        der[40] ^= 1;
        let text = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_slice())
        );
        assert_eq!(private_key(text.as_bytes()).err(), Some(KeyFault::BadSecret));
    }

    proptest::proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(-----BEGIN |PUBLIC KEY|-----|-----END |[A-Za-z0-9+/=\n]{0,9}|é){0,12}") {
            let _ = public_key(text.as_bytes());
            let _ = private_key(text.as_bytes());
        }

        #[test]
        fn any_der_does_no_harm(place in 0_usize..91, byte: u8) {
            let mut der = blocks(key!("sec1.pub.pem")).unwrap().remove(0).der.unwrap();
            let place = place % der.len();
            der[place] = byte;
            let text = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der.as_slice()));
            let _ = public_key(text.as_bytes());
        }
    }
}
