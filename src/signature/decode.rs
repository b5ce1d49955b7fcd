//! A signature as numbers, decoded from DER or from 64 bytes; explains nothing and knows no keys.

use p256::ecdsa::DerSignature;

use crate::callback::Encoding;

/// The numbers `r` and `s` of a signature: both at least one and below the order of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    fixed: [u8; 64],
    encoding: Encoding,
}

/// Why bytes are not a signature, without a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// Neither strict DER nor 64 bytes.
    Form,
    /// Well-formed, but `r` or `s` is zero or not below the order of the curve.
    Range(Encoding),
}

impl Signature {
    /// [`Self::from_bytes`] without the message, for guesses: explaining a failure tries other
    /// encodings itself, and would never end if those were explained too.
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

    /// Returns the same with the smaller of `s` and `n − s`: one value for both forms of a
    /// signature, which are equally valid.
    pub(super) fn canonical(&self) -> [u8; 64] {
        p256::ecdsa::Signature::from_slice(&self.fixed)
            .map_or(self.fixed, |signature| signature.normalize_s().to_bytes().into())
    }

    /// Returns how it was written.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }
}
