//! A service that fails, refuses or talks nonsense: one sentence, nothing changed, callbacks go on.

use std::time::Duration;

use dubwatch::internals::callback::VersionStatus::Generating;
use dubwatch::internals::simulate::service::{FaultyReply, RetryHint};
use rustix::process::Signal;

use super::{Asked, asked, asset, requests_for, world};
use crate::common::until;

fn one_asset() -> dubwatch::internals::simulate::service::World {
    world([asset("ast_1", &[("ver_1", Generating)])])
}

#[test]
fn bursts_of_refusals_are_waited_out() {
    let service = Asked::with(one_asset(), |faults| {
        faults.burst(1, &FaultyReply::TooMany(RetryHint::Seconds(3)));
        faults.burst(1, &FaultyReply::Forbidden(RetryHint::None));
        faults.burst(1, &FaultyReply::Status(503));
    });
    let watch = service.watch();
    service.becomes("ver_1", "generating api");
    let requests = service.service.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(3), "as long as it asked for");
    // The pauses grow, and the same question is asked until it has an answer.
    assert!(requests[..4].iter().all(|request| request.path == "/v1/assets/"), "{requests:?}");
    assert!(service.status("foreign").is_empty());
    let ended = watch.stop(Signal::TERM);
    service.check(&[&ended.out, &ended.err]);
}

#[test]
fn a_wrong_key_is_said_once_and_callbacks_go_on() {
    let service = Asked::with(one_asset(), |faults| faults.expired_key = true);
    let watch = service.watch();
    asked(&service, 1);
    until(|| watch.err.text().contains("does not accept the API key"), "the sentence");
    service.post(&watch, "version_ready", "ast_1", "ver_1");
    service.becomes("ver_1", "ready callback");
    let ended = watch.stop(Signal::TERM);
    assert_eq!(ended.err.matches("does not accept the API key").count(), 1, "{}", ended.err);
    assert!(ended.err.contains("PANJAYA_API_KEY"), "{}", ended.err);
    assert!(requests_for(&service, "/v1/assets/") <= 2, "it is not asked again and again");
    service.check(&[&ended.out, &ended.err]);
}

#[test]
fn nonsense_changes_nothing() {
    let hostile = "\u{1b}]0;owned\u{7}\u{202e}\u{0}".to_owned();
    let faulty = [
        FaultyReply::Html,
        FaultyReply::Deep(10_000),
        FaultyReply::Huge { bytes: 40 << 20, announced: true },
        FaultyReply::Cut,
        FaultyReply::Body("[1,2,3]".to_owned()),
        FaultyReply::Body(r#"{"results":"none"}"#.to_owned()),
        FaultyReply::RedirectToItself,
    ];
    for reply in faulty {
        let service = Asked::with(one_asset(), |faults| faults.every = Some(reply.clone()));
        let watch = service.watch();
        asked(&service, 1);
        service.post(&watch, "version_ready", "ast_1", "ver_1");
        service.becomes("ver_1", "ready callback");
        let ended = watch.stop(Signal::TERM);
        assert_eq!(service.site.deliveries().len(), 1, "{reply:?}");
        assert!(!ended.err.contains("panicked"), "{reply:?}: {}", ended.err);
        service.check(&[&ended.out, &ended.err]);
    }
    // Text that would act on a terminal is data: here it makes a status that nobody knows.
    let service = Asked::with(one_asset(), |faults| faults.hostile = Some(hostile));
    let watch = service.watch();
    until(|| watch.err.text().contains("which this dubwatch does not know"), "the sentence");
    let ended = watch.stop(Signal::TERM);
    for text in [&ended.out, &ended.err] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }
}

/// The service hangs: callbacks are answered, and the end does not wait for it.
#[test]
fn a_service_that_hangs_holds_up_nothing() {
    let service = Asked::with(one_asset(), |faults| faults.every = Some(FaultyReply::Hangs));
    let watch = service.watch();
    asked(&service, 1);
    service.post(&watch, "version_ready", "ast_1", "ver_1");
    service.becomes("ver_1", "ready callback");
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}
