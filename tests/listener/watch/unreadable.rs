//! Authentic deliveries that the timeline cannot use: answered 200, kept, and said to be so.

use crate::common::{Site, body, callback};

#[test]
fn what_cannot_be_read_is_kept_all_the_same() {
    let site = Site::new();
    let mut watch = site.watch();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [(&[u8], &str); 10] = [
        (b"", "the body is empty"),
        (b"hello", "the body is not a JSON object"),
        (b"\xff\xfe\x00\x01{}", "the body is not a JSON object"),
        (b"{\"event\":\"\xc3\x28\",\"asset_id\":\"a\"}", "the body is not a JSON object"),
        (deep.as_bytes(), "the body is not a JSON object"),
        (b"[1,2]", "the body is not a JSON object"),
        (
            br#"{"event":"version_archived","asset_id":"a","version_id":"v"}"#,
            "unknown event \"version_archived\"",
        ),
        (br#"{"event":"version_ready","asset_id":7,"version_id":[]}"#, "asset_id is a number"),
        (br#"{"event":"version_ready","asset_id":"a","version_id":""}"#, "version_id is missing"),
        (br#"{"event":true}"#, "event is a boolean"),
    ];
    for (sent, why) in bodies {
        assert_eq!(watch.ask(site.signed(sent)).status, 200, "{why}");
        let record = watch.delivery();
        assert_eq!(body(&record), sent);
        assert!(record["unreadable"].as_str().unwrap().starts_with(why), "{record}");
        assert_eq!((&record["verdict"], &record["effect"]), (&"valid".into(), &"none".into()));
    }
    // The next one is read as if nothing had been.
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    assert_eq!(watch.delivery()["effect"], "applied");
}

#[test]
fn of_a_repeated_key_the_last_counts() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent =
        r#"{"event":"x","event":"version_ready","asset_id":"a","asset_id":"b","version_id":"v"}"#;
    assert_eq!(watch.ask(site.signed(sent)).status, 200);
    let record = watch.delivery();
    assert_eq!((&record["event"], &record["asset_id"]), (&"version_ready".into(), &"b".into()));
}

#[test]
fn one_body_twice_is_two_deliveries() {
    let site = Site::new();
    let mut watch = site.watch();
    let request = site.signed(callback(1));
    for (seq, effect) in [(1, "applied"), (2, "repeat")] {
        assert_eq!(watch.ask(&request).status, 200);
        let record = watch.delivery();
        assert_eq!((&record["seq"], &record["effect"]), (&seq.into(), &effect.into()));
    }
}
