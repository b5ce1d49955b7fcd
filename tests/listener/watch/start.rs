//! A bad start is one sentence on stderr, a status that is not 0, and nothing made or overwritten.

use std::fs;
use std::net::TcpListener;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::json;

use crate::common::{Heard, LIMIT, Running, Site, callback, post};

const P384: &str = include_str!("../../fixtures/keys/secp384r1.pub.pem");

/// Expects one sentence with these words in it, and gives the status.
fn one_sentence(site: &Site, arguments: &[&str], words: &[&str]) -> i32 {
    let (code, err) = site.fails(arguments);
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.starts_with("dubwatch: "), "{err}");
    for word in words {
        assert_eq!(err.matches(word).count(), 1, "{word:?} is to be in {err:?} once");
    }
    code
}

#[test]
fn a_key_that_is_none_stops_the_start() {
    let site = Site::new();
    let write = |name: &str, text: &str| fs::write(site.dir.path().join(name), text).unwrap();
    write("empty.pem", "");
    write("garbage.pem", "not a key at all");
    write("p384.pem", P384);
    write("private.pem", &site.key.to_pem());
    fs::create_dir(site.dir.path().join("folder.pem")).unwrap();
    for (file, word) in [
        ("missing.pem", "No such file"),
        ("empty.pem", "is empty"),
        ("garbage.pem", "is not PEM"),
        ("p384.pem", "P-384"),
        ("private.pem", "is a private key"),
        ("folder.pem", "directory"),
    ] {
        let code = one_sentence(&site, &["--public-key", file], &[file, word]);
        assert!(code == 1 || code == 2, "{file}: {code}");
        assert_eq!(site.files(), [""; 0], "{file}");
    }
    // One good key does not make up for a bad one.
    let both = ["--public-key", "sender.pem", "--public-key", "empty.pem"];
    one_sentence(&site, &both, &["empty.pem"]);
}

#[test]
fn a_port_in_use_stops_the_start() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["--listen", address.as_str()];
    assert_eq!(one_sentence(&site, &arguments, &[&address, "--listen", "in use"]), 1);
}

/// Whoever pipes it somewhere sees what the first one writes, and is told that it receives nothing.
#[test]
fn a_journal_in_use_is_followed_and_who_has_it_is_named() {
    let site = Site::new();
    let mut watch = site.watch();
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    assert_eq!(watch.delivery()["seq"], 1);

    let mut child = site.command(&["--json"]).spawn().unwrap();
    let out = Heard::from(child.stdout.take().unwrap());
    let err = Heard::from(child.stderr.take().unwrap());
    let mut follower = Running(child);
    let line = |number| -> serde_json::Value {
        serde_json::from_slice(&out.line(number, LIMIT).expect("a further line")).unwrap()
    };
    let ready = line(0);
    assert_eq!((&ready["type"], &ready["read_only"]), (&json!("ready"), &json!(true)));
    assert_eq!(ready["listen"], json!(null));
    let said = String::from_utf8(err.line(0, LIMIT).unwrap()).unwrap();
    for word in ["read-only", &format!("process {}", watch.pid()), "journal.db"] {
        assert!(said.contains(word), "{word:?} is to be in {said:?}");
    }

    assert_eq!(watch.ask(site.signed(callback(2))).status, 200, "the first one does not notice");
    assert_eq!(watch.delivery()["seq"], 2);
    let delivery = line(1);
    assert_eq!((&delivery["type"], &delivery["seq"]), (&json!("delivery"), &json!(2)));
    assert_eq!(watch.ask(post(&[], b"{}")).status, 401);
    assert_eq!(line(2)["type"], "refusal");

    watch.stop(Signal::TERM);
    assert_eq!(line(3)["type"], "warning", "the one that received has ended");
    let pid = rustix::process::Pid::from_child(&follower.0);
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    assert!(out.ends_within(LIMIT));
    assert_eq!(follower.0.wait().unwrap().code(), Some(130));
}

#[test]
fn a_journal_of_a_newer_dubwatch_is_left_as_it_is() {
    let site = Site::new();
    site.watch().stop(Signal::TERM);
    let connection = Connection::open(&site.db).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.close().unwrap();
    let before = (fs::read(&site.db).unwrap(), site.files());
    assert_eq!(one_sentence(&site, &[], &["schema 99", "use a newer dubwatch"]), 1);
    assert!((fs::read(&site.db).unwrap(), site.files()) == before, "it was changed");
}

#[test]
fn a_journal_that_is_none_is_left_as_it_is() {
    let site = Site::new();
    site.watch().stop(Signal::TERM);
    let mut damaged = fs::read(&site.db).unwrap();
    damaged[100..800].fill(0x5a);
    let other = {
        let path = site.dir.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        fs::read(path).unwrap()
    };
    for (bytes, words) in [
        (damaged, "malformed"),
        (b"Dear diary, ".repeat(500), "it is no SQLite database"),
        (other, "another program's SQLite database"),
    ] {
        fs::write(&site.db, &bytes).unwrap();
        let before = site.files();
        assert_eq!(one_sentence(&site, &[], &["journal.db", words]), 1);
        assert!(fs::read(&site.db).unwrap() == bytes, "it was overwritten: {words}");
        assert_eq!(site.files(), before, "{words}");
    }
}

#[test]
fn a_place_for_the_journal_that_cannot_be_stops_the_start() {
    let site = Site::new();
    let sender = site.dir.path().join("sender.pem");
    let key = fs::read(&sender).unwrap();
    let below_a_file = sender.join("journal.db");
    let arguments = ["--db", below_a_file.to_str().unwrap(), "--no-dev-key"];
    assert_eq!(one_sentence(&site, &arguments, &["sender.pem", "--db"]), 1);
    assert!(fs::read(sender).unwrap() == key);
}

#[test]
fn settings_that_make_no_sense_are_a_usage_error() {
    let site = Site::new();
    for (arguments, word) in [
        (["--listen", "nowhere"], "--listen"),
        (["--signature", "maybe"], "--signature"),
        (["--max-body", "lots"], "--max-body"),
    ] {
        let (code, err) = site.fails(&arguments);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(word), "{err}");
        assert_eq!(site.files(), [""; 0]);
    }
}
