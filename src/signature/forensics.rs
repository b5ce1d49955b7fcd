//! Finds which change of the body or the header makes a refused signature hold; never a verdict.
//!
//! Most refused callbacks from honest senders have a body that a framework or a proxy rewrote on
//! the way. Only the operator sees the findings.

use ring::digest::{SHA256, digest};

use super::changes::{BodyChange, MAX_CHANGED, ON_ITS_WAY, SIGNED_INSTEAD};
use super::{Signature, TrustedKeys, header, misspelt};
use crate::callback::{Compression, decompress};

/// The largest body that is examined, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Maximum number of checks for one refusal, about 40 µs each; then the search ends without a
/// result.
const MAX_CHECKS: usize = 128;

/// Returns a sentence that names the change that makes the signature hold; `None` if none does.
///
/// For refused requests: returns `None` for a valid one. Takes the arguments of
/// [`TrustedKeys::check`]. Costs up to `MAX_CHECKS` checks, so the caller limits how often it runs.
pub fn explain(keys: &TrustedKeys, signature_headers: &[&str], body: &[u8]) -> Option<String> {
    let [value] = signature_headers else { return None };
    if body.len() > MAX_BODY {
        return None;
    }
    let (signature, misspelt) = if let Ok(signature) = header::parse(signature_headers) {
        (signature, None)
    } else {
        let found = misspelt::recognise(value)?;
        (found.signature, Some(found.how))
    };
    let mut search = BoundedSearch { keys, left: MAX_CHECKS, tried: Vec::new() };

    if search.holds(&signature, body) {
        return misspelt
            .map(|how| format!("the signature is right but it is {how}; write it in bare hex"));
    }
    let found = search
        .first(ON_ITS_WAY, &signature, body)
        .map(|what| format!("body changed on its way: the signature holds for {what}"))
        .or_else(|| {
            search
                .first(SIGNED_INSTEAD, &signature, body)
                .map(|what| format!("the signature was made over {what}"))
        })
        .or_else(|| search.rearranged(&signature, body).map(str::to_owned))
        .or_else(|| {
            let inside = decompress(body, MAX_CHANGED)?;
            search.first(ON_ITS_WAY, &signature, &inside).map(|what| {
                format!(
                    "body changed on its way: it was compressed, and before that the signature holds for {what}"
                )
            })
        })?;
    Some(match misspelt {
        Some(how) => format!("{found}; and it is {how}, write it in bare hex"),
        None => found,
    })
}

/// A search with a bound on its cost.
struct BoundedSearch<'a> {
    keys: &'a TrustedKeys,
    left: usize,
    /// Digests of the bodies already tried: many changes change nothing, or the same.
    tried: Vec<ring::digest::Digest>,
}

impl BoundedSearch<'_> {
    fn first(
        &mut self,
        changes: &[BodyChange],
        signature: &Signature,
        body: &[u8],
    ) -> Option<&'static str> {
        changes
            .iter()
            .find(|(_, change)| {
                change(body)
                    .filter(|changed| changed.len() <= MAX_CHANGED)
                    .is_some_and(|changed| self.holds(signature, &changed))
            })
            .map(|(what, _)| *what)
    }

    fn holds(&mut self, signature: &Signature, body: &[u8]) -> bool {
        let digest = digest(&SHA256, body);
        if self.tried.iter().any(|tried| tried.as_ref() == digest.as_ref()) {
            return false;
        }
        self.tried.push(digest);
        self.check(signature, body)
    }

    fn check(&mut self, signature: &Signature, body: &[u8]) -> bool {
        match self.left.checked_sub(self.keys.iter().len()) {
            Some(left) => self.left = left,
            None => return false,
        }
        self.keys.made(signature, body)
    }

    /// Tries the halves of the signature in other orders than `r‖s`, big-endian.
    fn rearranged(&mut self, signature: &Signature, body: &[u8]) -> Option<&'static str> {
        let (r, s) = signature.fixed().split_at(32);
        let reversed = |half: &[u8]| half.iter().rev().copied().collect::<Vec<_>>();
        [
            ("the signature is right but r and s stand in each other's place", [s, r].concat()),
            (
                "the signature is right but r and s are little-endian; write them big-endian",
                [reversed(r), reversed(s)].concat(),
            ),
        ]
        .into_iter()
        .find(|(_, bytes)| {
            Signature::decode(bytes).is_ok_and(|signature| self.check(&signature, body))
        })
        .map(|(what, _)| what)
    }
}

/// Returns what a body suggests about its way if no change makes the signature hold: a clause that
/// may follow the reason of a refusal, not a proof. `content_encodings` are the values of all
/// `Content-Encoding` headers.
pub fn suspect(content_encodings: &[&str], body: &[u8]) -> Option<String> {
    let is_compressed = Compression::of(body);
    let announced = announced(content_encodings);
    if let Some(found) = is_compressed {
        let name = found.name();
        return Some(match decompress(body, MAX_CHANGED) {
            Some(_) => format!(
                "the body is {name}: the signature was made over neither it nor what it holds"
            ),
            None => format!(
                "the body is {name}: it was not decompressed to see whether the signature was made over what it holds; sign the body that is sent"
            ),
        });
    }
    let text = std::str::from_utf8(body).ok();
    let is_readable = text.is_some_and(|text| !text.is_empty());
    match announced {
        Some(name) if is_readable => {
            return Some(format!(
                "Content-Encoding says {name} and the body is not compressed: where the signature was made over the compressed body, what decompressed it on its way broke it; have it passed on as it is"
            ));
        }
        Some(name) if !body.is_empty() => {
            return Some(format!(
                "Content-Encoding says {name}, which is not undone here: where the signature was made over the uncompressed body, send that"
            ));
        }
        _ => {}
    }
    if text.is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
        return Some(
            "the body has replacement characters (U+FFFD) in it: something read it in a wrong charset on its way, which cannot be undone"
                .to_owned(),
        );
    }
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(body).err()?;
    (error.is_eof() && !body.is_empty())
        .then(|| "its JSON breaks off at the end: the body may have been cut on its way".to_owned())
}

/// Returns the first compression that `Content-Encoding` names, in our words.
fn announced(content_encodings: &[&str]) -> Option<&'static str> {
    let known = [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("compress", "compress"),
    ];
    content_encodings
        .iter()
        .flat_map(|value| value.split(','))
        .find_map(|word| {
            known.iter().find(|(name, _)| word.trim_ascii().eq_ignore_ascii_case(name))
        })
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rstest::rstest;

    use super::*;
    use crate::callback::Encoding;
    use crate::signature::PrivateKey;

    struct Sender {
        key: PrivateKey,
        keys: TrustedKeys,
    }

    impl Sender {
        fn new() -> Self {
            let key = PrivateKey::generate().unwrap();
            let keys = TrustedKeys::new(crate::signature::PublicKey::vendor()).and(key.public("k"));
            Self { key, keys }
        }

        fn sign(&self, body: &[u8]) -> Vec<u8> {
            self.key.sign(body, Encoding::Der).unwrap()
        }

        /// What is said when `signed` was signed and `sent` arrived.
        fn said(&self, signed: &[u8], sent: &[u8]) -> Option<String> {
            explain(&self.keys, &[&hex::encode(self.sign(signed))], sent)
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A body for every change, such that no likelier change leads to the same.
    fn arrived(what: &str) -> Vec<u8> {
        let compact = "{\"a\":\"caf\\u00e9\",\"b\":\"\\/é</x\"}";
        let spaced = "{ \"a\": \"caf\\u00e9\", \"b\": \"\\/é</x\"}";
        let unordered = r#"{"x": 1,"version_locale": "es-ES","asset_id": "a","event": "e"}"#;
        let text = match what {
            "the body without its trailing newline" => "{ }\n",
            "the body with LF for every CR LF" => "a\r\nb\r\n",
            "the body with CR LF for every LF" => "a\nb",
            "the body without the whitespace around it" => " {}\n",
            "the body without its byte order mark" => "\u{feff}{}",
            "the text inside this JSON string: it was encoded twice" => r#""{\"a\":1}""#,
            "what this base64 decodes to" => "eyJhIjoxfQ==",
            "the value of its form field: it was sent as a form" => "payload=%7B%22a%22%3A1%7D",
            what if what.starts_with("what it holds uncompressed") => return gzip(b"{ }"),
            what if what.ends_with("into ISO 8859-1") => return b"{\"a\":\"\xe9\"}".to_vec(),
            what if what.ends_with("into UTF-16") => return b"\xff\xfe{\0}\0".to_vec(),
            what if what.ends_with("encoded twice") => "{\"a\":\"\u{c3}\u{a9}\"}",
            what if what.ends_with("null fields") => r#"{"event": "e","version_id": null}"#,
            what if what.contains("as null") => r#"{"event": "asset_failed","asset_id": "a"}"#,
            what if what.contains("fields") => unordered,
            what if what.contains("Python") => compact,
            _ => spaced,
        };
        text.as_bytes().to_vec()
    }

    #[test]
    fn every_change_on_the_way_is_found() {
        let sender = Sender::new();
        for (what, change) in ON_ITS_WAY {
            let sent = arrived(what);
            let signed = change(&sent).unwrap();
            assert_ne!(signed, sent, "{what}");
            assert_eq!(
                sender.said(&signed, &sent).unwrap(),
                format!("body changed on its way: the signature holds for {what}")
            );
        }
    }

    #[test]
    fn a_signature_of_something_else_is_found() {
        let sender = Sender::new();
        for (what, change) in SIGNED_INSTEAD {
            let said = sender.said(&change(b"{\"a\":1}").unwrap(), b"{\"a\":1}");
            assert_eq!(said.unwrap(), format!("the signature was made over {what}"));
        }
    }

    #[test]
    fn a_change_before_a_compression_is_found() {
        let sender = Sender::new();
        assert_eq!(
            sender.said(b"{}", &gzip(b"{}\n")).unwrap(),
            "body changed on its way: it was compressed, and before that the signature holds for the body without its trailing newline"
        );
    }

    #[test]
    fn a_byte_order_mark_hides_no_other_change() {
        let sender = Sender::new();
        assert_eq!(
            sender.said(b"{\"a\":1}", "\u{feff}{\"a\": 1}".as_bytes()).unwrap(),
            "body changed on its way: the signature holds for the same JSON written compactly"
        );
    }

    #[rstest]
    #[case::gzip(&[], gzip(b"{}"), "the body is gzip: the signature was made over neither it nor what it holds")]
    #[case::broken_gzip(
        &["gzip"],
        gzip(b"{}")[..12].to_vec(),
        "the body is gzip: it was not decompressed to see whether the signature was made over what it holds; sign the body that is sent"
    )]
    #[case::decompressed(
        &["identity", "GZIP"],
        b"{}".to_vec(),
        "Content-Encoding says gzip and the body is not compressed: where the signature was made over the compressed body, what decompressed it on its way broke it; have it passed on as it is"
    )]
    #[case::brotli(
        &["br"],
        b"\x0b\x02\x80\xff\xfe".to_vec(),
        "Content-Encoding says br, which is not undone here: where the signature was made over the uncompressed body, send that"
    )]
    #[case::replaced(
        &[],
        "{\"a\":\"\u{fffd}\"}".as_bytes().to_vec(),
        "the body has replacement characters (U+FFFD) in it: something read it in a wrong charset on its way, which cannot be undone"
    )]
    #[case::cut(
        &["identity"],
        b"{\"event\":\"version".to_vec(),
        "its JSON breaks off at the end: the body may have been cut on its way"
    )]
    fn what_a_body_shows_is_said(
        #[case] encodings: &[&str],
        #[case] body: Vec<u8>,
        #[case] sentence: &str,
    ) {
        assert_eq!(suspect(encodings, &body).as_deref(), Some(sentence));
    }

    #[test]
    fn of_a_body_that_shows_nothing_nothing_is_said() {
        for body in [b"".as_slice(), b"{}", b"x", b"{\"event\":\"version_ready\"}\n"] {
            assert_eq!(suspect(&["identity", "my own"], body), None);
        }
    }

    #[test]
    fn a_right_signature_in_a_wrong_writing_is_found() {
        let sender = Sender::new();
        let body = b"{\"a\":1}";
        let signature = sender.sign(body);
        let base64 = STANDARD.encode(&signature);
        let said = |value: &str, body| explain(&sender.keys, &[value], body);
        assert_eq!(
            said(&base64, body).unwrap(),
            "the signature is right but it is base64; write it in bare hex"
        );
        assert_eq!(
            said(&format!("0x{}", hex::encode(&signature)), body).unwrap(),
            "the signature is right but it is hex with a `0x` prefix; write it in bare hex"
        );
        assert_eq!(
            said(&format!("sha256={}", hex::encode(&signature)), body).unwrap(),
            "the signature is right but it is hex with a prefix; write it in bare hex"
        );
        assert_eq!(
            said(&base64, b"{\"a\":1}\n").unwrap(),
            "body changed on its way: the signature holds for the body without its trailing newline; and it is base64, write it in bare hex"
        );
    }

    #[test]
    fn rearranged_halves_are_found() {
        let sender = Sender::new();
        let raw = sender.key.sign(b"{}", Encoding::Raw).unwrap();
        let (r, s) = raw.split_at(32);
        let swapped = hex::encode([s, r].concat());
        assert_eq!(
            explain(&sender.keys, &[&swapped], b"{}").unwrap(),
            "the signature is right but r and s stand in each other's place"
        );
        let little: Vec<u8> = r.iter().rev().chain(s.iter().rev()).copied().collect();
        // One in 2^31 of them is out of range read the wrong way; then there is nothing to find.
        if Signature::from_bytes(&little).is_ok() {
            assert_eq!(
                explain(&sender.keys, &[&hex::encode(little)], b"{}").unwrap(),
                "the signature is right but r and s are little-endian; write them big-endian"
            );
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_is_found() {
        let sender = Sender::new();
        let body = br#"{"event":"version_ready"}"#;
        assert_eq!(sender.said(b"something else", body), None);
        assert_eq!(sender.said(body, body), None, "a valid one needs no explanation");
        assert_eq!(explain(&sender.keys, &[], body), None);
        assert_eq!(explain(&sender.keys, &["zz"], body), None);
        let value = hex::encode(sender.sign(body));
        assert_eq!(explain(&sender.keys, &[&value, &value], body), None);
    }

    #[test]
    fn the_cost_is_bounded() {
        let sender = Sender::new();
        let large = vec![b' '; MAX_BODY + 1];
        assert_eq!(sender.said(large.trim_ascii(), &large), None);

        let mut keys = TrustedKeys::new(sender.key.public("k"));
        for _ in 0..9 {
            keys = keys.and(PrivateKey::generate().unwrap().public("k"));
        }
        let signature = Signature::from_bytes(&sender.sign(b"other")).unwrap();
        let mut search = BoundedSearch { keys: &keys, left: MAX_CHECKS, tried: Vec::new() };
        for n in 0..100_u8 {
            search.holds(&signature, &[n]);
        }
        assert_eq!(search.left, MAX_CHECKS % 10);
        assert!(!search.holds(&signature, b"other"), "not even the right one, once it is spent");
    }

    proptest::proptest! {
        #[test]
        fn any_body_does_no_harm(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let value = "3006020101020101";
            let keys = TrustedKeys::new(crate::signature::PublicKey::vendor());
            proptest::prop_assert_eq!(explain(&keys, &[value], &body), None);
        }
    }
}
