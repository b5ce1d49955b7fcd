//! What arrives at the app: the same bytes, with the headers that belong to them.

use super::app::{App, Reply};
use super::{accepted, forwards};
use crate::common::{Heard, LIMIT, Running, Site, callback, post, until};

#[test]
fn a_delivery_arrives_byte_for_byte_and_its_answer_is_told() {
    let site = Site::new();
    let app = App::new(|_, _| Reply::ok());
    std::fs::write(
        site.dir.path().join("more.txt"),
        "# of the app\nauthorization: Bearer s3cret\n",
    )
    .unwrap();
    let mut watch = site.forwards_to(&app.url(), &["-H", "x-stage: dev", "-H", "@more.txt"]);

    // Odd spacing, which no parser would write again.
    let body = b"{ \"event\":\"version_ready\",\r\n\t\"asset_id\": \"a\", \"version_id\":\"v\" , \"new\":1.0 }\n";
    let signature = site.signature(body);
    let request = post(
        &[
            ("X-Signature", &signature),
            ("X-Signature-Algorithm", "ES256"),
            ("Content-Type", "application/json; charset=utf-8"),
            ("Connection", "keep-alive, x-hop"),
            ("X-Hop", "1"),
            ("X-Stage", "live"),
            ("Cookie", "session=1"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
        ],
        body,
    );
    assert_eq!(watch.ask(request).status, 200);

    let came = app.wait_for(1).remove(0);
    assert_eq!(came.line, "POST /hooks?stage=dev HTTP/1.1");
    assert_eq!(came.body, body);
    assert_eq!(came.header("x-signature"), [&signature]);
    assert_eq!(came.header("x-signature-algorithm"), ["ES256"]);
    assert_eq!(came.header("content-type"), ["application/json; charset=utf-8"]);
    assert_eq!(came.header("x-twice"), ["1", "2"]);
    assert_eq!(came.header("x-stage"), ["dev"], "an added header replaces the original");
    assert_eq!(came.header("authorization"), ["Bearer s3cret"]);
    assert_eq!(came.header("host"), [app.address.to_string()]);
    for hop in ["connection", "x-hop", "cookie", "transfer-encoding"] {
        assert_eq!(came.header(hop), [""; 0], "{hop}");
    }

    let told = forwards(&mut watch, 1).remove(0);
    assert_eq!((&told["v"], &told["seq"], &told["attempt"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(told["target"], app.url());
    assert_eq!((&told["status"], told["error"].is_null()), (&200.into(), true));
    assert!(told["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{told}");
    let keys: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = ["v", "type", "seq", "target", "attempt", "status", "ms", "error"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn a_failure_of_the_app_is_told_and_does_not_stop_the_next() {
    let site = Site::new();
    let app = App::new(|number, _| match number {
        1 => Reply::status(500),
        2 => Reply::status(404),
        3 => Reply::Answer(302, "location: http://elsewhere.test/\r\n", String::new()),
        4 => Reply::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        _ => Reply::ok(),
    });
    let mut watch = site.forwards_to(&app.url(), &[]);
    for id in 1..=5 {
        accepted(&site, &watch, callback(id));
        let told = forwards(&mut watch, 1).remove(0);
        let (status, error) = (&told["status"], told["error"].as_str().unwrap_or_default());
        match id {
            1 => assert_eq!((status, error), (&500.into(), "")),
            2 => assert_eq!((status, error), (&404.into(), "")),
            3 => assert!(
                *status == 302 && error.contains("http://elsewhere.test/, which is not followed"),
                "{told}"
            ),
            4 => {
                assert!(*status == 200 && error.contains("before the end of its answer"), "{told}");
            }
            _ => assert_eq!((status, error), (&200.into(), "")),
        }
    }
    assert_eq!(app.came().len(), 5, "none was sent twice");
}

#[test]
fn text_says_where_to_and_what_the_app_answered() {
    let site = Site::new();
    let app = App::new(|_, _| Reply::status(500));
    let url = app.url();
    let watch = site.forwards_to(&url, &["--output", "text"]);
    let first = watch.ready.as_str().unwrap();
    assert!(first.contains(&format!(", forwarding to {url}, journal ")), "{first}");
    accepted(&site, &watch, callback(1));
    let line = format!("✗ 500        delivery 1 to {url}  ");
    until(|| watch.out.text().contains(&line), "the line of the answer");
    drop(watch);
}

#[test]
fn a_second_dubwatch_shows_the_answers_and_forwards_nothing() {
    let site = Site::new();
    let app = App::new(|_, _| Reply::ok());
    let first = site.forwards_to(&app.url(), &[]);
    let mut command = site.command(&["--json", "--forward-to", &app.url()]);
    let mut child = command.spawn().unwrap();
    let (out, err) =
        (Heard::from(child.stdout.take().unwrap()), Heard::from(child.stderr.take().unwrap()));
    let _child = Running(child);
    assert!(out.line(0, LIMIT).is_some(), "{}", err.text());
    // Written before that line, and read by a thread of its own.
    until(|| err.text().contains("nothing is forwarded from here"), "the warning");
    accepted(&site, &first, callback(1));
    until(|| out.text().contains(r#""type":"forward","seq":1,"#), "the answer to be told");
    assert_eq!(app.came().len(), 1);
}
