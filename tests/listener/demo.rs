//! The demo from outside: the binary plays its story, and every scene of it is accounted for.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use dubwatch::internals::simulate::{Message, RequestKind, Story, Tamper};
use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Site, Watch};

fn demo(site: &Site, arguments: &[&str]) -> Watch {
    let mut command = site.bare();
    command.arg("demo").args(arguments);
    start(command)
}

fn start(mut command: Command) -> Watch {
    Watch::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

fn of_type<'a>(records: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["type"] == name)
}

fn said(delivery: &Value) -> Message {
    let text = |field: &str| delivery[field].as_str().map(str::to_owned);
    Message {
        event: text("event").unwrap(),
        asset_id: text("asset_id").unwrap(),
        version_id: text("version_id"),
        version_locale: text("version_locale"),
    }
}

/// The word for a refused scene in the log of refusals.
fn kind(how: RequestKind) -> Option<&'static str> {
    match how {
        RequestKind::Sound | RequestKind::Again | RequestKind::Lost => None,
        RequestKind::Astray => Some("wrong_path"),
        RequestKind::Spoiled(Tamper::Missing) => Some("missing"),
        RequestKind::Spoiled(Tamper::Encoding) => Some("malformed"),
        RequestKind::Spoiled(_) => Some("invalid"),
    }
}

#[test]
fn every_scene_is_accounted_for() {
    let site = Site::new();
    let ended = demo(&site, &["--speed", "200", "--seed", "7", "--json"]).ended();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.starts_with("dubwatch: DEMO: "), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "nothing went wrong: {}", ended.err);
    assert!(!site.dir.path().join("share").exists(), "neither a journal nor a key is left");
    let records = ended.records();
    let story = Story::new(7);

    assert!(records[0]["listen"].as_str().unwrap().starts_with("127.0.0.1:"));
    let cautions: Vec<_> = of_type(&records, "warning").collect();
    assert_eq!(cautions.len(), 1);
    assert!(cautions[0]["message"].as_str().unwrap().starts_with("DEMO: "), "{cautions:?}");

    let deliveries: Vec<_> = of_type(&records, "delivery").collect();
    let sound: Vec<_> = story.scenes().iter().filter(|scene| kind(scene.kind).is_none()).collect();
    assert_eq!(deliveries.len(), sound.len());
    let mut effects = BTreeMap::<&str, usize>::new();
    for (delivery, scene) in deliveries.iter().zip(&sound) {
        assert_eq!(said(delivery), scene.message);
        assert_eq!(delivery["verdict"], "valid");
        assert_eq!(delivery["verdict_detail"]["key"], "demo");
        assert_eq!(delivery["source"], "direct", "it came over HTTP");
        *effects.entry(delivery["effect"].as_str().unwrap()).or_default() += 1;
    }
    let others = [("late", 1), ("new_cycle", 1), ("none", 1), ("repeat", 5)];
    let applied = sound.len() - others.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(effects, [("applied", applied)].into_iter().chain(others).collect());

    // A later line of an entry replaces the earlier ones.
    let entries: BTreeMap<_, _> =
        of_type(&records, "refusal").map(|record| (record["id"].as_u64(), record)).collect();
    let mut refused = BTreeMap::<&str, u64>::new();
    for entry in entries.values() {
        let count = entry["count"].as_u64().unwrap();
        *refused.entry(entry["kind"].as_str().unwrap()).or_default() += count;
    }
    let mut wanted = BTreeMap::<&str, u64>::new();
    for kind in story.scenes().iter().filter_map(|scene| kind(scene.kind)) {
        *wanted.entry(kind).or_default() += 1;
    }
    assert_eq!(refused, wanted);

    let summary = records.last().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["valid"], sound.len());
    assert_eq!(summary["refused"], wanted.values().sum::<u64>());
    assert_eq!((&summary["unavailable"], &summary["unlisted"]), (&0.into(), &0.into()));
}

#[test]
fn settings_that_would_reach_the_user_or_let_others_in_do_not_count() {
    let site = Site::new();
    let settings = site.dir.path().join("config/dubwatch/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let lines = [
        "listen = '0.0.0.0:1'",
        "db = 'mine.db'",
        "public-key = ['nowhere.pem']",
        "public-url = 'https://example.com/'",
        "trust-forwarded-for = true",
    ];
    std::fs::write(settings, lines.join("\n")).unwrap();
    let mut command = site.bare();
    command
        .args(["demo", "--seed=7", "--json", "--path=/hook"])
        .env("DUBWATCH_SIGNATURE", "off")
        .env("DUBWATCH_LISTEN", "0.0.0.0:2");
    let mut demo = start(command);
    assert!(demo.address.ip().is_loopback());
    assert_eq!(demo.ready["callback_url"], format!("http://{}/hook", demo.address));
    assert_eq!(demo.ready["journal"], "memory");
    assert_eq!(demo.next_of("delivery")["path"], "/hook");
    let body = crate::common::callback(1);
    let stranger = crate::common::request(
        "POST",
        "/hook",
        &[("x-signature", &site.signature(body.as_bytes()))],
        body.as_bytes(),
    );
    assert_eq!(demo.ask(stranger).status, 401);
    assert_eq!(demo.stop(Signal::INT).code, Some(130));
    assert!(!site.dir.path().join("mine.db").exists());
}

#[test]
fn a_loop_goes_on_with_another_story_until_a_signal() {
    let site = Site::new();
    let mut demo = demo(&site, &["--speed", "1000", "--seed", "7", "--loop", "--json"]);
    let second = Story::new(8);
    let of_second =
        |record: &Value| second.names().iter().any(|(id, _)| record["asset_id"] == **id);
    while !of_second(&demo.next()) {}
    let ended = demo.stop(Signal::TERM);
    assert_eq!(ended.code, Some(143));
    assert_eq!(ended.err.lines().count(), 1, "nobody posts to a closed door: {}", ended.err);
    let records = ended.records();
    let summary = records.last().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["valid"], of_type(&records, "delivery").count());
}

#[test]
fn a_speed_that_makes_no_sense_is_a_usage_error() {
    let site = Site::new();
    for speed in ["0", "-1", "NaN", "fast", "1001"] {
        let output = site.bare().args(["demo", &format!("--speed={speed}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{speed}");
        assert!(output.stdout.is_empty());
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains("a number from 0.1 to 1000 was expected"), "{words}");
    }
}
