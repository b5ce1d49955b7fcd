//! Finds which change of the body or the header makes a refused signature hold; never a verdict.
//!
//! It answers "but I did sign it": most refused callbacks from honest senders are bodies that a
//! framework or a proxy rewrote on the way. What is found is said to the operator only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde::de::IgnoredAny;

use super::json_text::{Escapes, Spacing, rewrite};
use super::{Signature, TrustedKeys, header, misspelt};

/// The largest body that is looked at, in bytes; of a larger one nothing is said.
const MAX_BODY: usize = 256 * 1024;

/// The largest body that a change may make, in bytes; a change that makes a larger one is left out.
const MAX_CHANGED: usize = 2 * MAX_BODY;

/// How many checks are spent on one refusal, about 40 µs each; then the search ends without a find.
const MAX_CHECKS: usize = 64;

/// What a changed body is called, after "body changed on its way: the signature holds for".
type Change = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

/// Changes on the way, likely ones first.
const ON_ITS_WAY: [Change; 22] = [
    ("the body without its trailing newline", without_newline),
    ("the body with a newline at its end", |body| Some([body, b"\n"].concat())),
    ("the body with CR LF at its end", |body| Some([body, b"\r\n"].concat())),
    ("the body without the whitespace around it", |body| Some(body.trim_ascii().to_vec())),
    ("the body with CR LF for every LF", |body| Some(with_crlf(&with_lf(body)))),
    ("the body with LF for every CR LF", |body| Some(with_lf(body))),
    ("the body without its byte order mark", |body| {
        body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec)
    }),
    ("the same JSON written compactly", |body| json(body, Spacing::Compact, Escapes::Kept)),
    ("the same JSON with Python's separators (\", \" and \": \")", |body| {
        json(body, Spacing::Python, Escapes::Kept)
    }),
    ("the same JSON as Python's json.dumps writes it", |body| {
        json(body, Spacing::Python, Escapes::Ascii)
    }),
    ("the same JSON as JSON.stringify writes it", |body| {
        json(body, Spacing::Compact, Escapes::Needed)
    }),
    ("the same JSON with its non-ASCII characters escaped", |body| {
        json(body, Spacing::Kept, Escapes::Ascii)
    }),
    ("the same JSON with its characters not escaped", |body| {
        json(body, Spacing::Kept, Escapes::Needed)
    }),
    ("the same JSON compact, its non-ASCII characters escaped", |body| {
        json(body, Spacing::Compact, Escapes::Ascii)
    }),
    ("the same JSON with Python's separators, its characters not escaped", |body| {
        json(body, Spacing::Python, Escapes::Needed)
    }),
    ("the same JSON indented by two", |body| json(body, Spacing::Indented(2), Escapes::Kept)),
    ("the same JSON indented by two, its characters not escaped", |body| {
        json(body, Spacing::Indented(2), Escapes::Needed)
    }),
    ("the same JSON indented by two, its non-ASCII characters escaped", |body| {
        json(body, Spacing::Indented(2), Escapes::Ascii)
    }),
    ("the same JSON indented by four", |body| json(body, Spacing::Indented(4), Escapes::Kept)),
    ("the same JSON indented by four, its non-ASCII characters escaped", |body| {
        json(body, Spacing::Indented(4), Escapes::Ascii)
    }),
    ("the text inside this JSON string: it was encoded twice", |body| {
        serde_json::from_slice::<String>(body).ok().map(String::into_bytes)
    }),
    ("what this base64 decodes to", |body| STANDARD.decode(body.trim_ascii()).ok()),
];

/// Other things than the body that a sender may have signed, after "the signature was made over".
const SIGNED_INSTEAD: [Change; 4] = [
    ("the SHA-256 of the body, so the body was hashed twice; sign the body itself", |body| {
        Some(digest(&SHA256, body).as_ref().to_vec())
    }),
    ("the hex of the body's SHA-256; sign the body itself", |body| {
        Some(hex::encode(digest(&SHA256, body)).into_bytes())
    }),
    ("the base64 of the body's SHA-256; sign the body itself", |body| {
        Some(STANDARD.encode(digest(&SHA256, body)).into_bytes())
    }),
    ("nothing (an empty body); sign the body that is sent", |_| Some(Vec::new())),
];

/// Says which change makes the signature hold, as a sentence; `None` where none does.
///
/// For a request that was refused: of a valid one it says nothing. Takes what
/// [`TrustedKeys::check`] takes. It costs up to 64 checks, so the caller limits how often it runs.
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
    let mut search = Search { keys, left: MAX_CHECKS, tried: Vec::new() };

    if search.holds(&signature, body) {
        return misspelt
            .map(|how| format!("the signature is right but it is {how}; write it in bare hex"));
    }
    let found = search
        .first(&ON_ITS_WAY, &signature, body)
        .map(|what| format!("body changed on its way: the signature holds for {what}"))
        .or_else(|| {
            search
                .first(&SIGNED_INSTEAD, &signature, body)
                .map(|what| format!("the signature was made over {what}"))
        })
        .or_else(|| search.rearranged(&signature, body).map(str::to_owned))?;
    Some(match misspelt {
        Some(how) => format!("{found}; and it is {how}, write it in bare hex"),
        None => found,
    })
}

/// A search with a bound on its cost.
struct Search<'a> {
    keys: &'a TrustedKeys,
    left: usize,
    /// Digests of the bodies already tried: many changes change nothing, or the same.
    tried: Vec<ring::digest::Digest>,
}

impl Search<'_> {
    fn first(
        &mut self,
        changes: &[Change],
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

    /// The halves of the signature in another order than `r‖s`, big-endian.
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

fn without_newline(body: &[u8]) -> Option<Vec<u8>> {
    body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")).map(<[u8]>::to_vec)
}

fn with_lf(body: &[u8]) -> Vec<u8> {
    let mut bytes = body.iter().copied().peekable();
    std::iter::from_fn(|| {
        bytes
            .next()
            .map(|byte| if byte == b'\r' { bytes.next_if_eq(&b'\n').unwrap_or(byte) } else { byte })
    })
    .collect()
}

fn with_crlf(body: &[u8]) -> Vec<u8> {
    body.iter()
        .flat_map(|byte| match byte {
            b'\n' => b"\r\n".as_slice(),
            _ => std::slice::from_ref(byte),
        })
        .copied()
        .collect()
}

fn json(body: &[u8], spacing: Spacing, escapes: Escapes) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    rewrite(text, spacing, escapes, MAX_CHANGED).map(String::into_bytes)
}

#[cfg(test)]
mod tests {
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

    /// A body for every change, such that no likelier change leads to the same.
    fn arrived(what: &str) -> &'static [u8] {
        let compact = "{\"a\":\"caf\\u00e9\",\"b\":\"\\/é\"}".as_bytes();
        let spaced = "{ \"a\": \"caf\\u00e9\", \"b\": \"\\/é\"}".as_bytes();
        match what {
            "the body without its trailing newline" => b"{ }\n",
            "the body with LF for every CR LF" => b"a\r\nb\r\n",
            "the body with CR LF for every LF" => b"a\nb",
            "the body without the whitespace around it" => b" {}\n",
            "the body without its byte order mark" => b"\xef\xbb\xbf{}",
            "the text inside this JSON string: it was encoded twice" => br#""{\"a\":1}""#,
            "what this base64 decodes to" => b"eyJhIjoxfQ==",
            what if what.contains("Python") => compact,
            _ => spaced,
        }
    }

    #[test]
    fn every_change_on_the_way_is_found() {
        let sender = Sender::new();
        for (what, change) in ON_ITS_WAY {
            let sent = arrived(what);
            let signed = change(sent).unwrap();
            assert_ne!(signed, sent, "{what}");
            assert_eq!(
                sender.said(&signed, sent).unwrap(),
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
        let mut search = Search { keys: &keys, left: MAX_CHECKS, tried: Vec::new() };
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
