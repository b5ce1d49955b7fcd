//! Tests of the unfinished file.

use std::os::unix::fs::symlink;

use super::*;

fn open(directory: &Path) -> PartFile {
    PartFile::open(directory, "a", "v").unwrap()
}

fn put(part: &mut PartFile, from: u64, bytes: &[u8]) {
    part.begin(from, Some(("\"e\"", 9))).unwrap().write_all(bytes).unwrap();
    part.measure().unwrap();
}

#[test]
fn a_beginning_of_the_same_version_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut part = open(dir.path());
    assert_eq!((part.resume(), part.have()), (None, 0));
    put(&mut part, 0, b"0123");
    drop(part);
    for name in ["a.part", "a.part-note"] {
        let mode = fs::metadata(dir.path().join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut part = open(dir.path());
    let from = |from| Some(RangeStart { from, etag: "\"e\"".to_owned(), total: 9 });
    assert_eq!(part.resume(), from(4));
    put(&mut part, 4, b"45678");
    assert_eq!((part.resume(), part.have()), (from(8), 9), "complete, and not renamed");
    put(&mut part, 8, b"8");
    part.finish(&dir.path().join("a.mp4"), false).unwrap();
    assert_eq!(fs::read(dir.path().join("a.mp4")).unwrap(), b"012345678");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn a_beginning_of_another_version_or_of_nothing_known_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let fill = || put(&mut open(dir.path()), 0, b"0123");
    fill();
    let other = PartFile::open(dir.path(), "a", "w").unwrap();
    assert_eq!((other.resume(), other.have()), (None, 0));
    drop(other);
    for note in ["", "{}", "[", r#"{"version_id":"v","etag":"\"e\"","bytes":3}"#] {
        fill();
        fs::write(dir.path().join("a.part-note"), note).unwrap();
        let part = open(dir.path());
        assert_eq!((part.resume(), part.have()), (None, 0), "{note}");
    }
    drop(open(dir.path()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn one_download_at_a_time_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = PartFile::open(dir.path(), "a", "v").err().unwrap();
    assert!(second.to_string().contains("another download"), "{second}");
    drop(first);
    open(dir.path());
}

#[test]
fn what_others_put_in_its_place_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let (part, other) = (dir.path().join("a.part"), dir.path().join("other"));
    fs::write(&other, "other").unwrap();
    symlink(&other, &part).unwrap();
    assert!(PartFile::open(dir.path(), "a", "v").is_err());
    fs::remove_file(&part).unwrap();
    fs::hard_link(&other, &part).unwrap();
    assert!(PartFile::open(dir.path(), "a", "v").is_err());
    fs::remove_file(&part).unwrap();
    fs::create_dir(&part).unwrap();
    assert!(PartFile::open(dir.path(), "a", "v").is_err());
    assert_eq!(fs::read_to_string(&other).unwrap(), "other");
}

#[test]
fn a_finished_file_replaces_another_only_if_told() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("a.mp4");
    fs::write(&to, "old").unwrap();
    let mut part = open(dir.path());
    put(&mut part, 0, b"012345678");
    assert!(matches!(part.finish(&to, false), Err(DownloadError::Exists { .. })));
    assert_eq!(fs::read_to_string(&to).unwrap(), "old");
    open(dir.path()).finish(&to, true).unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"012345678");
}
