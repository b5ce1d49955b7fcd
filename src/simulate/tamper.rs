//! Ways in which a signed callback goes wrong between the sender's key and the listener.

use std::io::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::callback::{Encoding, SIGNATURE_HEADER};
use crate::signature::{KeyError, PrivateKey};

/// A manipulation of a callback after, or instead of, signing it properly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    Body,
    Newline,
    Signature,
    Key,
    Missing,
    Empty,
    Encoding,
    Prefix,
    Double,
    Header,
    NoBody,
    Bom,
    Gzip,
}

impl Tamper {
    /// Every way.
    pub const ALL: [Self; 13] = [
        Self::Body,
        Self::Newline,
        Self::Signature,
        Self::Key,
        Self::Missing,
        Self::Empty,
        Self::Encoding,
        Self::Prefix,
        Self::Double,
        Self::Header,
        Self::NoBody,
        Self::Bom,
        Self::Gzip,
    ];

    /// Returns the name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Newline => "newline",
            Self::Signature => "signature",
            Self::Key => "key",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Encoding => "encoding",
            Self::Prefix => "prefix",
            Self::Double => "double",
            Self::Header => "header",
            Self::NoBody => "no-body",
            Self::Bom => "bom",
            Self::Gzip => "gzip",
        }
    }

    /// Returns a description, as a sentence.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Body => "A letter of the body is changed after signing",
            Self::Newline => "A newline is added to the body after signing",
            Self::Signature => "One bit of the signature is flipped",
            Self::Key => "A key that nobody trusts signs",
            Self::Missing => "There is no signature header",
            Self::Empty => "The signature header is empty",
            Self::Encoding => "The signature is written in base64",
            Self::Prefix => "The header begins with `sha256=`, as for an HMAC",
            Self::Double => "The signature header is sent twice",
            Self::Header => "The signature is sent as `X-Signature-256`",
            Self::NoBody => "The body is lost after signing",
            Self::Bom => "A byte order mark is put before the body after signing",
            Self::Gzip => "The body is compressed after signing",
        }
    }
}

/// A body and its signature headers: what a retry sends again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The values of the signature headers: one, unless it was spoiled.
    pub signatures: Vec<String>,
    /// The name of those headers: `x-signature`, unless it was spoiled.
    pub header: &'static str,
    /// Whether the body is gzip.
    pub is_gzip: bool,
}

impl Signed {
    /// Returns the headers of the body and its signature, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fixed = [
            ("content-type", "application/json"),
            ("user-agent", concat!("dubwatch/", env!("CARGO_PKG_VERSION"))),
            ("x-signature-algorithm", "ES256"),
        ];
        let signatures = self.signatures.iter().map(|value| (self.header, value.as_str()));
        let encoding = self.is_gzip.then_some(("content-encoding", "gzip"));
        fixed.into_iter().chain(encoding).chain(signatures)
    }
}

/// Signs `body` with `key`, and spoils the result as asked.
///
/// # Errors
///
/// [`KeyError::Random`] where the system gives no random numbers.
pub fn sign(
    key: &PrivateKey,
    encoding: Encoding,
    mut body: Vec<u8>,
    tamper: Option<Tamper>,
) -> Result<Signed, KeyError> {
    let mut signature = match tamper {
        Some(Tamper::Key) => PrivateKey::generate()?.sign(&body, encoding)?,
        _ => key.sign(&body, encoding)?,
    };
    if tamper == Some(Tamper::Signature)
        && let Some(last) = signature.last_mut()
    {
        *last ^= 1;
    }
    let hex = hex::encode(&signature);
    let signatures = match tamper {
        Some(Tamper::Missing) => vec![],
        Some(Tamper::Empty) => vec![String::new()],
        Some(Tamper::Encoding) => vec![STANDARD.encode(&signature)],
        Some(Tamper::Prefix) => vec![format!("sha256={hex}")],
        Some(Tamper::Double) => vec![hex.clone(), hex],
        _ => vec![hex],
    };
    match tamper {
        Some(Tamper::Newline) => body.push(b'\n'),
        Some(Tamper::NoBody) => body.clear(),
        Some(Tamper::Bom) => {
            body.splice(0..0, *b"\xef\xbb\xbf");
        }
        Some(Tamper::Gzip) => body = gzip(&body),
        Some(Tamper::Body) => {
            // A letter of a value, so that it is still JSON, as a proxy that rewrites bodies would.
            if let Some(letter) = body.iter_mut().rfind(|byte| byte.is_ascii_lowercase()) {
                *letter = letter.to_ascii_uppercase();
            }
        }
        _ => {}
    }
    let header = if tamper == Some(Tamper::Header) { "x-signature-256" } else { SIGNATURE_HEADER };
    Ok(Signed { body, signatures, header, is_gzip: tamper == Some(Tamper::Gzip) })
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::TrustedKeys;

    #[test]
    fn every_way_of_tampering_is_noticed_and_none_without() {
        let key = PrivateKey::generate().unwrap();
        let keys = TrustedKeys::new(key.public("test"));
        let valid = |tamper, encoding| {
            let body = br#"{"event":"version_ready"}"#.to_vec();
            let signed = sign(&key, encoding, body, tamper).unwrap();
            let headers: Vec<&str> = signed
                .headers()
                .filter_map(|(name, value)| (name == SIGNATURE_HEADER).then_some(value))
                .collect();
            keys.check(&headers, &signed.body).is_valid()
        };
        for encoding in [Encoding::Der, Encoding::Raw] {
            assert!(valid(None, encoding));
            for tamper in Tamper::ALL {
                assert!(!valid(Some(tamper), encoding), "{tamper:?}");
            }
        }
    }
}
