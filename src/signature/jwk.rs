//! P-256 keys in JSON (RFC 7517, RFC 7518 section 6.2): a JWK, or a set of one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_PAD_INDIFFERENT;
use p256::elliptic_curve::zeroize::Zeroizing;
use serde::{Deserialize, Deserializer};

use super::KeyFault;

/// The fields that matter here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    d: Option<Zeroizing<String>>,
}

/// Returns a text that is wiped when dropped.
fn secret<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::<String>::deserialize(field)?.map(Zeroizing::new))
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

impl Jwk {
    /// Returns the key in a JSON text; `None` where the text is no JWK and no set of them.
    fn read(text: &str) -> Option<Result<Self, KeyFault>> {
        if let Ok(mut set) = serde_json::from_str::<Set>(text) {
            let count = set.keys.len();
            return Some(match set.keys.pop() {
                Some(key) if count == 1 => Ok(key),
                Some(_) => Err(KeyFault::Several(count)),
                None => Err(KeyFault::BrokenJwk("key: its list of keys is empty")),
            });
        }
        serde_json::from_str(text).ok().map(Ok)
    }

    fn expect_p256(&self) -> Result<(), KeyFault> {
        let other = match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => return Ok(()),
            ("EC" | "OKP", None) => return Err(KeyFault::BrokenJwk("curve (`crv`)")),
            ("EC", Some("P-384")) => "a P-384 key",
            ("EC", Some("P-521")) => "a P-521 key",
            ("EC", Some("secp256k1")) => "a secp256k1 key",
            ("OKP", Some("Ed25519")) => "an Ed25519 key",
            ("RSA", _) => "an RSA key",
            ("oct", _) => "a symmetric key, as HMACs have",
            _ => "a key of another kind",
        };
        Err(KeyFault::NotP256(other.to_owned()))
    }

    fn public(&self) -> Result<p256::PublicKey, KeyFault> {
        let mut point = [4; 65];
        for (place, number) in [(1, &self.x), (33, &self.y)] {
            let number = number.as_deref().and_then(decoded);
            let number = number.ok_or(KeyFault::BrokenJwk("point (`x` and `y`, 32 bytes each)"))?;
            point[place..place + 32].copy_from_slice(&*number);
        }
        p256::PublicKey::from_sec1_bytes(&point).map_err(|_| KeyFault::NotOnCurve)
    }
}

/// Returns the public key in a JSON text; `None` where the text is no JWK.
pub(super) fn public_key(text: &str) -> Option<Result<p256::PublicKey, KeyFault>> {
    Some(Jwk::read(text)?.and_then(|jwk| {
        jwk.expect_p256()?;
        if jwk.d.is_some() { Err(KeyFault::PrivateJwk) } else { jwk.public() }
    }))
}

/// Returns the private key in a JSON text; `None` where the text is no JWK.
pub(super) fn private_key(text: &str) -> Option<Result<p256::SecretKey, KeyFault>> {
    Some(Jwk::read(text)?.and_then(|jwk| {
        jwk.expect_p256()?;
        let Some(secret) = &jwk.d else { return Err(KeyFault::Public) };
        let secret = decoded(secret).ok_or(KeyFault::BadSecret)?;
        let secret = p256::SecretKey::from_slice(&*secret).map_err(|_| KeyFault::BadSecret)?;
        if secret.public_key() == jwk.public()? { Ok(secret) } else { Err(KeyFault::BadSecret) }
    }))
}

/// Decodes a number of 32 bytes from base64url.
fn decoded(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(URL_SAFE_PAD_INDIFFERENT.decode(text).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// RFC 7517, appendix A.2.
    const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
    const D: &str = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";

    #[test]
    fn the_key_of_the_rfc_is_read() {
        let public = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}","use":"sig"}}"#);
        let private = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}","d":"{D}"}}"#);
        let key = public_key(&public).unwrap().unwrap();
        assert_eq!(private_key(&private).unwrap().unwrap().public_key(), key);
        assert_eq!(public_key(&format!(r#"{{"keys":[{public}]}}"#)).unwrap().unwrap(), key);
        assert_eq!(public_key(&private).unwrap(), Err(KeyFault::PrivateJwk));
        assert_eq!(private_key(&public).unwrap().err(), Some(KeyFault::Public));
        let two = format!(r#"{{"keys":[{public},{public}]}}"#);
        assert_eq!(public_key(&two).unwrap(), Err(KeyFault::Several(2)));
        let other = private.replace("870MB6", "970MB6");
        assert_eq!(private_key(&other).unwrap().err(), Some(KeyFault::BadSecret));
        let beside = public.replace("MKBCTN", "NKBCTN");
        assert_eq!(public_key(&beside).unwrap(), Err(KeyFault::NotOnCurve));
    }

    #[rstest]
    #[case(
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        "is an RSA key; a P-256 key was expected (ES256)"
    )]
    #[case(
        r#"{"kty":"oct","k":"c2VjcmV0"}"#,
        "is a symmetric key, as HMACs have; a P-256 key was expected (ES256)"
    )]
    #[case(
        r#"{"kty":"EC","crv":"P-384","x":"","y":""}"#,
        "is a P-384 key; a P-256 key was expected (ES256)"
    )]
    #[case(
        r#"{"kty":"OKP","crv":"Ed25519","x":""}"#,
        "is an Ed25519 key; a P-256 key was expected (ES256)"
    )]
    #[case(
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        "is a JWK without a usable point (`x` and `y`, 32 bytes each)"
    )]
    #[case(r#"{"keys":[]}"#, "is a JWK without a usable key: its list of keys is empty")]
    fn says_what_is_no_key(#[case] text: &str, #[case] sentence: &str) {
        assert_eq!(public_key(text).unwrap().unwrap_err().to_string(), sentence);
    }

    #[test]
    fn other_json_is_no_jwk() {
        for text in ["{}", r#"{"event":"version_ready"}"#, "[]", "{"] {
            assert!(public_key(text).is_none() && private_key(text).is_none());
        }
    }
}
