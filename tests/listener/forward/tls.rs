//! Apps that speak TLS with certificates of their own.

use super::app::{App, Reply};
use super::{accepted, forwards};
use crate::common::{Site, callback};
use crate::relay_support::tls::FIXTURES;

#[test]
fn a_certificate_that_nothing_vouches_for_is_not_trusted_and_the_way_out_is_told() {
    let site = Site::new();
    let app = App::secure("relay", Reply::ok());
    let mut watch =
        site.forwards_to(&app.url(), &["--cacert", &format!("{FIXTURES}/self_signed.pem")]);
    accepted(&site, &watch, callback(1));
    let message = watch.next_of("warning")["message"].as_str().unwrap().to_owned();
    for words in ["is down", "certificate", "--cacert", "--forward-insecure"] {
        assert!(message.contains(words), "{message}");
    }
    assert!(app.came().is_empty());
    drop(watch);

    // It waited.
    let mut watch = site.forwards_to(&app.url(), &["--cacert", &format!("{FIXTURES}/ca.pem")]);
    assert_eq!(forwards(&mut watch, 1)[0]["status"], 200);
    assert_eq!(app.came()[0].text(), callback(1));
}

#[test]
fn every_certificate_of_a_target_is_accepted_where_that_is_asked_for() {
    let site = Site::new();
    // A CA's own certificate, which no program accepts as a server's.
    let app = App::secure("self_signed", Reply::ok());
    let mut watch = site.forwards_to(&app.url(), &["--forward-insecure"]);
    accepted(&site, &watch, callback(1));
    assert_eq!(forwards(&mut watch, 1)[0]["status"], 200);
}

#[test]
fn a_target_that_speaks_tls_is_told_from_one_that_is_down() {
    let site = Site::new();
    let app = App::secure("relay", Reply::ok());
    let plain = app.url().replace("https://", "http://");
    let mut watch = site.forwards_to(&plain, &[]);
    accepted(&site, &watch, callback(1));
    let message = watch.next_of("warning")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("https://"), "{message}");
}
