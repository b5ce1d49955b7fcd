//! The trusted keys and the verdict on a request; must not read bodies or know HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::callback::{Encoding, Verdict};

use super::{PublicKey, Signature, header};

/// Maximum number of key names in one sentence.
const NAMES: usize = 4;

/// The keys whose signatures count: at least one, in the order in which they were given.
///
/// A request cannot add a key, and the header's algorithm field is not an argument of the check.
#[derive(Debug)]
pub struct TrustedKeys {
    keys: Vec<PublicKey>,
    /// The index of the key that made the last valid signature. A hint: it is tried first, so that
    /// a sender with another key than the first costs one check and not two. Races only cost time.
    last: AtomicUsize,
}

impl TrustedKeys {
    /// Creates a list of one key.
    pub fn new(key: PublicKey) -> Self {
        Self { keys: vec![key], last: AtomicUsize::new(0) }
    }

    /// Adds a key.
    ///
    /// A key that is already trusted keeps its first name; a name that is already in use gets a
    /// number, so that the name in a verdict always means one key.
    #[must_use]
    pub fn and(mut self, key: PublicKey) -> Self {
        if self.keys.contains(&key) {
            return self;
        }
        let base = key.name().clone();
        let mut name = base.to_string();
        let mut number = 1;
        while self.keys.iter().any(|other| **other.name() == *name) {
            number += 1;
            name = format!("{base}-{number}");
        }
        self.keys.push(key.named(&name));
        self
    }

    /// Returns the keys, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// Returns the verdict on a body and the values of all its `X-Signature` headers.
    ///
    /// p256 decodes the signature, ring checks its 64 bytes. A high `s` is valid (FIPS 186-5 does
    /// not forbid it), so the bytes of a signature are no identity.
    pub fn check(&self, signature_headers: &[&str], body: &[u8]) -> Verdict {
        self.judge(signature_headers, body, PublicKey::made)
    }

    /// Returns the same verdict by p256 alone; [`Self::check`] is tested against it.
    pub fn reference_check(&self, signature_headers: &[&str], body: &[u8]) -> Verdict {
        self.judge(signature_headers, body, PublicKey::made_by_reference)
    }

    /// Returns whether any of the keys made the signature.
    pub(super) fn made(&self, signature: &Signature, body: &[u8]) -> bool {
        self.keys.iter().any(|key| key.made(signature, body))
    }

    fn judge(
        &self,
        signature_headers: &[&str],
        body: &[u8],
        made: impl Fn(&PublicKey, &Signature, &[u8]) -> bool,
    ) -> Verdict {
        let signature = match header::parse(signature_headers) {
            Ok(signature) => signature,
            Err(fault) => return fault.into(),
        };
        let last = self.last.load(Ordering::Relaxed);
        let others = (0..self.keys.len()).filter(|place| *place != last);
        let maker = std::iter::once(last)
            .chain(others)
            .filter_map(|place| Some((place, self.keys.get(place)?)))
            .find(|(_, key)| made(key, &signature, body));
        match maker {
            Some((place, key)) => {
                if place != last {
                    self.last.store(place, Ordering::Relaxed);
                }
                Verdict::Valid { key: key.name().clone(), encoding: signature.encoding() }
            }
            None => Verdict::Invalid { why: self.no_maker(&signature, body) },
        }
    }

    /// Explains why a well-formed signature that no trusted key made is refused.
    fn no_maker(&self, signature: &Signature, body: &[u8]) -> String {
        if body.is_empty() {
            return "the body arrived empty: what was signed was lost on its way, as redirects and \
                    some proxies lose bodies"
                .to_owned();
        }
        let fine = match signature.encoding() {
            Encoding::Der => "DER is fine",
            Encoding::Raw => "64 bytes are fine",
        };
        let mut names =
            self.keys.iter().take(NAMES).map(|key| &**key.name()).collect::<Vec<_>>().join(", ");
        if self.keys.len() > NAMES {
            names.push_str(", …");
        }
        format!("hex is fine, {fine}, no trusted key made it ({} tried: {names})", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::PrivateKey;

    fn why(verdict: &Verdict) -> &str {
        verdict.why().unwrap()
    }

    #[test]
    fn every_trusted_key_counts_and_is_named() {
        let (one, two, strange) = (
            PrivateKey::generate().unwrap(),
            PrivateKey::generate().unwrap(),
            PrivateKey::generate().unwrap(),
        );
        let keys = TrustedKeys::new(one.public("one")).and(two.public("two"));
        for encoding in [Encoding::Der, Encoding::Raw] {
            let sign = |key: &PrivateKey| hex::encode(key.sign(b"{}", encoding).unwrap());
            // Back and forth, so that the hint is right, wrong and right again.
            for (key, name) in [(&one, "one"), (&two, "two"), (&two, "two"), (&one, "one")] {
                let verdict = keys.check(&[&sign(key)], b"{}");
                assert_eq!(verdict, Verdict::Valid { key: name.into(), encoding });
            }
            let verdict = keys.check(&[&sign(&strange)], b"{}");
            assert!(matches!(verdict, Verdict::Invalid { .. }));
            let fine = if encoding == Encoding::Der { "DER is" } else { "64 bytes are" };
            assert_eq!(
                why(&verdict),
                format!("hex is fine, {fine} fine, no trusted key made it (2 tried: one, two)")
            );
        }
        assert_eq!(keys.check(&[], b"{}"), Verdict::Missing);
        assert_eq!(keys.check(&["zz"], b"{}").name(), "malformed");
    }

    #[test]
    fn an_empty_body_is_named() {
        let key = PrivateKey::generate().unwrap();
        let keys = TrustedKeys::new(key.public("k"));
        let sign = |body| hex::encode(key.sign(body, Encoding::Der).unwrap());
        let verdict = keys.check(&[&sign(b"{}")], b"");
        assert_eq!(
            why(&verdict),
            "the body arrived empty: what was signed was lost on its way, as redirects and some proxies lose bodies"
        );
        assert_eq!(keys.reference_check(&[&sign(b"{}")], b""), verdict);
        assert!(keys.check(&[&sign(b"")], b"").is_valid(), "nothing was signed, and nothing came");
    }

    #[test]
    fn the_key_that_matched_last_is_tried_first() {
        let (one, two) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let keys = TrustedKeys::new(one.public("one")).and(two.public("two"));
        let value = hex::encode(two.sign(b"{}", Encoding::Der).unwrap());
        let tried = std::cell::RefCell::new(Vec::new());
        let judge = || {
            keys.judge(&[&value], b"{}", |key, signature, body| {
                tried.borrow_mut().push(key.name().to_string());
                key.made(signature, body)
            });
            tried.take()
        };
        assert_eq!(judge(), ["one", "two"]);
        assert_eq!(judge(), ["two"]);
    }

    #[test]
    fn names_are_unique_and_sentences_bounded() {
        let same = PrivateKey::generate().unwrap();
        let mut keys = TrustedKeys::new(same.public("k")).and(same.public("again"));
        for _ in 0..5 {
            keys = keys.and(PrivateKey::generate().unwrap().public("k"));
        }
        let names: Vec<_> = keys.iter().map(|key| key.name().to_string()).collect();
        assert_eq!(names, ["k", "k-2", "k-3", "k-4", "k-5", "k-6"]);
        let value = hex::encode(same.sign(b"a", Encoding::Der).unwrap());
        let verdict = keys.check(&[&value], b"b");
        assert!(why(&verdict).ends_with("(6 tried: k, k-2, k-3, k-4, …)"), "{verdict:?}");
    }
}
