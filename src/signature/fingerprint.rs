//! Digests that tell a retry from a second occurrence; must not stand for authenticity.

use ring::digest::{Context, SHA256};

use crate::callback::{Fingerprint, Headers, SIGNATURE_HEADER};

use super::header;

/// Returns the fingerprint of a request, from its headers and body.
pub fn fingerprint_of(headers: &Headers, body: &[u8]) -> Fingerprint {
    let values = || headers.raw().filter(|(name, _)| *name == SIGNATURE_HEADER);
    let mut first = values().map(|(_, value)| value);
    match (first.next(), first.next()) {
        (None, _) => of_bytes(b"", body),
        (Some(value), None) => of_bytes(&value, body),
        _ => of_bytes(&values().map(|(_, value)| value).collect::<Vec<_>>().join(&b','), body),
    }
}

/// Returns the fingerprint of a delivery: of the signature, and of it and the body.
///
/// Each is the first eight bytes of a SHA-256, big-endian. Of the signature it hashes the
/// lower-case hex of `r` and the smaller of `s` and `n − s`, 32 bytes each; of a header that holds
/// no signature, its bytes. The number of bytes comes first, so that none can move from the header
/// to the body unnoticed. Without a header, pass `""`.
pub fn fingerprint(signature_header: &str, body: &[u8]) -> Fingerprint {
    of_bytes(signature_header.as_bytes(), body)
}

fn of_bytes(signature_header: &[u8], body: &[u8]) -> Fingerprint {
    let bytes = signature_header.trim_ascii();
    let mut buffer = [0; 128];
    let signature = std::str::from_utf8(bytes).ok().and_then(header::read);
    let canonical = signature.map(|signature| signature.canonical()).filter(|canonical| {
        // Cannot fail: there is room for two digits a byte.
        hex::encode_to_slice(canonical, &mut buffer).is_ok()
    });
    let value = if canonical.is_some() { &buffer } else { bytes };
    let length = (value.len() as u64).to_be_bytes();
    Fingerprint { signature: digest(&[value]), copy: digest(&[&length, value, body]) }
}

fn digest(parts: &[&[u8]]) -> u64 {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let digest = context.finish();
    digest.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r‖s` in hex, with the given last digits of `r` and a small `s`.
    fn raw(r: &str) -> String {
        format!("{r:0>64}{:0>64}", "02")
    }

    #[test]
    fn known_answers() {
        // printf 3045 | sha256sum; (printf '\0\0\0\0\0\0\0\0043045{}') | sha256sum
        let found = fingerprint("3045", b"{}");
        assert_eq!(format!("{:016x}", found.signature), "1d2db6db4635c05a");
        assert_eq!(format!("{:016x}", found.copy), "8eeea8e5e3881387");
        // printf '%064d%064d' 1 2 | sha256sum; (printf '\0\0\0\0\0\0\0\200%064d%064d{}' 1 2) | sha256sum
        let found = fingerprint(&raw("01"), b"{}");
        assert_eq!(format!("{:016x}", found.signature), "b6170e7288df3950");
        assert_eq!(format!("{:016x}", found.copy), "0b335bf9293c8141");
    }

    #[test]
    fn a_signature_counts_by_its_value() {
        let n_minus_2 = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f";
        let base = fingerprint(&raw("01"), b"{}");
        for (spelling, what) in [
            (format!(" {}\t", raw("01")), "whitespace around it"),
            (format!("{:0>64}{n_minus_2}", "01"), "the other s"),
            (format!("{:0>64}{}", "01", n_minus_2.to_uppercase()), "in capitals"),
            ("3006020101020102".to_owned(), "DER"),
            (format!("3026020101022100{n_minus_2}"), "DER with the other s"),
        ] {
            assert_eq!(fingerprint(&spelling, b"{}"), base, "{what}");
        }
        assert_ne!(fingerprint(&raw("03"), b"{}").signature, base.signature);
        assert_ne!(fingerprint(&raw("01"), b"{ }").copy, base.copy);
    }

    #[test]
    fn what_we_sign_counts_by_its_value() {
        use crate::callback::Encoding;
        let key = crate::signature::PrivateKey::generate().unwrap();
        let der = key.sign(b"{}", Encoding::Der).unwrap();
        let fixed = *header::read(&hex::encode(&der)).unwrap().fixed();
        let base = fingerprint(&hex::encode(&der), b"{}");
        assert_eq!(fingerprint(&hex::encode_upper(fixed), b"{}"), base);
        let again = key.sign(b"{}", Encoding::Der).unwrap();
        assert_ne!(fingerprint(&hex::encode(again), b"{}"), base, "signed anew");
    }

    #[test]
    fn without_one_signature_the_text_counts() {
        let headers = |values: &[&str]| {
            Headers::from_raw(values.iter().map(|value| (SIGNATURE_HEADER, value.as_bytes())))
        };
        let of = |values: &[&str]| fingerprint_of(&headers(values), b"{}");
        assert_eq!(of(&[]), fingerprint("", b"{}"));
        assert_eq!(of(&["none"]), fingerprint("none", b"{}"));
        assert_eq!(of(&["1", "2"]), fingerprint("1,2", b"{}"));
        let of_raw =
            |value: &[u8]| fingerprint_of(&Headers::from_raw([(SIGNATURE_HEADER, value)]), b"{}");
        assert_eq!(of_raw("é".as_bytes()), fingerprint("é", b"{}"));
        assert_ne!(
            of_raw(b"\xe9"),
            fingerprint("é", b"{}"),
            "other bytes that are shown as the same"
        );
        assert_ne!(of(&["none"]), of(&["NONE"]));
        // r of zero is no signature, nor is what is too long for one.
        for text in [raw("0"), "30".repeat(40_000)] {
            assert_ne!(of(&[&text]), of(&[&format!("0{text}0")]));
            assert_eq!(of(&[&text]), of(&[&text]));
        }
    }

    #[test]
    fn every_byte_has_its_place() {
        let base = fingerprint("3045", b"{}");
        assert_eq!(base, fingerprint("3045", b"{}"));
        assert_ne!(base.copy, fingerprint("3045{", b"}").copy);
        assert_eq!(base.signature, fingerprint("3045", b"{ }").signature);
        assert_ne!(base.copy, fingerprint("3045", b"{ }").copy);
        assert_ne!(base.signature, fingerprint("3046", b"{}").signature);
    }
}
