//! The end: answers in flight still come, everything is told, nothing is left behind.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::common::{Client, Ended, Heard, LIMIT, Running, Site, Watch, callback, post};

/// A request of which the listener has the head, and the rest of it.
fn half_sent(site: &Site, watch: &Watch, body: &str) -> (Client, Vec<u8>) {
    let signature = site.signature(body.as_bytes());
    let whole = post(&[("x-signature", &signature), ("expect", "100-continue")], body.as_bytes());
    let (head, rest) = whole.split_at(whole.len() - body.len());
    let mut client = watch.connect();
    client.send(head);
    // Only who has begun to read the body says so.
    assert_eq!(client.answer().status, 100);
    (client, rest.to_vec())
}

fn nothing_is_left(site: &Site) {
    assert_eq!(site.files(), ["dev.pem", "journal.db", "journal.db.lock"]);
}

fn summary(ended: &Ended) -> serde_json::Value {
    ended.records().pop().unwrap()
}

#[test]
fn a_signal_ends_it_after_draining() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let site = Site::new();
        let watch = site.watch();
        let (mut client, rest) = half_sent(&site, &watch, &callback(1));
        let mut idle = watch.connect();
        idle.send(site.signed(callback(2)));
        assert_eq!(idle.answer().status, 200);
        watch.signal(signal);
        watch.closed_to_newcomers();
        client.send(rest);
        let answer = client.answer();
        assert_eq!(answer.status, 200, "an answer in flight still comes");
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
        let ended = watch.ended();
        assert_eq!(ended.code, Some(code));
        assert_eq!(ended.err, "");
        let told: Vec<_> = ended.records().iter().map(|r| r["type"].clone()).collect();
        assert_eq!(told, ["ready", "delivery", "delivery", "summary"]);
        nothing_is_left(&site);
        assert_eq!(site.deliveries().len(), 2);
    }
}

#[test]
fn the_summary_counts_what_became_of_the_requests() {
    let site = Site::new();
    let watch = site.watch();
    for n in 0..3 {
        assert_eq!(watch.ask(site.signed(callback(n))).status, 200);
        assert_eq!(watch.ask(post(&[], b"{}")).status, 401);
    }
    let ended = watch.stop(Signal::TERM);
    assert_eq!(
        summary(&ended),
        json!({
            "v": 1, "type": "summary", "accepted": 3, "valid": 3, "unchecked": 0, "refused": 3,
            "unavailable": 0, "unlisted": 0,
        })
    );
    // The refusals that waited for their second are told before the end.
    let refusals: Vec<_> =
        ended.records().into_iter().filter(|record| record["type"] == "refusal").collect();
    assert_eq!(refusals.last().unwrap()["count"], 3);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let site = Site::new();
    let watch = site.watch();
    let (client, _) = half_sent(&site, &watch, &callback(1));
    assert_eq!(watch.ask(site.signed(callback(2))).status, 200);
    watch.signal(Signal::TERM);
    watch.closed_to_newcomers();
    // The end of a drain would be 143.
    let ended = watch.stop(Signal::INT);
    assert_eq!(ended.code, Some(130));
    drop(client);
    let watch = site.watch();
    assert_eq!(site.deliveries().len(), 1, "what was answered is kept");
    watch.stop(Signal::TERM);
    nothing_is_left(&site);
}

#[test]
fn a_sender_that_never_ends_does_not_keep_it_from_ending() {
    let site = Site::new();
    let watch = site.watch();
    let (client, _) = half_sent(&site, &watch, &callback(1));
    let ended = watch.stop(Signal::TERM);
    assert_eq!(ended.code, Some(143));
    assert_eq!(summary(&ended)["type"], "summary");
    drop(client);
    nothing_is_left(&site);
}

#[test]
fn a_closed_pipe_ends_it_because_it_stops_receiving() {
    let site = Site::new();
    let mut child = site.command(&["--public-key", "sender.pem"]).spawn().unwrap();
    let err = Heard::from(child.stderr.take().unwrap());
    let mut out = child.stdout.take().unwrap();
    let mut child = Running(child);
    let mut ready = Vec::new();
    while !ready.ends_with(b"\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut out, &mut byte).unwrap();
        ready.push(byte[0]);
    }
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    assert_eq!(ready["type"], "ready");
    // Nothing comes that it could fail to write.
    drop(out);
    assert!(err.ends_within(LIMIT));
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    let said = err.text();
    assert_eq!(
        said,
        "dubwatch: stopped receiving: cannot write to standard output: Broken pipe (os error 32)\n"
    );
    nothing_is_left(&site);
}

/// Where the pipe is closed while the last line is on its way, what was answered is kept.
#[test]
fn a_closed_pipe_loses_nothing_that_was_answered() {
    let site = Site::new();
    let mut child = site.command(&["--public-key", "sender.pem"]).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let _child = Running(child);
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut out, &mut ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let mut client = Client::new(ready["listen"].as_str().unwrap().parse().unwrap()).unwrap();
    client.send(site.signed(callback(1)));
    assert_eq!(client.answer().status, 200, "it is kept before it is told");
    drop(out);
    assert_eq!(site.deliveries().len(), 1);
}

#[test]
fn nobody_has_to_read_stderr() {
    let site = Site::new();
    let mut command = site.command(&["--public-key", "sender.pem", "--signature", "off"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // The warning that signatures are not checked has nowhere to go.
    drop(child.stderr.take());
    child.stderr = None;
    let out = Heard::from(child.stdout.take().unwrap());
    let mut child = Running(child);
    assert!(out.line(0, LIMIT).is_some());
    rustix::process::kill_process(rustix::process::Pid::from_child(&child.0), Signal::TERM)
        .unwrap();
    assert!(out.ends_within(LIMIT));
    assert_eq!(child.0.wait().unwrap().code(), Some(143));
}
