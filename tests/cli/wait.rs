//! `dubwatch wait`: what it waits for, where, and how it answers.

use std::process::Child;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use dubwatch::internals::journal::{Journal, Location};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli_support::{Home, Ran, body, lines_of, start};

/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A `dubwatch wait --json` that has begun.
struct Waiting {
    child: Child,
    lines: Receiver<String>,
    ready: Value,
}

impl Waiting {
    fn new(home: &Home, line: &str) -> Self {
        let mut child = start(&mut home.command(format!("wait --json {line}").split_whitespace()));
        let lines = lines_of(child.stdout.take().unwrap());
        let mut waiting = Self { child, lines, ready: Value::Null };
        waiting.ready = waiting.line("ready");
        waiting
    }

    #[track_caller]
    fn line(&self, kind: &str) -> Value {
        let line = self.lines.recv_timeout(LIMIT).expect("there is a line");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["type"], kind, "{line}");
        value
    }

    /// Waits for its end, whatever it writes.
    fn end(self, home: &Home) -> Ran {
        home.ended(self.child)
    }
}

impl Home {
    fn post(&self, url: &str, event: &str, more: &str) {
        self.run(&format!("send --to {url} --event {event} {more}")).done();
    }
}

fn states(ran: &Ran) -> Vec<String> {
    let state = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        format!("{} {}", words[1], words[3])
    };
    ran.out.lines().map(state).collect()
}

#[test]
fn a_state_that_already_holds_counts() {
    let home = Home::new();
    home.fill([
        (3, body("version_ready", "ast_1", "ver_1")),
        (2, body("version_generated", "ast_1", "ver_1")),
        (2, body("version_ready", "ast_1", "ver_2")),
        (1, body("version_generate_failed", "ast_2", "ver_3")),
    ]);
    for (line, code, expected) in [
        ("--version ver_1", 0, "ver_1 generated"),
        ("--version ver_1 --until ready", 0, "ver_1 generated"),
        ("--asset ast_1 --version ver_2 --until ready", 0, "ver_2 ready"),
        ("--version ver_2 --timeout 1s", 4, "ver_2 ready"),
        ("--version ver_3 --until ready", 3, "ver_3 generate_failed"),
        ("--filter locale:fr --timeout 1s", 4, ""),
    ] {
        let ran = home.run(&format!("wait {line}"));
        assert_eq!(ran.code, Some(code), "{line}: {ran:?}");
        assert_eq!(states(&ran).join(","), expected, "{line}");
    }
    let ran = home.run("wait --filter version:ver_1");
    assert_eq!((ran.code, states(&ran).len()), (Some(0), 1), "{ran:?}");
    let ran = home.run("wait --filter asset:ast_2");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.err, "dubwatch: ver_3 (es-ES) of ast_2 is generate_failed\n");
    let ran = home.run("wait --version ver_9 --timeout 1s");
    assert!(
        ran.err.contains("timed out: nothing that counts was received of version ver_9"),
        "{ran:?}"
    );
}

#[test]
fn every_expected_version_of_an_asset_is_waited_for() {
    let home = Home::new();
    let of = |event: &str, version: &str, locale: &str| {
        body(event, "ast_1", version).replace("es-ES", locale)
    };
    home.fill([
        (3, of("version_generated", "ver_1", "es-ES")),
        (2, of("version_ready", "ver_2", "fr-FR")),
        (2, of("version_failed", "ver_3", "de-DE")),
        (1, of("version_generated", "ver_4", "de-DE")),
    ]);
    for (expected, until, code, said) in [
        ("es-ES", "generated", 0, ""),
        ("ES-es,de-DE", "generated", 0, ""),
        ("es-ES,fr-FR", "ready", 0, ""),
        ("es-ES,fr-FR", "generated", 4, "1 of 2 versions of ast_1 are done\n"),
        (
            "es-ES,it-IT",
            "generated",
            4,
            "1 of 2 versions of ast_1 are done; nothing counts yet of it-IT\n",
        ),
        ("2", "generated", 0, ""),
        ("3", "generated", 3, "dubwatch: ver_3 (de-DE) of ast_1 is failed\n"),
    ] {
        let line = format!("wait --asset ast_1 --expect {expected} --until {until} --timeout 1s");
        let ran = home.run(&line);
        assert_eq!(ran.code, Some(code), "{line}: {ran:?}");
        assert!(ran.err.ends_with(said), "{line}: {ran:?}");
    }
    let said = home.run("wait --asset ast_1").complaint(2).to_owned();
    assert!(said.contains("--expect es-ES,fr-FR"), "{said}");
    assert_eq!(home.run("wait --asset ast_9").complaint(2).lines().count(), 1);
    // What is expected by hand is known.
    let journal = Journal::open(&Location::File(home.journal()), None).unwrap();
    let expected = dubwatch::internals::timeline::Expectation::parse("es-ES").unwrap();
    journal.expect("ast_1".to_owned(), Some(expected)).unwrap().blocking_receipt().unwrap();
    journal.close();
    assert_eq!(home.run("wait --asset ast_1").code, Some(0));
}

#[test]
fn what_a_running_dubwatch_receives_ends_it() {
    let home = Home::new();
    let watch = home.watch();
    let waiting = Waiting::new(&home, "--version ver_demo");
    assert_eq!(waiting.ready["read_only"], true);
    for (event, state) in [
        ("version_ready", "ready"),
        ("version_ready", ""),
        ("version_generating", "generating"),
        ("version_generated", "generated"),
    ] {
        home.post(&watch.url, event, "");
        if !state.is_empty() {
            let line = waiting.line("version");
            assert_eq!((&line["version_id"], &line["state"]), (&"ver_demo".into(), &state.into()));
        }
    }
    assert_eq!(waiting.end(&home).code, Some(0));
    let waiting = Waiting::new(&home, "--asset ast_2 --expect es-ES,fr-FR");
    home.post(&watch.url, "version_generated", "--asset ast_2 --version v1");
    assert_eq!(waiting.line("version")["version_id"], "v1");
    home.post(&watch.url, "asset_failed", "--asset ast_2");
    assert_eq!(waiting.line("asset")["state"], "failed");
    let ran = waiting.end(&home);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(3), "dubwatch: ast_2 failed as a whole (asset_failed)\n")
    );
    assert_eq!(watch.stop(), Some(15 + 128));
}

#[test]
fn after_a_delivery_only_what_is_new_counts() {
    let home = Home::new();
    let watch = home.watch();
    for event in ["version_ready", "version_generating", "version_generate_failed"] {
        home.post(&watch.url, event, "");
    }
    assert_eq!(home.run("wait --version ver_demo").code, Some(3));
    let anew = Waiting::new(&home, "--version ver_demo --after now");
    let other = Waiting::new(&home, "--filter version:ver --after 3");
    home.post(&watch.url, "version_generating", "");
    for waiting in [&anew, &other] {
        assert_eq!(waiting.line("version")["state"], "generating");
    }
    home.post(&watch.url, "version_generated", "");
    for waiting in [anew, other] {
        assert_eq!(waiting.line("version")["state"], "generated");
        assert_eq!(waiting.end(&home).code, Some(0));
    }
    let ahead = home.run("wait --version ver_demo --after 99");
    assert!(ahead.complaint(2).contains("has the number 5;"), "{ahead:?}");
    // From a place in the past: the failure counts, and what followed it.
    assert_eq!(home.run("wait --version ver_demo --after 1").code, Some(0));
    let late = home.run("wait --version ver_demo --after now --timeout 1s");
    assert_eq!(late.code, Some(4), "{late:?}");
    // One that is done stays so, but it does not count any more.
    let late = home.run("wait --asset ast_demo --expect es-ES --after now --timeout 1s");
    assert!(late.err.contains("nothing that counts"), "{late:?}");
    drop(watch);
}

#[test]
fn it_waits_for_a_journal_that_is_made_later() {
    let home = Home::new();
    let mut child = start(&mut home.command(["wait", "--version", "ver_demo"]));
    let said = lines_of(child.stderr.take().unwrap());
    let first = said.recv_timeout(LIMIT).unwrap();
    assert!(first.contains("there is no journal at "), "{first}");
    let watch = home.watch();
    home.post(&watch.url, "version_generated", "");
    let ran = home.ended(child);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let other = home.run("wait --version v --db none.db --timeout 1s");
    assert_eq!(other.code, Some(4), "{other:?}");
    assert_eq!(other.err.lines().count(), 2, "{other:?}");
    assert!(!home.path("none.db").exists());
    home.write("else.db", "no journal at all, but long enough to be read");
    let other = home.run("wait --version v --db else.db --timeout 1m");
    assert!(other.complaint(1).contains("is not a journal"), "{other:?}");
}

#[test]
fn with_listen_it_receives_by_itself() {
    let home = Home::new();
    let waiting = Waiting::new(&home, "--listen 0 --version ver_demo");
    let url = waiting.ready["callback_url"].as_str().unwrap().to_owned();
    let again = home.run("wait --listen 0 --version ver_demo");
    assert!(again.complaint(1).contains("is in use"), "{again:?}");
    for event in ["version_generating", "version_generated"] {
        home.post(&url, event, "");
        assert_eq!(waiting.line("version")["state"], event.trim_start_matches("version_"));
    }
    assert_eq!(waiting.end(&home).code, Some(0));
    // Everything is in the journal, which is closed.
    assert_eq!(home.run("log").done().lines().count(), 3);
    assert_eq!(home.run("wait --listen 0 --version ver_demo").code, Some(0));
    let memory = Waiting::new(&home, "--listen 0 --ephemeral --version ver_demo");
    assert_eq!(memory.ready["journal"], "memory");
    kill_process(Pid::from_child(&memory.child), Signal::TERM).unwrap();
    assert_eq!(memory.end(&home).code, Some(143));
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_answer() {
    let home = Home::new();
    home.fill([(1, body("version_failed", "ast_1", "ver_1"))]);
    let mut child = start(&mut home.command(["wait", "--version", "ver_1"]));
    drop(child.stdout.take());
    assert_eq!(home.ended(child).code, Some(3));
}

#[test]
fn what_cannot_be_waited_for_is_said() {
    let home = Home::new();
    for line in [
        "",
        "--until generated",
        "--version v --filter v",
        "--filter verdict:valid",
        "--filter vrsion:9",
        "--version v --until done",
        "--version v --after yesterday",
        "--version v --timeout 0s",
        "--version v --path /x",
        "--version v --ephemeral",
        "--version v --expect es-ES",
        "--asset a --expect 0",
    ] {
        let ran = home.run(&format!("wait {line}"));
        assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
        assert!(!ran.complaint(2).is_empty(), "{line}");
    }
    for empty in [["--version", ""], ["--asset", " "], ["--filter", ""]] {
        let ran = home.ran(&mut home.command(["wait"].into_iter().chain(empty)));
        assert!(ran.complaint(2).contains(" is empty"), "{ran:?}");
    }
    assert!(!home.path("data").exists(), "nothing was made");
}
