//! Keys on disk: bounded reads, private files of mode 0600, never a write over an existing file.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use p256::elliptic_curve::zeroize::Zeroizing;

use super::keys::{DEV_KEY, VENDOR_KEY};
use super::{KeyError, KeyFault, PrivateKey, PublicKey, key_form};
use crate::files;

/// The largest key file that is read, in bytes. A larger one is refused, not cut.
const MAX_FILE: u64 = 64 * 1024;

const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

impl PublicKey {
    /// Reads the public key from a PEM file, and names it by the file's stem.
    ///
    /// A file with the name of one of our own keys (`dev.pem`, `panjaya.pem`) keeps its extension
    /// in the name, so that a verdict never shows it as ours.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file and says what it is instead.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let (bytes, found) = read(path)?;
        if let Some(mode) = files::open_to_all(&found) {
            return Err(KeyError::Open { path: path.to_owned(), mode });
        }
        let key = key_form::public_key(&bytes).map_err(|fault| unusable(path, fault))?;
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map_or_else(|| "key".to_owned(), |part| part.to_string_lossy().into_owned())
        };
        let stem = text(path.file_stem());
        let ours = [VENDOR_KEY, DEV_KEY].contains(&stem.as_str());
        let name = match (ours, path.extension()) {
            (false, _) => stem,
            (true, Some(_)) => text(path.file_name()),
            (true, None) => format!("{stem} (file)"),
        };
        Ok(Self::new(&name, key))
    }
}

impl PrivateKey {
    /// Reads the private key from a PEM file.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file and says what it is instead.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        Self::read(path).map(|(key, _)| key)
    }

    fn read(path: &Path) -> Result<(Self, Metadata), KeyError> {
        let (bytes, found) = read(path)?;
        let secret = key_form::private_key(&bytes).map_err(|fault| unusable(path, fault))?;
        Ok((Self { secret }, found))
    }

    /// Reads the private key from a file that no other user could read or write, so that its
    /// signatures can be trusted.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotPrivate`] if another user can, otherwise as [`Self::from_file`].
    pub fn from_own_file(path: &Path) -> Result<Self, KeyError> {
        let (key, found) = Self::read(path)?;
        let mode = found.permissions().mode() & 0o777;
        let why = match () {
            () if !files::is_ours(&found) => {
                format!("it belongs to another user (uid {})", found.uid())
            }
            () if mode & 0o077 != 0 => format!("others can read or change it (mode {mode:03o})"),
            () => return Ok(key),
        };
        Err(KeyError::NotPrivate { path: path.to_owned(), why })
    }

    /// Writes the key to a new file of mode 0600.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exists`] if the file exists, otherwise [`KeyError::Write`].
    pub fn create_file(&self, path: &Path) -> Result<(), KeyError> {
        create(path, self.to_pem().as_bytes(), PRIVATE_MODE)
    }

    /// Writes the key to a new file and its public half beside it. Returns the path of the public
    /// half: `path` with the extension `pub.pem`.
    ///
    /// # Errors
    ///
    /// As [`Self::create_file`]. If one of the files cannot be written, neither stays.
    pub fn create_pair(&self, path: &Path) -> Result<PathBuf, KeyError> {
        let public = path.with_extension("pub.pem");
        // The public half first: should the second write fail, nothing secret is taken back.
        create(&public, self.public_pem().as_bytes(), PUBLIC_MODE)?;
        self.create_file(path).inspect_err(|_| drop(fs::remove_file(&public)))?;
        Ok(public)
    }

    /// Reads the key as [`Self::from_own_file`] does; creates the file with a new key if there is
    /// none.
    ///
    /// Two processes that do this at once end with the same key: a file appears complete or not at
    /// all, and the second process reads the first one's.
    ///
    /// # Errors
    ///
    /// [`KeyError`] names the file.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::from_own_file(path) {
            Err(KeyError::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let key = Self::generate()?;
        match key.create_file(path) {
            Ok(()) => Ok(key),
            Err(KeyError::Exists { .. }) => Self::from_own_file(path),
            Err(error) => Err(error),
        }
    }
}

fn unusable(path: &Path, fault: KeyFault) -> KeyError {
    KeyError::Unusable { origin: path.display().to_string(), fault }
}

/// Reads a file of at most [`MAX_FILE`] bytes. Returns its contents, wiped when dropped, and its
/// metadata.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Metadata), KeyError> {
    // Not even to say that there is no such file: it may be a private key.
    if path.to_string_lossy().contains("-----BEGIN ") {
        return Err(KeyError::NoPath);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let found = files::open(path)
        .and_then(|(file, found)| {
            file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
            Ok(found)
        })
        .map_err(|cause| KeyError::Read { path: path.to_owned(), cause })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(unusable(path, KeyFault::TooLarge));
    }
    Ok((bytes, found))
}

/// Writes a new file with the given mode, whatever the umask; it appears complete or not at all.
fn create(path: &Path, contents: &[u8], mode: u32) -> Result<(), KeyError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::Write { path: path.to_owned(), cause },
    };
    let draft = draft_beside(path)?;
    // A hard link fails where the name is taken, which a rename does not.
    let placed =
        write_new(&draft, contents, mode).and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if no_links(&error) => write_new(path, contents, mode),
            result => result,
        });
    // The draft is the same file by another name by now, or what is left of a failed write.
    let _ = fs::remove_file(&draft);
    placed.map_err(failed)
}

/// Returns whether the file system has no hard links (FAT, some network and shared folders). A file
/// is then written in place: still never over another, but not complete from the first moment.
fn no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

/// Returns an unused name in the same directory.
fn draft_beside(path: &Path) -> Result<PathBuf, KeyError> {
    use ring::rand::SecureRandom as _;
    let mut random = [0; 8];
    ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| KeyError::Random)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", hex::encode(random)));
    Ok(path.with_file_name(name))
}

fn write_new(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    // Created with the final mode, so that nobody can open it before the umask is corrected.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(contents))
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_pair_is_written_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.pem");
        let key = PrivateKey::generate().unwrap();
        let public = key.create_pair(&path).unwrap();
        assert_eq!(public, dir.path().join("mine.pub.pem"));
        assert_eq!(names(dir.path()), ["mine.pem", "mine.pub.pem"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&path), mode(&public)), (0o600, 0o644));

        let read = PublicKey::from_file(&public).unwrap();
        assert_eq!(read, key.public(""));
        assert_eq!(&**read.name(), "mine.pub");
        assert_eq!(PrivateKey::from_file(&path).unwrap().public(""), read);

        let other = PrivateKey::generate().unwrap();
        assert!(matches!(other.create_file(&path), Err(KeyError::Exists { .. })));
        assert!(matches!(other.create_pair(&path), Err(KeyError::Exists { .. })));
        fs::remove_file(&public).unwrap();
        let error = other.create_pair(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} exists already and is left as it is; give another name", path.display())
        );
        assert_eq!(names(dir.path()), ["mine.pem"], "nothing half-written stays");
        assert_eq!(PrivateKey::from_file(&path).unwrap().public(""), read);
    }

    #[test]
    fn whoever_comes_first_makes_the_key_of_all() {
        const AT_ONCE: usize = 8;
        for _ in 0..10 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("dev.pem");
            let start = Barrier::new(AT_ONCE);
            let keys: Vec<_> = std::thread::scope(|scope| {
                let open = || {
                    start.wait();
                    PrivateKey::open_or_create(&path).unwrap().public("dev")
                };
                let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
            assert_eq!(names(dir.path()), ["dev.pem"], "no drafts stay");
        }
    }

    #[test]
    fn a_key_that_somebody_else_can_have_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dev.pem");
        let set = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        PrivateKey::open_or_create(&path).unwrap();
        for mode in [0o666, 0o660, 0o602, 0o640, 0o604] {
            set(mode);
            let error = PrivateKey::open_or_create(&path).unwrap_err();
            let said = format!(
                "the development key {} is not trusted: others can read or change it (mode {mode:03o}); remove it, and a new one is made",
                path.display()
            );
            assert_eq!(error.to_string(), said);
        }
        set(0o400);
        PrivateKey::open_or_create(&path).unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
            let error = PrivateKey::from_own_file(&path).unwrap_err().to_string();
            assert!(error.contains("it belongs to another user (uid 12345)"), "{error}");
        }

        let public = dir.path().join("mine.pem");
        fs::write(&public, PrivateKey::generate().unwrap().public_pem()).unwrap();
        fs::set_permissions(&public, Permissions::from_mode(0o664)).unwrap();
        PublicKey::from_file(&public).unwrap();
        fs::set_permissions(&public, Permissions::from_mode(0o666)).unwrap();
        let error = PublicKey::from_file(&public).unwrap_err().to_string();
        assert!(error.contains("every user can change it (mode 666)"), "{error}");
    }

    #[test]
    fn names_of_our_own_keys_are_not_given_to_files() {
        let dir = tempfile::tempdir().unwrap();
        let pem = PrivateKey::generate().unwrap().public_pem();
        for (file, name) in [
            ("vendor_key.pem", "vendor_key"),
            ("dev.pem", "dev.pem"),
            ("panjaya.pem", "panjaya.pem"),
            ("panjaya", "panjaya (file)"),
        ] {
            let path = dir.path().join(file);
            fs::write(&path, &pem).unwrap();
            assert_eq!(&**PublicKey::from_file(&path).unwrap().name(), name);
        }
    }

    #[test]
    fn faults_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.pem");
        let shown = path.display();
        let message = || PublicKey::from_file(&path).unwrap_err().to_string();

        assert!(message().starts_with(&format!("cannot read the key file {shown}: No such file")));
        fs::write(&path, vec![b' '; 64 * 1024 + 1]).unwrap();
        assert_eq!(
            message(),
            format!("{shown} is larger than 64 KiB; a PEM file with one P-256 key was expected")
        );
        fs::write(&path, b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01").unwrap();
        assert_eq!(
            message(),
            format!(
                "{shown} is not PEM but DER that was cut or has something behind it; it should hold a line \"-----BEGIN PUBLIC KEY-----\""
            )
        );
        fs::write(&path, b"\xff\xfe-\0-\0").unwrap();
        assert!(message().starts_with(&format!("{shown} is not PEM but UTF-16")), "{}", message());
        let error = PrivateKey::open_or_create(&path).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{shown} is not PEM")));

        let inline = Path::new("-----BEGIN PRIVATE KEY-----\\nMIGH");
        let message = PrivateKey::from_file(inline).unwrap_err().to_string();
        assert!(message.starts_with("a key was given where the name of a file"), "{message}");
        assert!(!message.contains("MIGH"), "a secret is not repeated");

        let nowhere = dir.path().join("no/such/dir/k.pem");
        let error = PrivateKey::open_or_create(&nowhere).unwrap_err();
        assert!(matches!(error, KeyError::Write { .. }), "{error}");
        assert!(error.to_string().contains(&nowhere.display().to_string()));
    }
}
