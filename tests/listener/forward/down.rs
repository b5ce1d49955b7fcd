//! An app that is down: said once, and then everything in order, or skipped.

use rustix::process::Signal;

use super::app::{App, Reply};
use super::{accepted, forwards, lane};
use crate::common::{Site, callback};

#[test]
fn callbacks_wait_for_an_app_that_is_down_and_come_in_order() {
    let site = Site::new();
    let mut app = App::down(|_, _| Reply::ok());
    let mut watch = site.forwards_to(&app.url(), &[]);
    for n in 0..5 {
        accepted(&site, &watch, lane(n, 0));
    }
    let warning = watch.next_of("warning");
    let message = warning["message"].as_str().unwrap();
    let begin = format!("the app at {} is down: cannot connect to {}", app.url(), app.address);
    assert!(message.starts_with(&begin) && message.contains("wait for it"), "{message}");
    app.start();
    let told = forwards(&mut watch, 5);
    assert!(told.iter().all(|told| told["attempt"] == 1 && told["status"] == 200), "{told:?}");
    let came: Vec<_> = app.came().iter().map(|came| came.text().to_owned()).collect();
    assert_eq!(came, (0..5).map(|n| lane(n, 0)).collect::<Vec<_>>());
    let ended = watch.stop(Signal::TERM);
    let warnings: Vec<_> = ended.records().into_iter().filter(|r| r["type"] == "warning").collect();
    let said = |words: &str| {
        warnings.iter().filter(|w| w["message"].as_str().unwrap().contains(words)).count()
    };
    assert_eq!((said("is down: "), said("is back; 4 more")), (1, 1), "{warnings:?}");
}

#[test]
fn callbacks_are_skipped_where_that_is_asked_for() {
    let site = Site::new();
    let mut app = App::down(|_, _| Reply::ok());
    let mut watch = site.forwards_to(&app.url(), &["--forward-when-down", "skip"]);
    accepted(&site, &watch, callback(1));
    let told = forwards(&mut watch, 1).remove(0);
    let error = told["error"].as_str().unwrap();
    assert!(told["status"].is_null() && error.contains("cannot connect"), "{told}");
    app.start();
    accepted(&site, &watch, callback(2));
    assert_eq!(forwards(&mut watch, 1)[0]["status"], 200);
    assert_eq!(app.came().len(), 1);
    drop(watch);

    // Skipped for good.
    let mut watch = site.forwards_to(&app.url(), &["--forward-when-down", "skip"]);
    accepted(&site, &watch, callback(3));
    assert_eq!(forwards(&mut watch, 1)[0]["seq"], 3);
    assert_eq!(app.came().len(), 2);
}

#[test]
fn a_connection_that_breaks_off_is_tried_again_a_few_times() {
    let site = Site::new();
    let app =
        App::new(
            |_, came| {
                if came.text() == callback("deadly") { Reply::Bytes("") } else { Reply::ok() }
            },
        );
    let mut watch = site.forwards_to(&app.url(), &["--forward-concurrency", "1"]);
    accepted(&site, &watch, callback("deadly"));
    accepted(&site, &watch, callback("fine"));
    let told = forwards(&mut watch, 6);
    let (deadly, fine): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told["seq"] == 1);
    assert_eq!((deadly.len(), fine.len()), (5, 1));
    for record in &deadly {
        assert_eq!(record["error"], "it closed the connection without an answer");
    }
    assert_eq!(fine[0]["status"], 200);
}

#[test]
fn a_new_target_begins_with_what_is_new_or_with_what_came_before() {
    let site = Site::new();
    let watch = site.watch();
    for id in 1..=3 {
        accepted(&site, &watch, callback(id));
    }
    drop(watch);
    let (new, old) = (App::new(|_, _| Reply::ok()), App::new(|_, _| Reply::ok()));
    let mut watch = site.forwards_to(&new.url(), &[]);
    accepted(&site, &watch, callback(4));
    assert_eq!(forwards(&mut watch, 1)[0]["seq"], 4);
    drop(watch);
    let mut watch = site.forwards_to(&old.url(), &["--forward-since", "2h"]);
    forwards(&mut watch, 4);
    let mut came: Vec<_> = old.came().iter().map(|came| came.text().to_owned()).collect();
    came.sort();
    assert_eq!(came, [1, 2, 3, 4].map(callback));
    drop(watch);

    // Of a target that was forwarded to, only what came since.
    let watch = site.watch();
    accepted(&site, &watch, callback(5));
    drop(watch);
    let mut watch = site.forwards_to(&new.url(), &["--forward-since", "2h"]);
    let message = watch.next_of("warning")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("goes on after delivery 4"), "{message}");
    assert_eq!(forwards(&mut watch, 1)[0]["seq"], 5);
    assert_eq!(new.came().len(), 2);
}
