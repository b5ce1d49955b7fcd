//! Signatures in a header of another name than `X-Signature`; must not accept any.

use crate::callback::{Headers, SIGNATURE_HEADER};

use super::{TrustedKeys, misspelt};

/// Names that contain `signature` although the header holds none.
const ABOUT: [&str; 9] = [
    "-algorithm",
    "-alg",
    "-timestamp",
    "-version",
    "-keyid",
    "-key-id",
    "-nonce",
    "-input",
    "-expires",
];

/// The longest name that a message repeats, in bytes; names come from outside.
const MAX_NAME: usize = 64;

/// Maximum number of these headers that are checked with the keys.
const MAX_TRIED: usize = 4;

/// Explains why a request without an `X-Signature` header is refused, and names the header that
/// seems to be meant for it, if there is one.
pub fn explain_missing(headers: &Headers, body: &[u8]) -> String {
    let missing = "there is no X-Signature header";
    let Some((name, value)) = elsewhere(headers).next() else {
        let what = if body.is_empty() { ", and the body is empty" } else { "" };
        return format!("{missing}{what}; the sender signs every callback");
    };
    let is_hmac = is_hmac(name, value);
    let name = shown(name);
    if is_hmac {
        return format!(
            "{missing}; {name} is there in its place and holds an HMAC: an ES256 signature in X-Signature was expected"
        );
    }
    format!("{missing}; {name} is there in its place: the signature has to be sent as X-Signature")
}

/// Returns whether there is a header that [`explain_misplaced`] would look at.
pub fn may_be_misplaced(headers: &Headers) -> bool {
    elsewhere(headers).next().is_some()
}

/// Returns a sentence if another header than `X-Signature` holds a valid signature. Costs a few
/// checks, so the caller limits how often it runs.
pub fn explain_misplaced(keys: &TrustedKeys, headers: &Headers, body: &[u8]) -> Option<String> {
    let (name, _) = elsewhere(headers)
        .take(MAX_TRIED)
        .find(|(_, value)| keys.check(&[value], body).is_valid())?;
    Some(format!("the signature is right but it came as {}; send it as X-Signature", shown(name)))
}

/// Returns headers that carry signatures of other schemes, or this one under another name.
fn elsewhere(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().filter(|(name, _)| {
        *name != SIGNATURE_HEADER
            && (name.contains("signature") || name.contains("hmac"))
            && !ABOUT.iter().any(|end| name.ends_with(end))
    })
}

fn is_hmac(name: &str, value: &str) -> bool {
    let value = value.trim_ascii();
    let digits = ["sha256=", "sha1=", "sha512="].iter().find_map(|start| value.strip_prefix(start));
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.contains("hmac")
        || digits.is_some_and(is_hex)
        || (matches!(value.len(), 40 | 64) && is_hex(value))
        || matches!(misspelt::base64_length(value), Some(20 | 32))
}

/// Returns a name as people write it: `X-Hub-Signature-256` for `x-hub-signature-256`.
fn shown(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .take(MAX_NAME)
        .map(|c| {
            let c = if begins { c.to_ascii_uppercase() } else { c };
            begins = c == '-';
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::callback::Encoding;
    use crate::signature::PrivateKey;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        Headers::from_raw(pairs.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[rstest]
    #[case::none(&[("Host", "x")], "there is no X-Signature header; the sender signs every callback")]
    #[case::about(
        &[("X-Signature-Algorithm", "ES256"), ("Signature-Input", "sig1=()")],
        "there is no X-Signature header; the sender signs every callback"
    )]
    #[case::hub(
        &[("X-Hub-Signature-256", "sha256=00ff")],
        "there is no X-Signature header; X-Hub-Signature-256 is there in its place and holds an HMAC: an ES256 signature in X-Signature was expected"
    )]
    #[case::signature(
        &[("Signature", "3045")],
        "there is no X-Signature header; Signature is there in its place: the signature has to be sent as X-Signature"
    )]
    #[case::with_256(
        &[("X-Signature-256", "3045")],
        "there is no X-Signature header; X-Signature-256 is there in its place: the signature has to be sent as X-Signature"
    )]
    #[case::shopify(
        &[("X-Shopify-Hmac-Sha256", "q6s=")],
        "there is no X-Signature header; X-Shopify-Hmac-Sha256 is there in its place and holds an HMAC: an ES256 signature in X-Signature was expected"
    )]
    fn names_the_header(#[case] pairs: &[(&str, &str)], #[case] sentence: &str) {
        assert_eq!(explain_missing(&headers(pairs), b"{}"), sentence);
    }

    #[rstest]
    fn names_every_header_of_its_kind(
        #[values(
            "stripe-signature",
            "webhook-signature",
            "svix-signature",
            "x-signature-ecdsa",
            "x-signature-sha256",
            "x-webhook-signature",
            "x_signature",
            "x-hmac"
        )]
        name: &str,
    ) {
        let sentence = explain_missing(&headers(&[(name, "t=1,v1=00")]), b"{}");
        assert!(
            sentence.to_ascii_lowercase().contains(&format!("; {name} is there")),
            "{sentence}"
        );
    }

    #[test]
    fn an_empty_body_is_said_and_a_long_name_is_cut() {
        let sentence = explain_missing(&headers(&[]), b"");
        assert!(sentence.starts_with("there is no X-Signature header, and the body is empty"));
        let long = format!("x-signature-{}", "a".repeat(5000));
        assert!(explain_missing(&headers(&[(&long, "00")]), b"{}").len() < 250);
    }

    #[test]
    fn a_right_signature_elsewhere_is_found() {
        let key = PrivateKey::generate().unwrap();
        let keys = TrustedKeys::new(key.public("k"));
        let value = hex::encode(key.sign(b"{}", Encoding::Der).unwrap());
        let found = |pairs: &[(&str, &str)], body| explain_misplaced(&keys, &headers(pairs), body);
        let pairs = [("X-Hmac", "00"), ("X-Signature-256", value.as_str())];
        assert_eq!(
            found(&pairs, b"{}").unwrap(),
            "the signature is right but it came as X-Signature-256; send it as X-Signature"
        );
        assert_eq!(found(&pairs, b"{ }"), None);
        assert_eq!(found(&[], b"{}"), None);
        let mut many = vec![("x-hmac", "00"); MAX_TRIED];
        many.push(pairs[1]);
        assert_eq!(found(&many, b"{}"), None, "a bound on the checks");
    }
}
