//! The relay's TLS certificate: reads it from its files and serves it.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use jiff::Timestamp;
use p256::elliptic_curve::zeroize::Zeroizing;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::files;

/// Maximum size of a certificate or key file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The certificate that new connections get.
#[derive(Debug, Clone)]
pub(super) struct ServedCertificate {
    pub(super) key: Arc<CertifiedKey>,
    /// When the chain's first certificate expires; `None` if that cannot be read.
    pub(super) expires: Option<Timestamp>,
}

/// A certificate chain and its key, in files that another program renews.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) chain: PathBuf,
    key: PathBuf,
    served: RwLock<ServedCertificate>,
}

impl Certificate {
    /// Reads a chain and its key from PEM files.
    pub(super) fn open(chain: &Path, key: &Path) -> anyhow::Result<Arc<Self>> {
        let served = RwLock::new(read(chain, key)?);
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), served }))
    }

    /// Returns an acceptor for TLS 1.2 and 1.3 (ring). Each handshake uses the certificate that is
    /// current at that time.
    pub(super) fn acceptor(self: &Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        // Named, because rustls panics if more than one provider is compiled in and none is chosen.
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

    /// Reads the files again. Keeps the current certificate if they cannot be used.
    pub(super) fn reload(&self) -> anyhow::Result<()> {
        let served = read(&self.chain, &self.key)?;
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        Ok(())
    }

    /// Returns the identities of both files; `None` for a missing one.
    pub(super) fn file_ids(&self) -> [Option<FileId>; 2] {
        [&self.chain, &self.key].map(|path| fs::metadata(path).ok().map(|found| FileId::of(&found)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served().key)
    }
}

/// Identifies one version of a file: it changes when the file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
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

/// Returns when a DER certificate expires (RFC 5280, section 4.1.2.5); `None` if it cannot be
/// parsed.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let whole = AnyRef::from_der(certificate).ok()?;
    let mut certificate = SliceReader::new(whole.value()).ok()?;
    let signed: AnyRef<'_> = certificate.decode().ok()?;
    let mut signed = SliceReader::new(signed.value()).ok()?;
    // Before the validity: an optional version, the serial number, the algorithm and the issuer.
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

    #[test]
    fn the_expiry_of_a_certificate_is_read() {
        let dir = Path::new(FIXTURES);
        let served = read(&dir.join("relay.pem"), &dir.join("relay.key.pem")).unwrap();
        let pem = CertificateDer::from_pem_file(dir.join("relay.pem")).unwrap();
        assert!(served.expires.unwrap() > Timestamp::from_second(1_700_000_000).unwrap());
        for cut in 0..200 {
            assert_eq!(not_after(&pem[..cut]), None, "{cut}");
        }
    }
}
