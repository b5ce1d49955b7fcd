//! Recognises signatures in another notation than bare hex; must not accept any.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};

use super::decode::Signature;

/// The longest value that is examined, in bytes; a longer one is not a signature in any notation.
const MAX: usize = 1024;

/// A signature in another notation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Misspelt {
    /// The notation: "header is …", "the signature is right but is …".
    pub(super) how: &'static str,
    /// The decoded signature.
    pub(super) signature: Signature,
}

/// Returns the signature in a value that is not bare hex, if its bytes have the form of one.
pub(super) fn recognise(value: &str) -> Option<Misspelt> {
    let value = value.trim_ascii();
    // Several values are several signatures, and nothing says which one is meant.
    if value.len() > MAX || value.contains(',') {
        return None;
    }
    let found = |how: &'static str, bytes: Option<Vec<u8>>| {
        let signature = Signature::decode(&bytes?).ok()?;
        Some(Misspelt { how, signature })
    };
    let bare = value.trim_matches(['"', '\'', '`']);
    if bare.len() < value.len() {
        return found("in quotes", hex_of(bare))
            .or_else(|| found("base64 in quotes", base64_of(bare)));
    }
    if let Some(digits) = ["0x", "0X", "\\x"].iter().find_map(|prefix| value.strip_prefix(prefix)) {
        return found("hex with a `0x` prefix", hex_of(digits));
    }
    if value.contains([':', ' ', '-'])
        && let Some(found) =
            found("hex with separators", hex_of(&value.replace([':', ' ', '-'], "")))
    {
        return Some(found);
    }
    if let Some((_, after)) = value.split_once(['=', ':', ' '])
        && let Some(found) = found("hex with a prefix", hex_of(after))
            .or_else(|| found("base64 with a prefix", base64_of(after)))
    {
        return Some(found);
    }
    found("base64", base64_of(value)).or_else(|| {
        let text = String::from_utf8(hex_of(value)?).ok()?;
        found("hex of hex", hex_of(&text)).or_else(|| found("hex of base64", base64_of(&text)))
    })
}

/// Returns the encoding of the bytes that a hex value decoded to, if they are the text of a
/// signature.
pub(super) fn twice(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX)?;
    let is_signature =
        |bytes: Option<Vec<u8>>| bytes.is_some_and(|b| Signature::decode(&b).is_ok());
    if is_signature(hex_of(text)) {
        Some("hex")
    } else if is_signature(base64_of(text)) {
        Some("base64")
    } else {
        None
    }
}

/// Returns the number of bytes in a base64 value; `None` if it is not base64.
pub(super) fn base64_length(value: &str) -> Option<usize> {
    (value.len() <= MAX).then(|| base64_of(value))?.map(|bytes| bytes.len())
}

fn hex_of(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.trim_ascii()).ok()
}

/// Decodes either alphabet, padded or not.
fn base64_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    STANDARD_PAD_INDIFFERENT.decode(text).or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(text)).ok()
}
