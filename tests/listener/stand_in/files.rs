//! Downloads: links, ranges, and what goes wrong with them.

use std::time::{Duration, Instant};

use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::simulate::service::{Resuming, Video, VideoFaults};

use super::{Response, Service};

/// The length of the videos here.
const BYTES: u64 = 300_000;

fn video() -> Video {
    Video::of_version("v1-done", 1, BYTES)
}

fn whole() -> Vec<u8> {
    video().part(0, usize::try_from(BYTES).unwrap())
}

/// Fetches a link without a key, from `from` on if it is given.
fn fetch(service: &Service, link: &str, from: Option<u64>, etag: Option<&str>) -> Response {
    let range = from.map(|from| format!("bytes={from}-"));
    let range = range.as_deref().map(|range| ("range", range));
    let headers: Vec<_> = range.into_iter().chain(etag.map(|etag| ("if-range", etag))).collect();
    service.ask("GET", link, &headers)
}

#[test]
fn a_link_serves_the_video_whole_and_in_parts() {
    let service = Service::usual();
    let link = service.link("v1-done");
    let all = fetch(&service, &link, None, None);
    assert_eq!((all.status, all.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(all.header("accept-ranges"), Some("bytes"));
    assert_eq!(all.length(), Some(300_000));
    assert_eq!(all.body, whole());
    let etag = all.header("etag").unwrap();
    let rest = fetch(&service, &link, Some(123_456), Some(etag));
    assert_eq!(rest.status, 206);
    assert_eq!(rest.header("content-range"), Some("bytes 123456-299999/300000"));
    assert_eq!(rest.body, whole()[123_456..]);
    let other = fetch(&service, &link, Some(123_456), Some("\"other\""));
    assert_eq!((other.status, other.body.len()), (200, 300_000));
    let beyond = fetch(&service, &link, Some(BYTES), None);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */300000")));
    assert_eq!(service.ask("POST", &link, &[]).status, 405);
}

#[test]
fn links_expire_are_signed_and_end_with_the_video() {
    let service = Service::usual();
    let link = service.link("v1-done");
    let refused = |link: &str, why: &str| {
        let response = service.ask("GET", link, &[]);
        assert_eq!(
            (response.status, response.header("content-type")),
            (403, Some("application/xml"))
        );
        assert!(response.text().contains(why), "{}", response.text());
    };
    refused(link.split_once('?').unwrap().0, "signature");
    refused(&link.replace("/v1-done/", "/v1-ready/"), "signature");
    refused(&link.replace("Expires=", "Expires=1"), "signature");
    service.faults(|faults| faults.expired_links = true);
    refused(&service.link("v1-done"), "expired");
    service.faults(|faults| faults.expired_links = false);
    service.stand_in.expire_links();
    refused(&link, "expired");
    let link = service.link("v1-done");
    assert_eq!(service.ask("GET", &link, &[]).status, 200);

    // A revision deletes the video; the next one has a link of its own.
    let set = |status| {
        service.stand_in.world(|world| world.version_mut("v1-done").unwrap().set(status));
    };
    set(VersionStatus::ReadyToEdit);
    assert_eq!(service.ask("GET", &link, &[]).status, 404);
    set(VersionStatus::Completed);
    assert_eq!(service.ask("GET", &link, &[]).status, 404);
    let again = service.link("v1-done");
    assert_ne!(again, link);
    assert_ne!(service.ask("GET", &again, &[]).body, whole());
}

#[test]
fn servers_without_ranges_and_files_that_change() {
    let service = Service::usual();
    let link = service.link("v1-done");
    let resume = |resuming| {
        service.faults(|faults| faults.video.resuming = resuming);
        let first = fetch(&service, &link, None, None);
        let etag = first.header("etag").unwrap().to_owned();
        let rest = fetch(&service, &link, Some(1000), Some(&etag));
        let same = rest.header("etag") == Some(etag.as_str());
        (rest.status, same, rest.body.len(), rest.header("accept-ranges").is_some())
    };
    assert_eq!(resume(Resuming::Ranges), (206, true, 299_000, true));
    assert_eq!(resume(Resuming::NoRanges), (200, true, 300_000, false));
    assert_eq!(resume(Resuming::ChangedFile), (200, false, 300_000, true));
    assert_eq!(resume(Resuming::IgnoredCondition), (206, false, 299_000, true));
}

#[test]
fn a_cut_download_announces_everything_and_can_be_resumed() {
    let service = Service::usual();
    service.faults(|faults| faults.video.cut_after = Some(50_000));
    let link = service.link("v1-done");
    let mut got = Vec::new();
    let mut requests = 0;
    while got.len() < whole().len() {
        let response = fetch(&service, &link, Some(got.len() as u64), None);
        assert_eq!(response.length(), Some(whole().len() - got.len()));
        assert!((1..=50_000).contains(&response.body.len()), "{}", response.body.len());
        got.extend(response.body);
        requests += 1;
    }
    assert!(got == whole());
    assert!(requests >= 6, "{requests}");
}

#[test]
fn other_faults_of_downloads() {
    let service = Service::usual();
    let link = service.link("v1-done");
    service.faults(|faults| faults.video.content_type = Some("text/plain"));
    assert_eq!(service.ask("GET", &link, &[]).header("content-type"), Some("text/plain"));
    service.faults(|faults| faults.video.unannounced = true);
    let chunked = service.ask("GET", &link, &[]);
    assert_eq!((chunked.length(), chunked.header("transfer-encoding")), (None, Some("chunked")));
    service.faults(|faults| faults.video.status = Some(503));
    assert_eq!(service.ask("GET", &link, &[]).status, 503);
    service.faults(|faults| {
        faults.video.status = None;
        faults.video.html = true;
    });
    assert!(service.ask("GET", &link, &[]).text().starts_with("<!doctype html>"));
    service.faults(|faults| {
        faults.video = VideoFaults::default();
        // Five pieces, with four pauses between them.
        faults.video.bytes_per_second = Some(3 << 20);
    });
    let begun = Instant::now();
    assert!(service.ask("GET", &link, &[]).body == whole());
    assert!(begun.elapsed() >= Duration::from_millis(80), "{:?}", begun.elapsed());
}
