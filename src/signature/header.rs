//! The grammar of the `X-Signature` header, from its values to 64 bytes; must not know keys.
//!
//! One header, hex in any case, of either the strict DER of an `ECDSA-Sig-Value` (RFC 3279, section
//! 2.2.3) or exactly 64 bytes of `r‖s` (RFC 7518, section 3.4). The two cannot be confused in
//! practice: a DER of 64 bytes takes an `r` and `s` six bytes shorter than random ones are.

use p256::NonZeroScalar;

use crate::callback::{Encoding, Verdict};

use super::decode::{Signature, Undecodable};
use super::misspelt;

/// The longest strict DER of a P-256 signature: two integers of 33 bytes and six bytes around them.
const MAX_DER: usize = 72;

/// Why there is no signature to check. The order of the variants is the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// No header.
    #[error("no X-Signature header")]
    Missing,
    /// Not one plain value.
    #[error("{0}")]
    Value(String),
    /// Not hex.
    #[error("{0}")]
    Hex(String),
    /// Hex of something else than a signature.
    #[error("{0}")]
    Encoding(String),
    /// A well-formed signature with numbers that no signature has.
    #[error("{0}")]
    Range(String),
}

impl From<HeaderFault> for Verdict {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::Missing => Self::Missing,
            HeaderFault::Value(why) | HeaderFault::Hex(why) | HeaderFault::Encoding(why) => {
                Self::Malformed { why }
            }
            HeaderFault::Range(why) => Self::Invalid { why },
        }
    }
}

/// Reads the values of all `X-Signature` headers of a request.
///
/// Ignores whitespace around the value (RFC 9110, section 5.5).
///
/// # Errors
///
/// A [`HeaderFault`] whose sentence is bounded whatever the input; it converts to a [`Verdict`].
pub fn parse(values: &[&str]) -> Result<Signature, HeaderFault> {
    let value = match values {
        [] => return Err(HeaderFault::Missing),
        [value] => value.trim_ascii(),
        [_, _] => {
            return Err(HeaderFault::Value("two X-Signature headers, one expected".to_owned()));
        }
        more => {
            return Err(HeaderFault::Value(format!(
                "{} X-Signature headers, one expected",
                more.len()
            )));
        }
    };
    match unhex(value, &mut [0; MAX_DER]) {
        Some(bytes) => Signature::from_bytes(bytes),
        None => Err(explain(value)),
    }
}

/// Returns the signature in a trimmed value: [`parse`] without the message.
pub(super) fn read(value: &str) -> Option<Signature> {
    Signature::decode(unhex(value, &mut [0; MAX_DER])?).ok()
}

/// Returns the bytes of a value that is hex and short enough for a signature.
fn unhex<'a>(value: &str, buffer: &'a mut [u8; MAX_DER]) -> Option<&'a [u8]> {
    let bytes = buffer.get_mut(..value.len() / 2).filter(|bytes| !bytes.is_empty())?;
    hex::decode_to_slice(value, bytes).ok()?;
    Some(bytes)
}

impl Signature {
    /// Reads the bytes of a signature: strict DER first, otherwise exactly 64 bytes of `r‖s`.
    ///
    /// # Errors
    ///
    /// [`HeaderFault::Encoding`] or [`HeaderFault::Range`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeaderFault> {
        Self::decode(bytes).map_err(|undecodable| match undecodable {
            Undecodable::Form => HeaderFault::Encoding(not_a_signature(bytes)),
            Undecodable::Range(Encoding::Der) => out_of_range("DER is fine", der_integers(bytes)),
            Undecodable::Range(Encoding::Raw) => {
                out_of_range("64 bytes are fine", bytes.split_at_checked(32))
            }
        })
    }
}

/// Returns the two integers inside a DER that is known to be well-formed and short.
fn der_integers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (r, rest) = der.get(4..)?.split_at_checked(usize::from(*der.get(3)?))?;
    Some((r, rest.get(2..)?))
}

fn out_of_range(fine: &str, integers: Option<(&[u8], &[u8])>) -> HeaderFault {
    let fault = |integer: &[u8]| {
        let digits = &integer[integer.iter().take_while(|byte| **byte == 0).count()..];
        let mut padded = [0; 32];
        if digits.is_empty() {
            return Some("is zero");
        }
        let in_range = padded.len().checked_sub(digits.len()).is_some_and(|start| {
            padded[start..].copy_from_slice(digits);
            NonZeroScalar::try_from(padded.as_slice()).is_ok()
        });
        (!in_range).then_some("is not below the order of the curve")
    };
    let what = integers.map_or_else(String::new, |(r, s)| match (fault(r), fault(s)) {
        (Some(r), Some(s)) if r == s => format!("r and s: each {r}"),
        (Some(r), _) => format!("r {r}"),
        (None, Some(s)) => format!("s {s}"),
        (None, None) => "r or s is out of range".to_owned(),
    });
    HeaderFault::Range(format!("hex is fine, {fine}, but {what}: no key makes such a signature"))
}

/// Explains a value that does not decode to at most [`MAX_DER`] bytes of hex.
///
/// Common mistakes come first, each with its remedy. Repeats no more than one character of the
/// value, because the sentence is shown and stored.
fn explain(value: &str) -> HeaderFault {
    if value.is_empty() {
        return HeaderFault::Value(
            "the header is empty, a signature in hex was expected".to_owned(),
        );
    }
    if let Some(c) = value.chars().find(|c| !c.is_ascii()) {
        return HeaderFault::Hex(format!(
            "not hex: there is U+{:04X}, which is not even ASCII",
            u32::from(c)
        ));
    }
    if value.bytes().all(|byte| byte.is_ascii_hexdigit()) && value.len() % 2 == 1 {
        return HeaderFault::Hex(format!(
            "{} hex digits, an odd number: one is missing or the value was cut",
            value.len()
        ));
    }
    if let Some(other) = other_scheme(value) {
        return HeaderFault::Value(other.to_owned());
    }
    if let Some(found) = misspelt::recognise(value) {
        return HeaderFault::Hex(format!("header is {}, hex expected", found.how));
    }
    if let Ok(bytes) = hex::decode(value) {
        return HeaderFault::Encoding(not_a_signature(&bytes));
    }
    if let Some(length) = misspelt::base64_length(value).filter(|length| DIGESTS.contains(length)) {
        return HeaderFault::Value(format!(
            "base64 of {length} bytes (a digest or an HMAC?), an ES256 signature in hex was expected"
        ));
    }
    if value.contains(',') {
        return HeaderFault::Value(
            "values joined by a comma, one signature in hex was expected".to_owned(),
        );
    }
    let place = value.bytes().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or_default();
    let found = value.as_bytes().get(place).copied().unwrap_or_default();
    HeaderFault::Hex(format!("not hex: character {} is {:?}", place + 1, char::from(found)))
}

/// Returns the sentence for a header of another signature scheme, recognised by its beginning.
fn other_scheme(value: &str) -> Option<&'static str> {
    // Lower case, so that `SHA256=` counts; only the beginning, because values can be long.
    let start = value.get(..value.len().min(16))?.to_ascii_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| start.starts_with(prefix));
    if begins(&["sha256=", "sha256:"]) {
        Some("`sha256=` prefix: this is an HMAC header, an ES256 signature in hex was expected")
    } else if begins(&["sha1=", "sha512=", "hmac-", "hmac "]) {
        Some("this is an HMAC header, an ES256 signature in hex was expected")
    } else if begins(&["t=", "v1=", "v1,", "v1a,", "keyid="]) {
        Some(
            "a version or time prefix: this is another scheme's header, an ES256 signature in hex was expected",
        )
    } else if begins(&["-----begin"]) {
        Some("this is PEM, an ES256 signature in hex was expected")
    } else if begins(&["eyj"]) {
        Some("this is a JWS or JWT, an ES256 signature over the raw body in hex was expected")
    } else if begins(&["bearer ", "basic "]) {
        Some("this is an authorization header's value, an ES256 signature in hex was expected")
    } else {
        None
    }
}

/// The lengths of SHA-1, SHA-256 and SHA-384 in bytes, and so those of their HMACs.
const DIGESTS: [usize; 3] = [20, 32, 48];

/// Returns whether bytes that begin with 30 have the length of a digest and not the length that DER
/// announces, as one digest in 256 does; bytes that begin like a P-256 signature are more likely
/// one that was cut.
fn is_digest(bytes: &[u8]) -> bool {
    let is_cut = matches!(bytes, [0x30, 0x3e..=0x46, 0x02, 0x1d..=0x21, ..]);
    let announces = |length: &u8| usize::from(*length) + 2 == bytes.len();
    DIGESTS.contains(&bytes.len()) && !is_cut && !bytes.get(1).is_some_and(announces)
}

/// Explains bytes that are neither strict DER nor 64 bytes long.
fn not_a_signature(bytes: &[u8]) -> String {
    if let Some(how) = misspelt::twice(bytes) {
        return format!("hex is fine, but it is the hex of {how}: encoded twice");
    }
    match bytes {
        [0x30, rest @ ..] if rest.len() > 1 && !is_digest(bytes) => {
            format!("hex is fine, but it is not strict DER: {}", der_fault(rest))
        }
        _ => {
            let hint = match bytes.len() {
                length if DIGESTS.contains(&length) => " (a digest or an HMAC?)",
                65 => " (64 and a recovery byte?)",
                96 => " (r‖s of P-384?)",
                132 => " (r‖s of P-521?)",
                _ => "",
            };
            let count = match bytes.len() {
                1 => "one byte".to_owned(),
                more => format!("{more} bytes"),
            };
            format!("hex of {count}{hint}: neither strict DER nor the 64 bytes of r‖s")
        }
    }
}

/// Explains what is wrong with bytes that begin like a DER sequence; `rest` follows its tag.
fn der_fault(rest: &[u8]) -> String {
    let [announced, inside @ ..] = rest else { return "it ends after its tag".to_owned() };
    let announced = usize::from(*announced);
    if announced >= 0x80 {
        return "its length is in the long form, which no P-256 signature needs".to_owned();
    }
    if announced != inside.len() {
        let cause = if announced > inside.len() { "it was cut" } else { "something was added" };
        return format!("it announces {announced} bytes, {} are there: {cause}", inside.len());
    }
    let mut inside = inside;
    for name in ["r", "s"] {
        let (length, after) = match inside {
            [0x02, length, after @ ..] => (usize::from(*length), after),
            _ => return format!("{name} is no integer"),
        };
        let Some((integer, after)) = after.split_at_checked(length) else {
            return format!("{name} announces more bytes than there are");
        };
        match integer {
            [] => return format!("{name} has no bytes"),
            [0, next, ..] if *next < 0x80 => return format!("{name} has a needless leading 00"),
            [first, ..] if *first >= 0x80 => {
                return format!("{name} is negative, its leading 00 is missing");
            }
            [first, ..] if length - usize::from(*first == 0) > 32 => {
                return format!("{name} is longer than the 32 bytes of P-256");
            }
            _ => {}
        }
        inside = after;
    }
    "there is something after r and s".to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::signature::PrivateKey;

    /// RFC 6979, appendix A.2.5: P-256, SHA-256, "sample".
    const R: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    const S: &str = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    /// FIPS 186-5: the order of P-256.
    const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    fn der() -> String {
        format!("3046022100{R}022100{S}")
    }

    fn zero() -> String {
        "00".repeat(32)
    }

    fn why(value: &str) -> String {
        match Verdict::from(parse(&[value]).unwrap_err()) {
            Verdict::Malformed { why } => why,
            other => panic!("{value:?}: {other:?}"),
        }
    }

    #[test]
    fn both_encodings_lead_to_the_same_bytes() {
        let raw = R.to_owned() + S;
        for (value, encoding) in [
            (der(), Encoding::Der),
            (der().to_uppercase(), Encoding::Der),
            (format!(" \t{}  ", der()), Encoding::Der),
            (raw.clone(), Encoding::Raw),
            (raw.to_uppercase(), Encoding::Raw),
        ] {
            let signature = parse(&[&value]).unwrap();
            assert_eq!(hex::encode(signature.fixed()), raw);
            assert_eq!(signature.encoding(), encoding);
        }
    }

    #[test]
    fn short_integers_are_padded() {
        let signature = parse(&["3006020101020102"]).unwrap();
        assert_eq!(signature.encoding(), Encoding::Der);
        let expected = format!("{}01{}02", "00".repeat(31), "00".repeat(31));
        assert_eq!(hex::encode(signature.fixed()), expected);
    }

    #[test]
    fn a_number_of_headers_but_one_is_no_signature() {
        assert_eq!(Verdict::from(parse(&[]).unwrap_err()), Verdict::Missing);
        let der = der();
        for (count, sentence) in [
            (2, "two X-Signature headers, one expected"),
            (7, "7 X-Signature headers, one expected"),
        ] {
            let fault = parse(&vec![der.as_str(); count]).unwrap_err();
            assert_eq!(fault, HeaderFault::Value(sentence.to_owned()));
        }
    }

    #[rstest]
    #[case::empty(String::new(), "the header is empty, a signature in hex was expected")]
    #[case::blank("  ".into(), "the header is empty, a signature in hex was expected")]
    #[case::non_ascii("30é5".into(), "not hex: there is U+00E9, which is not even ASCII")]
    #[case::odd(der()[..141].into(), "141 hex digits, an odd number: one is missing or the value was cut")]
    #[case::zero_x(format!("0x{}", der()), "header is hex with a `0x` prefix, hex expected")]
    #[case::quotes(format!("\"{}\"", der()), "header is in quotes, hex expected")]
    #[case::colons(
        der().as_bytes().chunks(2).map(|b| std::str::from_utf8(b).unwrap()).collect::<Vec<_>>().join(":"),
        "header is hex with separators, hex expected"
    )]
    #[case::prefix(format!("es256={}", der()), "header is hex with a prefix, hex expected")]
    #[case::hmac(
        format!("sha256={}", "ab".repeat(32)),
        "`sha256=` prefix: this is an HMAC header, an ES256 signature in hex was expected"
    )]
    #[case::stripe(
        "t=1492774577,v1=5257a869".into(),
        "a version or time prefix: this is another scheme's header, an ES256 signature in hex was expected"
    )]
    #[case::jws("eyJhbGciOiJFUzI1NiJ9..c2ln".into(), "this is a JWS or JWT, an ES256 signature over the raw body in hex was expected")]
    #[case::pem("-----BEGIN SIGNATURE-----".into(), "this is PEM, an ES256 signature in hex was expected")]
    #[case::comma(format!("{0}, {0}", der()), "values joined by a comma, one signature in hex was expected")]
    #[case::other("hello".into(), "not hex: character 1 is 'h'")]
    #[case::bell("30\u{7}0".into(), "not hex: character 3 is '\\u{7}'")]
    #[case::one_byte("30".into(), "hex of one byte: neither strict DER nor the 64 bytes of r‖s")]
    #[case::digest("ab".repeat(32), "hex of 32 bytes (a digest or an HMAC?): neither strict DER nor the 64 bytes of r‖s")]
    #[case::hmac_like_der("30".to_owned() + &"ab".repeat(31), "hex of 32 bytes (a digest or an HMAC?): neither strict DER nor the 64 bytes of r‖s")]
    #[case::sha1_like_der("3002".to_owned() + &"ab".repeat(18), "hex of 20 bytes (a digest or an HMAC?): neither strict DER nor the 64 bytes of r‖s")]
    #[case::cut_to_32(der()[..64].into(), "hex is fine, but it is not strict DER: it announces 70 bytes, 30 are there: it was cut")]
    #[case::base64_hmac("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=".into(), "base64 of 32 bytes (a digest or an HMAC?), an ES256 signature in hex was expected")]
    #[case::recovery(format!("{R}{S}1b"), "hex of 65 bytes (64 and a recovery byte?): neither strict DER nor the 64 bytes of r‖s")]
    #[case::p384("ab".repeat(96), "hex of 96 bytes (r‖s of P-384?): neither strict DER nor the 64 bytes of r‖s")]
    #[case::cut(der()[..100].into(), "hex is fine, but it is not strict DER: it announces 70 bytes, 48 are there: it was cut")]
    #[case::added(der() + "0d0a", "hex is fine, but it is not strict DER: it announces 70 bytes, 72 are there: something was added")]
    #[case::long_form("308106020101020102".into(), "hex is fine, but it is not strict DER: its length is in the long form, which no P-256 signature needs")]
    #[case::negative(
        format!("30440220{R}0220{S}"),
        "hex is fine, but it is not strict DER: r is negative, its leading 00 is missing"
    )]
    #[case::padded("300702020001020102".into(), "hex is fine, but it is not strict DER: r has a needless leading 00")]
    #[case::no_bytes("30050200020102".into(), "hex is fine, but it is not strict DER: r has no bytes")]
    #[case::too_long(
        format!("302602210101{}020101", "00".repeat(31)),
        "hex is fine, but it is not strict DER: r is longer than the 32 bytes of P-256"
    )]
    #[case::three("3009020101020102020103".into(), "hex is fine, but it is not strict DER: there is something after r and s")]
    #[case::no_s("3003020101".into(), "hex is fine, but it is not strict DER: s is no integer")]
    #[case::runs_over("3006020101020902".into(), "hex is fine, but it is not strict DER: s announces more bytes than there are")]
    #[case::hex_of_hex(hex::encode(der()), "header is hex of hex, hex expected")]
    fn says_what_it_is(#[case] value: String, #[case] sentence: &str) {
        assert_eq!(why(&value), sentence);
    }

    #[test]
    fn base64_is_named_in_either_alphabet() {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
        for bytes in [hex::decode(der()).unwrap(), hex::decode(R.to_owned() + S).unwrap()] {
            for text in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                assert_eq!(why(&text), "header is base64, hex expected");
            }
        }
    }

    #[rstest]
    #[case::r_zero(zero() + S, "hex is fine, 64 bytes are fine, but r is zero")]
    #[case::s_zero(R.to_owned() + &zero(), "hex is fine, 64 bytes are fine, but s is zero")]
    #[case::both_zero(zero() + &zero(), "hex is fine, 64 bytes are fine, but r and s: each is zero")]
    #[case::r_n(N.to_owned() + S, "hex is fine, 64 bytes are fine, but r is not below the order of the curve")]
    #[case::s_all(R.to_owned() + &"ff".repeat(32), "hex is fine, 64 bytes are fine, but s is not below the order of the curve")]
    #[case::der_zero("3006020100020101".into(), "hex is fine, DER is fine, but r is zero")]
    #[case::der_n(
        format!("3026020101022100{N}"),
        "hex is fine, DER is fine, but s is not below the order of the curve"
    )]
    fn numbers_that_no_signature_has_are_invalid(#[case] value: String, #[case] start: &str) {
        let Verdict::Invalid { why } = Verdict::from(parse(&[&value]).unwrap_err()) else {
            panic!("{value}")
        };
        assert_eq!(why, format!("{start}: no key makes such a signature"));
    }

    /// What may stand around or in place of a signature, mixed by proptest.
    fn values() -> impl Strategy<Value = String> {
        let bytes = prop::collection::vec(any::<u8>(), 0..80);
        prop_oneof![
            any::<String>(),
            "[0-9a-fA-F]{0,200}",
            "(0x|\"|sha256=|v1,|eyJ|30)?[0-9a-zA-Z+/=,: -]{0,150}",
            bytes.clone().prop_map(hex::encode),
            bytes.prop_map(|mut b| {
                let length = u8::try_from(b.len()).unwrap();
                b.splice(0..0, [0x30, length]);
                hex::encode(b)
            }),
            prop::collection::vec((0_u8..36, any::<u8>()), 2).prop_map(|parts| {
                let inside: Vec<u8> = parts
                    .into_iter()
                    .flat_map(|(len, b)| [vec![2, len], vec![b; usize::from(len)]].concat())
                    .collect();
                format!("30{:02x}{}", inside.len(), hex::encode(inside))
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_value_gives_a_bounded_sentence(value in values()) {
            if let Err(fault) = parse(&[&value]) {
                prop_assert!(fault.to_string().len() < 200, "{fault}");
                prop_assert!(!fault.to_string().contains(char::is_control));
            }
        }
    }

    #[test]
    fn the_search_for_words_ends() {
        // Each leads to an empty text or a text within a text on the way.
        for value in ["=", "x=", "\"\"", "0x", ": :", "==", "3d3d", "33643364", &"33".repeat(70)] {
            assert!(parse(&[value]).is_err());
        }
    }

    #[test]
    fn a_huge_value_gives_a_bounded_sentence() {
        for value in
            ["ab".repeat(32_000), "x".repeat(64_000), "é".repeat(30_000), ",".repeat(64_000)]
        {
            assert!(why(&value).len() < 200);
        }
    }

    #[test]
    fn what_we_sign_is_read() {
        let key = PrivateKey::generate().unwrap();
        for encoding in [Encoding::Der, Encoding::Raw] {
            let value = hex::encode(key.sign(b"{}", encoding).unwrap());
            assert_eq!(parse(&[&value]).unwrap().encoding(), encoding);
        }
    }
}
