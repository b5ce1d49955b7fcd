//! Reloads the relay's certificate when its files are replaced, and warns before it expires.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::certificate::{Certificate, FileId};
use crate::relay::server::Server;

/// Interval between two checks of the files.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// How long before a certificate expires the warnings begin.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Minimum interval between two such warnings.
const WARN_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Reloads a certificate when its files change, and warns before it expires.
pub(super) struct CertificateWatcher {
    certificate: Arc<Certificate>,
    /// The files that were read last.
    file_ids: [Option<FileId>; 2],
    /// Why the last reload failed, if it did.
    failed: Option<String>,
    warned_at: Option<Timestamp>,
}

impl CertificateWatcher {
    pub(super) fn new(certificate: Arc<Certificate>) -> Self {
        let file_ids = certificate.file_ids();
        Self { certificate, file_ids, failed: None, warned_at: None }
    }

    /// Returns when the current certificate expires; `None` if that cannot be read.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.certificate.served().expires
    }

    /// Waits until the next check is due.
    pub(super) async fn wait(&self) {
        tokio::time::sleep(CHECK_EVERY).await;
    }

    /// Reloads the certificate if its files have changed, or in any case if `forced`. Returns the
    /// messages to log.
    pub(super) fn check(&mut self, forced: bool, now: Timestamp) -> Vec<String> {
        let mut messages = Vec::new();
        let file_ids = self.certificate.file_ids();
        // Retried after a failure: a renewal replaces two files, and between the two the
        // certificate and the key do not match.
        if forced || file_ids != self.file_ids || self.failed.is_some() {
            self.file_ids = file_ids;
            match self.certificate.reload() {
                Ok(()) => {
                    let until = self.certificate.served().expires;
                    let until =
                        until.map_or_else(String::new, |until| format!(", which ends {until}"));
                    messages.push(format!("new connections get the renewed certificate{until}"));
                    (self.failed, self.warned_at) = (None, None);
                }
                Err(error) => {
                    let why = format!("{error:#}");
                    if forced || self.failed.as_ref() != Some(&why) {
                        messages.push(format!(
                            "the new certificate cannot be used; the previous one stays in use: {why}"
                        ));
                    }
                    self.failed = Some(why);
                }
            }
        }
        let may_warn = self.warned_at.is_none_or(|at| now.duration_since(at) >= WARN_EVERY);
        if let Some(expires) = self.certificate.served().expires
            && may_warn
            && expires.duration_since(now) <= WARN_BEFORE
        {
            self.warned_at = Some(now);
            let tense = if expires <= now { "ended" } else { "ends" };
            messages.push(format!(
                "the certificate in {} {tense} {expires}: renew it; the relay loads the new one by itself",
                self.certificate.chain.display()
            ));
        }
        messages
    }
}

/// Reloads the certificate if its files have changed or if `forced`; updates log and metrics.
pub(super) fn check_certificate(
    certificate: &mut Option<CertificateWatcher>,
    server: &Server,
    forced: bool,
) {
    let Some(certificate) = certificate else {
        if forced {
            tracing::info!("SIGHUP: there is no certificate to reload");
        }
        return;
    };
    for message in certificate.check(forced, Timestamp::now()) {
        tracing::warn!("{message}");
    }
    server.note_certificate(certificate.expires());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

    fn copy(dir: &Path, chain: &str, key: &str) {
        // Replaces the file by rename, as renewal programs do.
        for (from, to) in [(chain, "cert.pem"), (key, "key.pem")] {
            let new = dir.join("new");
            fs::copy(format!("{FIXTURES}/{from}"), &new).unwrap();
            fs::rename(new, dir.join(to)).unwrap();
        }
    }

    #[test]
    fn replaced_files_are_reloaded_and_a_mismatched_pair_changes_nothing() {
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
    fn expiry_warnings_begin_two_weeks_before_and_repeat_daily() {
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
