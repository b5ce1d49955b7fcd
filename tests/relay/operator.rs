//! An operator's commands, beside a running relay and without one; and what never leaves it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use dubwatch::internals::relay::protocol::{CloseCode, GapReason, RelayFrame};

use rustix::process::Signal;

use crate::common::{Site, Watch, get, until};
use crate::relay_support::{Heard, Inbox, Reader, Relay, signed};

#[test]
fn inboxes_are_made_listed_rotated_and_revoked_beside_a_running_relay_and_without_one() {
    let mut relay = Relay::start(&[]);
    for running in [true, false] {
        if !running {
            relay.stop();
        }
        let inbox = relay.inbox("one");
        let (done, words) = relay.operate(&["create", "one"]);
        assert!(!done && words.contains("already"), "{words}");
        let (_, list) = relay.operate(&["list"]);
        assert!(list.contains("one") && list.contains(&inbox.path), "{list}");
        assert!(!list.contains(&inbox.token));
        let (_, line) = relay.operate(&["rotate", "one", "--json"]);
        let rotated = Inbox::from(&line);
        assert_eq!(rotated.path, inbox.path);
        assert_ne!(rotated.token, inbox.token);
        let (_, line) = relay.operate(&["rotate", "one", "--url", "--json"]);
        let moved = Inbox::from(&line);
        assert_ne!(moved.path, inbox.path);
        assert!(line.contains("old_url_until"), "{line}");
        let (_, list) = relay.operate(&["list"]);
        assert!(list.contains(&moved.path) && list.contains(&inbox.path), "{list}");
        let (_, words) = relay.operate(&["rotate", "one", "--url", "--grace", "0"]);
        assert!(!words.contains("Old URL"), "{words}");
        let (_, list) = relay.operate(&["list", "--json"]);
        let row: serde_json::Value = serde_json::from_str(&list).unwrap();
        let old = row["old_urls"].as_array().unwrap();
        assert_eq!(old.len(), 1, "the first is taken, the second is not: {list}");
        assert!(old[0]["publish_url"].as_str().unwrap().ends_with(&inbox.path), "{list}");
        let (done, _) = relay.operate(&["revoke", "one"]);
        assert!(done);
        // For people: the line that watches it.
        let (_, words) =
            relay.operate(&["create", "two", "--public-url", "https://relay.example/r"]);
        let line = "dubwatch --relay wss://relay.example/r --no-listen";
        assert!(running || words.contains(line), "{words}");
        assert!(words.contains("dubwatch --relay ws"), "{words}");
        assert!(relay.operate(&["revoke", "two"]).0);
        let (done, words) = relay.operate(&["revoke", "one"]);
        assert!(!done && words.contains("no such inbox"), "{words}");
        let (_, list) = relay.operate(&["list"]);
        assert!(list.contains("No inbox yet"), "{list}");
    }
    for command in
        [&["create", "a b"][..], &["rotate", "-"], &["revoke", ""], &["forget", ".", "a"]]
    {
        let (done, words) = relay.operate(command);
        assert!(!done && words.contains("an inbox name has 1 to 64"), "{words}");
    }
    let (done, words) = relay.operate(&["forget", "one", "a b"]);
    assert!(!done && words.contains("a reader name has 1 to 64"), "{words}");
}

#[test]
fn where_a_relay_is_reached_is_remembered_with_its_store() {
    let site = Site::new();
    let operate = |arguments: &[&str]| {
        let mut command = site.bare();
        command.args(["relay", "inbox"]).args(arguments).arg("--db").arg(&site.db);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    operate(&["create", "one", "--listen", "127.0.0.1:4555"]);
    assert!(operate(&["list"]).contains("http://127.0.0.1:4555/in/"));
    operate(&["create", "two", "--public-url", "https://relay.example/r"]);
    for command in [&["list"][..], &["rotate", "one"], &["list", "--json"]] {
        assert!(operate(command).contains("https://relay.example/r/in/"), "{command:?}");
    }
    // A list that is told otherwise changes nothing.
    assert!(
        operate(&["list", "--public-url", "http://x.example"]).contains("http://x.example/in/")
    );
    assert!(operate(&["list"]).contains("https://relay.example/r/in/"));
    // A relay that is told counts from then on.
    let mut relay = Relay::on(site, &["--public-url", "https://other.example"]);
    relay.stop();
    let (_, list) = relay.operate(&["list"]);
    assert!(list.contains("https://other.example/in/"), "{list}");
}

/// A sender goes on with the URL that an asset was made with.
#[test]
fn a_publish_url_that_was_replaced_is_taken_for_a_while() {
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let rotate = |relay: &Relay, arguments: &[&str]| {
        let (done, line) =
            relay.operate(&[&["rotate", "one", "--url", "--json"], arguments].concat());
        assert!(done, "{line}");
        Inbox::from(&line)
    };
    let second = rotate(&relay, &["--grace", "1h"]);
    for restarted in [false, true] {
        if restarted {
            relay.stop();
            relay.start_again();
        }
        for used in [&inbox, &second] {
            assert_eq!(relay.post(used, b"{}").status, 200, "{restarted}");
        }
    }
    let metrics = relay.watch().ask(get("/metrics")).body;
    assert!(metrics.contains("dubwatch_relay_posts_to_old_urls_total 1\n"), "{metrics}");
    // What is not to be taken any more is not, at once; and older ones stay as they are.
    let third = rotate(&relay, &["--grace", "0"]);
    assert_eq!(relay.post(&second, b"{}").status, 404);
    for used in [&inbox, &third] {
        assert_eq!(relay.post(used, b"{}").status, 200);
    }
    // The end of one comes by itself.
    let fourth = rotate(&relay, &["--grace", "1s"]);
    until(|| relay.post(&third, b"{}").status == 404, "the grace to end");
    assert_eq!(relay.post(&fourth, b"{}").status, 200);
    let (_, list) = relay.operate(&["list"]);
    assert!(list.contains(&inbox.path) && !list.contains(&third.path), "{list}");
    let err = relay.stop().err;
    assert_eq!(err.matches("a publish URL that was replaced").count(), 1, "{err}");
    // Closed, it is closed under every URL.
    relay.start_again();
    assert!(relay.operate(&["revoke", "one"]).0);
    for used in [&inbox, &fourth] {
        assert_eq!(relay.post(used, b"{}").status, 404);
    }
}

#[test]
fn a_store_that_is_not_there_is_made_by_create_alone() {
    let site = Site::new();
    let operate = |arguments: &[&str]| {
        let mut command = site.bare();
        command.args(["relay", "inbox"]).args(arguments).args(["--db", "typo/relay.db"]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["rotate", "one", "--token-file", "typo.token"],
        &["revoke", "one"],
        &["forget", "one", "a"],
        &["prune", "one"],
    ] {
        let (code, words) = operate(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {words}");
        assert!(words.starts_with("dubwatch: there is no relay store at "), "{words}");
        assert!(words.contains("`dubwatch relay inbox create` make one, --db names"), "{words}");
        for made in ["typo", "typo.token"] {
            assert!(!site.dir.path().join(made).exists(), "{arguments:?} made {made}");
        }
    }
    // Nor is an empty file made one.
    fs::create_dir(site.dir.path().join("typo")).unwrap();
    let empty = site.dir.path().join("typo/relay.db");
    fs::write(&empty, "").unwrap();
    let (code, words) = operate(&["list"]);
    assert!(code == Some(1) && words.contains("it is empty"), "{words}");
    assert_eq!(fs::metadata(&empty).unwrap().len(), 0);
    fs::remove_dir_all(site.dir.path().join("typo")).unwrap();
    let (code, words) = operate(&["create", "one"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(operate(&["list"]).1.contains("one  http"));
}

#[test]
fn a_store_in_use_names_the_commands_that_work_beside_it() {
    let relay = Relay::start(&[]);
    let mut command = relay.site.bare();
    let output = command.args(["relay", "--listen", "0"]).arg("--db").arg(&relay.site.db).output();
    let words = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(words.contains("in use by another dubwatch (process"), "{words}");
    assert!(words.contains("(`dubwatch relay inbox` works beside it)"), "{words}");
}

#[test]
fn where_a_running_relay_is_reached_is_honoured_and_where_it_listens_is_refused() {
    let mut relay = Relay::start(&[]);
    relay.inbox("one");
    let elsewhere = ["--public-url", "https://relay.example/r/"];
    for command in [&["list"][..], &["create", "two"], &["rotate", "one"], &["list", "--json"]] {
        let (done, words) = relay.operate(&[command, &elsewhere].concat());
        assert!(done && words.contains("https://relay.example/r/in/"), "{command:?}: {words}");
        assert!(!words.contains("127.0.0.1"), "{command:?}: {words}");
    }
    let (_, before) = relay.operate(&["list", "--json"]);
    let listen = &["--listen", "0.0.0.0:443"][..];
    for command in [&["list"][..], &["create", "three"], &["rotate", "one"]] {
        let (done, words) = relay.operate(&[command, listen].concat());
        assert!(!done && words.contains("knows where it listens: leave out --listen;"), "{words}");
    }
    // As `dubwatch relay` itself takes them, before the command.
    let mut command = relay.site.bare();
    command.args(["relay", "--tls-cert", "a.pem", "--tls-key", "b.pem", "inbox", "list"]);
    let output = command.arg("--db").arg(&relay.site.db).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("leave out --tls-cert and --tls-key;"), "{words}");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(relay.operate(&["list", "--json"]).1, before, "nothing was changed");
    // Without a running relay it is what the URLs are made of.
    relay.stop();
    let (_, words) = relay.operate(&[&["list"], listen].concat());
    assert!(words.contains(":443/in/"), "{words}");
}

#[test]
fn a_replaced_token_ends_what_was_opened_with_it() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let (_, line) = relay.operate(&["rotate", "one", "--json"]);
    assert_eq!(reader.closed().1, CloseCode::Revoked);
    assert_eq!(
        Reader::connect(relay.address(), &inbox.token).err().map(|(code, _)| code),
        Some(401)
    );
    let mut reader = relay.reader(&Inbox::from(&line), Some("a"), None);
    relay.operate(&["revoke", "one"]);
    assert_eq!(reader.closed().1, CloseCode::Revoked);
    assert_eq!(relay.post(&inbox, b"{}").status, 404);
}

#[test]
fn a_forgotten_reader_is_sent_away_and_noted_anew_and_no_other_is() {
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut other = relay.reader(&inbox, Some("b"), None);
    let mut nameless = relay.reader(&inbox, None, None);
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let (done, words) = relay.operate(&["forget", "one", "a"]);
    assert!(done && words.is_empty(), "{words}");
    let (frames, code) = reader.closed();
    assert_eq!(code, CloseCode::Forgotten);
    // The relay does not know which it was.
    let said = format!("{frames:?}");
    assert!(said.contains("by the operator, or after a long absence"), "{said}");
    let (_, list) = relay.operate(&["list"]);
    assert!(!list.contains("reader a") && list.contains("reader b"), "{list}");
    other.hears_nothing();
    nameless.hears_nothing();
    let (done, words) = relay.operate(&["forget", "one", "a"]);
    assert!(!done && words.contains("no reader of that name"), "{words}");
    let (done, words) = relay.operate(&["forget", "two", "a"]);
    assert!(!done && words.contains("no such inbox"), "{words}");
    relay.reader(&inbox, Some("a"), None);
    relay.stop();
    let (done, words) = relay.operate(&["forget", "one", "a"]);
    assert!(done, "{words}");
}

#[test]
fn a_name_too_many_says_which_command_makes_room() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    for n in 0..32 {
        relay.reader(&inbox, Some(&format!("r{n}")), None);
    }
    let mut late = relay.connect(&inbox);
    let hello = r#"{"type":"hello","protocol":{"min":1,"max":1},"reader":"late"}"#;
    late.text(hello);
    let (frames, code) = late.closed();
    assert_eq!(code, CloseCode::NoName);
    let Some(RelayFrame::Error(fault)) = frames.last() else { panic!("{frames:?}") };
    assert!(fault.sentence.contains("dubwatch relay inbox forget"), "{}", fault.sentence);
    relay.operate(&["forget", "one", "r7"]);
    relay.reader(&inbox, Some("late"), None);
}

#[test]
fn a_token_goes_to_a_private_file_that_was_not_there() {
    let relay = Relay::start(&[]);
    let file = relay.site.dir.path().join("token");
    let path = file.to_str().unwrap();
    let (done, words) = relay.operate(&["create", "one", "--token-file", path]);
    assert!(done, "{words}");
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!words.contains(token.trim()), "{words}");
    Reader::connect(relay.address(), token.trim()).unwrap();
    let (done, words) = relay.operate(&["rotate", "one", "--token-file", path]);
    assert!(!done && words.contains("token file"), "{words}");
    assert_eq!(fs::read_to_string(&file).unwrap(), token);
    let other = relay.site.dir.path().join("other");
    let (done, _) = relay.operate(&["rotate", "nobody", "--token-file", other.to_str().unwrap()]);
    assert!(!done && !other.exists());
    let admin = relay.site.db.with_file_name("journal.db.admin");
    assert_eq!(fs::metadata(admin).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn secrets_are_in_nothing_that_the_relay_says_or_keeps() {
    // Its log is as wordy as it can be made (see `Relay::start_again`).
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    assert_eq!(relay.post(&inbox, b"{}").status, 200);
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let cursor = reader.delivery().cursor;
    reader.ack(cursor);
    reader.text("garbage");
    assert_eq!(reader.closed().1, CloseCode::Malformed);
    let wrong = format!("{}x", inbox.token);
    assert!(Reader::connect(relay.address(), &wrong).is_err());
    let metrics = relay.watch().ask(crate::common::get("/metrics")).body;
    let ended = relay.stop();
    assert!(ended.err.contains("subscribed"), "{}", ended.err);
    let store = fs::read(&relay.site.db).unwrap();
    let secret = &inbox.token[20..];
    assert!(!contains(&store, secret.as_bytes()), "the token is in the store");
    for (what, text) in [("metrics", &metrics), ("stdout", &ended.out), ("stderr", &ended.err)] {
        assert!(!text.contains(secret), "the token is in {what}");
        assert!(!text.contains(inbox.publish_id()), "the publish id is in {what}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_store_that_is_taken_away_is_answered_503_until_it_is_back() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    assert_eq!(relay.post(&inbox, b"1").status, 200);
    let aside = relay.site.dir.path().join("aside.db");
    fs::rename(&relay.site.db, &aside).unwrap();
    until(|| relay.watch().ask(get("/healthz")).status == 503, "it to be noticed");
    assert_eq!(relay.post(&inbox, b"lost").status, 503);
    let logged = || relay.watch().err.text();
    until(|| logged().contains("was removed or moved away: put it back"), "a line");
    fs::rename(&aside, &relay.site.db).unwrap();
    until(|| relay.post(&inbox, b"2").status == 200, "it to be kept");
    let mut reader = relay.reader(&inbox, None, None);
    assert_eq!(reader.bodies(1), ["1"]);
    let more = std::iter::repeat_with(|| reader.next());
    let body = more.into_iter().find_map(|heard| match heard {
        Heard::Frame(RelayFrame::Delivery(delivery)) => Some(delivery.body),
        _ => None,
    });
    assert_eq!(body.unwrap(), b"2");
}

#[test]
fn what_is_pruned_is_what_every_reader_has_or_what_is_old_and_then_they_are_told() {
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    for running in [true, false] {
        let mut watch = relay.reader(&inbox, Some("a"), None);
        relay.post_all(&inbox, (1..=5).map(|n| n.to_string()));
        assert_eq!(watch.bodies(3), ["1", "2", "3"]);
        let at = watch.delivery().cursor;
        watch.ack(at);
        let is_noted = |words: &str| words.contains("reader a: 1 behind");
        until(|| is_noted(&relay.operate(&["list"]).1), "the ack to be noted");
        drop(watch);
        if !running {
            relay.stop();
        }
        let (done, words) = relay.operate(&["prune", "one", "--dry-run"]);
        assert!(done && words.starts_with("Would delete 4 deliveries (0 unread), "), "{words}");
        let (done, words) = relay.operate(&["prune", "one", "--json"]);
        assert!(done, "{words}");
        let line: serde_json::Value = serde_json::from_str(&words).unwrap();
        assert_eq!(
            (&line["type"], &line["name"], &line["dry_run"], &line["deliveries"], &line["unread"]),
            (&"pruned".into(), &"one".into(), &false.into(), &4.into(), &0.into()),
        );
        let (done, words) = relay.operate(&["prune", "one"]);
        assert!(done && words.starts_with("Deleted 0 deliveries (0 unread), 0 bytes"), "{words}");
        let prune_old = || relay.operate(&["prune", "one", "--older-than", "1s"]).1;
        until(|| prune_old().starts_with("Deleted 1 delivery (1 unread), "), "it to be old");
        if !running {
            relay.start_again();
        }
        let mut watch = relay.reader(&inbox, Some("a"), None);
        let Heard::Frame(RelayFrame::Gap(gap)) = watch.next() else { panic!("no gap") };
        assert_eq!((gap.reason, gap.count, gap.to), (GapReason::Pruned, 1, at.seq + 1));
        watch.ack(gap.cursor());
        until(|| relay.operate(&["list"]).1.contains("reader a: 0 behind"), "the gap's ack");
    }
    let (done, words) = relay.operate(&["prune", "two"]);
    assert!(!done && words.contains("no such inbox"), "{words}");
}

/// A relay that is told nothing but where its file is, and one more flag or two.
fn configured(site: &Site, flags: &[&str]) -> Watch {
    let mut command = site.bare();
    command.args(["relay", "--config", "etc/relay.toml"]).args(flags);
    Watch::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn a_relay_is_configured_by_a_file_alone() {
    let site = Site::new();
    let path = |name: &str| site.dir.path().join(name);
    fs::create_dir(path("etc")).unwrap();
    fs::write(
        path("etc/relay.toml"),
        "path = '/mine'\n[relay]\nlisten = '127.0.0.1:0'\ndb = '../store/relay.db'\npublic-url = 'https://relay.example/r/'\npublic-key = '../sender.pem'\nmax-body = '2KiB'\nmax-inboxes = 1\n",
    )
    .unwrap();
    let operate = |arguments: &[&str]| {
        let mut command = site.bare();
        command.args(["relay", "inbox"]).args(arguments).args(["--config", "etc/relay.toml"]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let relay = configured(&site, &[]);
    assert_eq!(relay.ready["url"], "https://relay.example/r");
    assert!(path("store/relay.db").exists());
    let (code, line) = operate(&["create", "one", "--json"]);
    assert!(code == Some(0) && line.contains("https://relay.example/r/in/"), "{line}");
    let inbox = Inbox::from(&line);
    assert_eq!(relay.ask(signed(&site.key, &inbox.path, b"{}")).status, 200);
    assert_eq!(relay.ask(signed(&site.key, &inbox.path, &[b' '; 3000])).status, 413);
    let (code, words) = operate(&["create", "two"]);
    assert!(code == Some(1) && words.contains("1 inboxes, which is all"), "{words}");
    // Where a running relay listens it knows better; what its file says of that is no contradiction.
    let (code, words) = operate(&["list"]);
    assert!(code == Some(0) && words.contains("https://relay.example/r/in/"), "{words}");
    assert_eq!(relay.stop(Signal::TERM).err.matches("is for the watcher").count(), 0);
    let (code, words) = operate(&["list"]);
    assert!(code == Some(0) && words.contains("https://relay.example/r/in/"), "{words}");
    // A flag wins over the file.
    let relay = configured(&site, &["--max-body", "4KiB"]);
    assert_eq!(relay.ask(signed(&site.key, &inbox.path, &[b' '; 3000])).status, 200);
    let name = path("config/dubwatch/config.toml");
    fs::create_dir_all(name.parent().unwrap()).unwrap();
    fs::rename(path("etc/relay.toml"), name).unwrap();
    // In the default place it needs no flag; relative names are relative to the file.
    relay.stop(Signal::TERM);
    let output = site.bare().args(["config", "show"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let (watcher, relays) = shown.split_once("\n[relay]\n").unwrap();
    assert!(watcher.contains("path = \"/mine\"") && !watcher.contains("2KiB"), "{shown}");
    assert!(relays.contains("max-body = \"2KiB\"") && relays.contains("config.toml"), "{shown}");
    let output = site.bare().args(["relay", "inbox", "list"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("config/dubwatch/../store/relay.db"), "its own place: {said}");
}

#[test]
fn a_relay_takes_nothing_of_the_watchers_settings() {
    let site = Site::new();
    let path = |name: &str| site.dir.path().join(name);
    fs::create_dir(path("etc")).unwrap();
    fs::write(
        path("etc/relay.toml"),
        "listen = 1\npath = '/mine'\npublic-url = 'https://mine.example/x'\ndb = 'mine.db'\npublic-key = 'none.pem'\nmax-body = '1KiB'\nrelay = 'wss://other.example'\n",
    )
    .unwrap();
    let relay = configured(&site, &["--listen", "127.0.0.1:0"]);
    assert_eq!(relay.ready["url"], format!("http://{}", relay.address));
    assert!(path("share/dubwatch/relay.db").exists() && !path("etc/mine.db").exists());
    let output = site.bare().args(["relay", "inbox", "create", "one", "--json"]).output().unwrap();
    let inbox = Inbox::from(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(relay.ask(signed(&site.key, &inbox.path, &[b' '; 3000])).status, 200);
    let said = relay.stop(Signal::TERM).err;
    for name in ["public-url", "public-key", "db", "max-body"] {
        let file = path("etc/relay.toml");
        let caution = format!(
            "{name} in {} is for the watcher, `dubwatch relay` takes the flag --{name}, or {name} below [relay]",
            file.display()
        );
        assert!(said.contains(&caution), "{said}");
    }
    assert_eq!(said.matches("is for the watcher").count(), 4, "--listen was given: {said}");
}

#[test]
fn a_mistake_in_a_relays_table_is_told_by_relay_and_watcher() {
    let site = Site::new();
    fs::write(site.dir.path().join("both.toml"), "[relay]\n\nmax-agee = '1d'\n").unwrap();
    let said = [&["relay"][..], &["watch", "--json"], &["config", "show"]].map(|command| {
        let output = site.bare().args(command).args(["--config", "both.toml"]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{command:?}");
        String::from_utf8(output.stderr).unwrap()
    });
    assert!(said[0].contains("both.toml:3:1: there is no setting max-agee in [relay]; did you mean max-age?\n  |\n3 | max-agee = '1d'\n"), "{}", said[0]);
    assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
    // What is right there says nothing to the watcher.
    fs::write(site.dir.path().join("both.toml"), "[relay]\nlisten = 1\npublic-key = 'none.pem'\n")
        .unwrap();
    let watch = site.watch_with(&["--config", "both.toml", "--json"]);
    assert_eq!(watch.stop(Signal::TERM).err, "");
}
