//! The journal by hand: its size, backups beside a running watch, restoring one, deleting an asset.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use dubwatch::internals::callback::{BodySample, Headers, Refusal, RefusalEntry, RefusalKind};
use dubwatch::internals::journal::{Journal, Location};
use jiff::Timestamp;

use crate::cli_support::{Home, body, mode, start};

/// A journal of two assets.
fn two() -> Home {
    let home = Home::new();
    home.fill([
        (3, body("version_ready", "ast_1", "ver_1")),
        (2, body("version_generating", "ast_1", "ver_1")),
        (1, body("version_ready", "ast_2", "ver_2")),
    ]);
    home
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// The records of `log --json` of a journal, without what a copy may have otherwise.
fn log(home: &Home, db: &Path) -> String {
    home.run(&format!("log --json --db {}", db.display())).done().to_owned()
}

#[test]
fn path_and_size_say_where_the_journal_is_and_what_is_in_it() {
    let home = Home::new();
    assert_eq!(home.run("journal path").done(), "~/data/dubwatch/journal.db\n");
    assert!(home.run("journal size").complaint(1).contains("there is no journal"));
    let home = two();
    let ran = home.run("journal size");
    let lines: Vec<&str> = ran.done().lines().collect();
    assert!(lines[0].starts_with("~/data/dubwatch/journal.db: "), "{lines:?}");
    assert!(lines[0].ends_with("KiB"), "{lines:?}");
    assert_eq!(lines[1], "3 deliveries of 2 assets, 0 kinds of refusals");
    assert_eq!(lines[2], "No space in it is unused.");
    let watch = home.watch();
    home.run(&format!("send --to {}", watch.url)).done();
    watch.line("delivery");
    let ran = home.run("journal size");
    assert!(ran.done().contains("in its write-ahead log\n4 deliveries of 3 assets"), "{}", ran.out);
    assert_eq!(watch.stop(), Some(143));
}

#[test]
fn a_backup_is_made_beside_a_running_watch_and_restored() {
    let home = two();
    let watch = home.watch();
    home.run(&format!("send --to {} --asset ast_3", watch.url)).done();
    watch.line("delivery");
    let before = log(&home, &home.journal());
    let ran = home.run("journal backup copy.db");
    assert!(ran.done().starts_with("Copied 4 deliveries to copy.db, "), "{}", ran.out);
    // The newest is still in the write-ahead log, and the copy has it.
    assert_eq!(log(&home, &home.path("copy.db")), before);
    assert_eq!(mode(&home.path("copy.db")), 0o600);
    home.run(&format!("send --to {} --asset ast_4", watch.url)).done();
    watch.line("delivery");

    let said = home.run("journal restore copy.db");
    let said = said.complaint(1);
    assert!(said.contains("is in use by a running dubwatch (process "), "{said}");
    assert!(said.ends_with("; end that one first; nothing was restored\n"), "{said}");
    assert_eq!(watch.stop(), Some(143));
    let after = log(&home, &home.journal());
    assert_eq!(after.lines().count(), 5);

    let ran = home.run("journal restore copy.db");
    let lines: Vec<&str> = ran.done().lines().collect();
    assert!(lines[0].starts_with("Restored 4 deliveries ("), "{lines:?}");
    assert!(lines[0].ends_with(") from copy.db to ~/data/dubwatch/journal.db."), "{lines:?}");
    let aside = lines[1].strip_prefix("What was there before is in ~/").unwrap();
    let aside = home.path(aside.strip_suffix('.').unwrap());
    assert_eq!(log(&home, &home.journal()), before);
    assert_eq!(log(&home, &aside), after, "what was there is kept");
    assert_eq!(mode(&home.journal()), 0o600);

    // Watching goes on from there.
    let watch = home.watch();
    home.run(&format!("send --to {} --asset ast_5", watch.url)).done();
    assert_eq!(watch.line("delivery")["seq"], 5);
    assert_eq!(watch.stop(), Some(143));
}

#[test]
fn a_backup_is_restored_where_no_journal_is() {
    let home = two();
    home.run("journal backup copy.db").done();
    let other = Home::new();
    let copy = other.write("copy.db", fs::read(home.path("copy.db")).unwrap());
    let ran = other.run(&format!("journal restore {}", copy.display()));
    assert_eq!(ran.done().lines().count(), 1, "nothing was there before: {}", ran.out);
    assert_eq!(log(&other, &other.journal()), log(&home, &home.journal()));
    assert_eq!(names(&other.path("data/dubwatch")), ["journal.db", "journal.db.lock"]);
}

#[test]
fn a_restore_that_cannot_be_done_leaves_the_journal_as_it_is() {
    let home = two();
    home.run("journal backup copy.db").done();
    home.write("notes.txt", "not a database, and long enough to look at: ".repeat(50));
    let cut = fs::read(home.path("copy.db")).unwrap();
    home.write("cut.db", &cut[..cut.len() / 2]);
    home.write("empty.db", "");
    let before = (log(&home, &home.journal()), names(&home.path("data/dubwatch")));
    for (file, why) in [
        ("none.db", "there is no file none.db"),
        ("notes.txt", "notes.txt is no backup of a journal: it is no SQLite database"),
        ("empty.db", "empty.db is no backup of a journal: it is empty"),
        ("cut.db", "cut.db is"),
        (".", ". is no backup of a journal: it is a directory"),
        ("data/dubwatch/journal.db", "is the journal itself"),
    ] {
        let ran = home.run(&format!("journal restore {file}"));
        let said = ran.complaint(1);
        assert!(said.contains(why), "{file}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("the journal"), "{said}");
        let after = (log(&home, &home.journal()), names(&home.path("data/dubwatch")));
        assert_eq!(after, before, "{file}");
    }
    assert_eq!(fs::read(home.path("empty.db")).unwrap(), b"");
    // Another process that only reads has it open.
    let mut reader = start(home.command(["log", "-f", "--json"]).stdin(Stdio::null()));
    let mut lines = std::io::BufReader::new(reader.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut lines, &mut String::new()).unwrap();
    let said = home.run("journal restore copy.db");
    assert!(said.complaint(1).contains("is in use by a running dubwatch;"), "{}", said.err);
    reader.kill().unwrap();
    reader.wait().unwrap();
    home.run("journal restore copy.db").done();
}

#[test]
fn a_backup_never_replaces_a_file_unasked() {
    let home = two();
    home.write("mine.db", "mine");
    let ran = home.run("journal backup mine.db");
    assert_eq!(
        ran.complaint(1),
        "dubwatch: mine.db exists already and was left as it is; name another file, or add --overwrite\n"
    );
    assert_eq!(fs::read(home.path("mine.db")).unwrap(), b"mine");
    home.run("journal backup mine.db --overwrite").done();
    assert_eq!(log(&home, &home.path("mine.db")), log(&home, &home.journal()));

    symlink(home.journal(), home.path("link.db")).unwrap();
    for file in ["data/dubwatch/journal.db", "link.db"] {
        let ran = home.run(&format!("journal backup {file} --overwrite"));
        assert!(ran.complaint(1).contains("is the journal itself; name another file"));
    }
    home.write("other.db-wal", "a log of another");
    let ran = home.run("journal backup other.db");
    assert!(ran.complaint(1).contains("other.db-wal stands beside other.db"), "{}", ran.err);
    assert!(home.run("journal backup no/such/copy.db").complaint(1).contains("no backup was made"));
    assert!(home.run("journal backup .").complaint(1).starts_with("dubwatch: "));
    home.write("copy.db.part", "left by one that was killed");
    home.run("journal backup copy.db").done();
    let left = names(&home.path(""));
    assert_eq!(left, ["copy.db", "data", "link.db", "mine.db", "other.db-wal"]);
}

/// Everything that can be known of an asset is put into the journal and is not in its file any more.
#[test]
fn delete_leaves_nothing_of_an_asset() {
    const ID: &str = "ast_to_forget_4711";
    let home = Home::new();
    let unreadable = format!(r#"{{"event":["odd"],"asset_id":"{ID}"}}"#);
    let mut deliveries =
        vec![(9, body("version_ready", ID, "ver_1")), (8, unreadable), (7, format!("[\"{ID}\"]"))];
    for hour in 0..4 {
        deliveries.push((6 - hour, body("version_generating", ID, "ver_1")));
        deliveries.push((6 - hour, body("version_generated", ID, "ver_1")));
    }
    deliveries.push((1, body("version_ready", "ast_2", "ver_2")));
    home.fill(deliveries);
    let refused = |id, text: &str| {
        let refusal = Refusal {
            at: Timestamp::now(),
            kind: RefusalKind::Invalid,
            status: 401,
            why: "no trusted key made it".to_owned(),
            count: 1,
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            peer: "192.0.2.7:4711".to_owned(),
            headers: Headers::from_raw([("X-Signature", b"3045".as_slice())]),
            body: BodySample::of(text.as_bytes()),
        };
        RefusalEntry::new(id, refusal)
    };
    let journal = Journal::open(&Location::File(home.journal()), None).unwrap();
    let listed = vec![
        refused(1, &body("version_ready", ID, "ver_1")),
        refused(2, &format!(r#"{{"asset_id":"{ID}","and it was cut"#)),
        refused(3, &body("version_ready", "ast_2", "ver_2")),
    ];
    journal.list_refusals(listed).unwrap().blocking_receipt().unwrap();
    journal.name(ID.to_owned(), Some("Forget me".to_owned())).unwrap().blocking_receipt().unwrap();
    let mark = journal.acknowledge(ID.to_owned(), None, Some(Timestamp::now())).unwrap();
    mark.blocking_receipt().unwrap();
    journal.close();

    let watch = home.watch();
    let ran = home.run(&format!("journal delete --asset {ID}"));
    assert!(ran.complaint(1).contains("in use by a running dubwatch"), "{}", ran.err);
    assert_eq!(watch.stop(), Some(143));
    for (word, why) in
        [("ast_to_forget", "no asset has ast_to_forget as its whole id"), ("no", "no asset has no")]
    {
        let ran = home.run(&format!("journal delete --yes --asset {word}"));
        assert!(ran.complaint(1).contains(why), "{}", ran.err);
    }
    let ran = home.ran(&mut home.command(["journal", "delete", "--yes", "--asset", "forget me"]));
    assert_eq!(
        ran.done(),
        format!(
            "Deleted 11 deliveries, 1 version, the notes and 2 kinds of refusals of the asset {ID}.\n"
        )
    );
    let left = fs::read(home.journal()).unwrap();
    for trace in [ID.as_bytes(), b"Forget me"] {
        let found = left.windows(trace.len()).filter(|window| *window == trace).count();
        assert_eq!(found, 0, "{}", String::from_utf8_lossy(trace));
    }
    assert!(!home.path("data/dubwatch/journal.db-wal").exists());
    assert_eq!(home.run("log --json").done().lines().count(), 1);
    assert_eq!(home.run("log --refused --json").done().lines().count(), 1);
    // A number is never used twice.
    let watch = home.watch();
    home.run(&format!("send --to {} --asset {ID}", watch.url)).done();
    let delivery = watch.line("delivery");
    assert_eq!((&delivery["seq"], &delivery["effect"]), (&13.into(), &"applied".into()));
    assert_eq!(watch.stop(), Some(143));
}

#[test]
fn vacuum_gives_space_back() {
    let home = Home::new();
    let long = "x".repeat(4000);
    let old = (0..200).map(|n| (24 * 100, format!(r#"{{"event":"{long}","asset_id":"a{n}"}}"#)));
    home.fill(old.chain([(0, body("version_ready", "ast_2", "ver_2"))]));
    let length = || fs::metadata(home.journal()).unwrap().len();
    let full = length();
    for n in 0..3 {
        home.run(&format!("journal delete --yes --asset a{n}")).done();
    }
    assert!(length() < full);
    let watch = home.watch();
    let ran = home.run("journal vacuum");
    assert!(ran.complaint(1).ends_with("end that one first; nothing was changed\n"), "{}", ran.err);
    assert_eq!(watch.stop(), Some(143));
    let ran = home.run("journal vacuum");
    assert!(ran.done().starts_with("Gave "), "{}", ran.out);
    assert_eq!(home.run("log --json").done().lines().count(), 198);
}
