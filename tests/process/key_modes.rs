//! Modes of key files under every umask.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use dubwatch::internals::signature::PrivateKey;
use rustix::fs::Mode;
use rustix::process::umask;

#[test]
fn private_files_are_0600_whatever_the_umask() {
    let _turn = crate::turn();
    let dir = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate().unwrap();
    for mask in [0o000, 0o022, 0o077, 0o377, 0o777] {
        let path = dir.path().join(format!("{mask:o}.pem"));
        let opened = dir.path().join(format!("{mask:o}.dev.pem"));
        let before = umask(Mode::from_raw_mode(mask));
        let public = key.create_pair(&path);
        let created = PrivateKey::open_or_create(&opened);
        umask(before);
        created.unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o600, "umask {mask:o}");
        assert_eq!(mode(&opened), 0o600, "umask {mask:o}");
        assert_eq!(mode(&public.unwrap()), 0o644, "umask {mask:o}");
    }
}
