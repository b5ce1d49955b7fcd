//! The order of a version, several versions at once, and what a slow answer holds up.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};

use super::app::{App, Reply};
use super::{accepted, forwards, lane};
use crate::common::{LIMIT, Site, callback, until};

#[test]
fn the_deliveries_of_a_version_keep_their_order_and_versions_do_not_wait_for_each_other() {
    let site = Site::new();
    // The first request of version 0 is answered once all of version 1 have come.
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let door = Arc::clone(&gate);
    let app = App::new(move |_, came| {
        if came.text().contains("\"n\":0,") && came.text().contains("ver_0") {
            let open = door.0.lock().unwrap();
            let _open = door.1.wait_timeout_while(open, LIMIT, |open| !*open).unwrap();
        }
        Reply::ok()
    });
    let mut watch = site.forwards_to(&app.url(), &["--forward-concurrency", "2"]);
    for n in 0..20 {
        accepted(&site, &watch, lane(n, n % 2));
    }
    let came = app.wait_for(11);
    let of = |came: &[super::app::Came], version: &str| {
        came.iter().filter(|came| came.text().contains(version)).count()
    };
    assert_eq!((of(&came, "ver_0"), of(&came, "ver_1")), (1, 10), "the others go on");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    app.wait_for(20);
    forwards(&mut watch, 20);

    let mut last: HashMap<u64, u64> = HashMap::new();
    for came in app.came() {
        let body: serde_json::Value = serde_json::from_slice(&came.body).unwrap();
        let n = body["n"].as_u64().unwrap();
        let before = last.insert(n % 2, n);
        assert!(before.is_none_or(|before| before < n), "{n} after {before:?}");
    }
}

#[test]
fn an_app_that_never_answers_holds_up_neither_intake_nor_other_targets() {
    let site = Site::new();
    let silent = App::new(|_, _| Reply::Silence);
    let other = App::new(|_, _| Reply::ok());
    let (silent_url, other_url) = (silent.url(), other.url());
    let mut watch = site.forwards_to(
        &silent_url,
        &["--forward-to", &other_url, "--forward-concurrency", "2", "--forward-timeout", "90m"],
    );
    for id in 0..30 {
        accepted(&site, &watch, callback(id));
    }
    other.wait_for(30);
    let told = forwards(&mut watch, 30);
    assert!(told.iter().all(|record| record["target"] == other_url));
    silent.wait_for(2);
    assert_eq!(silent.came().len(), 2, "no more at once than allowed");
    // It ends in time all the same, and the next start sends them again.
    assert_eq!(watch.stop(rustix::process::Signal::TERM).code, Some(143));
}

#[test]
fn an_answer_that_comes_too_late_is_a_failure_and_may_be_tried_again() {
    let site = Site::new();
    let app = App::new(|number, _| if number < 3 { Reply::Silence } else { Reply::ok() });
    let more = ["--forward-timeout", "200ms", "--forward-retries", "2"];
    let mut watch = site.forwards_to(&app.url(), &more);
    accepted(&site, &watch, callback(1));
    let told = forwards(&mut watch, 3);
    for (number, record) in (1..).zip(&told) {
        assert_eq!(record["attempt"], number, "{record}");
        if number < 3 {
            assert!(record["status"].is_null(), "{record}");
            assert_eq!(record["error"], "no answer within 200ms (--forward-timeout)");
        }
    }
    assert_eq!(told[2]["status"], 200);
    assert_eq!(app.came().len(), 3);
}

#[test]
fn filters_belong_to_their_targets() {
    let site = Site::new();
    let (first, second) = (App::new(|_, _| Reply::ok()), App::new(|_, _| Reply::ok()));
    let second_url = second.url();
    let mut watch = site.forwards_to(
        &first.url(),
        &["--forward-filter", "asset:ast_1", "--forward-to", &second_url, "--forward-filter", ""],
    );
    for id in 1..=3 {
        accepted(&site, &watch, callback(id));
    }
    forwards(&mut watch, 4);
    until(|| second.came().len() == 3, "all of them");
    let came = first.came();
    assert!(came.len() == 1 && came[0].text() == callback(1), "{came:?}");
}
