//! Signs the links to files: each is good for one path and until one moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;

/// How long a link is good.
const LIFE: Duration = Duration::from_secs(3600);

/// Why a link is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkFault {
    /// Not signed by this stand-in, or for another path or moment.
    Forged,
    Expired,
}

/// Signs links and checks them, with a key from the API key.
pub(super) struct LinkSigner {
    key: hmac::Key,
    /// The generation of new links; older ones have expired.
    generation: AtomicU64,
}

impl LinkSigner {
    pub(super) fn new(api_key: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, api_key.as_bytes());
        Self { key, generation: AtomicU64::new(1) }
    }

    /// Lets all links expire that exist.
    pub(super) fn expire_all(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the query for a path.
    pub(super) fn query(&self, path: &str, expired: bool) -> String {
        let now = seconds(SystemTime::now());
        let expires = if expired { now.saturating_sub(1) } else { now + LIFE.as_secs() };
        let generation = self.generation.load(Ordering::Relaxed);
        let tag = hmac::sign(&self.key, signed(path, expires, generation).as_bytes());
        format!("Expires={expires}&Key-Pair-Id={generation}&Signature={}", hex::encode(tag))
    }

    /// Checks the query of a request.
    pub(super) fn check(&self, path: &str, query: &str) -> Result<(), LinkFault> {
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        let number = |name| field(name).and_then(|text| text.parse::<u64>().ok());
        let (expires, generation) =
            number("Expires=").zip(number("Key-Pair-Id=")).ok_or(LinkFault::Forged)?;
        let tag = field("Signature=").and_then(|text| hex::decode(text).ok());
        let tag = tag.ok_or(LinkFault::Forged)?;
        hmac::verify(&self.key, signed(path, expires, generation).as_bytes(), &tag)
            .map_err(|_| LinkFault::Forged)?;
        let is_old = generation < self.generation.load(Ordering::Relaxed);
        if is_old || expires < seconds(SystemTime::now()) {
            return Err(LinkFault::Expired);
        }
        Ok(())
    }
}

fn signed(path: &str, expires: u64, generation: u64) -> String {
    format!("{path}\n{expires}\n{generation}")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_path_until_it_expires() {
        let signer = LinkSigner::new("key");
        let query = signer.query("/files/a", false);
        assert_eq!(signer.check("/files/a", &query), Ok(()));
        assert_eq!(signer.check("/files/b", &query), Err(LinkFault::Forged));
        assert_eq!(LinkSigner::new("other").check("/files/a", &query), Err(LinkFault::Forged));
        let later = query.replace("Expires=", "Expires=9");
        assert_eq!(signer.check("/files/a", &later), Err(LinkFault::Forged));
        assert_eq!(signer.check("/files/a", ""), Err(LinkFault::Forged));
        signer.expire_all();
        assert_eq!(signer.check("/files/a", &query), Err(LinkFault::Expired));
        let newer = query.replace("Key-Pair-Id=1", "Key-Pair-Id=2");
        assert_eq!(signer.check("/files/a", &newer), Err(LinkFault::Forged));
        assert_eq!(signer.check("/files/a", &signer.query("/files/a", false)), Ok(()));
        let expired = signer.query("/files/a", true);
        assert_eq!(signer.check("/files/a", &expired), Err(LinkFault::Expired));
    }
}
