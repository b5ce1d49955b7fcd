//! Digests that tell a retry from a second occurrence; must not stand for authenticity.

use ring::digest::{Context, SHA256};

use crate::callback::Fingerprint;

/// The fingerprint of a delivery: of the signature header's value, and of it and the body.
///
/// Each is the first eight bytes of a SHA-256, big-endian. The value's length comes before it, so
/// that no byte can move from the value to the body unnoticed. Without a header, pass `""`.
pub fn fingerprint(signature_header: &str, body: &[u8]) -> Fingerprint {
    let value = signature_header.as_bytes();
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

    #[test]
    fn known_answers() {
        // printf 3045 | sha256sum; (printf '\0\0\0\0\0\0\0\0043045{}') | sha256sum
        let found = fingerprint("3045", b"{}");
        assert_eq!(format!("{:016x}", found.signature), "1d2db6db4635c05a");
        assert_eq!(format!("{:016x}", found.copy), "8eeea8e5e3881387");
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
