//! What `status`, `log` and `names` say to a person and to a pipe: days, zones, whole ids, names.

use std::io::Write as _;
use std::process::Stdio;

use dubwatch::internals::journal::{Journal, Location};
use dubwatch::internals::timeline::Expectation;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli_support::{Home, Ran, body, start};

/// A journal that spans three days.
fn days() -> Home {
    let home = Home::new();
    home.fill([
        (72, body("version_ready", "ast_9f3c81aa77", "ver_1")),
        (25, body("version_generating", "ast_9f3c81bb88", "ver_1")),
        (0, body("version_generate_failed", "ast_77aa020011", "ver_of_a_name_that_is_long")),
        (0, body("version_ready", "ast_77aa020011", "ver_2")),
    ]);
    home
}

fn records(ran: &Ran) -> Vec<Value> {
    ran.done().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a command with something on its standard input.
fn piped(home: &Home, line: &str, input: impl AsRef<[u8]>) -> Ran {
    let mut command = home.command(line.split_whitespace());
    let mut child = start(command.stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(input.as_ref()).unwrap();
    home.ended(child)
}

// Days and zones

#[test]
fn log_in_a_pipe_has_the_day_the_offset_and_the_names_of_its_columns() {
    let home = days();
    let ran = home.run("log");
    let lines: Vec<&str> = ran.done().lines().collect();
    assert!(lines[0].starts_with("TIME "), "{}", lines[0]);
    assert!(lines[0].ends_with("NAME"), "{}", lines[0]);
    assert_eq!(lines.len(), 5);
    for (line, hours) in lines[1..].iter().zip([72, 25, 0, 0]) {
        let (time, rest) = line.split_once("  ").unwrap();
        assert!(time.ends_with("+00:00"), "{line}");
        let time: Timestamp = time.parse().unwrap();
        let expected = Timestamp::now() - SignedDuration::from_hours(hours);
        assert!(expected.duration_since(time).abs() < SignedDuration::from_mins(10), "{line}");
        assert!(rest.starts_with("✓ valid"), "{line}");
    }
    assert!(lines[3].contains("  ver_of_a_name_that_is_long  "), "whole ids: {}", lines[3]);
}

#[test]
fn times_are_of_the_zone_that_is_asked_for() {
    let home = days();
    for (arguments, zone, offset) in [
        (vec!["log"], "Asia/Tokyo", "+09:00"),
        (vec!["log", "--utc"], "Asia/Tokyo", "+00:00"),
        (vec!["log"], ":Asia/Tokyo", "+09:00"),
        // Summer time without a rule, here with one offset all year.
        (vec!["log"], "JST-9JDT-9", "+09:00"),
        (vec!["status"], "<-0330>3:30", "-03:30"),
        (vec!["status", "--utc"], "<-0330>3:30", "+00:00"),
    ] {
        let ran = home.ran(home.command(&arguments).env("TZ", zone));
        let times = ran.done().lines().skip(1).filter(|line| line.contains(offset)).count();
        assert_eq!(times, 4, "{arguments:?}: {}", ran.out);
    }
}

#[test]
fn a_misspelt_zone_is_said_once_where_local_times_are_shown() {
    let home = days();
    let run = |line: &str| home.ran(home.command(line.split(' ')).env("TZ", "Europe/Berln"));
    let known = TimeZone::get("Europe/Berlin").is_ok();
    for line in ["log", "log --refused", "status", "status ast_77aa020011"] {
        let ran = run(line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.err);
        assert!(ran.err.starts_with("dubwatch: TZ=Europe/Berln names no time zone"), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{line}: {}", ran.err);
        assert_eq!(ran.err.contains("did you mean Europe/Berlin?"), known, "{}", ran.err);
    }
    for line in ["log --json", "log --utc", "status --json", "status --utc", "names list"] {
        run(line).done();
    }
}

#[test]
fn text_is_in_the_characters_of_the_locale() {
    let home = days();
    piped(&home, "names import -", "ast_9f3c81aa77,Épisode 東\n").done();
    home.run("keygen key.pem").done();
    home.write("body.json", "{}");
    let verify = "verify --public-key key.pub.pem --signature 00 body.json";
    for line in ["log", "status", "log --refused", verify] {
        let plain = home.ran(&mut home.command(line.split(' ')));
        for (variable, value) in
            [("LC_ALL", "C"), ("LANG", "de_DE.ISO-8859-1"), ("DUBWATCH_ASCII", "1")]
        {
            let ran = home.ran(home.command(line.split(' ')).env(variable, value));
            assert!(ran.out.is_ascii(), "{line}: {}", ran.out);
            assert_eq!(ran.code, plain.code);
            assert_eq!(ran.out.lines().count(), plain.out.lines().count(), "{line}");
        }
        let ran = home.ran(home.command(line.split(' ')).env("LC_ALL", "C.UTF-8"));
        assert_eq!(ran.out, plain.out, "{line}");
    }
    let ran = home.ran(home.command(["log"]).env("LC_ALL", "C"));
    assert!(ran.out.contains("  v valid"), "{}", ran.out);
    assert!(ran.out.contains(r"\u{c9}pisode \u{6771}"), "{}", ran.out);
    // For programs it is UTF-8 always.
    let ran = home.ran(home.command(["log", "--json"]).env("LC_ALL", "C"));
    assert!(ran.out.contains("Épisode 東"), "{}", ran.out);
}

// status

#[test]
fn status_in_a_pipe_is_a_table() {
    let home = days();
    let ran = home.run("status");
    let lines: Vec<&str> = ran.done().lines().collect();
    let columns: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(columns, ["ASSET", "VERSION", "LOCALE", "STATE", "SINCE", "NAME"]);
    let row = |word: &str| {
        let line = lines.iter().find(|line| line.contains(word)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    let failed = row("ver_of_a_name_that_is_long");
    assert_eq!(
        failed[..4],
        ["ast_77aa020011", "ver_of_a_name_that_is_long", "es-ES", "generate_failed"]
    );
    assert_eq!(row("ast_9f3c81bb88").last(), Some(&"overdue"), "generating since yesterday");
}

#[test]
fn status_takes_an_asset_by_its_id_a_piece_of_it_or_its_name() {
    let home = days();
    piped(&home, "names import -", "ast_9f3c81aa77,Trailer S2\nast_77aa020011,Ep 9\n").done();
    for word in ["ast_77aa020011", "77aa", "77AA02…", "Ep 9", "ep 9"] {
        let ran = home.ran(&mut home.command(["status", "--json", word]));
        let assets: Vec<Value> = records(&ran).iter().map(|r| r["asset_id"].clone()).collect();
        assert_eq!(assets, ["ast_77aa020011", "ast_77aa020011", "ast_77aa020011"], "{word}");
    }
    let ran = home.run("status nothing");
    let said = ran.complaint(1);
    assert!(said.contains("no asset has nothing as its id"), "{said}");
    let ran = home.run("status 9f3c81");
    let said = ran.complaint(1);
    assert!(said.contains("fits 2 assets: ast_9f3c81aa77, ast_9f3c81bb88"), "{said}");
}

#[test]
fn status_compares_with_what_is_expected() {
    let home = Home::new();
    home.fill([
        (2, body("version_generated", "ast_1", "ver_1")),
        (1, body("version_ready", "ast_2", "ver_1")),
    ]);
    let asset = |line: &str, asset: &str| {
        let ran = home.run(&format!("status --json {line}"));
        let records = records(&ran).into_iter().filter(|record| record["type"] == "asset");
        let found = records.into_iter().find(|record| record["asset_id"] == asset);
        found.unwrap()["expected"].clone()
    };
    assert_eq!(asset("", "ast_1"), Value::Null, "nothing is expected");
    assert_eq!(
        asset("--expect ES-es,fr-FR", "ast_1"),
        serde_json::json!({
            "versions": "ES-es,fr-FR", "from": "setting", "count": 2, "done": 1,
            "complete": false, "waiting": 1, "missing": ["fr-FR"], "unexpected": 0,
        })
    );
    assert_eq!(
        asset("--expect 1", "ast_1"),
        serde_json::json!({
            "versions": "1", "from": "setting", "count": 1, "done": 1,
            "complete": true, "waiting": 0, "missing": [], "unexpected": 0,
        })
    );
    assert_eq!(asset("--expect 1", "ast_2")["complete"], false);
    let journal = Journal::open(&Location::File(home.journal()), None).unwrap();
    let expected = Expectation::parse("de-DE").unwrap();
    journal.expect("ast_1".to_owned(), Some(expected)).unwrap().blocking_receipt().unwrap();
    journal.close();
    let by_hand = asset("--expect 1", "ast_1");
    assert_eq!((&by_hand["from"], &by_hand["unexpected"]), (&"by_hand".into(), &1.into()));

    // From the file and the variable, too.
    home.write("config/dubwatch/config.toml", "expect = ['es-ES', 'x-1']\n");
    assert_eq!(asset("", "ast_2")["missing"], serde_json::json!(["x-1"]));
    let ran = home.ran(home.command(["status", "--json"]).env("DUBWATCH_EXPECT", "3"));
    assert_eq!(records(&ran).iter().filter(|r| r["expected"]["count"] == 3).count(), 1);
}

#[test]
fn status_takes_a_filter() {
    let home = days();
    let versions = |line: &str| {
        let ran = home.run(&format!("status --json {line}"));
        let records = records(&ran);
        let versions = records.iter().filter(|record| record["type"] == "version");
        versions.map(|r| r["version_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(versions("--filter failed"), ["ver_of_a_name_that_is_long"]);
    assert_eq!(versions("--filter asset:9f3c81").len(), 2);
    assert_eq!(versions("77aa --filter ready"), ["ver_2"]);
    assert_eq!(versions("--filter overdue"), ["ver_1"]);
    assert_eq!(versions("--filter generating --overdue 2d").len(), 1);
    assert_eq!(versions("--filter overdue --overdue 2d").len(), 0);
    assert_eq!(versions("--filter !overdue").len(), 3);
    let said = home.run("log --filter overdue");
    assert!(said.complaint(2).contains("status --filter overdue"), "{}", said.err);
    let nothing = home.run("status --filter locale:ja");
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), ""));
    assert_eq!(nothing.err, "dubwatch: nothing fits\n");
    home.run("status --filter vrsion:9").complaint(2);
    for terms in ["valid", "!valid", "refused", "event:version_ready"] {
        let ran = home.run(&format!("status --filter {terms}"));
        assert!(ran.complaint(2).contains("dubwatch log --filter"), "{terms}: {}", ran.err);
    }
}

#[test]
fn an_asset_is_failed_when_a_version_of_it_is() {
    let home = days();
    let ran = home.run("status --json");
    let state = |asset: &str| {
        let records = records(&ran);
        let found = records.iter().find(|r| r["type"] == "asset" && r["asset_id"] == asset);
        found.unwrap()["state"].clone()
    };
    assert_eq!(state("ast_77aa020011"), "failed");
    assert_eq!(state("ast_9f3c81aa77"), "ok");
}

// names

#[test]
fn names_are_imported_beside_a_running_watch_and_stand_in_every_output() {
    let home = Home::new();
    let watch = home.watch();
    let send = |asset: &str| {
        home.run(&format!("send --to {} --asset {asset}", watch.url)).done();
    };
    send("ast_1");
    assert!(watch.line("delivery")["asset_name"].is_null());
    let csv = "\u{feff}id;name\r\nast_1;\"Trailer; \"\"S2\"\"\"\r\nast_2;Interview\r\n";
    let file = home.write("names.csv", csv);
    let ran = home.run(&format!("names import {}", file.display()));
    assert_eq!(ran.done(), "Named 2 assets; nothing was received yet of 1 that the file names.\n");
    send("ast_1");
    assert_eq!(watch.line("delivery")["asset_name"], "Trailer; \"S2\"");
    send("ast_2");
    assert_eq!(watch.line("delivery")["asset_name"], "Interview", "named before it came");
    for line in ["log", "log --json", "status", "status --json", "names list", "names list --json"]
    {
        assert!(home.run(line).done().contains("Interview"), "{line}");
    }

    let exported = home.run("names export");
    assert_eq!(exported.done(), "id,name\nast_1,\"Trailer; \"\"S2\"\"\"\nast_2,Interview\n");
    let again = piped(&home, "names import -", &exported.out);
    assert_eq!(again.done(), "Named 0 assets; 2 unchanged.\n");
    let removed = piped(&home, "names import -", "ast_1,\n");
    assert_eq!(removed.done(), "Named 0 assets; took away 1 name.\n");
    assert_eq!(home.run("names list").done(), "ASSET  NAME\nast_2  Interview\n");
    assert_eq!(watch.stop(), Some(143));
}

#[test]
fn a_file_with_an_error_changes_no_name() {
    let home = days();
    for (csv, expected) in [
        ("ast_1,One\nast_2\n", "standard input, line 2: an id and a name are expected"),
        ("ast_1,One\nast_1,Two\n", "line 2: ast_1 stands on line 1 already"),
        ("", "standard input has no names in it"),
    ] {
        let ran = piped(&home, "names import -", csv);
        let said = ran.complaint(1);
        assert!(said.contains(expected), "{said}");
        assert!(said.ends_with("; no name was changed\n"), "{said}");
    }
    assert_eq!(home.run("names list").done(), "");
    let ran = home.run("names import none.csv");
    assert!(ran.complaint(1).contains("cannot read none.csv"), "{}", ran.err);
}

#[test]
fn names_can_be_there_before_the_journal() {
    let home = Home::new();
    home.run("names list").complaint(1);
    let ran = piped(&home, "names import -", "ast_1,One\n");
    assert_eq!(ran.done(), "Named 1 asset; nothing was received yet of 1 that the file names.\n");
    let watch = home.watch();
    home.run(&format!("send --to {} --asset ast_1", watch.url)).done();
    assert_eq!(watch.line("delivery")["asset_name"], "One");
    assert_eq!(watch.stop(), Some(143));
}
