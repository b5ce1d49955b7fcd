//! TLS and its trusted certificates: those of the system or of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{
    VerifierBuilderError, WebPkiServerVerifier, verify_server_name,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::reasons;
use crate::files;

/// Maximum size of a certificate file, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot use the certificates in {path} (--cacert): {why}")]
    File { path: PathBuf, why: String },
    #[error("the system has no trusted certificates; --cacert names a file with some")]
    NoSystem,
    #[error("cannot use TLS: {0}")]
    Setup(#[from] Error),
    #[error("cannot use TLS: {0}")]
    Verifier(#[from] VerifierBuilderError),
    #[error("cannot read the system's certificates: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// The trusted certificates.
#[derive(Clone, Default)]
pub enum Trust {
    /// The system's certificates, read for each connection, because they can change while a
    /// dashboard runs for weeks.
    #[default]
    System,
    /// Certificates that were read already.
    Read {
        /// Makes the connections.
        connector: TlsConnector,
        /// Their file; `None` for the system's.
        file: Option<PathBuf>,
    },
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Read { file, .. } => f.debug_struct("Read").field("file", file).finish(),
        }
    }
}

impl Trust {
    /// Reads the certificates of a file, or of the system without a file. With a file only its
    /// certificates are trusted, like `curl --cacert`.
    pub fn read(file: Option<&Path>) -> Result<Self, TlsError> {
        let connector = match file {
            Some(path) => of_file(path)?,
            None => of_system()?,
        };
        Ok(Self::Read { connector, file: file.map(Path::to_owned) })
    }

    /// Returns the trust in every certificate, as long as the server has its key.
    pub fn any() -> Result<Self, TlsError> {
        let verifier =
            Arc::new(AnyCertificate(default_provider().signature_verification_algorithms));
        Ok(Self::Read { connector: with_verifier(verifier)?, file: None })
    }

    /// Returns the file that replaces the system's certificates, if any.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::System => None,
            Self::Read { file, .. } => file.as_deref(),
        }
    }

    pub(super) async fn connector(&self) -> Result<TlsConnector, TlsError> {
        match self {
            Self::Read { connector, .. } => Ok(connector.clone()),
            Self::System => tokio::task::spawn_blocking(of_system).await?,
        }
    }
}

fn of_system() -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    // Unreadable ones do no harm as long as others are readable.
    let (usable, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        return Err(TlsError::NoSystem);
    }
    connector(roots, Vec::new())
}

fn of_file(path: &Path) -> Result<TlsConnector, TlsError> {
    let bad = |why: String| TlsError::File { path: path.to_owned(), why };
    let pem = files::read_trusted(path, MAX_FILE).map_err(|error| bad(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem);
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate.clone()).map_err(|error| bad(error.to_string()))?;
        named.push(certificate);
    }
    if roots.is_empty() {
        return Err(bad(
            "there is no certificate in PEM in it (one in DER becomes PEM by `openssl x509 -inform der`)"
                .to_owned(),
        ));
    }
    connector(roots, named)
}

fn connector(
    roots: RootCertStore,
    named: Vec<CertificateDer<'static>>,
) -> Result<TlsConnector, TlsError> {
    // Named, because rustls panics if more than one provider is compiled in and none is chosen.
    let provider = Arc::new(default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    with_verifier(Arc::new(Verifier { verifier, named }))
}

fn with_verifier(verifier: Arc<dyn ServerCertVerifier>) -> Result<TlsConnector, TlsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // Every user speaks HTTP/1.1, one to upgrade to a websocket.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Verifies like rustls, but also accepts a certificate that the user named as the server's own.
///
/// `openssl req -x509` creates CA certificates, which rustls does not accept for a server. If the user
/// names exactly the server's certificate, no issuer has to vouch for it. It must still be valid
/// for the server's name and the current time, and the server must have its key.
#[derive(Debug)]
struct Verifier {
    verifier: Arc<WebPkiServerVerifier>,
    /// The certificates that the user named.
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // The period of validity is checked before both.
            Err(Error::InvalidCertificate(why))
                if is_about_issuer(&why) && self.named.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Accepts every certificate, for every name and at every time. The server must still have its key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Returns whether the only problem is the issuer of the certificate.
fn is_about_issuer(why: &CertificateError) -> bool {
    match why {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(other) => reasons::is_ca(&other.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> CertificateDer<'static> {
        let path = format!("{}/tests/fixtures/tls/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        CertificateDer::from_pem_file(path).unwrap()
    }

    /// Returns the result for a server with the first certificate if the user named the second.
    fn verdict(server: &str, named: &str, host: &str, at: u64) -> Result<(), Error> {
        let (server, named) = (fixture(server), fixture(named));
        let mut roots = RootCertStore::empty();
        roots.add(named.clone()).unwrap();
        let provider = Arc::new(default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = Verifier { verifier: builder.build().unwrap(), named: vec![named] };
        let host = ServerName::try_from(host).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at));
        verifier.verify_server_cert(&server, &[], &host, &[], now).map(drop)
    }

    /// A time in 2030, at which the fixtures are valid.
    const NOW: u64 = 1_900_000_000;

    #[test]
    fn a_certificate_that_was_named_is_trusted_as_the_servers_own() {
        // A CA certificate as `openssl req -x509` creates it, and one of an unknown CA.
        for server in ["self_signed", "relay"] {
            for host in ["localhost", "127.0.0.1"] {
                assert_eq!(verdict(server, server, host, NOW), Ok(()), "{server} {host}");
            }
            let other_name = verdict(server, server, "relay.test", NOW);
            assert!(
                matches!(
                    other_name,
                    Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))
                ),
                "{server}: {other_name:?}"
            );
            let late = verdict(server, server, "localhost", 10_000_000_000);
            assert!(
                matches!(
                    late,
                    Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
                ),
                "{server}: {late:?}"
            );
            let early = verdict(server, server, "localhost", 1_000_000_000);
            assert!(
                matches!(
                    early,
                    Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }))
                ),
                "{server}: {early:?}"
            );
        }
        assert_eq!(verdict("relay", "ca", "localhost", NOW), Ok(()));
    }

    #[test]
    fn one_that_was_not_named_is_trusted_by_its_issuer_only() {
        let unknown = Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(verdict("relay", "self_signed", "localhost", NOW), unknown);
        let of_a_ca = verdict("self_signed", "relay", "localhost", NOW);
        assert!(
            matches!(&of_a_ca, Err(Error::InvalidCertificate(why)) if is_about_issuer(why)),
            "{of_a_ca:?}"
        );
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        for text in [
            None,
            Some(""),
            Some("nothing"),
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = Trust::read(Some(&path)).err().unwrap().to_string();
            assert!(error.contains("ca.pem (--cacert)"), "{error}");
        }
    }
}
