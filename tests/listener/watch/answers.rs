//! Signed callbacks in every shape that HTTP allows: answered 200, kept and told, byte for byte.

use std::net::Shutdown;

use crate::common::{Client, Heard, LIMIT, Running, Site, body, callback, get, post, request};

/// `body` as chunks of a few bytes.
fn chunked(site: &Site, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /callback HTTP/1.1\r\nhost: x\r\nx-signature: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        site.signature(body)
    )
    .into_bytes();
    for chunk in body.chunks(7) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

#[test]
fn a_signed_callback_is_answered_kept_and_told() {
    let site = Site::new();
    let mut watch = site.watch();
    let address = watch.address.to_string();
    assert_eq!(
        watch.ready,
        serde_json::json!({
            "v": 1,
            "type": "ready",
            "listen": address,
            "callback_url": format!("http://{address}/callback"),
            "journal": site.db.to_str().unwrap(),
        })
    );

    // Odd spacing, an unknown field, no newline at the end: kept exactly so.
    let sent = b"{ \"event\":\"version_generated\",\r\n\t\"asset_id\":\"ast_1\",\"version_id\":\"ver_1\",\"version_locale\":\"es-ES\",\"x\":1.50}";
    let mut client = watch.connect();
    let signature = site.signature(sent);
    client.send(post(&[("X-Signature", &signature), ("X-Twice", "1"), ("x-twice", "2")], sent));
    let answer = client.answer();
    assert_eq!((answer.status, answer.body.as_str()), (200, "kept\n"));

    let record = watch.delivery();
    let expected = [
        ("v", serde_json::json!(1)),
        ("type", "delivery".into()),
        ("seq", 1.into()),
        ("source", "direct".into()),
        ("peer", client.0.local_addr().unwrap().to_string().into()),
        ("verdict", "valid".into()),
        ("verdict_detail", serde_json::json!({"encoding": "der", "key": "sender"})),
        ("event", "version_generated".into()),
        ("asset_id", "ast_1".into()),
        ("version_id", "ver_1".into()),
        ("version_locale", "es-ES".into()),
        ("asset_name", serde_json::Value::Null),
        ("unreadable", serde_json::Value::Null),
        ("effect", "applied".into()),
        ("uncertain", serde_json::Value::Null),
        ("method", "POST".into()),
        ("path", "/callback".into()),
        (
            "headers",
            serde_json::json!([
                ["host", "x"],
                ["x-signature", signature],
                ["x-twice", "1"],
                ["x-twice", "2"],
                ["content-length", sent.len().to_string()],
            ]),
        ),
    ];
    for (name, value) in &expected {
        assert_eq!(&record[*name], value, "{name}");
    }
    assert_eq!(body(&record), sent);
    let time = |name: &str| record[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("received_at") <= time("committed_at"));
    assert!(record["received_at"].as_str().unwrap().ends_with('Z'));
    let names = record.as_object().unwrap().len();
    assert_eq!(names, expected.len() + 3, "a field is not documented: {record}");

    let kept = &site.deliveries()[0];
    assert_eq!((kept.seq, kept.request.body.as_slice()), (1, sent.as_slice()));
}

#[test]
fn both_encodings_of_a_signature_hold() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback(1);
    let raw = site.key.sign(sent.as_bytes(), dubwatch::internals::callback::Encoding::Raw).unwrap();
    let upper = hex::encode_upper(raw);
    assert_eq!(watch.ask(post(&[("x-signature", &upper)], sent.as_bytes())).status, 200);
    assert_eq!(watch.delivery()["verdict_detail"]["encoding"], "raw");
}

#[test]
fn the_way_a_request_is_written_does_not_matter() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback(1);
    let signature = site.signature(sent.as_bytes());
    let signed = [("x-signature", signature.as_str())];
    for path in ["/callback", "/callback/", "/callback?tenant=7&x=%20", "/callback/?"] {
        assert_eq!(
            watch.ask(request("POST", path, &signed, sent.as_bytes())).status,
            200,
            "{path}"
        );
        assert_eq!(watch.delivery()["path"], path);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "image/png; charset=utf-7", ""]
    {
        let headers = [signed[0], ("content-type", kind), ("content-encoding", "gzip")];
        assert_eq!(watch.ask(post(&headers, sent.as_bytes())).status, 200, "{kind}");
        assert_eq!(body(&watch.delivery()), sent.as_bytes());
    }
    let version_1_0 = format!(
        "POST /callback HTTP/1.0\r\nx-signature: {signature}\r\ncontent-length: {}\r\n\r\n{sent}",
        sent.len()
    );
    assert_eq!(watch.ask(version_1_0).status, 200);
}

#[test]
fn a_path_of_ones_own_has_the_same_liberties() {
    let site = Site::new();
    let mut watch = site.watch_with(&["--public-key", "sender.pem", "--path", "/hooks/dub/"]);
    let url = watch.ready["callback_url"].as_str().unwrap();
    assert_eq!(url, format!("http://{}/hooks/dub", watch.address));
    let sent = callback(1);
    let signature = site.signature(sent.as_bytes());
    for (path, status) in [("/hooks/dub/", 200), ("/hooks/dub", 200), ("/callback", 404)] {
        let ask = request("POST", path, &[("x-signature", &signature)], sent.as_bytes());
        assert_eq!(watch.ask(ask).status, status, "{path}");
    }
    assert_eq!(watch.delivery()["path"], "/hooks/dub/");
}

#[test]
fn a_public_url_is_what_the_sender_is_to_call() {
    let site = Site::new();
    let watch = site.watch_with(&["--public-url", "https://dubs.example/in"]);
    assert_eq!(watch.ready["callback_url"], "https://dubs.example/in");
}

#[test]
fn pipelined_callbacks_are_all_kept_in_order() {
    let site = Site::new();
    let mut watch = site.watch();
    let bodies: Vec<String> = (0..40).map(callback).collect();
    let mut client = watch.connect();
    client.send(bodies.iter().flat_map(|body| site.signed(body)).collect::<Vec<u8>>());
    for _ in &bodies {
        assert_eq!(client.answer().status, 200);
    }
    for (at, sent) in bodies.iter().enumerate() {
        let record = watch.delivery();
        assert_eq!(record["seq"], at as u64 + 1);
        assert_eq!(body(&record), sent.as_bytes());
    }
}

#[test]
fn a_chunked_body_is_kept_whole() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback("chunked");
    assert_eq!(watch.ask(chunked(&site, sent.as_bytes())).status, 200);
    assert_eq!(body(&watch.delivery()), sent.as_bytes());
}

#[test]
fn a_sender_that_closed_its_side_is_answered() {
    let site = Site::new();
    let mut watch = site.watch();
    let mut client = watch.connect();
    client.send(site.signed(callback(1)));
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer().status, 200);
    assert_eq!(watch.delivery()["seq"], 1);
}

#[test]
fn a_sender_that_hangs_up_at_once_cancels_nothing() {
    let site = Site::new();
    let mut watch = site.watch();
    let mut client = watch.connect();
    client.send(site.signed(callback(1)));
    drop(client);
    assert_eq!(watch.delivery()["asset_id"], "ast_1");
}

#[test]
fn who_asks_first_is_told_to_go_on() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = callback(1);
    let mut client = watch.connect();
    let whole = post(
        &[("x-signature", &site.signature(sent.as_bytes())), ("expect", "100-continue")],
        sent.as_bytes(),
    );
    let (head, rest) = whole.split_at(whole.len() - sent.len());
    client.send(head);
    assert_eq!(client.answer().status, 100);
    client.send(rest);
    assert_eq!(client.answer().status, 200);
    assert_eq!(body(&watch.delivery()), sent.as_bytes());
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let site = Site::new();
    let watch = site.watch();
    let mut client = watch.connect();
    for byte in site.signed(callback(1)) {
        client.send([byte]);
    }
    assert_eq!(client.answer().status, 200);
    assert_eq!(site.deliveries()[0].request.body, callback(1).as_bytes());
}

#[test]
fn the_longest_body_is_kept_and_one_byte_more_is_not() {
    let site = Site::new();
    let mut watch = site.watch_with(&["--public-key", "sender.pem", "--max-body", "4KiB"]);
    let fits = vec![b' '; 4096];
    let over = vec![b' '; 4097];
    assert_eq!(watch.ask(site.signed(&fits)).status, 200);
    assert_eq!(body(&watch.delivery()), fits);
    assert_eq!(watch.ask(chunked(&site, &fits)).status, 200);
    assert_eq!(body(&watch.delivery()), fits);

    assert_eq!(watch.ask(site.signed(&over)).status, 413);
    let refusal = watch.refusal();
    assert_eq!(refusal["why"], "body of 4097 bytes, limit 4096 (--max-body)");
    assert_eq!((&refusal["status"], &refusal["kind"]), (&413.into(), &"too_large".into()));
    assert_eq!(refusal["body_truncated"], true);

    // Only announced: answered before any of it has come.
    let mut client = watch.connect();
    client.send("POST /callback HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    // Without an announcement it is read as far as the limit.
    assert_eq!(watch.ask(chunked(&site, &over)).status, 413);
    assert_eq!(site.deliveries().len(), 2);
}

#[test]
fn health_is_told_without_a_signature() {
    let site = Site::new();
    let watch = site.watch();
    let answer = watch.ask(get("/healthz"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[test]
fn seq_goes_on_after_a_restart() {
    let site = Site::new();
    for seq in 1..=3 {
        let mut watch = site.watch();
        assert_eq!(watch.ask(site.signed(callback(seq))).status, 200);
        assert_eq!(watch.delivery()["seq"], seq, "what was kept before is not told again");
        watch.stop(rustix::process::Signal::TERM);
    }
}

#[test]
fn who_reads_slowly_misses_nothing_and_holds_up_nobody() {
    let site = Site::new();
    let mut child = Running(site.command(&["--public-key", "sender.pem"]).spawn().unwrap());
    // The ready line is read by hand, and then nothing: the pipe takes 64 KiB.
    let mut out = child.0.stdout.take().unwrap();
    let mut ready = Vec::new();
    while !ready.ends_with(b"\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut out, &mut byte).unwrap();
        ready.push(byte[0]);
    }
    let record: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    let mut client = Client::new(record["listen"].as_str().unwrap().parse().unwrap()).unwrap();
    let padding = " ".repeat(4096);
    for n in 0..100 {
        client.send(site.signed(callback(n) + &padding));
        assert_eq!(client.answer().status, 200, "the {n}th");
    }
    let heard = Heard::from(out);
    for n in 0..100 {
        let line = heard.line(n, LIMIT).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(record["asset_id"], format!("ast_{n}"));
    }
}
