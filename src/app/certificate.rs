//! The relay's certificate: read at the start, and again when its files are replaced.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use jiff::{SignedDuration, Timestamp};
use p256::elliptic_curve::zeroize::Zeroizing;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::files;

/// The largest file of certificates or a key, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long before its end a certificate is warned of.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How often it is warned of.
const WARN_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What is served now.
#[derive(Debug, Clone)]
pub(super) struct ServedCertificate {
    key: Arc<CertifiedKey>,
    /// When its first certificate ends, where that can be read.
    pub(super) expires: Option<Timestamp>,
}

/// A certificate chain and its key, in files that somebody else renews.
#[derive(Debug)]
pub(super) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    served: RwLock<ServedCertificate>,
}

impl Certificate {
    /// Reads a chain and its key.
    pub(super) fn open(chain: &Path, key: &Path) -> anyhow::Result<Arc<Self>> {
        let served = RwLock::new(read(chain, key)?);
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), served }))
    }

    /// TLS 1.2 and 1.3 by ring, with what is served at the time of each handshake.
    pub(super) fn acceptor(self: &Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        // Named, because rustls refuses to choose where more than one provider is compiled in.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("cannot set up TLS")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    pub(super) fn served(&self) -> ServedCertificate {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again. What was served stays where they cannot be used.
    fn reload(&self) -> anyhow::Result<()> {
        let served = read(&self.chain, &self.key)?;
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        Ok(())
    }

    /// What changes when the files are replaced.
    fn marks(&self) -> [Option<FileId>; 2] {
        [&self.chain, &self.key].map(|path| fs::metadata(path).ok().map(|found| FileId::of(&found)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served().key)
    }
}

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl FileId {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            changed: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// Keeps a certificate up with its files, and says what becomes of it.
pub(super) struct CertificateWatcher {
    certificate: Arc<Certificate>,
    /// Of the files that were read last.
    marks: [Option<FileId>; 2],
    /// Why they could not be used, when they could not.
    failed: Option<String>,
    warned_at: Option<Timestamp>,
}

impl CertificateWatcher {
    pub(super) fn new(certificate: Arc<Certificate>) -> Self {
        let marks = certificate.marks();
        Self { certificate, marks, failed: None, warned_at: None }
    }

    /// When what is served ends, where that can be read.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.certificate.served().expires
    }

    /// Waits until it is time to look.
    pub(super) async fn wait(&self) {
        tokio::time::sleep(LOOK_EVERY).await;
    }

    /// Reads the files where they were replaced or `asked` says so; gives what is to be said.
    pub(super) fn check(&mut self, asked: bool, now: Timestamp) -> Vec<String> {
        let mut said = Vec::new();
        let marks = self.certificate.marks();
        // A renewal writes two files: until both are there, the pair does not belong together.
        if asked || marks != self.marks || self.failed.is_some() {
            self.marks = marks;
            match self.certificate.reload() {
                Ok(()) => {
                    let until = self.certificate.served().expires;
                    let until =
                        until.map_or_else(String::new, |until| format!(", which ends {until}"));
                    said.push(format!("new connections get the renewed certificate{until}"));
                    (self.failed, self.warned_at) = (None, None);
                }
                Err(error) => {
                    let why = format!("{error:#}");
                    if asked || self.failed.as_ref() != Some(&why) {
                        said.push(format!(
                            "the certificate in the files cannot be used, the one before goes on being served: {why}"
                        ));
                    }
                    self.failed = Some(why);
                }
            }
        }
        let is_rested = self.warned_at.is_none_or(|at| now.duration_since(at) >= WARN_EVERY);
        if let Some(expires) = self.certificate.served().expires
            && is_rested
            && expires.duration_since(now) <= WARN_BEFORE
        {
            self.warned_at = Some(now);
            let tense = if expires <= now { "ended" } else { "ends" };
            said.push(format!(
                "the certificate in {} {tense} {expires}: renew it, and the relay takes the new one by itself",
                self.certificate.chain.display()
            ));
        }
        said
    }
}

fn read(chain: &Path, key: &Path) -> anyhow::Result<ServedCertificate> {
    let certificates: Vec<_> = files::read_trusted(chain, MAX_FILE)
        .map_err(anyhow::Error::from)
        .and_then(|pem| Ok(CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>()?))
        .with_context(|| format!("cannot read the certificate {}", chain.display()))?;
    let first = certificates.first().with_context(|| {
        format!(
            "there is no certificate in {}: a PEM file with the chain is expected",
            chain.display()
        )
    })?;
    let expires = not_after(first);
    let secret = files::read_trusted(key, MAX_FILE)
        .map_err(anyhow::Error::from)
        .and_then(|pem| Ok(PrivateKeyDer::from_pem_slice(&Zeroizing::new(pem))?))
        .with_context(|| format!("cannot read the private key {}", key.display()))?;
    let provider = rustls::crypto::ring::default_provider();
    let key = CertifiedKey::from_der(certificates, secret, &provider).with_context(|| {
        format!("{} and {} do not belong together", chain.display(), key.display())
    })?;
    Ok(ServedCertificate { key: Arc::new(key), expires })
}

/// When a certificate ends (RFC 5280, section 4.1.2.5); `None` where that cannot be read.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let whole = AnyRef::from_der(certificate).ok()?;
    let mut certificate = SliceReader::new(whole.value()).ok()?;
    let signed: AnyRef<'_> = certificate.decode().ok()?;
    let mut signed = SliceReader::new(signed.value()).ok()?;
    // An optional version, the serial number, the algorithm and the issuer come before the validity.
    let mut part: AnyRef<'_> = signed.decode().ok()?;
    if matches!(part.tag(), Tag::ContextSpecific { .. }) {
        part = signed.decode().ok()?;
    }
    for _ in 0..3 {
        part = signed.decode().ok()?;
    }
    let mut validity = SliceReader::new(part.value()).ok()?;
    let _begin: AnyRef<'_> = validity.decode().ok()?;
    let end: AnyRef<'_> = validity.decode().ok()?;
    let end = match end.tag() {
        Tag::UtcTime => end.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => end.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    Timestamp::from_second(i64::try_from(end.as_secs()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

    fn copy(dir: &Path, chain: &str, key: &str) {
        // Another file in its place, as those who renew certificates put it there.
        for (from, to) in [(chain, "cert.pem"), (key, "key.pem")] {
            let new = dir.join("new");
            fs::copy(format!("{FIXTURES}/{from}"), &new).unwrap();
            fs::rename(new, dir.join(to)).unwrap();
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let dir = Path::new(FIXTURES);
        let served = read(&dir.join("relay.pem"), &dir.join("relay.key.pem")).unwrap();
        let pem = CertificateDer::from_pem_file(dir.join("relay.pem")).unwrap();
        assert!(served.expires.unwrap() > Timestamp::from_second(1_700_000_000).unwrap());
        for cut in 0..200 {
            assert_eq!(not_after(&pem[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn files_that_are_replaced_are_read_and_a_bad_pair_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        copy(dir.path(), "relay.pem", "relay.key.pem");
        let certificate = Certificate::open(&chain, &key).unwrap();
        let mut watcher = CertificateWatcher::new(Arc::clone(&certificate));
        let now = certificate.served().expires.unwrap() - SignedDuration::from_hours(30 * 24);
        let serves = |file: &str| {
            let pem = CertificateDer::from_pem_file(format!("{FIXTURES}/{file}")).unwrap();
            certificate.served().key.cert[0] == pem
        };
        assert_eq!(watcher.check(false, now), [""; 0], "nothing is new");

        copy(dir.path(), "self_signed.pem", "relay.key.pem");
        let said = watcher.check(false, now);
        assert!(said[0].contains("do not belong together"), "{said:?}");
        assert!(serves("relay.pem"));
        assert_eq!(watcher.check(false, now), [""; 0], "said once");
        copy(dir.path(), "self_signed.pem", "self_signed.key.pem");
        let said = watcher.check(false, now);
        assert!(said[0].starts_with("new connections get the renewed certificate"), "{said:?}");
        assert!(serves("self_signed.pem"));

        fs::remove_file(&key).unwrap();
        assert!(watcher.check(false, now)[0].contains("cannot read the private key"));
        assert!(serves("self_signed.pem"), "what was served stays");
    }

    #[test]
    fn the_end_is_warned_of_once_a_day_from_two_weeks_before() {
        let dir = Path::new(FIXTURES);
        let certificate =
            Certificate::open(&dir.join("relay.pem"), &dir.join("relay.key.pem")).unwrap();
        let end = certificate.served().expires.unwrap();
        let mut watcher = CertificateWatcher::new(certificate);
        let mut said = |hours: i64| watcher.check(false, end - SignedDuration::from_hours(hours));
        assert_eq!(said(15 * 24), [""; 0]);
        assert!(said(14 * 24)[0].contains(" ends "));
        assert_eq!(said(13 * 24 + 1), [""; 0]);
        assert!(said(13 * 24)[0].contains(" ends "));
        assert!(said(-1)[0].contains(" ended "));
    }
}
