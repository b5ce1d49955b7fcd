//! What a relay passes on that is not as it should be, and a relay that lets us in no more.

use rustix::process::Signal;

use crate::common::{callback, until};
use crate::link::laptop::{Laptop, acked, callbacks, link};
use crate::link::wire::Wire;
use crate::relay_support::{Relay, Seeded};

#[test]
fn a_refused_delivery_holds_up_nothing_behind_it() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let mut watch = laptop.start(&["--json"]);
    let forged = crate::common::request(
        "POST",
        &inbox.path,
        &[("x-signature", &relay.site.signature(b"another body"))],
        callback(0).as_bytes(),
    );
    let mut client = crate::common::Client::new(relay.address()).unwrap();
    client.send(&forged);
    assert_eq!(client.answer().status, 200, "the relay keeps what it cannot judge");
    relay.post_all(&inbox, callbacks(1..2));
    let refusal = watch.next_of("refusal");
    assert_eq!((&refusal["kind"], &refusal["verdict"]), (&"invalid".into(), &"invalid".into()));
    assert_eq!(refusal["status"], 200, "which the relay answered");
    laptop.has(1);
    assert_eq!(laptop.bodies(), [callback(1)]);
    // Both are behind us: neither comes again.
    until(|| acked(&relay) == 2, "the ack");
    watch.stop(Signal::TERM);
    let mut watch = laptop.start(&["--json"]);
    assert_eq!(link(&mut watch, "up")["behind"], 0);
}

#[test]
fn what_the_relay_dropped_is_told() {
    let relay = Relay::start(&["--max-count", "20"]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    for number in 0..10 {
        let body = callback(number);
        let request = crate::common::request("POST", &inbox.path, &[], body.as_bytes());
        let mut client = crate::common::Client::new(relay.address()).unwrap();
        client.send(request);
        assert_eq!(client.answer().status, 200);
    }
    relay.post_all(&inbox, callbacks(10..12));
    let mut watch = laptop.start(&["--json"]);
    laptop.has(2);
    // A new reader begins with what is retained: the gap before it is not its own. One that was
    // there before hears of what it missed.
    watch.stop(Signal::TERM);
    for number in 20..30 {
        let body = callback(number);
        let request = crate::common::request("POST", &inbox.path, &[], body.as_bytes());
        let mut client = crate::common::Client::new(relay.address()).unwrap();
        client.send(request);
        assert_eq!(client.answer().status, 200);
    }
    relay.post_all(&inbox, callbacks(30..31));
    watch = laptop.start(&["--json"]);
    let gap = watch.next_of("gap");
    assert_eq!(gap["reason"], "unverified", "{gap}");
    assert!(gap["count"].as_u64().unwrap() >= 8, "{gap}");
    laptop.has(3);
    watch.stop(Signal::TERM);
    let reader = dubwatch::internals::journal::JournalReader::open(&laptop.site.db).unwrap();
    assert!(!reader.gaps_after(0, 10).unwrap().is_empty());
}

#[test]
fn a_token_that_opens_nothing_is_said_once_and_in_no_word_of_it() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut laptop = Laptop::of(&relay, &inbox);
    let right = std::mem::replace(&mut laptop.token, "dwr_wr0ng-s3cret".to_owned());
    let mut watch = laptop.start(&["--json"]);
    // Whichever comes first.
    let (mut refused, mut warned) = (None, None);
    while refused.is_none() || warned.is_none() {
        let record = watch.next();
        match record["type"].as_str() {
            Some("link") if record["state"] == "refused" => refused = Some(record["why"].clone()),
            Some("warning") => warned = Some(record["message"].clone()),
            _ => {}
        }
    }
    assert_eq!(refused, warned);
    let why = refused.unwrap().to_string();
    assert!(why.contains("401") && why.contains("DUBWATCH_RELAY_TOKEN"), "{why}");
    let ended = watch.ended();
    assert_eq!(ended.code, Some(1), "nothing would come: {}", ended.err);
    assert_eq!(ended.err.matches("(401)").count(), 1, "{}", ended.err);
    laptop.token = right.clone();
    let mut watch = laptop.start(&["--json"]);
    link(&mut watch, "up");
    let more = watch.stop(Signal::TERM);
    let shown = laptop.command(&["config", "show"]).output().unwrap();
    let mut said = vec![ended.out, ended.err, more.out, more.err];
    said.push(String::from_utf8(shown.stdout).unwrap());
    assert!(said[4].contains("# relay-token is set, and is not shown"));
    let logs = laptop.site.dir.path().join("state/dubwatch");
    for entry in std::fs::read_dir(logs).unwrap() {
        said.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let journal = std::fs::read(&laptop.site.db).unwrap();
    said.push(String::from_utf8_lossy(&journal).into_owned());
    assert!(said.len() > 6, "there is no log");
    for text in said {
        assert!(!text.contains("s3cret") && !text.contains(&right), "{text}");
    }
}

#[test]
fn a_token_that_was_revoked_ends_the_subscription() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let mut watch = laptop.start(&["--json"]);
    link(&mut watch, "up");
    assert!(relay.operate(&["rotate", "one", "--json"]).0);
    link(&mut watch, "refused");
    watch.stop(Signal::TERM);
}

#[test]
fn a_newer_one_of_the_same_name_takes_over() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let (older, newer) = (Laptop::of(&relay, &inbox), Laptop::of(&relay, &inbox));
    let mut first = older.start(&["--json"]);
    link(&mut first, "up");
    let mut second = newer.start(&["--json"]);
    link(&mut second, "up");
    let (mut superseded, mut warned) = (false, false);
    while !superseded || !warned {
        let record = first.next();
        superseded |= record["state"] == "superseded";
        warned |= record["message"].as_str().is_some_and(|words| words.contains("--relay-name"));
    }
    relay.post_all(&inbox, callbacks(0..3));
    newer.has(3);
    assert_eq!(older.bodies(), [""; 0]);
    first.stop(Signal::TERM);
}

#[test]
fn one_that_keeps_nothing_acks_nothing() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, callbacks(0..5));
    let laptop = Laptop::of(&relay, &inbox);
    for _ in 0..2 {
        let mut command = laptop.site.bare();
        command
            .args([
                "--ephemeral",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--public-key",
                "sender.pem",
            ])
            .args(["--relay", &laptop.url])
            .env("DUBWATCH_RELAY_TOKEN", &laptop.token)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let mut watch = crate::common::Watch::new(command.spawn().unwrap());
        for seq in 1..=5 {
            assert_eq!(watch.next_of("delivery")["seq"], seq);
        }
        watch.stop(Signal::TERM);
    }
    let (_, listed) = relay.operate(&["list", "--json"]);
    assert!(!listed.contains("laptop"), "{listed}");
}

#[test]
fn a_relay_that_is_not_there_is_tried_again() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let wire = Wire::to("127.0.0.1:1".parse().unwrap(), Seeded(1));
    let laptop = Laptop::at(&relay, &inbox, &format!("ws://{}", wire.address));
    let mut watch = laptop.start(&["--json"]);
    assert!(link(&mut watch, "retrying")["retry_at"].is_string());
    wire.lead_to(relay.address());
    link(&mut watch, "up");
    watch.stop(Signal::TERM);
}
