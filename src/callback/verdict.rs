//! The outcome of the signature check: data with a reason, never a `bool`.

use std::sync::Arc;

/// How the 64 bytes of a signature were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// ASN.1 DER `ECDSA-Sig-Value` (RFC 3279, section 2.2.3): what the vendor's recipe reads.
    Der,
    /// `r‖s`, 32 bytes each (RFC 7518, section 3.4): what JOSE calls ES256.
    Raw,
}

impl Encoding {
    /// Returns the name used in NDJSON and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Der => "der",
            Self::Raw => "raw",
        }
    }
}

/// What the signature check found. `why` is a sentence a developer can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key made the signature over exactly these bytes.
    Valid {
        /// The name of that key.
        key: Arc<str>,
        /// How the signature was encoded.
        encoding: Encoding,
    },
    /// A well-formed signature that no trusted key made over these bytes.
    Invalid {
        /// What is wrong and what to do.
        why: String,
    },
    /// A signature header that holds no signature.
    Malformed {
        /// What is wrong and what to do.
        why: String,
    },
    /// No signature header.
    Missing,
    /// Not checked, because the policy is `--signature off`.
    Unchecked,
    /// An answer of the service's API, which is not signed: TLS proves its sender.
    Api,
}

impl Verdict {
    /// Returns the name used in NDJSON and in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Valid { .. } => "valid",
            Self::Invalid { .. } => "invalid",
            Self::Malformed { .. } => "malformed",
            Self::Missing => "missing",
            Self::Unchecked => "unchecked",
            Self::Api => "api",
        }
    }

    /// Returns whether a trusted key made the signature.
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }

    /// Returns the provenance of an accepted delivery with this verdict.
    pub const fn provenance(&self) -> Provenance {
        if matches!(self, Self::Valid { .. } | Self::Api) {
            Provenance::Verified
        } else {
            Provenance::Unchecked
        }
    }

    /// Returns what is wrong and what to do, if there is a signature and something is wrong with
    /// it.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Invalid { why } | Self::Malformed { why } => Some(why),
            _ => None,
        }
    }
}

/// Whether the signature of an accepted delivery was checked. Stored as one bit, which is set for an
/// unchecked one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(from = "bool", into = "bool")]
pub enum Provenance {
    /// A trusted key made its signature, or it is an answer of the API.
    #[default]
    Verified,
    /// It was accepted without a check (`--signature off`), so its sender is unknown.
    Unchecked,
}

impl Provenance {
    /// Returns whether the signature was checked.
    pub const fn is_verified(&self) -> bool {
        matches!(self, Self::Verified)
    }

    /// Returns whether it was accepted without a check.
    pub const fn is_unchecked(&self) -> bool {
        !self.is_verified()
    }
}

impl From<bool> for Provenance {
    fn from(unchecked: bool) -> Self {
        if unchecked { Self::Unchecked } else { Self::Verified }
    }
}

impl From<Provenance> for bool {
    fn from(provenance: Provenance) -> Self {
        provenance.is_unchecked()
    }
}
