//! Whom `wss://` trusts: the certificates of the system, or those of a file; dials nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum TlsError {
    #[error("cannot use the certificates in {path} (--cacert): {why}")]
    File { path: PathBuf, why: String },
    #[error("the system has no trusted certificates; --cacert names a file with some")]
    NoSystem,
    #[error("cannot use TLS: {0}")]
    Setup(#[from] Error),
}

/// What makes TLS connections. With a file only its certificates are trusted, as `curl --cacert`
/// does. Reads files.
pub fn connector(cacert: Option<&Path>) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = cacert {
        let bad = |why: String| TlsError::File { path: path.to_owned(), why };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("there is none in it".to_owned()));
        }
    } else {
        // Some that cannot be read do no harm as long as others can.
        let (usable, _) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if usable == 0 {
            return Err(TlsError::NoSystem);
        }
    }
    // The provider is named: with two of them in a build, one would have to be guessed.
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A websocket is upgraded from HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let error = connector(Some(&path)).err().unwrap().to_string();
            assert!(error.contains("ca.pem (--cacert)"), "{error}");
        }
    }
}
