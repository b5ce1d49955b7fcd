//! A signature as numbers, decoded from DER or from 64 bytes; explains nothing and knows no keys.

use p256::ecdsa::DerSignature;

use crate::callback::Encoding;

/// The numbers `r` and `s` of a signature: both at least one and below the order of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    fixed: [u8; 64],
    encoding: Encoding,
}

/// Why bytes are no signature, without words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// Neither strict DER nor 64 bytes.
    Form,
    /// Well-formed, but `r` or `s` is zero or not below the order of the curve.
    Range(Encoding),
}

impl Signature {
    /// [`Self::from_bytes`] without the words, for those who only try: finding the words tries
    /// other writings itself, and would never end if those looked for words again.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        let (signature, encoding) = if let Ok(der) = DerSignature::from_bytes(bytes) {
            (p256::ecdsa::Signature::try_from(der), Encoding::Der)
        } else if bytes.len() == 64 {
            (p256::ecdsa::Signature::from_slice(bytes), Encoding::Raw)
        } else {
            return Err(Undecodable::Form);
        };
        match signature {
            Ok(signature) => Ok(Self { fixed: signature.to_bytes().into(), encoding }),
            Err(_) => Err(Undecodable::Range(encoding)),
        }
    }

    /// `r‖s`, 32 bytes each, big-endian.
    pub const fn fixed(&self) -> &[u8; 64] {
        &self.fixed
    }

    /// The same with the smaller of `s` and `n − s`: one value for both forms of a signature, which
    /// hold alike.
    pub(super) fn canonical(&self) -> [u8; 64] {
        p256::ecdsa::Signature::from_slice(&self.fixed)
            .map_or(self.fixed, |signature| signature.normalize_s().to_bytes().into())
    }

    /// How it was written.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }
}
