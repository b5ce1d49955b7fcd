//! Faulty replies of the API.

use std::io::Read;
use std::time::{Duration, Instant};

use dubwatch::internals::simulate::service::{FaultyReply, RetryHint, ServiceEndpoint};
use jiff::Timestamp;
use rstest::rstest;

use super::{Response, Service};

/// The reply to a request for the list with this fault; the next one is right again.
fn reply(fault: &FaultyReply) -> Response {
    let service = Service::usual();
    service.faults(|faults| faults.burst(1, fault));
    let response = service.get("/v1/assets/");
    service.json("/v1/assets/");
    service.stop();
    response
}

#[test]
fn a_burst_is_as_long_as_told_and_of_one_endpoint() {
    let service = Service::usual();
    service.faults(|faults| {
        faults.burst(2, &FaultyReply::TooMany(RetryHint::Seconds(3)));
        faults.burst(1, &FaultyReply::Status(500));
        faults.only = Some(ServiceEndpoint::Version);
    });
    service.json("/v1/assets/");
    service.json("/v1/assets/a1");
    for status in [429, 429, 500] {
        service.get("/v1/versions/v2").refuses(status);
    }
    service.json("/v1/versions/v2");
    service.faults(|faults| faults.every = Some(FaultyReply::Status(503)));
    for _ in 0..3 {
        service.get("/v1/versions/v2").refuses(503);
    }
    service.json("/v1/assets/a1");
}

#[test]
fn hints_when_to_retry_are_seconds_a_date_nonsense_or_nothing() {
    let hint = |fault| {
        let response = reply(&fault);
        let status = response.status;
        response.refuses(status);
        (status, response.header("retry-after").map(str::to_owned))
    };
    assert_eq!(hint(FaultyReply::TooMany(RetryHint::None)), (429, None));
    assert_eq!(hint(FaultyReply::Forbidden(RetryHint::None)), (403, None));
    let seconds = hint(FaultyReply::TooMany(RetryHint::Seconds(7)));
    assert_eq!(seconds, (429, Some("7".to_owned())));
    let nonsense = hint(FaultyReply::TooMany(RetryHint::Nonsense));
    assert_eq!(nonsense, (429, Some("soon".to_owned())));
    let (status, date) = hint(FaultyReply::Forbidden(RetryHint::Date(3600)));
    // The head was read in lower case, and names of days and months are not.
    let date = date.unwrap();
    assert_eq!(status, 403);
    assert!(date.ends_with(" gmt") && date.split(' ').count() == 6, "{date}");
    let read = jiff::fmt::rfc2822::parse(&date.replace("gmt", "GMT")).unwrap();
    let later = read.timestamp().duration_since(Timestamp::now()).as_secs();
    assert!((3000..=3600).contains(&later), "{later}");
}

#[test]
fn content_types_html_and_other_bodies() {
    let plain = reply(&FaultyReply::ContentType("text/plain"));
    assert_eq!((plain.status, plain.header("content-type")), (200, Some("text/plain")));
    assert_eq!(plain.json()["count"], 3);
    assert_eq!(reply(&FaultyReply::ContentType("")).header("content-type"), None);
    let html = reply(&FaultyReply::Html);
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html")));
    assert!(html.text().starts_with("<!doctype html>"));
    assert_eq!(reply(&FaultyReply::Body("{\"a\":".to_owned())).text(), "{\"a\":");
}

#[rstest]
fn a_huge_answer_is_json_of_its_length(#[values(true, false)] announced: bool) {
    let bytes = 40_000_000;
    let huge = reply(&FaultyReply::Huge { bytes, announced });
    assert_eq!(huge.length(), announced.then_some(bytes));
    if announced {
        assert_eq!(huge.json()["detail"].as_str().unwrap().len(), bytes - 13);
    } else {
        assert_eq!(huge.header("transfer-encoding"), Some("chunked"));
        assert!(huge.body.len() > bytes, "{}", huge.body.len());
        assert!(huge.body.ends_with(b"0\r\n\r\n"), "it is complete");
    }
}

#[test]
fn a_deep_answer_is_as_deep_as_told() {
    let deep = reply(&FaultyReply::Deep(10_000)).text();
    assert_eq!(deep, format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
}

#[test]
fn redirects_name_where_to_go() {
    let elsewhere = reply(&FaultyReply::Redirect("https://other.example/v1/assets/".to_owned()));
    assert_eq!(elsewhere.status, 307);
    assert_eq!(elsewhere.header("location"), Some("https://other.example/v1/assets/"));
    let service = Service::usual();
    service.faults(|faults| faults.every = Some(FaultyReply::RedirectToItself));
    let itself = service.get("/v1/assets/?page=1");
    assert_eq!((itself.status, itself.header("location")), (307, Some("/v1/assets/?page=1")));
}

#[test]
fn cut_answers_are_shorter_than_announced() {
    let cut = reply(&FaultyReply::Cut);
    let announced = cut.length().unwrap();
    assert!(announced > 100);
    assert_eq!(cut.body.len(), announced / 2);
    let cut = reply(&FaultyReply::CutAtOnce);
    assert_eq!((cut.length(), cut.body.len()), (Some(announced), 0));
}

#[test]
fn a_slow_body_comes_byte_by_byte() {
    let pause = Duration::from_millis(1);
    let service = Service::usual();
    service.faults(|faults| faults.burst(1, &FaultyReply::SlowBody(pause)));
    let begun = Instant::now();
    let response = service.get("/v1/versions/v2");
    assert_eq!(response.json()["version_id"], "v2");
    let pauses = u32::try_from(response.body.len() - 1).unwrap();
    assert!(begun.elapsed() >= pause * pauses, "{:?}", begun.elapsed());
}

#[test]
fn a_stop_ends_replies_that_hang_or_crawl() {
    let service = Service::usual();
    service.faults(|faults| {
        faults.burst(1, &FaultyReply::SlowBody(Duration::from_secs(3600)));
        faults.burst(1, &FaultyReply::Hangs);
    });
    let authorization = service.authorization();
    let send = || service.send("GET", "/v1/assets/", &[("authorization", &authorization)]);
    let mut slow = send();
    let mut byte = [0];
    slow.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"H");
    let hanging = send();
    crate::common::until(|| service.stand_in.requests().len() == 2, "the second request");
    service.stop();
    Response::read(hanging).refuses(503);
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest);
    assert!(rest.ends_with(b"{"), "one byte of the body: {:?}", String::from_utf8_lossy(&rest));
}
