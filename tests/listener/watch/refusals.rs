//! What is answered 4xx, and what is told of it.

use std::io::Read as _;
use std::net::Shutdown;
use std::time::Duration;

use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::PrivateKey;

use crate::common::{Answer, Site, callback, get, post, request, until};

/// A signature of somebody else's over `body`.
fn forged(body: &[u8]) -> String {
    hex::encode(PrivateKey::generate().unwrap().sign(body, Encoding::Der).unwrap())
}

#[test]
fn every_bad_signature_gets_the_same_answer() {
    let site = Site::new();
    let watch = site.watch();
    let sent = callback(1);
    let signature = site.signature(sent.as_bytes());
    let of_another_body = site.signature(b"{}");
    let base64 = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(hex::decode(&signature).unwrap())
    };
    let prefixed = format!("sha256={signature}");
    let forged = forged(sent.as_bytes());
    let short = &signature[..signature.len() - 2];
    let odd = &signature[1..];
    let long = "30".repeat(4000);
    let zeros = "00".repeat(64);
    let headers: [&[(&str, &str)]; 13] = [
        &[],
        &[("x-signature", "")],
        &[("x-signature", &of_another_body)],
        &[("x-signature", &forged)],
        &[("x-signature", &base64)],
        &[("x-signature", &prefixed)],
        &[("x-signature", short)],
        &[("x-signature", odd)],
        &[("x-signature", &long)],
        &[("x-signature", &zeros)],
        &[("x-signature", "zz"), ("x-signature-algorithm", "none")],
        &[("x-signature", &signature), ("x-signature", &signature)],
        &[("x-signature", &forged), ("x-signature", &signature)],
    ];
    let answers: Vec<Answer> =
        headers.iter().map(|headers| watch.ask(post(headers, sent.as_bytes()))).collect();
    for (answer, headers) in answers.iter().zip(headers) {
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!(answer.body, answers[0].body, "{headers:?}");
        assert_eq!(answer.constant_head(), answers[0].constant_head(), "{headers:?}");
    }
    assert_eq!(answers[0].body, "signature not accepted\n");
    // The algorithm's name neither selects nor disables anything.
    for algorithm in ["none", "HS256", "ES512", ""] {
        let headers = [("x-signature", signature.as_str()), ("x-signature-algorithm", algorithm)];
        assert_eq!(watch.ask(post(&headers, sent.as_bytes())).status, 200, "{algorithm}");
    }
    assert_eq!(site.deliveries().len(), 4);
}

#[test]
fn the_reason_is_told_on_our_side() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback(1);
    let mut tell = |headers: &[(&str, &str)]| {
        assert_eq!(watch.ask(post(headers, sent.as_bytes())).status, 401);
        watch.refusal()
    };
    let record = tell(&[]);
    let expected = [
        ("v", serde_json::json!(1)),
        ("id", 1.into()),
        ("status", 401.into()),
        ("kind", "missing".into()),
        ("why", "there is no X-Signature header; the sender signs every callback".into()),
        ("verdict", "missing".into()),
        ("count", 1.into()),
        ("method", "POST".into()),
        ("path", "/callback".into()),
        ("headers", serde_json::json!([["host", "x"], ["content-length", sent.len().to_string()]])),
        ("body_truncated", false.into()),
        (
            "claims",
            serde_json::json!({
                "event": "version_ready", "asset_id": "ast_1", "asset_name": null,
                "version_id": "ver_1", "version_locale": "es-ES",
            }),
        ),
    ];
    for (name, value) in &expected {
        assert_eq!(&record[*name], value, "{name}");
    }
    assert_eq!(crate::common::body(&record), sent.as_bytes());
    assert!(record["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(record["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!(record.as_object().unwrap().len(), expected.len() + 4, "{record}");

    let signature = site.signature(sent.as_bytes());
    let twice = tell(&[("x-signature", &signature), ("x-signature", &signature)]);
    assert_eq!(twice["verdict"], "malformed", "{twice}");
    assert_eq!(tell(&[("x-signature", &forged(sent.as_bytes()))])["verdict"], "invalid");
}

/// The lines of `log --refused` with these arguments.
fn listed(site: &Site, arguments: &[&str]) -> Vec<String> {
    let mut log = site.bare();
    log.args(["log", "--refused", "--db"]).arg(&site.db).args(arguments);
    let output = log.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with("TIME")).map(str::to_owned).collect()
}

#[test]
fn refusals_are_found_by_what_they_claim() {
    let site = Site::new();
    let mut watch = site.watch();
    let claim = |event: &str, id: u32, locale: &str| {
        format!(
            r#"{{"event":"version_{event}","asset_id":"ast_{id}","version_id":"ver_{id}","version_locale":"{locale}"}}"#
        )
    };
    let whole = claim("generate_failed", 1, "es-ES");
    let cut = format!("{}, and more", claim("ready", 2, "de-DE"));
    let forged = forged(cut.as_bytes());
    let headers: [&[(&str, &str)]; 3] =
        [&[], &[("x-signature", &forged)], &[("x-signature", "hello")]];
    for (body, headers) in [&whole, &cut, "no JSON"].into_iter().zip(headers) {
        assert_eq!(watch.ask(post(headers, body.as_bytes())).status, 401);
        watch.refusal();
    }
    watch.stop(rustix::process::Signal::TERM);

    for (filter, claims) in [
        ("asset:ast_1", "claims version_generate_failed es-ES ast_1 ver_1"),
        ("version:ver_1", "claims version_generate_failed es-ES ast_1 ver_1"),
        ("locale:es", "claims version_generate_failed es-ES ast_1 ver_1"),
        ("event:generate_failed", "claims version_generate_failed es-ES ast_1 ver_1"),
        ("failed", "claims version_generate_failed es-ES ast_1 ver_1"),
        ("asset:ast_2 locale:de-DE ready", "claims version_ready de-DE ast_2 ver_2"),
    ] {
        let lines = listed(&site, &["--filter", filter]);
        assert_eq!(lines.len(), 1, "{filter}: {lines:?}");
        assert!(lines[0].contains(claims), "{filter}: {lines:?}");
        let records = listed(&site, &["--json", "--filter", filter]);
        let [record] = &records[..] else { panic!("{filter}: {records:?}") };
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        let told = &record["claims"];
        assert_eq!(told["version_id"].as_str().unwrap()[..4], *"ver_", "{record}");
    }
    let others = listed(&site, &["--filter", "!asset:ast_1 !asset:ast_2"]);
    let [other] = &others[..] else { panic!("{others:?}") };
    assert!(!other.contains("claims"), "{other}");
    assert!(listed(&site, &["--filter", "asset:ast_3"]).is_empty());
}

/// As a proxy compresses bodies after they were signed.
#[test]
fn a_compressed_body_is_found_by_what_it_holds() {
    let site = Site::new();
    let mut watch = site.watch();
    for n in 1..=2 {
        let sent = callback(n).replace("version_ready", "version_generate_failed");
        let mut gzip = Vec::new();
        let level = flate2::Compression::default();
        flate2::read::GzEncoder::new(sent.as_bytes(), level).read_to_end(&mut gzip).unwrap();
        let signature = site.signature(sent.as_bytes());
        let headers = [("x-signature", signature.as_str()), ("content-encoding", "gzip")];
        assert_eq!(watch.ask(post(&headers, &gzip)).status, 401);
        let record = watch.refusal();
        assert_eq!(record["claims"]["asset_id"], format!("ast_{n}"), "{record}");
        assert!(record["why"].as_str().unwrap().contains("compressed"), "{record}");
    }
    watch.stop(rustix::process::Signal::TERM);
    assert_eq!(listed(&site, &["--filter", "failed"]).len(), 2, "an entry for each asset");
    let lines = listed(&site, &["--filter", "failed asset:ast_2"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// A sender with one fault that has much to say at once.
#[test]
fn each_of_many_refusals_at_once_gets_its_reason() {
    let site = Site::new();
    let watch = site.watch();
    let mut client = watch.connect();
    for n in 0..60 {
        let sent = callback(n);
        let signature = site.signature(sent.as_bytes());
        let changed = format!("{sent}\n");
        client.send(post(&[("x-signature", &signature)], changed.as_bytes()));
        assert_eq!(client.answer().status, 401);
    }
    watch.stop(rustix::process::Signal::TERM);
    let lines = listed(&site, &[]);
    assert_eq!(lines.len(), 60, "one for each asset");
    for line in lines {
        assert!(line.contains("body changed on its way"), "{line}");
    }
}

#[test]
fn a_body_that_is_too_long_to_be_looked_into_is_said_to_be() {
    let site = Site::new();
    let mut watch = site.watch();
    let long = vec![b'x'; (64 << 10) + 1];
    let signature = forged(&long);
    assert_eq!(watch.ask(post(&[("x-signature", &signature)], &long)).status, 401);
    let record = watch.refusal();
    let why = record["why"].as_str().unwrap();
    assert!(why.ends_with("; what happened to it was not looked into: it is over 64 KiB"), "{why}");
}

/// Three senders with three troubles, from one address as behind a tunnel.
#[test]
fn each_reason_has_its_entry_whoever_it_comes_from() {
    let site = Site::new();
    let mut watch = site.watch();
    let hello = b"\x16\x03\x01\x00\x05hello";
    for (bytes, reason) in [
        (&hello[..], "https"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
        (b"hello\r\n\r\n", "no HTTP/1.1"),
    ] {
        for _ in 0..2 {
            let mut client = watch.connect();
            client.send(bytes);
            client.0.shutdown(Shutdown::Write).unwrap();
            let record = loop {
                let record = watch.refusal();
                if record["why"].as_str().unwrap().contains(reason) {
                    break record;
                }
            };
            assert_eq!(record["kind"], "broken", "{record}");
        }
    }
    watch.stop(rustix::process::Signal::TERM);
    let lines = listed(&site, &[]);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("×2")), "{lines:?}");
}

/// One reason for three assets, one of them with more bodies than are kept.
#[test]
fn each_claimed_asset_has_its_entry_with_its_newest_bodies() {
    let site = Site::new();
    let mut watch = site.watch();
    let mut client = watch.connect();
    let body = |asset: &str, n: u32| {
        format!(r#"{{"event":"version_ready","asset_id":"{asset}","version_id":"ver_{n}"}}"#)
    };
    for n in 1..=25 {
        client.send(post(&[], body("ast_1", n).as_bytes()));
        assert_eq!(client.answer().status, 401);
    }
    for asset in ["ast_2", "ast_3"] {
        client.send(post(&[], body(asset, 1).as_bytes()));
        assert_eq!(client.answer().status, 401);
    }
    while watch.refusal()["claims"]["asset_id"] != "ast_3" {}
    watch.stop(rustix::process::Signal::TERM);

    let lines = listed(&site, &[]);
    assert_eq!(lines.len(), 3, "{lines:?}");
    let many = lines.iter().find(|line| line.contains("ast_1")).unwrap();
    assert!(many.contains("×25  claims version_ready ast_1 ver_25 (and 19 more)"), "{many}");
    // Found by what any of the bodies claims.
    let records = listed(&site, &["--json", "--filter", "asset:ast_1 version:ver_10"]);
    let [record] = &records[..] else { panic!("{records:?}") };
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    let earlier = record["earlier"].as_array().unwrap();
    let bodies: Vec<_> = earlier.iter().map(crate::common::body).collect();
    let newest: Vec<_> = (6..25).rev().map(|n| body("ast_1", n).into_bytes()).collect();
    assert_eq!(bodies, newest);
    assert_eq!(earlier[0]["claims"]["version_id"], "ver_24");
    assert_eq!(listed(&site, &["--filter", "asset:ast_2 version:ver_10"]), Vec::<String>::new());
}

#[test]
fn refusals_of_one_kind_are_counted_in_one_entry() {
    let site = Site::new();
    let mut watch = site.watch();
    let long = vec![b'x'; 5000];
    let mut client = watch.connect();
    for _ in 0..30 {
        client.send(post(&[], &long));
        assert_eq!(client.answer().status, 401);
    }
    let mut count = 0;
    while count < 30 {
        let record = watch.refusal();
        assert_eq!(record["id"], 1);
        assert!(record["count"].as_u64().unwrap() > count, "the count goes up");
        count = record["count"].as_u64().unwrap();
        assert_eq!(crate::common::body(&record), &long[..4096]);
        assert_eq!(record["body_truncated"], true);
    }
    let ended = watch.stop(rustix::process::Signal::TERM);
    let told = ended.records().iter().filter(|record| record["type"] == "refusal").count();
    assert!(told < 30, "one by one only as long as they are few, not {told} times");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback(1);
    let signature = site.signature(sent.as_bytes());
    let signed = [("x-signature", signature.as_str())];
    for path in ["/", "/callbacks", "/callback//", "/Callback", "/callback/x", "/%63allback"] {
        let answer = watch.ask(request("POST", path, &signed, sent.as_bytes()));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, "not the callback path\n"),
            "{path}"
        );
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let answer = watch.ask(request(method, "/callback", &signed, sent.as_bytes()));
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("\r\nallow: post\r\n"), "{}", answer.head);
    }
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let record = watch.refusal();
        let kind = record["kind"].as_str().unwrap().to_owned();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        assert!(record["verdict"].is_null());
    }
    kinds.sort();
    assert_eq!(kinds, ["wrong_method", "wrong_path"]);
    assert!(site.deliveries().is_empty());
}

#[test]
fn a_wrong_path_is_told_with_the_right_one() {
    let site = Site::new();
    let mut watch = site.watch();
    assert_eq!(watch.ask(get("/callbacks")).status, 404);
    assert_eq!(watch.refusal()["why"], "GET /callbacks: the path is /callback");
}

#[test]
fn a_body_that_breaks_off_is_refused_and_not_kept() {
    let site = Site::new();
    let mut watch = site.watch();
    let whole = site.signed(callback(1));
    let mut client = watch.connect();
    client.send(&whole[..whole.len() - 10]);
    client.0.shutdown(Shutdown::Both).unwrap();
    let record = watch.refusal();
    assert_eq!(record["kind"], "broken");
    assert!(record["why"].as_str().unwrap().starts_with("the body broke off after "), "{record}");

    // A half-closed one is still there for the answer.
    let mut client = watch.connect();
    client.send(&whole[..whole.len() - 10]);
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer().status, 400);

    let mut client = watch.connect();
    client.send("POST /callback HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(client.answer().status, 400);
    assert!(site.deliveries().is_empty());
}

#[test]
fn what_is_no_http_is_told() {
    let site = Site::new();
    let mut watch = site.watch();
    let mut client = watch.connect();
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    client.0.shutdown(Shutdown::Write).unwrap();
    let record = watch.refusal();
    assert_eq!(record["kind"], "broken");
    assert!(record["why"].as_str().unwrap().contains("http:// URL"), "{record}");
}

/// The one test that waits for a limit of the program itself.
#[test]
fn a_slow_body_is_given_up() {
    let site = Site::new();
    let mut watch = site.watch();
    let whole = site.signed(callback(1));
    let mut client = watch.connect();
    client.0.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    client.send(&whole[..whole.len() - 10]);
    assert_eq!(client.answer().status, 408);
    assert_eq!(watch.refusal()["kind"], "too_slow");
    assert!(site.deliveries().is_empty());
}

#[test]
fn secrets_of_the_sender_are_in_no_output_and_no_file() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback(1);
    let signature = site.signature(sent.as_bytes());
    let secrets = [
        ("Authorization", "Bearer s3cret-1"),
        ("Proxy-Authorization", "Basic s3cret-2"),
        ("Cookie", "session=s3cret-3"),
        ("cookie", "s3cret-4"),
    ];
    let mut headers = secrets.to_vec();
    assert_eq!(watch.ask(post(&headers, sent.as_bytes())).status, 401);
    assert_eq!(watch.ask(request("POST", "/wrong", &headers, b"")).status, 404);
    headers.push(("x-signature", &signature));
    assert_eq!(watch.ask(post(&headers, sent.as_bytes())).status, 200);
    let record = watch.next_of("delivery");
    assert_eq!(
        record["headers"][1],
        serde_json::json!(["authorization", "[redacted by dubwatch]"])
    );
    let mut refused = 0;
    until(
        || {
            refused = site_refusals(&site);
            refused == 2
        },
        "both refusals in the journal",
    );
    no_file_holds(&site, "s3cret");
    let ended = watch.stop(rustix::process::Signal::TERM);
    no_file_holds(&site, "s3cret");
    assert!(!ended.out.contains("s3cret") && !ended.err.contains("s3cret"));
}

fn site_refusals(site: &Site) -> usize {
    let reader = dubwatch::internals::journal::JournalReader::open(&site.db).unwrap();
    reader.refusals_after(0, 2000).unwrap().0.len()
}

/// Looks through the bytes of every file of the site.
fn no_file_holds(site: &Site, secret: &str) {
    let mut directories = vec![site.dir.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}
