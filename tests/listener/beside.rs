//! Commands that read a journal while another process receives into it: they follow what that one
//! writes, and end when whoever reads them does.

use std::process::{ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{Heard, LIMIT, Running, Site, callback, get, post, until};

/// A command that reads this site's journal, and still runs.
struct Reading {
    child: Running,
    out: Heard,
    err: Heard,
    seen: usize,
}

impl Reading {
    fn start(site: &Site, line: &str) -> Self {
        let (child, out, err) = spawn(site, line);
        Self { child, out: Heard::from(out), err, seen: 0 }
    }

    /// The next line of standard output.
    #[track_caller]
    fn next(&mut self) -> String {
        let line = self.out.line(self.seen, LIMIT);
        let line = line.unwrap_or_else(|| panic!("no further line; stderr: {:?}", self.err.text()));
        self.seen += 1;
        String::from_utf8(line).unwrap()
    }

    #[track_caller]
    fn record(&mut self) -> Value {
        serde_json::from_str(&self.next()).unwrap()
    }

    /// Sends a signal, and returns how it ended.
    fn stop(self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
        self.ended().0
    }

    /// Waits for the end: the status and what it complained about.
    fn ended(mut self) -> (Option<i32>, String) {
        assert!(self.out.ends_within(LIMIT) && self.err.ends_within(LIMIT), "it did not end");
        (self.child.0.wait().unwrap().code(), self.err.text())
    }
}

fn spawn(site: &Site, line: &str) -> (Running, ChildStdout, Heard) {
    let mut command = site.bare();
    command.args(line.split_whitespace()).arg("--db").arg(&site.db);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let err = Heard::from(child.stderr.take().unwrap());
    (Running(child), out, err)
}

#[test]
fn log_follows_deliveries_and_refusals_of_another_process() {
    let site = Site::new();
    let watch = site.watch();
    for number in 1..=3 {
        assert_eq!(watch.ask(site.signed(callback(number))).status, 200);
    }
    let mut all = Reading::start(&site, "log --json --follow");
    let mut newest = Reading::start(&site, "log --json -f --limit 2");
    let mut some = Reading::start(&site, "log --json -f --filter asset:ast_5");
    for seq in 1..=3 {
        assert_eq!(all.record()["seq"], seq);
    }
    assert_eq!(
        (newest.record()["seq"].clone(), newest.record()["seq"].clone()),
        (2.into(), 3.into())
    );

    for number in 4..=5 {
        assert_eq!(watch.ask(site.signed(callback(number))).status, 200);
    }
    for follower in [&mut all, &mut newest] {
        assert_eq!(follower.record()["seq"], 4);
        assert_eq!(follower.record()["seq"], 5);
    }
    assert_eq!(some.record()["seq"], 5);
    let mut refused = Reading::start(&site, "log --json --refused -f");
    assert_eq!(watch.ask(post(&[], b"{}")).status, 401);
    for follower in [&mut all, &mut newest, &mut refused] {
        assert_eq!(follower.record()["type"], "refusal");
    }
    // A body is not asked what its asset is called.
    let named = callback(6).replace('}', r#","asset_name":"x","name":"x"}"#);
    assert_eq!(watch.ask(site.signed(named)).status, 200);
    let record = all.record();
    assert_eq!((&record["seq"], &record["asset_name"]), (&6.into(), &Value::Null));

    assert_eq!(all.stop(Signal::INT), Some(130));
    assert_eq!(newest.stop(Signal::TERM), Some(143));
    assert_eq!(some.stop(Signal::INT), Some(130));
    assert_eq!(refused.stop(Signal::INT), Some(130));
}

#[test]
fn lines_for_people_follow_too_with_the_names_of_their_columns_once() {
    let site = Site::new();
    let watch = site.watch();
    let mut log = Reading::start(&site, "log -f");
    for number in 1..=2 {
        assert_eq!(watch.ask(site.signed(callback(number))).status, 200);
        if number == 1 {
            assert!(log.next().starts_with("TIME "));
        }
        assert!(log.next().contains(&format!("  ast_{number} ")));
    }
    assert_eq!(log.stop(Signal::INT), Some(130));
}

/// The end of `… | head -1`, while nothing comes that could not be written.
#[test]
fn a_reader_that_goes_away_ends_what_follows() {
    let site = Site::new();
    let watch = site.watch();
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    for line in ["log -f", "log -f --json", "log -f --refused", "log -f --limit 0", "--output text"]
    {
        let (mut child, out, err) = spawn(&site, line);
        drop(out);
        assert!(err.ends_within(LIMIT), "{line} did not end");
        assert_eq!(child.0.wait().unwrap().code(), Some(0), "{line}: {}", err.text());
    }
    watch.stop(Signal::TERM);
}

/// What is sent is told, and it ends between two callbacks, not in the middle of one.
#[test]
fn a_reader_that_goes_away_ends_what_sends() {
    let site = Site::new();
    let watch = site.watch();
    let to = format!("http://{}/callback", watch.address);
    for pace in ["--rate 1", "--lifecycle --pause 10m", ""] {
        let (mut child, out, err) = spawn(&site, &format!("send --to {to} --count 1000000 {pace}"));
        drop(out);
        assert!(err.ends_within(LIMIT), "{pace} did not end");
        assert_eq!(child.0.wait().unwrap().code(), Some(1), "{pace}: {}", err.text());
        let said = err.text();
        assert!(said.starts_with("dubwatch: stopped after "), "{said}");
        assert!(said.ends_with(": nobody reads standard output any more\n"), "{said}");
    }
    watch.stop(Signal::TERM);
}

#[test]
fn a_reader_that_goes_away_ends_who_only_reads_without_a_failure() {
    let site = Site::new();
    let watch = site.watch();
    let (mut child, mut out, err) = spawn(&site, "--json");
    let mut ready = Vec::new();
    while !ready.ends_with(b"\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut out, &mut byte).unwrap();
        ready.push(byte[0]);
    }
    drop(out);
    assert!(err.ends_within(LIMIT));
    assert_eq!(child.0.wait().unwrap().code(), Some(0), "it stopped no receiving");
    assert_eq!(err.text().lines().count(), 1, "{}", err.text());
    watch.stop(Signal::TERM);
}

#[test]
fn a_journal_that_is_removed_ends_what_follows_it() {
    let site = Site::new();
    site.watch().stop(Signal::TERM);
    let mut log = Reading::start(&site, "log -f --json");
    let watch = site.watch();
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    assert_eq!(log.record()["seq"], 1, "it follows whoever begins to write later");
    watch.stop(Signal::TERM);
    std::fs::rename(&site.db, site.dir.path().join("aside.db")).unwrap();
    let (code, said) = log.ended();
    assert_eq!(code, Some(1));
    assert!(said.contains("was removed, or another file stands in its place"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_journal_that_is_taken_away_from_its_writer_is_answered_503_and_told() {
    let site = Site::new();
    let aside = site.dir.path().join("aside.db");
    let mut watch = site.watch();
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    std::fs::rename(&site.db, &aside).unwrap();
    until(|| watch.ask(get("/healthz")).status == 503, "it to be noticed");
    assert_eq!(watch.ask(site.signed(callback(2))).status, 503);
    let warning = watch.next_of("warning")["message"].as_str().unwrap().to_owned();
    assert!(warning.contains("was removed or moved away: put it back"), "{warning}");

    std::fs::rename(&aside, &site.db).unwrap();
    let warning = watch.next_of("warning")["message"].as_str().unwrap().to_owned();
    assert_eq!(warning, "the journal can be written again");
    assert_eq!(watch.ask(site.signed(callback(2))).status, 200);
    watch.stop(Signal::TERM);
    assert_eq!(site.deliveries().len(), 2);
}
